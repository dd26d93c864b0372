"""Room for the lines that organisations make the service keep: asked for before anything is stored.

It counts against keyed hashes of mailboxes, organisations and networks, and nothing readable. tests/makers/stores.py
names the other tables that visitors fill, with what limits them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import NamedTuple

from django.db.models import QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingest.foundation.disk import database_room_bytes
from ingest.foundation.locks import Lock, hold_lock
from monitor.models.lines import Line
from monitor.web.request_limits import WIDE_NETWORK_BITS
from monitor.wording.refusals import Refusal


class Quota(NamedTuple):
    """Bytes that may be kept for one mailbox, for one network, and for all visitors together."""

    mailbox: int
    network: int
    total: int


MIB = 2**20
QUOTA = Quota(mailbox=10 * MIB, network=20 * MIB, total=1024 * MIB)
STRANGERS_SHARE = 0.5  # Unknown people may use this share of what may be kept; known people have the rest.
DISK_SHARE = 0.5  # Of the space that the disk of the database would have without lines, they may use this share.
WORDS = {
    "mailbox": gettext_lazy("You already use %(held)s of your %(most)s here; this needs %(size)s more."),
    "network": gettext_lazy("Your network already uses %(held)s of its %(most)s here; this needs %(size)s more."),
    "total": gettext_lazy("All visitors together already use %(held)s of %(most)s here; this needs %(size)s more."),
}


def mailbox_of(email: str) -> str:
    """Return the same name for all spellings of a mailbox, without +tag and dots; only to count by."""
    # Some providers deliver a.b@ and ab@ to two people: these two then share a limit.
    local = email.strip().lower().rpartition("@")[0]
    return f"{local.partition('+')[0].replace('.', '') or local}@{domain_of(email)}"


def domain_of(email: str) -> str:
    """Return the domain of an address; two names of one provider are one domain."""
    domain = email.strip().lower().rpartition("@")[2].rstrip(".")
    return "gmail.com" if domain == "googlemail.com" else domain


def mailbox_key(*, email: str) -> str:
    """Return the keyed hash of the mailbox of an address."""
    return _key(f"mailbox {mailbox_of(email)}")


def organisation_key(*, organisation: int) -> str:
    """Return the keyed hash of an organisation, which has a quota like that of a mailbox."""
    return _key(f"organisation {organisation}")


def network_key(*, ip: str) -> str:
    """Return the keyed hash of the network of a visitor: of IPv6 the widest that one customer has."""
    return _key(f"network {ip_network(ip).supernet(new_prefix=WIDE_NETWORK_BITS) if ':' in ip else ip}")


def _key(who: str) -> str:
    return salted_hmac("monitor.quotas", who, algorithm="sha256").hexdigest()


@contextmanager
def room_held(*, size_bytes: int, mailbox: str, network: str) -> Iterator[None]:
    """Let nobody else take the room of a line until the block, which stores it, has ended. Raises Refusal.

    Args:
        size_bytes: what it takes.
        mailbox: keyed hash of the mailbox or organisation whose quota it counts against.
        network: keyed hash of the network whose quota it counts against; empty: of somebody known (`quotas.known`).
    """
    with hold_lock(Lock.QUOTAS):
        rows, room, total = Line.objects.all(), database_room_bytes(), QUOTA.total
        if room is not None:  # Where the disk has little room, visitors cannot fill it.
            total = max(0, min(total, int(DISK_SHARE * (_sum(rows) + room))))
        scopes = [("mailbox", rows.filter(mailbox=mailbox), QUOTA.mailbox)]
        if network:
            scopes.append(("network", rows.filter(network=network), QUOTA.network))
            scopes.append(("total", rows.exclude(network=""), int(total * STRANGERS_SHARE)))
        for scope, counted, most in [*scopes, ("total", rows, total)]:
            held = _sum(counted)
            if held + size_bytes > most:
                sizes = {"held": held, "most": most, "size": size_bytes}
                shown = {name: filesizeformat(size) for name, size in sizes.items()}
                remedy = _("Remove a line that you no longer need, or give one with fewer corners.")
                raise Refusal(f"{WORDS[scope] % shown} {remedy}")
        yield


def _sum(rows: QuerySet[Line]) -> int:
    return rows.aggregate(n=Sum("size_bytes"))["n"] or 0

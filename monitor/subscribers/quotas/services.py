"""Room for what visitors make the service keep: asked for before anything is stored.

It counts against keyed hashes of mailboxes, organisations and networks, and nothing readable.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import NamedTuple

from django.db.models import QuerySet, Sum
from django.template.defaultfilters import filesizeformat
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy

from ingest.foundation.locks import Lock, hold_lock
from monitor.models.subscriptions import Holding
from monitor.subscribers.quotas.stores import DISK_SHARE, STRANGERS_SHARE, Store
from monitor.web.request_limits import WIDE_NETWORK_BITS
from monitor.wording.refusals import Refusal

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


class Claim(NamedTuple):
    """Bytes to be stored.

    Args:
        size_bytes: how many.
        mailbox: keyed hash of the mailbox or organisation whose quota they count against.
        network: keyed hash of the network whose quota they count against; empty: of somebody known (`quotas.known`).
    """

    size_bytes: int
    mailbox: str
    network: str


@contextmanager
def room_held(*, store: Store, claim: Claim) -> Iterator[None]:
    """Let nobody else take the room of a claim until the block, which stores a row, has ended. Raises Refusal."""
    with hold_lock(Lock.QUOTAS):
        _check(store, claim)
        yield


def _check(store: Store, claim: Claim) -> None:
    """Raise Refusal if a claim does not fit into each quota."""
    quota, rows, room = store.quota, store.rows._default_manager.all(), store.room()
    total = quota.total
    if room is not None:  # Where the disk has little room, visitors cannot fill it.
        total = max(0, min(total, int(DISK_SHARE * (_sum(rows) + room))))
    scopes = [("mailbox", rows.filter(mailbox=claim.mailbox), quota.mailbox)]
    if claim.network:
        scopes.append(("network", rows.filter(network=claim.network), quota.network))
        scopes.append(("total", rows.exclude(network=""), int(total * STRANGERS_SHARE)))
    scopes.append(("total", rows, total))
    for scope, counted, most in scopes:
        held = _sum(counted)
        if held + claim.size_bytes > most:
            sizes = {"held": held, "most": most, "size": claim.size_bytes}
            shown = {name: filesizeformat(size) for name, size in sizes.items()}
            raise Refusal(f"{WORDS[scope] % shown} {store.remedy}")


def _sum(rows: QuerySet[Holding]) -> int:
    return rows.aggregate(n=Sum("size_bytes"))["n"] or 0

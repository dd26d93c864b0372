"""Room for what visitors make the service keep: asked for before anything is stored, and made by deleting old files.

It counts against keyed hashes of mailboxes, organisations and networks, and nothing readable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any, NamedTuple

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
        mailbox: keyed hash of the mailbox whose quota they count against; empty: none.
        network: keyed hash of the network whose quota they count against; empty: of somebody known (`quotas.known`).
        instead_of: primary key of the row that they replace, which is not counted.
        is_proven: whether the sender has confirmed the mailbox; until then, the share of strangers is not checked.
    """

    size_bytes: int
    mailbox: str = ""
    network: str = ""
    instead_of: int | None = None
    is_proven: bool = True


def room_check(*, store: Store, claim: Claim) -> None:
    """Raise Refusal if there is no room, even after deleting what may go. Nothing is reserved or deleted.

    If the claim names no mailbox, its size alone must fit into the quota of a mailbox.
    """
    _going(store, claim)


@contextmanager
def room_held(*, store: Store, claim: Claim, delete: Callable[[QuerySet[Any]], object] | None = None) -> Iterator[None]:
    """Make room, and let nobody else take it until the block, which stores a row, has ended. Raises Refusal.

    delete: deletes rows of the store with their files.
    """
    with hold_lock(Lock.QUOTAS):
        going = _going(store, claim)
        if going and delete:
            delete(store.rows._default_manager.filter(pk__in=going))
        yield


def _going(store: Store, claim: Claim) -> set[int]:
    """Return the keys of rows to delete so that a claim fits into each quota. Raises Refusal if too few may go."""
    going: set[int] = set()
    quota, counted = store.quota(), store.rows._default_manager.filter(store.counted).exclude(pk=claim.instead_of)
    total = _total(store, quota.total)
    scopes = [("mailbox", counted.filter(mailbox=claim.mailbox) if claim.mailbox else counted.none(), quota.mailbox)]
    if claim.network:
        scopes.append(("network", counted.filter(network=claim.network), quota.network))
    if claim.network and claim.is_proven:
        scopes.append(("total", counted.exclude(network=""), int(total * STRANGERS_SHARE)))
    scopes.append(("total", counted, total))
    for scope, rows, most in scopes:
        left = rows.exclude(pk__in=going)
        held = _sum(left)
        over = held + claim.size_bytes - most
        for pk, size_bytes in store.first_to_go(left).values_list("pk", "size_bytes") if over > 0 else ():
            if over <= 0:
                break
            going.add(pk)
            over -= size_bytes
        if over > 0:
            sizes = {"held": held, "most": most, "size": claim.size_bytes}
            shown = {name: filesizeformat(size) for name, size in sizes.items()}
            raise Refusal(f"{WORDS[scope] % shown} {store.remedy}")
    return going


def _total(store: Store, most: int) -> int:
    """Return the quota of all visitors: less where the disk has little room, so that they cannot fill it."""
    room = store.room()
    if room is None:
        return most
    written = _sum(store.rows._default_manager.filter(store.counted, store.written))
    return max(0, min(most, int(DISK_SHARE * (written + room))))


def _sum(rows: QuerySet[Holding]) -> int:
    return rows.aggregate(n=Sum("size_bytes"))["n"] or 0

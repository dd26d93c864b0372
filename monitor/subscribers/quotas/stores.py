"""List of all that visitors make the service keep: how many bytes it may take.

tests/makers/stores.py names the other tables that can hold much, with what limits them.
"""

from collections.abc import Callable
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from ingest.foundation.disk import database_room_bytes
from monitor.models.lines import Line
from monitor.models.subscriptions import Holding

STRANGERS_SHARE = 0.5  # Unknown people may use this share of what may be kept or sent; known people have the rest.
DISK_SHARE = 0.5  # A store may use this share of the space that a disk would have without it.
MIB = 2**20


class Quota(NamedTuple):
    """Bytes that may be kept for one mailbox, for one network, and for all visitors together."""

    mailbox: int
    network: int
    total: int


class Store(NamedTuple):
    """Something that visitors make the service keep.

    Args:
        rows: the table whose `size_bytes` are counted.
        quota: the limits.
        remedy: what a visitor can do when there is no room.
        room: returns the bytes that its disk has left; None if unknown.
    """

    rows: type[Holding]
    quota: Quota
    remedy: Promise
    room: Callable[[], int | None]


LINES = Store(
    rows=Line,
    quota=Quota(mailbox=10 * MIB, network=20 * MIB, total=1024 * MIB),
    remedy=gettext_lazy("Remove a line that you no longer need, or give one with fewer corners."),
    room=database_room_bytes,
)
STORES = (LINES,)

"""List of all that visitors make the service keep: how many bytes it may take, and what is deleted first.

tests/makers/stores.py names the other tables that can hold much, with what limits them.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import F, Model, Q, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from ingest.foundation.disk import database_room_bytes, work_room_bytes
from monitor.models.lines import Line
from monitor.models.operations import Extract
from monitor.models.subscriptions import Holding

STRANGERS_SHARE = 0.5  # Unknown people may use this share of what may be kept or sent; known people have the rest.
DISK_SHARE = 0.5  # A store may use this share of the space that a disk would have without it.
MIN_OFFERED = timedelta(days=1)  # A file is kept at least so long for its first download.
DOWNLOAD = timedelta(hours=1)  # A file is kept at least so long after a download has begun.
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
        quota: returns the limits.
        remedy: what a visitor can do when there is no room.
        room: returns the bytes that its disk has left; None if unknown.
        counted: the rows that count.
        written: those of them whose bytes are on the disk already, and not only reserved.
        first_to_go: returns those of some rows that may be deleted for new ones, the first to go first.
        unsaved: the tables whose files backups leave out.
    """

    rows: type[Holding]
    quota: Callable[[], Quota]
    remedy: Promise
    room: Callable[[], int | None]
    counted: Q
    written: Q = Q()
    first_to_go: Callable[[QuerySet[Any]], QuerySet[Any]] = lambda rows: rows.none()
    unsaved: tuple[type[Model], ...] = ()


def _extract_quota() -> Quota:
    total = settings.EXTRACT_QUOTA_BYTES
    return Quota(mailbox=total // 10, network=total // 5, total=total)


def _extracts_first_to_go(rows: QuerySet[Extract]) -> QuerySet[Extract]:
    """Return the files that were downloaded, the oldest download first, then those offered for MIN_OFFERED."""
    now = timezone.now()
    downloaded = Q(downloaded_at__lt=now - DOWNLOAD)
    offered = Q(downloaded_at=None, finished_at__lt=now - MIN_OFFERED)
    done = rows.filter(downloaded | offered, state=Extract.State.SUCCEEDED)
    return done.order_by(F("downloaded_at").asc(nulls_last=True), "finished_at", "pk")


EXTRACTS = Store(
    rows=Extract,
    quota=_extract_quota,
    remedy=gettext_lazy("Delete a file that you have, choose a smaller area or no series, or try again tomorrow."),
    room=work_room_bytes,
    counted=Q(
        confirmed_at__isnull=False,
        state__in=[Extract.State.QUEUED, Extract.State.RUNNING, Extract.State.SUCCEEDED],
    ),
    written=Q(state=Extract.State.SUCCEEDED),
    first_to_go=_extracts_first_to_go,
    unsaved=(Extract,),
)
LINES = Store(
    rows=Line,
    quota=lambda: Quota(mailbox=10 * MIB, network=20 * MIB, total=1024 * MIB),
    remedy=gettext_lazy("Remove a line that you no longer need, or give one with fewer corners."),
    room=database_room_bytes,
    counted=Q(),
)
STORES = (EXTRACTS, LINES)

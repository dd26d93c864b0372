"""Queue of downloads, and the choice of files to delete for new ones. This module imports no HTTP client."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from ground_motion.core.http.faults import NoRoom
from ingest.foundation.failures import Cause
from ingest.foundation.leases import NO_FAULT, Lease
from ingest.models import SceneDownload

State = SceneDownload.State
LEASE = Lease(
    model=SceneDownload,
    queued=State.WANTED,
    running=State.FETCHING,
    duration=timedelta(minutes=5),  # The lease is longer than any wait between two bytes or two attempts.
)
PUT_OFF_BY_ARCHIVE = Q(state=State.WANTED, cause__in=[Cause.ARCHIVE, Cause.SIGN_IN])


def folder_bytes(folder: Path) -> int:
    """Return the total size of the files in a folder, links not followed; files that vanish meanwhile count 0."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_size if not path.is_dir() else 0
    return total


def make_way(*, must_free_bytes: int, processed: Iterable[SceneDownload]) -> list[SceneDownload]:
    """Return processed files to delete: loaded ones from the oldest, then refused ones. NoRoom if all are too few."""
    chosen: list[SceneDownload] = []
    freed = 0
    for row in sorted(processed, key=lambda row: (row.state != State.LOADED, row.finished_at or row.created_at)):
        if freed >= must_free_bytes:
            break
        chosen.append(row)
        freed += row.bytes_done
    if freed < must_free_bytes:
        raise NoRoom(
            f"There is no room for the file: {(must_free_bytes - freed) / 1e9:.2f} GB are missing, and nothing more"
            " that was processed can be deleted. Raise ACQUIRE_QUOTA_BYTES, or free the disk."
        )
    return chosen


def downloads_due() -> QuerySet[SceneDownload]:
    """Return downloads that are due or whose worker died, the newest image first; put off ones come last.

    While a download waits because its whole archive is away or refuses the sign-in, no other of that archive is due.
    """
    paused = SceneDownload.objects.filter(PUT_OFF_BY_ARCHIVE, next_try_at__gt=timezone.now()).values("source")
    due = SceneDownload.objects.filter(LEASE.due() | LEASE.is_expired()).exclude(source__in=paused)
    return due.order_by(F("next_try_at").asc(nulls_first=True), "-acquired_at", "id")


def downloads_retry(*, downloads: QuerySet[SceneDownload]) -> int:
    """Requeue failed, cancelled and delayed downloads that have no job yet; return their number."""
    return LEASE.retry(downloads.filter(job=None), **NO_FAULT, finished_at=None, damaged=0)

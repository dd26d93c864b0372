"""Downloads as rows of a queue: due, tried again, cancelled, known. Nothing here imports what speaks HTTP."""

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from ingest.leases import NO_FAULT, Lease
from ingest.models import IngestJob, Scene, SceneDownload
from ingest.sources.client.quota import Processed
from ingest.sources.client.scene import CatalogueScene

State = SceneDownload.State
LEASE = Lease(
    model=SceneDownload,
    queued=State.WANTED,
    running=State.FETCHING,
    failed=State.FAILED,
    cancelled=State.CANCELLED,
    duration=timedelta(minutes=5),  # longer than any wait between two bytes or two tries
)


def downloads_due() -> QuerySet[SceneDownload]:
    """Return downloads to take: waiting and due, or left behind by a dead worker. The newest image first."""
    return SceneDownload.objects.filter(LEASE.due() | LEASE.expired()).order_by("-acquired_at", "id")


def downloads_retry(*, downloads: QuerySet[SceneDownload]) -> int:
    """Requeue downloads that ended or wait unfetched; what the reader refused would be refused again."""
    return LEASE.retry(downloads.filter(job=None), **NO_FAULT, finished_at=None, damaged=0)


def downloads_cancel(*, downloads: QuerySet[SceneDownload], by: str) -> int:
    """Cancel waiting and running downloads; return how many. A running one ends at its next lease prolongation."""
    return LEASE.cancel(downloads, error=f"Cancelled by {by}.", finished_at=timezone.now())


def is_known(*, scene: CatalogueScene) -> bool:
    """Return whether an image is wanted, fetched or loaded already, by this service or otherwise."""
    return (
        SceneDownload.objects.filter(source=scene.source, scene_id=scene.scene_id).exists()
        or Scene.objects.ready().filter(file_name=scene.file_name).exists()
    )


def downloads_processed() -> list[Processed]:
    """Return files that may be deleted: loaded, or refused by the reader."""
    ended = SceneDownload.objects.exclude(stored_path="").filter(
        state__in=[State.LOADED, State.FAILED], job__state__in=[IngestJob.State.LOADED, IngestJob.State.REJECTED]
    )
    return [
        Processed(row.pk, row.bytes_done, row.finished_at or row.created_at, row.state == State.LOADED) for row in ended
    ]

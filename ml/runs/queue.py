"""Runs as rows of a queue: claimed, requeued, retried, cancelled. Nothing here imports torch."""

from datetime import timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from ingest.foundation.disk import disk_full
from ingest.foundation.leases import NO_FAULT, Lease
from ingest.foundation.locks import delete_whole
from ingest.foundation.storage import delete_files
from ml.models import Prediction, Run

LEASE = Lease(
    model=Run,
    queued=Run.State.QUEUED,
    running=Run.State.RUNNING,
    failed=Run.State.FAILED,
    cancelled=Run.State.CANCELLED,
    duration=timedelta(seconds=90),
)


def run_claim(*, run_id: int) -> Run | None:
    """Claim a waiting run. Return None if it has a result, is not due, another worker has it, or a disk is full."""
    with_result = Run.objects.filter(pk=run_id, prediction__isnull=False)
    made_at = Subquery(Prediction.objects.filter(run=OuterRef("pk")).values("created_at"))
    ended = {"finished_at": Coalesce("finished_at", made_at), "share_done": 1.0}  # The run keeps its place in the list.
    if LEASE.keep(with_result, Run.State.SUCCEEDED, **ended) or disk_full():
        return None
    waiting = Run.objects.filter(LEASE.due(), pk=run_id)
    if not LEASE.claim(waiting, started_at=timezone.now(), share_done=0.0, error=""):
        return None
    return Run.objects.select_related("product", "pair__reference", "pair__secondary", "model_version").get(pk=run_id)


def runs_requeue_expired() -> int:
    """Return runs with an expired lease (their worker died) to the queue; return their number."""
    return LEASE.return_expired(error="The worker that computed it ended without a result.")


def runs_retry(*, runs: QuerySet[Run]) -> int:
    """Put failed, cancelled and delayed runs back into the queue; return their number."""
    return LEASE.retry(runs, **NO_FAULT, queued_at=None, finished_at=None, share_done=0.0)


def runs_cancel(*, runs: QuerySet[Run], by: str) -> int:
    """Cancel waiting and running runs; return their number. A running one ends at its worker's next heartbeat."""
    return LEASE.cancel(runs, by=by, finished_at=timezone.now())


def runs_delete(which: Q) -> None:
    """Delete runs with their results and rasters, also those of withdrawn products. For use in a transaction."""
    runs = list(Run.every.filter(which).distinct())
    delete_files(result.raster for result in Prediction.every.filter(run__in=runs))
    delete_whole(runs)


def runs_take_over(*, run: Run) -> None:
    """Delete the runs that a searched one replaces: earlier ones of its version on the same velocity field."""
    if run.product_id:
        runs_delete(Q(pk__lt=run.pk, model_version=run.model_version_id, product=run.product_id))

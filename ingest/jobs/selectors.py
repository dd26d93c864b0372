"""Reading the jobs of given files."""

from django.db.models import QuerySet

from ingest.models import IngestJob


def jobs_lately(*, limit: int) -> QuerySet[IngestJob]:
    """The newest jobs with what they became, the newest first."""
    return IngestJob.objects.prefetch_related("products", "scenes").order_by("-id")[:limit]


def is_waiting(*, sha256: str) -> bool:
    """Whether the very same file waits already or is being read."""
    return IngestJob.objects.filter(sha256=sha256, state__in=IngestJob.UNSETTLED).exists()

"""Selectors of jobs."""

from django.db.models import QuerySet

from ingest.models import IngestJob


def jobs_lately(*, limit: int) -> QuerySet[IngestJob]:
    """Return the newest jobs with their products and scenes, the newest first."""
    return IngestJob.objects.prefetch_related("products", "scenes").order_by("-id")[:limit]


def is_waiting(*, sha256: str) -> bool:
    """Return whether the very same file is already waiting or being read."""
    return IngestJob.objects.filter(sha256=sha256, state__in=IngestJob.UNSETTLED).exists()

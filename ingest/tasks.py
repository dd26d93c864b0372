"""Celery tasks of ingest."""

import logging
import time
from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ingest.foundation.disk import disk_full
from ingest.jobs import services as jobs
from ingest.jobs import watching
from ingest.jobs.steps import Step, attempt, rows_due, stage
from ingest.models import StandingOrder
from ingest.products.datum import datum_settle, datums_due
from ingest.products.derived import derived_make
from ingest.products.parts import parts_merge
from ingest.products.releases import release_changes_make, releases_settle, releases_unsettled
from ingest.products.services import rests_delete
from ingest.scenes import pairs as pair_services
from ingest.stations.services import stations_settle

logger = logging.getLogger(__name__)

ANNOUNCE_AGAIN_AFTER = timedelta(seconds=60)  # The broker may have lost the message.
MAX_ANNOUNCED = 20
DERIVE_AFTER_SECONDS = 60  # Neighbours of a new track may arrive meanwhile.
DATUM_SECONDS = 30.0  # After an update of the software, every datum is due; other data need the worker meanwhile.
FETCH_SECONDS = 50.0  # afterwards the worker is free for other tasks, and the next round resumes the file


@stage
def pair_new_scenes() -> None:
    """Pair images that are in no pair yet."""
    pair_services.pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS, new_only=True)


@stage
def compare_releases() -> None:
    """Delete stations' files and rests that are replaced, settle data, and compare releases with their successors."""
    stations_settle()
    for product in rows_due(Step.SETTLE, releases_unsettled()):
        if disk_full():  # Settling copies points, which needs space.
            break
        with attempt(Step.SETTLE, product):
            # One that was loaded before may have settled it, with another tile.
            if unsettled := releases_unsettled().filter(pk=product.pk).first():
                releases_settle(like=unsettled)
    rests_delete()
    ends_at = time.monotonic() + DATUM_SECONDS
    for product in rows_due(Step.DATUM, datums_due()):
        if time.monotonic() >= ends_at:
            break
        with attempt(Step.DATUM, product):
            datum_settle(product=product)
    if not disk_full():
        release_changes_make()


@stage
def derive_products() -> None:
    """Derive products of vertical and eastward motion."""
    if not disk_full():
        derived_make(settled_before=timezone.now() - timedelta(seconds=DERIVE_AFTER_SECONDS))


@stage
def merge_points() -> None:
    """Merge one group of small partitions of points, so that the worker is soon free for other tasks."""
    if not disk_full():
        parts_merge()


@shared_task(ignore_result=True)
def execute_job(job_id: int) -> None:
    """Execute one job, then announce at most INGEST_JOBS_AT_ONCE waiting jobs."""
    if jobs.job_execute(job_id=job_id) is not None:
        for job in jobs.jobs_to_announce(queued_longer_than=timedelta())[: settings.INGEST_JOBS_AT_ONCE]:
            jobs.job_announce(job_id=job.pk)


@stage
def announce_jobs() -> None:
    """Requeue jobs whose worker died, and announce every waiting job to the broker."""
    jobs.jobs_requeue_expired()
    for job in jobs.jobs_to_announce(queued_longer_than=ANNOUNCE_AGAIN_AFTER)[:MAX_ANNOUNCED]:
        jobs.job_announce(job_id=job.pk)


@stage
def watch_folder() -> None:
    """Scan WATCH_FOLDER once if it is set."""
    if not settings.WATCH_FOLDER:
        return
    try:
        watching.round_make(folder=settings.WATCH_FOLDER)
    except OSError as fault:
        logger.error("the watched folder cannot be used: %s", fault)


@stage
def delete_uploads() -> None:
    """Delete uploads that are no longer needed."""
    jobs.uploads_tidy()


@stage
def advance_orders() -> None:
    """Look for new passes over the ground of standing orders, order their pairs, and collect what is ready."""
    if StandingOrder.objects.exists():
        from ingest.sources.orders import services  # HTTP clients are imported only where something is ordered

        services.orders_advance()


@shared_task(ignore_result=True)
def fetch_images() -> None:
    """Settle downloads whose jobs have ended, then fetch due ones, if a source or an order may have brought some."""
    if not settings.ACQUIRE_SOURCE and not StandingOrder.objects.exists():
        return
    from ingest.sources import services  # HTTP clients are imported only where images are fetched

    ends_at = time.monotonic() + FETCH_SECONDS
    services.downloads_settle()
    services.downloads_fetch(until=lambda: time.monotonic() >= ends_at)

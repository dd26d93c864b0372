"""Celery's entry point of the stage."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from ingest import scene_services
from ingest.derived import derived_make
from ingest.releases import release_changes_make


@shared_task(ignore_result=True)
def pair_new_scenes() -> None:
    scene_services.pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS)


@shared_task(ignore_result=True)
def compare_releases() -> None:
    release_changes_make()


@shared_task(ignore_result=True)
def derive_products() -> None:
    derived_make(settled_before=timezone.now() - timedelta(seconds=settings.DERIVE_AFTER_SECONDS))

"""Celery's entry point of the stage."""

from celery import shared_task
from django.conf import settings

from ingest import scene_services


@shared_task(ignore_result=True)
def pair_new_scenes() -> None:
    scene_services.pairs_make(baselines_days=settings.PAIR_BASELINES_DAYS)

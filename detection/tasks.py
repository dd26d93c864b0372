"""Celery's entry point of the stage."""

import logging

from celery import shared_task

from detection import selectors
from detection.alerts import glaciers as glacier_services
from detection.alerts import services
from detection.glaciers import selectors as glacier_selectors

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def scan_finished_predictions() -> None:
    """Search every finished prediction that has not been searched; a bad one does not hold up the others."""
    for prediction in selectors.predictions_unscanned():
        try:
            services.prediction_scan(prediction=prediction)
        except Exception:
            logger.exception("prediction %s (%s) could not be searched; it is tried again", prediction.pk, prediction)


@shared_task(ignore_result=True)
def follow_glaciers() -> None:
    """Measure the glaciers in every pair that was searched, then work out what that makes of each of them."""
    for prediction in glacier_selectors.predictions_unmeasured():
        try:
            glacier_services.glaciers_measure(prediction=prediction)
        except Exception:
            logger.exception("glaciers in %s (%s) could not be measured; it is tried again", prediction.pk, prediction)
    for motion in glacier_selectors.glaciers_stale():
        try:
            glacier_services.glacier_follow(motion=motion)
        except Exception:
            logger.exception("the series of %s could not be worked out; it is tried again", motion.glacier)

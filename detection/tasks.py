"""Celery's entry point of the stage."""

import logging

from celery import shared_task

from detection import selectors, services

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def scan_finished_predictions() -> None:
    """Search every finished prediction that has not been searched; a bad one does not hold up the others."""
    for prediction in selectors.predictions_unscanned():
        try:
            services.prediction_scan(prediction=prediction)
        except Exception:
            logger.exception("prediction %s (%s) could not be searched; it is tried again", prediction.pk, prediction)

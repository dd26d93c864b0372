"""Celery's entry point of the stage."""

from celery import shared_task

from detection import selectors, services


@shared_task(ignore_result=True)
def scan_finished_predictions() -> None:
    """Search every finished prediction that has not been searched."""
    for prediction in selectors.predictions_unscanned():
        services.prediction_scan(prediction=prediction)

"""manage.py detect: turn finished predictions into alerts at once, in this process."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from detection import selectors
from detection.alerts import glaciers as glacier_services
from detection.alerts import services, standing
from detection.glaciers import selectors as glacier_selectors
from ingest.jobs.steps import Step, attempt, failures_retry, rows_due, rows_work
from ingest.models import StepFailure


class Command(BaseCommand):
    """Command detect."""

    help = "Search every finished prediction that has not been searched yet, and follow the glaciers in them."

    def handle(self, *args: Any, **options: Any) -> None:
        """Search every finished prediction, then follow glaciers. What fails is left to the schedule and named last."""
        search, measure, follow = (
            selectors.predictions_unscanned,
            glacier_selectors.predictions_unmeasured,
            glacier_selectors.glaciers_stale,
        )
        failures = StepFailure.objects.filter(step__in=[Step.SEARCH, Step.MEASURE, Step.FOLLOW])
        failures_retry(failures=failures)
        n_areas = 0
        while predictions := list(rows_due(Step.SEARCH, search())):  # Some predictions wait for others.
            for prediction in predictions:
                with attempt(Step.SEARCH, prediction):
                    if scan := services.prediction_scan(prediction=prediction):
                        n_areas += scan.n_detections
                        self.stdout.write(f"{prediction}: {scan.n_detections} areas")
        self.stdout.write(f"{n_areas} areas")
        standing.alerts_settle()
        rows_work(Step.MEASURE, measure(), lambda pair: glacier_services.glaciers_measure(prediction=pair))
        for motion in rows_due(Step.FOLLOW, follow()):
            with attempt(Step.FOLLOW, motion):
                self.stdout.write(str(glacier_services.glacier_follow(motion=motion)))
        # The calls are made for a side effect: they delete the failures of rows that have succeeded since.
        rows_due(Step.SEARCH, search())
        rows_due(Step.MEASURE, measure())
        rows_due(Step.FOLLOW, follow())
        if lines := [f"{failure}: {failure.error}" for failure in failures.all()]:
            raise CommandError("\n".join([*lines, f"{len(lines)} failed, all else is done."]), returncode=1)

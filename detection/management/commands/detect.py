"""manage.py detect: turn finished predictions into alerts at once, in this process."""

from django.core.management.base import BaseCommand

from detection import selectors
from detection.alerts import glaciers as glacier_services
from detection.alerts import services
from detection.glaciers import selectors as glacier_selectors


class Command(BaseCommand):
    """Command detect."""

    help = "Search every finished prediction that has not been searched yet, and follow the glaciers in them."

    def handle(self, *args, **options) -> None:
        """Search every finished prediction, then follow glaciers."""
        n_areas = 0
        while predictions := list(selectors.predictions_unscanned()):  # some wait for other predictions
            for prediction in predictions:
                scan = services.prediction_scan(prediction=prediction)
                if scan:
                    n_areas += scan.n_detections
                    self.stdout.write(f"{prediction}: {scan.n_detections} areas")
        self.stdout.write(f"{n_areas} areas")
        for prediction in glacier_selectors.predictions_unmeasured():
            glacier_services.glaciers_measure(prediction=prediction)
        for motion in glacier_selectors.glaciers_stale():
            self.stdout.write(str(glacier_services.glacier_follow(motion=motion)))

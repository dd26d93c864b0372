"""manage.py detect: turn finished predictions into alerts, now, in this process."""

from django.core.management.base import BaseCommand

from detection import selectors, services


class Command(BaseCommand):
    help = "Search every finished prediction that has not been searched yet."

    def handle(self, *args, **options) -> None:
        found = 0
        while predictions := list(selectors.predictions_unscanned()):  # some wait for others
            for prediction in predictions:
                scan = services.prediction_scan(prediction=prediction)
                if scan:
                    found += scan.n_detections
                    self.stdout.write(f"{prediction}: {scan.n_detections} areas")
        self.stdout.write(f"{found} areas")

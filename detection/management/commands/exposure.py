"""manage.py exposure: count anew what stands on every public alert, after buildings, roads or people were loaded."""

from django.core.management.base import BaseCommand

from detection.alerts.recount import alert_recount
from detection.selectors import alerts_public


class Command(BaseCommand):
    help = "Count what stands on every public alert, from the layers that are loaded, and grade it by that."

    def handle(self, *args, **options) -> None:
        alerts = list(alerts_public())
        changed = sum(alert_recount(alert=alert) for alert in alerts)
        self.stdout.write(f"{len(alerts)} alerts counted, {changed} of another importance than before")

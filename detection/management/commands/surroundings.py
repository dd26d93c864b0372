"""manage.py surroundings: bring every public alert up to the layers that are loaded: what stands on it, its likely
cause, and how much it matters."""

from django.core.management.base import BaseCommand

from detection.alerts.describe import alert_recount
from detection.selectors import alerts_public


class Command(BaseCommand):
    help = "Bring every public alert up to the layers of context that are loaded now."

    def handle(self, *args, **options) -> None:
        alerts = list(alerts_public())
        changed = sum(alert_recount(alert=alert) for alert in alerts)
        self.stdout.write(f"{len(alerts)} alerts looked at, {changed} of another kind or importance than before")

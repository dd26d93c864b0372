"""manage.py surroundings: recount exposure, likely cause and severity of every public alert with the loaded layers."""

from typing import Any

from django.core.management.base import BaseCommand

from detection.alerts.importance import alert_recount
from detection.selectors import alerts_public


class Command(BaseCommand):
    """Command surroundings."""

    help = "Bring every public alert up to the layers of context that are loaded now."

    def handle(self, *args: Any, **options: Any) -> None:
        """Recompute exposure, cause, kind and severity of every public alert from the context layers loaded now."""
        alerts = list(alerts_public())
        changed = sum(alert_recount(alert=alert) for alert in alerts)
        self.stdout.write(f"{len(alerts)} alerts looked at, {changed} of another kind or importance than before")

"""Counting anew what stands on alerts, after layers were loaded: without a run, and nothing else of them changes."""

from detection.alerts.describe import describe
from detection.alerts.exposure import exposure_refresh
from detection.models import Alert
from detection.selectors import detections_current
from ingest.locks import Lock, locked


def alert_recount(*, alert: Alert) -> bool:
    """Bring an alert's exposure and severity up to the layers that are loaded; whether its severity changed."""
    with locked(Lock.ALERTS):
        alert.refresh_from_db()
        exposure_refresh(alert=alert)
        current = list(detections_current(alert=alert))
        before, now = alert.severity, describe(current)["severity"] if current else alert.severity
        if now != before:
            alert.severity = now
            alert.save(update_fields=["severity", "updated_at"])
        return bool(now != before)

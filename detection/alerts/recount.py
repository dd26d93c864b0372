"""Taking in layers that were loaded since an alert's last run, without a run."""

from detection.alerts.causes import cause_refresh
from detection.alerts.describe import describe
from detection.alerts.exposure import exposure_refresh
from detection.models import Alert
from detection.reviews.by_hand import keep_by_hand
from detection.selectors import detections_current
from ingest.locks import Lock, locked

BY_SURROUNDINGS = ("kind", "class_shares", "severity")


def alert_recount(*, alert: Alert) -> bool:
    """Bring an alert up to the layers that are loaded; whether its kind or severity changed."""
    with locked(Lock.ALERTS):
        alert.refresh_from_db()
        exposure_refresh(alert=alert)
        current = list(detections_current(alert=alert))
        if not current:
            return False
        cause_refresh(alert=alert, detections=current)
        before = (alert.kind, alert.severity)
        description = keep_by_hand(alert=alert, columns=describe(current))
        for name in BY_SURROUNDINGS:
            setattr(alert, name, description.get(name, getattr(alert, name)))
        changed = (alert.kind, alert.severity) != before
        alert.save(update_fields=[*BY_SURROUNDINGS, *(["updated_at"] if changed else [])])
        return changed

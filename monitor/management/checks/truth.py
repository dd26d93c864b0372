"""What was detected against what was simulated, place by place."""

from detection.models import Alert
from ingest.models import SimulatedTruth


def compare() -> str:
    """One line: how many places have an alert, which have none, and which alerts stand where nothing was put in."""
    put_in, alerts = list(SimulatedTruth.objects.order_by("id")), list(Alert.objects.order_by("id"))
    missed = [one.title for one in put_in if not any(one.outline.intersects(alert.area) for alert in alerts)]
    false = [alert.code for alert in alerts if not any(alert.area.intersects(one.outline) for one in put_in)]
    return (
        f"truth: {len(put_in) - len(missed)} of {len(put_in)} simulated places have an alert, "
        f"not: {', '.join(missed) or 'none'}; alerts where nothing was put in: {', '.join(false) or 'none'}"
    )

"""Searching predictions for areas, and keeping one alert per moving place."""

from typing import Any

from django.db import transaction
from django.utils import timezone
from shapely import from_wkb

from detection.alerts.describe import describe, event_span, independent_views
from detection.alerts.exposure import exposure_refresh
from detection.alerts.motion import alert_motion_refresh
from detection.kinds import Family, family
from detection.models import Alert, AlertTransition, Detection, Scan
from detection.rules.lifecycle import State, after_sighting, may_become
from detection.search.areas import SEARCHES, search
from detection.selectors import UNREVIEWED_STATES, alerts_overtaken, alerts_touching, detections_current
from ingest.locks import Lock, locked
from ml.models import Prediction
from ml.runtime.code_version import code_version

SAME_PLACE_SHARE = 0.1  # of the smaller area
INSIDE_SHARE = 0.5  # of an alert that another one takes over


def prediction_scan(*, prediction: Prediction, thresholds: Any = None) -> Scan | None:
    """Search a prediction and merge its detections into alerts, in one transaction; None where that has been done."""
    used = thresholds or SEARCHES[prediction.run.model_version.task].thresholds
    with locked(Lock.ALERTS):
        made_with = {"thresholds": used._asdict(), "code_version": code_version()}
        scan, created = Scan.objects.get_or_create(prediction=prediction, defaults=made_with)
        if not created:
            return None
        detections = search(prediction, used)
        for detection in detections:
            detection.scan = scan
        # all places before any changes: an alert that falls into pieces keeps them all, it does not shrink to the first
        places = [_same_place(detection) for detection in detections]
        touched = {}
        for detection, alert in zip(detections, places, strict=True):
            _keep(detection, touched.get(alert.pk, alert) if alert else None)
            touched[detection.alert.pk] = detection.alert
        for alert in touched.values():
            _alert_refresh(alert, str(prediction.run.input))
            _take_over(alert)
        scan.n_detections = len(detections)
        scan.save(update_fields=["n_detections"])
        return scan


def alert_transition(*, alert: Alert, to: State, reason: str, actor: str = "automatic") -> AlertTransition:
    """Change an alert's state and write down why. ValueError for a change that is not allowed."""
    current = State(alert.state)
    if not may_become(current, to):
        raise ValueError(f"an alert that is {current} cannot become {to}")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=current).update(state=to, updated_at=timezone.now()):
            raise ValueError(f"alert {alert.code} was changed by somebody else; look at it again")
        alert.state = to.value
        return AlertTransition.objects.create(alert=alert, from_state=current, to_state=to, reason=reason, actor=actor)


def carry_into_alert(detection: Detection) -> None:
    """Save a detection under the alert of its place, a new one where there is none."""
    _keep(detection, _same_place(detection))
    _alert_refresh(detection.alert, str(detection.scan.prediction.run.input))


def _keep(detection: Detection, alert: Alert | None) -> None:
    if alert is None:
        alert = Alert.objects.create(state=State.FIRST, **describe([detection]))
        seen_in = detection.scan.prediction.run.input
        AlertTransition.objects.create(alert=alert, to_state=State.FIRST, reason=f"seen in {seen_in}")
    detection.alert = alert
    detection.save()


def _take_over(alert: Alert) -> None:
    """Merge alerts that a newer run detects as one area under one code; the pages of the others name it.

    Only where most of the other lies inside, it is not reviewed, and no latest run shows it by itself.
    """
    kind = family(alert.kind)
    if kind is not Family.VELOCITY or alert.state not in [*UNREVIEWED_STATES, State.CONFIRMED]:
        return
    area = from_wkb(bytes(alert.area.wkb))
    for other in alerts_overtaken(alert=alert, family=kind):
        inside = from_wkb(bytes(other.area.wkb))
        if inside.intersection(area).area >= INSIDE_SHARE * inside.area:
            alert_transition(alert=other, to=State.MERGED, reason=f"part of alert {alert.code} in the newest run")


def _same_place(detection: Detection) -> Alert | None:
    """The alert of the same family and extent that shares most with this area, at least a tenth of the smaller one.

    A change of the surface and a surge are events: one at another time is another one.
    """
    new, kind = from_wkb(bytes(detection.area.wkb)), family(detection.kind)
    during = event_span(detection)
    shared = []
    for alert in alerts_touching(area=detection.area, family=kind, extent=detection.extent, during=during):
        old = from_wkb(bytes(alert.area.wkb))
        overlap = new.intersection(old).area
        if overlap >= SAME_PLACE_SHARE * min(new.area, old.area):
            shared.append((overlap, alert))
    return max(shared, key=lambda pair: pair[0])[1] if shared else None


def _alert_refresh(alert: Alert, seen_in: str) -> None:
    """Bring an alert up to everything that is known of its place now."""
    current = list(detections_current(alert=alert))
    if not current:
        return
    description = describe(current)
    for name, value in description.items():
        setattr(alert, name, value)
    alert.save(update_fields=[*description, "updated_at"])
    exposure_refresh(alert=alert)
    alert_motion_refresh(alert=alert, detections=current)
    independent = set().union(*(independent_views(detection) for detection in current))
    state = after_sighting(State(alert.state), len(independent))
    if state != alert.state:
        reason = f"seen again in {seen_in}" if len(current) > 1 else f"two tracks show it in {seen_in}"
        alert_transition(alert=alert, to=state, reason=reason)

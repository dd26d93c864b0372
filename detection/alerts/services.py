"""Searching predictions for areas, and keeping one alert per moving place."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from shapely import from_wkb

from detection.alerts import life
from detection.alerts.causes import cause_refresh
from detection.alerts.describe import data_end, describe, event_span, independent_views, view_of_detection, views_of_run
from detection.alerts.ending import end_where_over, look_for_the_others
from detection.alerts.exposure import exposure_refresh
from detection.alerts.motion import alert_motion_refresh
from detection.alerts.parts import parts_apart
from detection.alerts.transitions import alert_transition
from detection.kinds import Family, family, row_of
from detection.models import Alert, AlertRelation, AlertTransition, Detection, Scan
from detection.reviews.by_hand import keep_by_hand
from detection.rules.lifecycle import LIVING, State, after_sighting
from detection.rules.updates import Cause, Change
from detection.search.areas import SEARCHES, search
from detection.selectors import alerts_overtaken, alerts_touching, detections_current, followed_as
from ingest.locks import Lock, lock, locked
from ml.models import Prediction, Run
from ml.runtime.code_version import code_version

SAME_PLACE_SHARE = 0.1  # of the smaller area
INSIDE_SHARE = 0.5  # of an alert that another one takes over


def prediction_scan(*, prediction: Prediction, thresholds: Any = None) -> Scan | None:
    """Search a prediction and merge its detections into alerts, in one transaction; None where that has been done, or
    another worker is at it.

    Several workers search side by side, for no search reads an alert; they merge one after the other.
    """
    used = thresholds or SEARCHES[prediction.run.model_version.task].thresholds
    with transaction.atomic():
        mine = Prediction.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=prediction.pk)
        if not mine.values_list("pk") or Scan.objects.filter(prediction=prediction).exists():
            return None
        detections = search(prediction, used)
        lock(Lock.ALERTS)
        scan = Scan.objects.create(prediction=prediction, thresholds=used._asdict(), code_version=code_version())
        life.lives_begin()
        for detection in detections:
            detection.scan = scan
        # all places before any changes: an alert that falls into pieces keeps them all, it does not shrink to the first
        places = [_same_place(detection) for detection in detections]
        touched: dict[int, list[Detection]] = {}
        alerts: dict[int, Alert] = {}
        for detection, alert in zip(detections, places, strict=True):
            _keep(detection, alerts.get(alert.pk, alert) if alert else None)
            alerts[detection.alert.pk] = detection.alert
            touched.setdefault(detection.alert.pk, []).append(detection)
        for number, alert in alerts.items():
            _alert_refresh(alert, prediction.run, touched[number])
            _take_over(alert)
        look_for_the_others(prediction.run, touched, detections)
        scan.n_detections = len(detections)
        scan.save(update_fields=["n_detections"])
        return scan


def alert_follow(*, alert: Alert) -> AlertTransition | None:
    """Tell what has changed in a living alert, where enough time has passed; without new data, and once."""
    with locked(Lock.ALERTS):
        alert.refresh_from_db()
        current = list(detections_current(alert=alert))
        return _tell(alert, current, None) if current and alert.state in LIVING else None


def carry_into_alert(detection: Detection) -> None:
    """Save a detection under the alert of its place, a new one where there is none."""
    _keep(detection, _same_place(detection))
    _alert_refresh(detection.alert, detection.scan.prediction.run, [detection])


def _keep(detection: Detection, alert: Alert | None) -> None:
    new = alert is None
    detection.alert = Alert.objects.create(state=State.FIRST, **describe([detection])) if alert is None else alert
    detection.save()
    if new:
        _begin(detection.alert, f"seen in {detection.scan.prediction.run.input}", [detection])


def _begin(alert: Alert, reason: str, detections: Sequence[Detection]) -> None:
    AlertTransition.objects.create(alert=alert, to_state=State.FIRST, reason=reason[:300])
    life.life_of(alert, detections)


def _take_over(alert: Alert) -> None:
    """Merge alerts that a newer run detects as one area under one code; the pages of both name the other.

    Only where most of the other lies inside, it is not reviewed, and no latest run shows it by itself.
    """
    kind = family(alert.kind)
    if kind is not Family.VELOCITY or alert.state not in LIVING:
        return
    area = from_wkb(bytes(alert.area.wkb))
    for other in alerts_overtaken(alert=alert, family=kind):
        inside = from_wkb(bytes(other.area.wkb))
        if inside.intersection(area).area >= INSIDE_SHARE * inside.area:
            alert_transition(alert=other, to=State.MERGED, reason=f"part of alert {alert.code} in the newest run")
            AlertRelation.objects.create(alert=other, other=alert, relation="merged-into")


def _same_place(detection: Detection) -> Alert | None:
    """The alert of the same family and extent that shares most with this area, at least a tenth of the smaller one.

    A change of the surface and a surge are events: one at another time is another one. What is over comes last.
    """
    new, kind = from_wkb(bytes(detection.area.wkb)), family(detection.kind)
    during = event_span(detection)
    shared = []
    for alert in alerts_touching(area=detection.area, family=kind, extent=detection.extent, during=during):
        old = from_wkb(bytes(alert.area.wkb))
        overlap = new.intersection(old).area
        if overlap >= SAME_PLACE_SHARE * min(new.area, old.area):
            shared.append((overlap, alert))
    if not shared:
        return None
    return followed_as(alert=max(shared, key=lambda pair: (pair[1].state != State.FINISHED, pair[0]))[1])


def _alert_refresh(alert: Alert, run: Run, found: Sequence[Detection]) -> None:
    """Bring an alert up to everything that is known of its place now, and tell what is news of it."""
    newer, ends = life.is_newer(alert, data_end(run.input)), views_of_run(run)
    shown = sorted({view_of_detection(one) for one in found})
    woken = [life.look_note(alert, view, ends[view], found) for view in shown]
    current = list(detections_current(alert=alert))
    if alert.state == State.FINISHED and not _wakes(alert, current, any(woken)):
        return  # older data, or a view that has seen no rest: what is over stays over
    if newer:
        current = _split(alert, current, found, run)
    if not current:
        return
    _describe_anew(alert, current)
    if not end_where_over(alert, run):
        _tell(alert, current, run)


def _wakes(alert: Alert, current: Sequence[Detection], seen_again: bool) -> bool:
    """Whether what is over moves again: a view that has seen its rest shows it, or the series do. Events do not."""
    if row_of(alert.kind).event or seen_again:
        return not row_of(alert.kind).event
    alert_motion_refresh(alert=alert, detections=current)
    return life.series_wake(alert)


def _describe_anew(alert: Alert, current: Sequence[Detection]) -> None:
    description = keep_by_hand(alert=alert, columns=describe(current))
    for name, value in description.items():
        setattr(alert, name, value)
    alert.save(update_fields=[*description, "updated_at"])
    exposure_refresh(alert=alert)
    cause_refresh(alert=alert, detections=current)
    motion = alert_motion_refresh(alert=alert, detections=current)
    if motion and motion.accelerating_since:  # counts for its importance
        alert.severity = keep_by_hand(alert=alert, columns=describe(current))["severity"]
        alert.save(update_fields=["severity", "updated_at"])


def _tell(alert: Alert, current: Sequence[Detection], run: Run | None) -> AlertTransition | None:
    """Take the step that the current detections ask for: to another state, or, where figures changed, an update."""
    before, changed = State(alert.state), life.changes_since_told(alert, current)
    seen_in = str(run.input) if run else "the newest data"
    if before is State.FINISHED:
        to = after_sighting(State.FIRST, _n_views(one for one in current if one.scan.prediction.run == run))
        reason, changed = f"moves again: seen in {seen_in}", (Change(Cause.WOKEN, None, None), *changed)
        return alert_transition(alert=alert, to=to, reason=reason, changed=changed, run=run)
    to = after_sighting(before, _n_views(current))
    if to is not before:
        reason = f"seen again in {seen_in}" if len(current) > 1 else f"two tracks show it in {seen_in}"
        return alert_transition(alert=alert, to=to, reason=reason, changed=changed, run=run)
    if before not in LIVING or not life.may_be_told(alert, changed):
        return None
    Alert.objects.filter(pk=alert.pk).update(updated_at=timezone.now())
    return life.step(alert, before, f"changed in {seen_in}", "automatic", changed, run.pk if run else None)


def _n_views(detections: Iterable[Detection]) -> int:
    return len(set().union(*(independent_views(detection) for detection in detections)))


def _split(alert: Alert, current: list[Detection], found: Sequence[Detection], run: Run) -> list[Detection]:
    """Give what newer data show apart a code of its own; the largest part keeps the alert's. What is left of it."""
    if family(alert.kind) is not Family.VELOCITY or alert.state not in LIVING or len(found) < 2:
        return current
    kept, *others = parts_apart(current)
    for part in others:
        if not any(one in part for one in found):
            kept = [*kept, *part]  # not in the newest data: it has not come apart
            continue
        new = Alert.objects.create(state=State.FIRST, **describe(part))
        Detection.objects.filter(pk__in=[one.pk for one in part]).update(alert=new)
        AlertRelation.objects.create(alert=new, other=alert, relation="split-from")
        exposure_refresh(alert=new)
        cause_refresh(alert=new, detections=part)
        alert_motion_refresh(alert=new, detections=part)
        _begin(new, f"split from alert {alert.code}: apart in {run.input}", part)
        life.areas_retell(alert, kept)
    return kept

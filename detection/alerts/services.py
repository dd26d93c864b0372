"""Application of search results to alerts, in one transaction: steps are planned in `plan` and reported in `life`."""

from collections.abc import Iterable, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from shapely import from_wkb

from detection.alerts import life, plan
from detection.alerts.describe import (
    cause_refresh,
    data_end,
    data_span,
    describe,
    exposure_refresh,
    n_views,
    view_of_detection,
    views_of_run,
)
from detection.alerts.evidence import alert_motion_refresh
from detection.alerts.importance import importance_refresh
from detection.alerts.life import Life, alert_transition
from detection.by_hand import keep_by_hand
from detection.kinds import Family, family, row_of
from detection.models import Alert, AlertRelation, AlertTransition, Detection, Scan
from detection.rules.lifecycle import END_UNPROVED, LIVING, State, state_after_sighting
from detection.rules.updates import Cause, Change, may_report
from detection.search.areas import SEARCHES, search
from detection.search.known import MIN_KNOWN, known_share
from detection.selectors import (
    FOLLOWED_STATES,
    WITH_RUN,
    alerts_missed,
    alerts_overtaken,
    alerts_touching,
    detections_current,
    followed_as,
)
from ground_motion.core.errors import promised
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS
from ground_motion.runtime.code_version import code_version
from ingest.foundation.locks import Lock, hold_lock, lock
from ingest.products.selectors import points_count_within
from ml.models import ModelVersion, Prediction, Run
from ml.runs.queue import runs_take_over

INSIDE_SHARE = 0.5  # An alert takes over another one if this share of the other's area lies in it.
FAMILY_OF: dict[str, Family] = {
    ModelVersion.Task.DEFORMATION: Family.VELOCITY,
    ModelVersion.Task.COHERENCE_CHANGE: Family.SURFACE,
    ModelVersion.Task.OFFSETS: Family.OFFSETS,
}


def prediction_scan(*, prediction: Prediction) -> Scan | None:
    """Search a prediction and merge its detections into alerts, in place of those of runs that it replaces, at once.

    Return None if the prediction has been searched, or another worker is searching it. Several workers search in
    parallel, because no search reads an alert; they merge one after the other.
    """
    with transaction.atomic():
        unclaimed = Prediction.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=prediction.pk)
        if not unclaimed.values_list("pk") or Scan.objects.filter(prediction=prediction).exists():
            return None
        detections = search(prediction)
        lock(Lock.ALERTS)
        if not Prediction.objects.filter(pk=prediction.pk).exists():
            return None  # Its product was taken back during the search.
        runs_take_over(run=prediction.run)
        used = SEARCHES[prediction.run.model_version.task].thresholds
        scan = Scan.objects.create(
            prediction=prediction, thresholds=used._asdict(), code_version=code_version(), n_detections=len(detections)
        )
        for alert in Alert.objects.filter(life=None, state__in=FOLLOWED_STATES):
            life.life_of(alert)  # Alerts of earlier releases have no life yet; begin it before new data change figures.
        for detection in detections:
            detection.scan = scan
        alerts = _sightings_save(detections)
        for alert, found in alerts.values():
            _advance(alert, prediction.run, found)
            take_over(alert)
        _advance_missed(prediction.run, alerts)
        return scan


def alert_follow(*, alert: Alert) -> AlertTransition | None:
    """Report a living alert's changes since its last report, if enough time has passed since then."""
    with hold_lock(Lock.ALERTS):
        alert.refresh_from_db()
        current = list(detections_current(alert=alert))
        if not current or alert.state not in LIVING:
            return None
        step, known = _next_step(alert, life.life_of(alert), current, None)
        return life.step_apply(alert, known, step)


def carry_into_alert(detection: Detection) -> None:
    """Save a detection under the alert of its place, or under a new one, and advance that alert."""
    for alert, found in _sightings_save([detection]).values():
        _advance(alert, detection.scan.prediction.run, found)


def alert_end_where_over(alert: Alert, known: Life, run: Run) -> None:
    """Store an alert's life, and finish the alert if it has been at rest, or over, for as long as the rule requires."""
    life.step_apply(alert, known, _end_step(alert, known, run) if alert.state in LIVING else None, run)


def same_place(detection: Detection) -> Alert | None:
    """Return the alert of a detection's family and extent that overlaps its area most; None if none overlaps enough.

    For events, that is a surface change or a surge, the dates must overlap as well.
    """
    kind, during = family(detection.kind), None
    if row_of(detection.kind).event:
        first, last = data_span(detection)
        during = min(detection.onset or first, first), last
    touching = []
    for alert in alerts_touching(area=detection.area, family=kind, extent=detection.extent, during=during):
        turned = (alert.rate_mm_yr or 0.0) * (detection.rate_mm_yr or 0.0) < 0
        if turned and not alert.detections.exists() and Detection.every.filter(alert=alert).exists():
            continue  # Ground that turns stays one alert, but an error in the sign of withdrawn data does not.
        touching.append(alert)
    known = [(from_wkb(bytes(alert.area.wkb)), State(alert.state)) for alert in touching]
    match = plan.best_match(from_wkb(bytes(detection.area.wkb)), known)
    return None if match is None else followed_as(alert=touching[match])


def _sightings_save(detections: Sequence[Detection]) -> dict[int, tuple[Alert, list[Detection]]]:
    """Save detections under the alerts of their places; return alert's primary key -> (alert, its new detections).

    Alerts are matched before any row is saved, so that all parts of an area that has split stay in its alert.
    """
    places = [same_place(detection) for detection in detections]
    alerts: dict[int, tuple[Alert, list[Detection]]] = {}
    for detection, place in zip(detections, places, strict=True):
        alert, found = alerts.get(place.pk, (place, [])) if place else (None, [])
        detection.alert = alert or Alert.objects.create(state=State.FIRST, **describe([detection]))
        detection.save()
        if alert is None:
            _surroundings_refresh(detection.alert, [detection])
            life.begin(detection.alert, f"seen in {detection.scan.prediction.run.input}", [detection])
        alerts[detection.alert.pk] = detection.alert, [*found, detection]
    return alerts


def _advance(alert: Alert, run: Run, found: Sequence[Detection]) -> None:
    """Update an alert after a run that shows it, and take the step that is due."""
    known, ends, until, resumed = life.life_of(alert), views_of_run(run), data_end(run.input), False
    others = Detection.every.filter(alert=alert).exclude(pk__in=[detection.pk for detection in found])
    if others.exists() and not (alert.detections.all() & others).exists():
        known = known.compare_same_days()
    newer = all(until > (seen.rest_until or seen.moved_until) for seen in known.views.values())
    for view in sorted({view_of_detection(detection) for detection in found}):
        known, again = known.observe(view, ends[view], found)
        resumed = resumed or again
    current, step = list(detections_current(alert=alert)), None
    # A finished alert stays finished where data are older, or a view has no recorded rest.
    if alert.state != State.FINISHED or _has_resumed(alert, known, current, resumed):
        if newer:
            current, known = _split_off(alert, known, current, found, run)
        if current:
            figures_refresh(alert, current)
            step = _end_step(alert, known, run) if alert.state in LIVING else None
            if step is None:
                step, known = _next_step(alert, known, current, run)
    life.step_apply(alert, known, step, run)


def _next_step(
    alert: Alert, known: Life, current: Sequence[Detection], run: Run | None
) -> tuple[plan.Step | None, Life]:
    """Plan the step that current detections require, None if nothing is to be reported yet; rebase the alert's life."""
    changes, known = life.changes_since_report(alert, known, current)
    state, source = State(alert.state), str(run.input) if run else "the newest data"
    if state is State.FINISHED:
        in_run = n_views(detection for detection in current if detection.scan.prediction.run == run)
        to, changes = state_after_sighting(State.FIRST, in_run), (Change(Cause.WOKEN, None, None), *changes)
        return plan.Step(to, f"moves again: seen in {source}", changes), known
    if state is State.WITHDRAWN:
        before = promised(alert.transitions.filter(to_state=state).last()).from_state
        to = State(before) if before in LIVING else State.FIRST
        return plan.Step(to, f"seen again in {source}", changes), known
    to = state_after_sighting(state, n_views(current))
    if to is not state:
        said = "seen again" if len(current) > 1 else "two tracks show it"
        return plan.Step(to, f"{said} in {source}", changes), known
    if state in LIVING and may_report(changes, timezone.now() - known.reported_at):
        return plan.Step(state, f"changed in {source}", changes), known
    return None, known


def _end_step(alert: Alert, known: Life, run: Run) -> plan.Step | None:
    """Plan the end of an alert if a run's data show that it is over; else return None."""
    noise = run.prediction.statistics.get("rate_sigma_mm_yr", 0.0) if hasattr(run, "prediction") else 0.0
    rest = life.rest_of(alert, known, data_end(run.input), noise)
    if rest is None:
        return None
    since, change = rest
    reason = f"no {row_of(alert.kind).ended} after {since:%-d %B %Y} in {run.input}"
    if alert.state == State.CONFIRMED:
        reason = f"{reason}; a specialist had confirmed the motion, its end is the computer's finding"
    return plan.Step(State.FINISHED, reason, (change,))


def _has_resumed(alert: Alert, known: Life, current: Sequence[Detection], seen_again: bool) -> bool:
    """Return whether a finished alert moves again, in its series or in a view (`seen_again`); False for events."""
    if row_of(alert.kind).event or seen_again:
        return not row_of(alert.kind).event
    alert_motion_refresh(alert=alert, detections=current)
    return life.series_resumed(alert, known)


def figures_refresh(alert: Alert, current: Sequence[Detection]) -> None:
    """Update an alert's figures and surroundings from its current detections, except figures that people have set."""
    description = keep_by_hand(alert=alert, columns=describe(current))
    for name, value in description.items():
        setattr(alert, name, value)
    alert.save(update_fields=[*description, "updated_at"])
    _surroundings_refresh(alert, current)


def _surroundings_refresh(alert: Alert, current: Sequence[Detection]) -> None:
    """Compute an alert's exposure, cause and motion, and the importance that follows from them."""
    exposure_refresh(alert=alert)
    cause_refresh(alert=alert, detections=current)
    alert_motion_refresh(alert=alert, detections=current)
    importance_refresh(alert=alert)


def _split_off(
    alert: Alert, known: Life, current: list[Detection], found: Sequence[Detection], run: Run
) -> tuple[list[Detection], Life]:
    """Split off parts that newer data separate; return the detections kept, those of the largest part, and the life."""
    if family(alert.kind) is not Family.VELOCITY or alert.state not in LIVING or len(found) < 2:
        return current, known
    shapes = [from_wkb(bytes(detection.area.wkb)) for detection in current]
    positions = plan.parts_apart(shapes, [detection.area_m2 for detection in current])
    kept, *others = [[current[at] for at in part] for part in positions]
    for part in others:
        if not any(detection in part for detection in found):
            kept = [*kept, *part]  # The newest data do not show this part, so it is not split off.
            continue
        new = Alert.objects.create(state=State.FIRST, **describe(part))
        Detection.objects.filter(pk__in=[detection.pk for detection in part]).update(alert=new)
        AlertRelation.objects.create(alert=new, other=alert, relation="split-from")
        _surroundings_refresh(new, part)
        life.begin(new, f"split from alert {alert.code}: apart in {run.input}", part)
        known = known.shrink_to_rest(life.figures_of(alert, kept).views)
    return kept, known


def take_over(alert: Alert) -> None:
    """Merge into an alert others that a newer run detects as parts of it; their pages are linked.

    An alert is merged only if most of it lies inside, it is not reviewed, and no latest run shows it by itself.
    """
    kind = family(alert.kind)
    if kind is not Family.VELOCITY or alert.state not in LIVING:
        return
    area = from_wkb(bytes(alert.area.wkb))
    for other in alerts_overtaken(alert=alert, family=kind):
        outline = from_wkb(bytes(other.area.wkb))
        if outline.intersection(area).area >= INSIDE_SHARE * outline.area:
            alert_transition(alert=other, to=State.MERGED, reason=f"part of alert {alert.code} in the newest run")
            AlertRelation.objects.create(alert=other, other=alert, relation="merged-into")


def _advance_missed(run: Run, touched: Iterable[int]) -> None:
    """Store that a run does not show alerts that its views showed before; end those at rest for long enough."""
    kind = FAMILY_OF[run.model_version.task]
    for alert in alerts_missed(views=views_of_run(run), seen=run.input, family=kind, found=touched):
        if _is_missed(alert, run):
            alert_end_where_over(alert, _observe_rest(life.life_of(alert), run), run)


def _is_missed(alert: Alert, run: Run) -> bool:
    """Return whether a searched run has observed an alert's ground since its last motion, and found nothing there."""
    found = Detection.objects.filter(scan__prediction__run=run, extent=alert.extent, area__intersects=alert.area)
    if found.exists():
        return False  # The ground moves, perhaps under another code.
    if run.product and run.product.points_deleted_at:
        return bool(run.product.footprint.covers(alert.area.point_on_surface))
    if run.product:
        return points_count_within(product=run.product, area=alert.area) >= DEFAULT_THRESHOLDS.fewest_points
    is_newer = run.its_pair.reference.day >= alert.last_motion
    return is_newer and known_share(prediction=run.prediction, area=alert.area) >= MIN_KNOWN


def _observe_rest(known: Life, run: Run) -> Life:
    for view, until in views_of_run(run).items():
        known, _ = known.observe(view, until, [])
    return known


def alert_observe_again(alert: Alert) -> None:
    """Evaluate an alert again by all valid searches, after data were withdrawn or restored; end or resume it."""
    seen = list(alert.detections.select_related(*WITH_RUN))
    here = Q(product__footprint__intersects=alert.area, product__simulated=alert.simulated)
    runs = Run.objects.filter(here, state=Run.State.SUCCEEDED, model_version__task=ModelVersion.Task.DEFORMATION)
    runs = runs.exclude(prediction__isnull=False, prediction__scan=None)  # Results that showed nothing are deleted.
    searched = sorted(runs.select_related("product"), key=lambda run: (data_end(run.input), run.pk))
    if not seen or not searched:
        return  # Alerts that no standing data show are ended elsewhere (`standing`).
    known = life.life_of(alert)._replace(views=life.views_shown(seen))
    for run in searched:
        if _is_missed(alert, run):
            known = _observe_rest(known, run)
    step = _end_step(alert, known, searched[-1])
    if alert.state == State.FINISHED:
        ended = alert.transitions.filter(to_state=State.FINISHED).exclude(from_state=State.WITHDRAWN).last()
        sealed = Run.every.filter(here, product__withdrawn_at__isnull=False)
        if step is None and ended and ended.actor == "automatic" and sealed.filter(finished_at__lt=ended.created_at):
            step = plan.Step(State(ended.from_state), END_UNPROVED, ())
        else:
            step = None
    life.step_apply(alert, known, step, searched[-1])
    Alert.objects.filter(pk=alert.pk).update(updated_at=timezone.now())

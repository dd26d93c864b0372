"""Records of an alert's life: the figures last reported, the observations by each view, and its steps."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Any

from django.db import transaction
from django.utils import timezone

from detection.alerts import plan
from detection.alerts.describe import data_end, data_span, measured_in, view_of_detection
from detection.alerts.importance import importance_refresh
from detection.glaciers.surge import RULE
from detection.kinds import Family, family, row_of
from detection.models import Alert, AlertLife, AlertMotion, AlertTransition, AlertUpdate, Detection
from detection.rules import lifecycle, updates
from detection.rules.lifecycle import Observation, Proof, SeriesMotion, State, ViewLife, may_become
from detection.rules.updates import Cause, Change, Figures, ViewFigures
from detection.search.patches import CHANGE
from detection.selectors import FOLLOWED_STATES, detections_current
from detection.tables.reviews import SetByHand
from ml.models import Run

UNITS = {Family.VELOCITY: "mm/yr", Family.OFFSETS: "m/day", Family.SURFACE: ""}
WITHIN_90 = 1.645  # standard deviations
PAIRS_TOGETHER = 3  # last pairs; their median counts, so that one wrong pair is not reported


def figures_of(alert: Alert, detections: Iterable[Detection]) -> Figures:
    """Return the figures that a message would state of an alert now, computed from its current detections."""
    unit, by_view = UNITS[family(alert.kind)], _by_view(detections)
    views = (
        {}
        if row_of(alert.kind).event
        else {name: _VIEW_FIGURES[unit](found) for name, found in by_view.items() if unit}
    )
    main = max(views, key=lambda name: (views[name].until, abs(views[name].rate)), default="")
    if unit == "mm/yr" and views:
        main = max(views, key=lambda name: (name.split("/")[0] == alert.component, abs(views[name].rate)))
    return Figures(alert.kind, alert.severity, unit, views, main, alert.class_shares, _series_of(alert))


def life_of(alert: Alert, detections: Iterable[Detection] | None = None) -> AlertLife:
    """Return an alert's AlertLife; if it has none, create one from `detections`, by default the current ones."""
    life = AlertLife.objects.filter(alert=alert).first()
    if life is None:
        shown = list(detections_current(alert=alert) if detections is None else detections)
        last = alert.transitions.last()
        life = AlertLife.objects.create(
            alert=alert,
            told=updates.as_json(figures_of(alert, shown)),
            told_at=last.created_at if last else alert.updated_at,
            views=_stored(_views_shown(shown)),
        )
    return life


def lives_begin() -> None:
    """Create the AlertLife of followed alerts that have none (earlier releases), before new data change figures."""
    for alert in Alert.objects.filter(life=None, state__in=FOLLOWED_STATES):
        life_of(alert)


def begin(alert: Alert, reason: str, detections: Sequence[Detection]) -> None:
    """Record the first transition of a new alert, and create its AlertLife from its detections."""
    AlertTransition.objects.create(alert=alert, to_state=State.FIRST, reason=reason[:300])
    life_of(alert, detections)


def step_apply(alert: Alert, step: plan.Step, run: Run | None = None) -> AlertTransition:
    """Apply a planned step and report it. run: the run that the step is based on."""
    if step.to != alert.state:
        return alert_transition(alert=alert, to=step.to, reason=step.reason, changed=step.changes, run=run)
    Alert.objects.filter(pk=alert.pk).update(updated_at=timezone.now())
    return report(alert, step.to, step.reason, "automatic", step.changes, run.pk if run else None)


def alert_transition(
    *,
    alert: Alert,
    to: State,
    reason: str,
    actor: str = "automatic",
    changed: Sequence[Change] = (),
    run: Run | None = None,
) -> AlertTransition:
    """Change an alert's state and report why; no other function changes a state.

    changed: changes of its figures; run: the run that showed them. ValueError for a transition not allowed or too late.
    """
    current = State(alert.state)
    if not may_become(current, to):
        raise ValueError(f"an alert that is {current} cannot become {to}")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=current).update(state=to, updated_at=timezone.now()):
            raise ValueError(f"alert {alert.code} was changed by somebody else; look at it again")
        return report(alert, to, reason, actor, changed, run.pk if run else None)


def report(
    alert: Alert, to: State, reason: str, actor: str, changed: Sequence[Change] = (), run_number: int | None = None
) -> AlertTransition:
    """Record a step with the changes since the last report, and store the reported figures for later comparison."""
    life, now = life_of(alert), timezone.now()
    taken = AlertTransition.objects.create(
        alert=alert, from_state=alert.state, to_state=to, reason=reason[:300], actor=actor
    )
    if State.FINISHED in (to, alert.state):
        importance_refresh(alert=alert)
        changed = _with_severity(changed, life.told["severity"], alert.severity)
    if changed:
        AlertUpdate.objects.create(
            transition=taken,
            changes=[one._asdict() for one in changed],
            told_at=life.told_at,
            run_number=run_number,
        )
    alert.state = to.value
    figures = figures_of(alert, detections_current(alert=alert))
    life.told, life.told_at = updates.as_json(updates.reported_by_step(figures, changed)), now
    life.save(update_fields=["told", "told_at"])
    return taken


def _with_severity(changed: Sequence[Change], reported: str, now: str) -> Sequence[Change]:
    """Add the change of severity that an end or a resumption brings, so that readers of the former severity hear."""
    if reported == now or any(one.cause == Cause.SEVERITY for one in changed):
        return changed
    return (*changed, Change(Cause.SEVERITY, reported, now))


def changes_since_report(alert: Alert, current: Sequence[Detection]) -> tuple[Change, ...]:
    """Return the changes since an alert's last report that exceed noise, whether they may be reported now or later.

    Figures that cannot be compared (of a new view or method) are stored as the baseline for later comparisons.
    """
    life = life_of(alert)
    before, now = updates.from_json(life.told), figures_of(alert, current)
    found = updates.changes(before, now)
    if SetByHand.objects.filter(alert=alert, area__isnull=False).exists():  # data do not change its outline
        found = tuple(one for one in found if one.cause != Cause.AREA)
    known = updates.as_json(updates.rebased(before, now))
    if known != life.told:
        AlertLife.objects.filter(pk=life.pk).update(told=known)
    return found


def areas_rebase(alert: Alert, kept: Sequence[Detection]) -> None:
    """Store the area left after a split as the baseline, so that the decrease is not reported as a change.

    The part that was split off is reported as an alert of its own.
    """
    life = life_of(alert)
    before, now = updates.from_json(life.told), figures_of(alert, kept).views
    views = {
        name: one._replace(area_m2=now[name].area_m2) if name in now else one for name, one in before.views.items()
    }
    AlertLife.objects.filter(pk=life.pk).update(told=updates.as_json(before._replace(views=views)))


def since_report(alert: Alert) -> timedelta:
    """Return the time since the last step of an alert."""
    return timezone.now() - life_of(alert).told_at


def is_newer(alert: Alert, until: date) -> bool:
    """Return whether data that end on `until` are newer than all earlier observations of an alert by any view."""
    return all(
        until > max(one.moved_until, one.rest_until or one.moved_until) for one in _views(life_of(alert)).values()
    )


def view_note(alert: Alert, view: str, seen: ViewLife) -> None:
    """Replace the stored observations by one view, after all data of this view were examined again."""
    life = life_of(alert)
    AlertLife.objects.filter(pk=life.pk).update(views=_stored(_views(life) | {view: seen}))


def moved_until(alert: Alert, view: str) -> date | None:
    """Return the last date on which a view showed an alert moving; None if it never did."""
    seen = _views(life_of(alert)).get(view)
    return seen.moved_until if seen else None


def observation_note(alert: Alert, view: str, until: date, found: Sequence[Detection]) -> bool:
    """Store whether a view, with data that end on `until`, shows motion; return whether motion follows rest."""
    life = life_of(alert)
    views, observation = _views(life), Observation(until, any(_moves(one) for one in found))
    again, after = (
        lifecycle.moves_again(views.get(view), observation),
        lifecycle.after_observation(views.get(view), observation),
    )
    if after is not None and after != views.get(view):
        life.views = _stored(views | {view: after})
        life.save(update_fields=["views"])
    return again


def series_resumed(alert: Alert) -> bool:
    """Return whether an alert whose series was last reported at rest moves again in its series."""
    rested = updates.from_json(life_of(alert).told).series.at_rest_since
    return lifecycle.series_moves_again(rested, _series_of(alert))


def rest_of(alert: Alert, until: date, noise_mm_yr: float) -> tuple[date, Change] | None:
    """Return (date since when an alert is at rest or over, change to report); None if not for long enough.

    until: last date of the newest data; noise_mm_yr: standard deviation of the rates in these data. The larger of it
    and the alert's own standard deviation counts.
    """
    life = life_of(alert)
    reported = updates.from_json(life.told)
    if row_of(alert.kind).event:
        since = lifecycle.at_rest(_views(life), _event_proof(alert))
    else:
        sigma = max(alert.rate_sigma_mm_yr or 0.0, noise_mm_yr) if reported.unit == "mm/yr" else None
        since = lifecycle.at_rest(_views(life), lifecycle.rest_proof(sigma))
        since = since or lifecycle.series_rest(_series_of(alert).at_rest_since, until, sigma)
    if since is None:
        return None
    before = reported.views[reported.main].rate if reported.main in reported.views else None
    return since, Change(Cause.FINISHED, before, since.isoformat(), reported.unit, alert.component)


def _event_proof(alert: Alert) -> Proof:
    """Return the proof required to end an event; for a surge, more pairs without motion than RULE.gap_pairs."""
    if family(alert.kind) is Family.SURFACE:
        return lifecycle.event_proof(alert.change_sigma, CHANGE.enter)
    rise = (alert.speed_m_day - alert.usual_speed_m_day) / alert.speed_sigma_m_day
    return lifecycle.event_proof(rise, RULE.z, RULE.gap_pairs + 1)


def _series_of(alert: Alert) -> SeriesMotion:
    """Return the dates of acceleration, rest and new motion in an alert's series; all None if not examined."""
    motion = AlertMotion.objects.filter(alert=alert).first()
    if motion is None:
        return SeriesMotion()
    return SeriesMotion(motion.accelerating_since, motion.at_rest_since, motion.moving_since)


def _by_view(detections: Iterable[Detection]) -> dict[str, list[Detection]]:
    by_view: dict[str, list[Detection]] = {}
    for one in detections:
        by_view.setdefault(view_of_detection(one), []).append(one)
    return by_view


def _figures_as_rate(found: Sequence[Detection]) -> ViewFigures:
    """Return one view's figures from its newest data, mm/yr: rates of the fastest detection, area of all."""
    ends = [data_end(measured_in(one)) for one in found]
    until = max(ends)
    newest = [one for one, end in zip(found, ends, strict=True) if end == until]
    main, area_m2 = max(newest, key=lambda one: abs(one.peak_rate_mm_yr)), sum(one.area_m2 for one in newest)
    low, high = main.peak_low_mm_yr, main.peak_high_mm_yr
    sigma = None if low is None or high is None else abs(high - low) / 2 / WITHIN_90
    rate_sigma = main.rate_sigma_mm_yr or 0.0
    return ViewFigures(main.rate_mm_yr, rate_sigma, area_m2, until, _method(main), main.peak_rate_mm_yr, sigma)


def _figures_as_speed(found: Sequence[Detection]) -> ViewFigures:
    """Return one view's figures from its last detections, m/day: medians of speed, its error and area."""
    last = sorted(found, key=lambda one: data_span(one)[1])[-PAIRS_TOGETHER:]
    speed, sigma, area_m2 = (
        median(getattr(one, name) or 0.0 for one in last) for name in ("speed_m_day", "speed_sigma_m_day", "area_m2")
    )
    return ViewFigures(speed, sigma, area_m2, data_span(last[-1])[1], _method(last[-1]))


_VIEW_FIGURES = {"mm/yr": _figures_as_rate, "m/day": _figures_as_speed}


def _method(detection: Detection) -> str:
    run = detection.scan.prediction.run
    source = run.product.source_format if run.product else "pair"
    return f"{source}, {run.model_version} {run.model_version.weights_sha256[:8]}".strip()


def _moves(detection: Detection) -> bool:
    return detection.rate_mm_yr is None or lifecycle.is_motion(detection.rate_mm_yr)


def _views_shown(detections: Iterable[Detection]) -> dict[str, ViewLife]:
    """Return name of a view -> its observations, rebuilt from the detections of an alert without AlertLife."""
    views: dict[str, ViewLife] = {}
    for one in sorted(detections, key=lambda each: data_end(measured_in(each))):
        view = view_of_detection(one)
        after = lifecycle.after_observation(views.get(view), Observation(data_end(measured_in(one)), _moves(one)))
        views |= {view: after} if after else {}
    return views


def _views(life: AlertLife) -> dict[str, ViewLife]:
    return {
        name: ViewLife(
            date.fromisoformat(one["moved_until"]),
            one["rest_looks"],
            date.fromisoformat(one["rest_until"]) if one["rest_until"] else None,
        )
        for name, one in life.views.items()
    }


def _stored(views: Mapping[str, ViewLife]) -> dict[str, Any]:
    return {
        name: {
            "moved_until": one.moved_until.isoformat(),
            "rest_looks": one.rest_looks,
            "rest_until": one.rest_until.isoformat() if one.rest_until else None,
        }
        for name, one in views.items()
    }

"""Records of an alert's life: the figures last reported, the observations by each view, and its steps."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from statistics import median
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from detection.alerts import plan
from detection.alerts.describe import data_end, data_span, measured_in, view_of_detection
from detection.alerts.importance import importance_refresh
from detection.glaciers.surge import RULE
from detection.kinds import Family, family, row_of
from detection.models import Alert, AlertLife, AlertMotion, AlertTransition, AlertUpdate, Detection
from detection.rules import lifecycle, updates
from detection.rules.lifecycle import Observation, SeriesMotion, State, ViewLife, as_json, may_become, with_dates
from detection.rules.motion import around_of, rate_of, sigma_of
from detection.rules.updates import Cause, Change, Figures, ViewFigures
from detection.search.patches import CHANGE
from detection.selectors import detections_current
from detection.tables.reviews import SetByHand
from ground_motion.core.errors import promised
from ml.models import Run

UNITS = {Family.VELOCITY: "mm/yr", Family.OFFSETS: "m/day", Family.SURFACE: ""}
PAIRS_TOGETHER = 3  # The median of the last pairs counts, so that one wrong pair is not reported.


def figures_of(alert: Alert, detections: Iterable[Detection]) -> Figures:
    """Return the figures that a message would state of an alert now, computed from its current detections."""
    unit, by_view = UNITS[family(alert.kind)], dict[str, list[Detection]]()
    if unit and not row_of(alert.kind).event:
        for detection in detections:
            by_view.setdefault(view_of_detection(detection), []).append(detection)
    views = {name: _VIEW_FIGURES[unit](found) for name, found in by_view.items()}
    main = max(views, key=lambda name: (views[name].until, abs(views[name].rate)), default="")
    if unit == "mm/yr" and views:
        main = max(views, key=lambda name: (name.split("/")[0] == alert.component, abs(views[name].rate)))
    return Figures(alert.kind, alert.severity, unit, views, main, alert.class_shares, _series_of(alert))


class Life(NamedTuple):
    """Record of an alert's life: read once, replaced by what new data show, and stored with the step that follows.

    reported, reported_at: figures of the last step, and its time; views: name of a view -> what it has observed.
    """

    reported: Figures
    reported_at: datetime
    views: Mapping[str, ViewLife]

    def observe(self, view: str, until: date, found: Iterable[Detection]) -> tuple["Life", bool]:
        """Note whether a view, with data that end on `until`, shows motion; return also whether motion follows rest."""
        before, observation = self.views.get(view), Observation(until, any(_moves(detection) for detection in found))
        after = lifecycle.life_after_observation(before, observation)
        return self.replace_view(view, after), lifecycle.moves_again(before, observation)

    def replace_view(self, view: str, seen: ViewLife | None) -> "Life":
        """Replace the observations by one view; None leaves them as they are."""
        return self._replace(views={**self.views, view: seen}) if seen else self

    def compare_same_days(self) -> "Life":
        """Let figures of the same days count as news, because the data behind the reported ones were withdrawn."""
        views = {name: figures._replace(until=date.min) for name, figures in self.reported.views.items()}
        return self._replace(reported=self.reported._replace(views=views))

    def shrink_to_rest(self, kept: Mapping[str, ViewFigures]) -> "Life":
        """Make the smaller areas kept after a split the baseline: what was split off is reported as other alerts."""
        views = {
            name: figures._replace(area_m2=kept[name].area_m2) if name in kept else figures
            for name, figures in self.reported.views.items()
        }
        return self._replace(reported=self.reported._replace(views=views))


def life_of(alert: Alert, detections: Iterable[Detection] | None = None) -> Life:
    """Read an alert's life; if it has none, begin one from `detections`, by default the current ones."""
    row = AlertLife.objects.filter(alert=alert).first()
    if row is None:
        shown = list(detections_current(alert=alert) if detections is None else detections)
        last = alert.transitions.last()
        row = AlertLife.objects.create(
            alert=alert,
            told=as_json(figures_of(alert, shown)),
            told_at=last.created_at if last else alert.updated_at,
            views=as_json(views_shown(shown)),
        )
    views = {name: ViewLife(**with_dates(seen, "moved_until", "rest_until")) for name, seen in row.views.items()}
    return Life(updates.from_json(row.told), row.told_at, views)


def _life_store(alert: Alert, life: Life) -> None:
    told, views = as_json(life.reported), as_json(life.views)
    AlertLife.objects.filter(alert=alert).update(told=told, told_at=life.reported_at, views=views)


def begin(alert: Alert, reason: str, detections: Sequence[Detection]) -> None:
    """Record the first transition of a new alert, and begin its life from its detections."""
    AlertTransition.objects.create(alert=alert, to_state=State.FIRST, reason=reason[:300])
    life_of(alert, detections)


def step_apply(alert: Alert, life: Life, step: plan.Step | None, run: Run | None = None) -> AlertTransition | None:
    """Apply a planned step and report it, or store the life of an alert without one. run: what the step is based on."""
    if step is None:
        _life_store(alert, life)
        return None
    if step.to != alert.state:
        return alert_transition(alert=alert, to=step.to, reason=step.reason, changed=step.changes, run=run, life=life)
    Alert.objects.filter(pk=alert.pk).update(updated_at=timezone.now())
    return report(alert, step.to, step.reason, "automatic", step.changes, run, life)


def alert_transition(
    *,
    alert: Alert,
    to: State,
    reason: str,
    actor: str = "automatic",
    changed: Sequence[Change] = (),
    run: Run | None = None,
    life: Life | None = None,
) -> AlertTransition:
    """Change an alert's state and report why; no other function changes a state.

    changed: changes of figures that `run` showed; life: the alert's, if read. ValueError if not allowed, or too late.
    """
    current = State(alert.state)
    if not may_become(current, to):
        raise ValueError(f"an alert that is {current} cannot become {to}")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=current).update(state=to, updated_at=timezone.now()):
            raise ValueError(f"alert {alert.code} was changed by somebody else; look at it again")
        return report(alert, to, reason, actor, changed, run, life)


def report(
    alert: Alert,
    to: State,
    reason: str,
    actor: str,
    changed: Sequence[Change] = (),
    run: Run | None = None,
    life: Life | None = None,
) -> AlertTransition:
    """Record a step with the changes since the last report, and store the reported figures for later comparison."""
    life, now = life or life_of(alert), timezone.now()
    taken = AlertTransition.objects.create(
        alert=alert, from_state=alert.state, to_state=to, reason=reason[:300], actor=actor
    )
    if State.FINISHED in (to, alert.state):
        importance_refresh(alert=alert)
        # Readers of the former severity hear of the one that an end or a resumption brings.
        was, graded = life.reported.severity, any(change.cause == Cause.SEVERITY for change in changed)
        changed = (
            changed if graded or was == alert.severity else (*changed, Change(Cause.SEVERITY, was, alert.severity))
        )
    if changed:
        AlertUpdate.objects.create(
            transition=taken,
            changes=[change._asdict() for change in changed],
            told_at=life.reported_at,
            run_number=run.pk if run else None,
        )
    alert.state = to.value
    reported = updates.reported_by_step(figures_of(alert, detections_current(alert=alert)), changed)
    _life_store(alert, life._replace(reported=reported, reported_at=now))
    return taken


def changes_since_report(alert: Alert, life: Life, current: Sequence[Detection]) -> tuple[tuple[Change, ...], Life]:
    """Return the changes since an alert's last report that exceed noise, whether they may be reported now or later.

    Figures that cannot be compared (of a new view or method) become the baseline for later comparisons.
    """
    now = figures_of(alert, current)
    found = updates.changes(life.reported, now)
    if SetByHand.objects.filter(alert=alert, area__isnull=False).exists():  # Data do not change its outline.
        found = tuple(change for change in found if change.cause != Cause.AREA)
    return found, life._replace(reported=updates.rebase(life.reported, now))


def series_resumed(alert: Alert, life: Life) -> bool:
    """Return whether an alert's series show motion that began or accelerated after the rest that was last reported."""
    rested_since, series = life.reported.series.at_rest_since, _series_of(alert)
    if rested_since is None or series.at_rest_since is not None:
        return False
    return any(day is not None and day > rested_since for day in (series.moving_since, series.accelerating_since))


def rest_of(alert: Alert, life: Life, until: date, noise_mm_yr: float) -> tuple[date, Change] | None:
    """Return (date since when an alert is at rest or over, change to report); None if not for long enough.

    until: last date of the newest data; noise_mm_yr: their rates' standard deviation, or the alert's if larger.
    """
    reported = life.reported
    if family(alert.kind) is Family.SURFACE:
        proof = lifecycle.event_proof(promised(alert.change_sigma), CHANGE.enter)
        since = lifecycle.rest_proved_since(life.views, proof)
    elif row_of(alert.kind).event:  # A surge may have gap_pairs pairs without motion; only one more shows its end.
        rise = (promised(alert.speed_m_day) - promised(alert.usual_speed_m_day)) / promised(alert.speed_sigma_m_day)
        since = lifecycle.rest_proved_since(life.views, lifecycle.event_proof(rise, RULE.z, RULE.gap_pairs + 1))
    else:
        sigma = max(alert.rate_sigma_mm_yr or 0.0, noise_mm_yr) if reported.unit == "mm/yr" else None
        since = lifecycle.rest_proved_since(life.views, lifecycle.rest_proof(sigma))
        since = since or lifecycle.series_rest(_series_of(alert).at_rest_since, until, sigma)
    if since is None:
        return None
    before = reported.views[reported.main].rate if reported.main in reported.views else None
    return since, Change(Cause.FINISHED, before, since.isoformat(), reported.unit, alert.component)


def _series_of(alert: Alert) -> SeriesMotion:
    """Return the dates of acceleration, rest and new motion in an alert's series; all None if not examined."""
    motion = AlertMotion.objects.filter(alert=alert).first()
    if motion is None:
        return SeriesMotion()
    return SeriesMotion(motion.accelerating_since, motion.at_rest_since, motion.moving_since)


def _figures_as_rate(found: Sequence[Detection]) -> ViewFigures:
    """Return one view's figures from its newest data, mm/yr: rates of the fastest detection, area of all."""
    ends = [data_end(measured_in(detection)) for detection in found]
    until = max(ends)
    newest = [detection for detection, end in zip(found, ends, strict=True) if end == until]
    main = max(newest, key=lambda detection: abs(promised(detection.peak_rate_mm_yr)))
    area_m2 = sum(detection.area_m2 for detection in newest)
    low, high = main.peak_low_mm_yr, main.peak_high_mm_yr
    sigma = None if low is None or high is None else sigma_of(low, high)
    rate, rate_sigma = promised(main.rate_mm_yr), main.rate_sigma_mm_yr or 0.0
    around = around_of(main, rate_of(main, "", until, until))
    still_mm_yr = None if main.around_mm_yr is None else 0.0
    around_mm_yr, peak = around.value if around else still_mm_yr, main.peak_rate_mm_yr
    return ViewFigures(rate, rate_sigma, area_m2, until, _method(main), peak, sigma, around_mm_yr)


def _figures_as_speed(found: Sequence[Detection]) -> ViewFigures:
    """Return one view's figures from its last detections, m/day: medians of speed, its error and area."""
    last = sorted(found, key=lambda detection: data_span(detection)[1])[-PAIRS_TOGETHER:]
    speed, sigma, area_m2 = (
        median(getattr(detection, name) or 0.0 for detection in last)
        for name in ("speed_m_day", "speed_sigma_m_day", "area_m2")
    )
    return ViewFigures(speed, sigma, area_m2, data_span(last[-1])[1], _method(last[-1]))


_VIEW_FIGURES = {"mm/yr": _figures_as_rate, "m/day": _figures_as_speed}


def _method(detection: Detection) -> str:
    run = detection.scan.prediction.run
    source = run.product.source_format if run.product else "pair"
    return f"{source}, {run.model_version} {run.model_version.weights_sha256[:8]}".strip()


def _moves(detection: Detection) -> bool:
    return detection.rate_mm_yr is None or lifecycle.is_motion(detection.rate_mm_yr)


def views_shown(detections: Iterable[Detection]) -> dict[str, ViewLife]:
    """Return name of a view -> its observations, rebuilt from the detections of an alert without AlertLife."""
    views: dict[str, ViewLife] = {}
    for detection in sorted(detections, key=lambda each: data_end(measured_in(each))):
        view, seen = view_of_detection(detection), Observation(data_end(measured_in(detection)), _moves(detection))
        if after := lifecycle.life_after_observation(views.get(view), seen):
            views[view] = after
    return views

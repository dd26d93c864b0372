"""Looks that do not find what is known, and the end of what is at rest or over."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from detection.alerts import life
from detection.alerts.describe import data_end, views_of_run
from detection.alerts.transitions import alert_transition
from detection.glaciers.surge import GlacierView, day_number, day_of, mean_speed
from detection.kinds import Family, Kind
from detection.models import Alert, AlertTransition, Detection
from detection.rules.lifecycle import LIVING, State, ViewLife
from detection.search.known import known_share
from detection.selectors import alerts_missed
from ingest.products.selectors import points_count_within
from ml.models import ModelVersion, Run
from ml.rasters.areas import DEFAULT_THRESHOLDS

LEAST_KNOWN = 0.5  # of an alert's cells, for a pair that shows its ground
EVENT_WORDS = {Kind.SURFACE_CHANGE: "change of the surface", Kind.GLACIER_SURGE: "surge"}
FAMILY_OF = {
    ModelVersion.Task.DEFORMATION: Family.VELOCITY,
    ModelVersion.Task.COHERENCE_CHANGE: Family.SURFACE,
    ModelVersion.Task.OFFSETS: Family.OFFSETS,
}


def look_for_the_others(run: Run, touched: Iterable[int], found: Sequence[Detection]) -> None:
    """Remember that a run did not find what its track had shown before; end what has been at rest for long enough."""
    views, seen = views_of_run(run), run.input
    for alert in alerts_missed(views=views, seen=seen, family=FAMILY_OF[run.model_version.task], found=touched):
        if _moves_elsewhere(alert, found) or not _shows_afterwards(run, alert):
            continue  # its ground moves under another code, or is not shown since then: that is no rest
        for view, until in views.items():
            life.look_note(alert, view, until, [])
        end_where_over(alert, run)


def _moves_elsewhere(alert: Alert, found: Sequence[Detection]) -> bool:
    """Whether a run found motion on an alert's ground that belongs to another one."""
    return any(one.extent == alert.extent and one.area.intersects(alert.area) for one in found)


def _shows_afterwards(run: Run, alert: Alert) -> bool:
    """Whether a run's data show an alert's ground; pairs, as it was after all that the alert was seen in."""
    if run.product:
        return points_count_within(product=run.product, area=alert.area) >= DEFAULT_THRESHOLDS.fewest_points
    if run.pair.reference.acquired_at.date() < alert.last_motion:
        return False
    return known_share(prediction=run.prediction, area=alert.area) >= LEAST_KNOWN


def end_where_over(alert: Alert, run: Run) -> AlertTransition | None:
    """Finish an alert that has been at rest, or over, for as long as the rule asks for; None for one that has not."""
    noise = run.prediction.statistics.get("rate_sigma_mm_yr", 0.0)
    rest = life.rest_of(alert, data_end(run.input), noise) if alert.state in LIVING else None
    if rest is None:
        return None
    reason = f"no {EVENT_WORDS.get(alert.kind, 'motion')} after {rest[0]:%-d %B %Y} in {run.input}"
    if alert.state == State.CONFIRMED:
        reason = f"{reason}; a specialist had confirmed the motion, its end is the computer's finding"
    return alert_transition(alert=alert, to=State.FINISHED, reason=reason, changed=[rest[1]], run=run)


class SurgeLook(NamedTuple):
    """What a track shows of a glacier: its series, and the run on its last pair."""

    view: GlacierView
    run: Run


def end_surge_where_over(alert: Alert, looks: Sequence[SurgeLook]) -> None:
    """Work out anew what each track's whole series says of a surge, and finish the alert of one that is over."""
    begin, end = day_number(alert.first_motion), day_number(alert.last_motion)
    for view, run in looks:
        (name,) = views_of_run(run)
        moved_until, series = life.moved_until(alert, name), view.series
        if moved_until is None:
            continue
        during = [one for one in view.surges if one.onset.day <= end and series.end_day[one.last] >= begin]
        if during:
            moved_until = day_of(max(series.end_day[one.last] for one in during))
        body = np.ones(series.sigma_m_day.shape[1], dtype=bool)
        if during:
            body = np.any([one.cells for one in during], axis=0)
        shown = np.isfinite(mean_speed(series, body)[0]) & (series.start_day >= day_number(moved_until))
        rest_until = day_of(series.end_day[shown].max()) if shown.any() else None
        life.view_note(alert, name, ViewLife(moved_until, int(shown.sum()), rest_until))
    end_where_over(alert, max((look.run for look in looks), key=lambda run: data_end(run.pair)))

"""Changes of a known alert to be reported: its present figures compared with those of its last report. Pure.

docs/decisions/0008-updates.md gives the rule and its reasons.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from detection.kinds import row_of
from detection.rules.lifecycle import SeriesMotion, with_dates
from detection.rules.severity import Severity
from ground_motion.rasters.areas import SURE_SHARE

SIGMAS = 2.0  # A difference of two rates must reach this many of its standard deviations.
RATE_SHARE = 0.25  # A rate must change by this share of the reported rate.
AREA_FACTOR = 1.5
SURE_MARGIN = 0.15  # A named cause is withdrawn if its share is this much below SURE_SHARE.
MUTED_FOR = timedelta(days=30)
GRADES = [grade.value for grade in Severity]  # Grades are sorted from the lowest.


class Cause(StrEnum):
    """Causes of an update."""

    RATE = "rate"
    PEAK = "peak"
    AREA = "area"
    KIND = "kind"
    SEVERITY = "severity"
    ACCELERATION = "acceleration"
    PASSES = "passes"  # New passes show another rate than the release, provisionally.
    FINISHED = "finished"
    WOKEN = "woken"
    NAMED = "named"  # A person caused this change and the next two.
    OUTLINE = "outline"
    TEXT = "text"


class ViewFigures(NamedTuple):
    """Figures of one view (a track, a component) in its newest data.

    Attributes:
        rate: Rate of the fastest part found, mm/yr, or m/day for offsets; sigma: its standard deviation.
        area_m2: Area of all parts.
        until: Last date of the data.
        by: Format and method, because outlines of different methods are not compared.
        peak: Highest rate in the fastest part; peak_sigma: its standard deviation; None if not known.
        around: Rate of the ground around, to which the other rates are relative; None if not known.
    """

    rate: float
    sigma: float
    area_m2: float
    until: date
    by: str = ""
    peak: float | None = None
    peak_sigma: float | None = None
    around: float | None = None


class Figures(NamedTuple):
    """Figures that a message states of an alert. unit: of the rates, mm/yr or m/day, empty where none is measured."""

    kind: str
    severity: str
    unit: str
    views: Mapping[str, ViewFigures]
    main: str
    shares: Mapping[str, float]
    series: SeriesMotion = SeriesMotion()


class Change(NamedTuple):
    """One cause of an update, as it is stored. before, after: figures in `unit`, words of a kind or grade, or dates."""

    cause: str
    before: float | str | None
    after: float | str | None
    unit: str = ""
    component: str = ""


def changes(reported: Figures, now: Figures) -> tuple[Change, ...]:
    """Return the changes since the last report that exceed noise. Figures are compared within one view only."""
    found = []
    view = common_view(reported, now)
    if view:
        found += _changes_of_view(view, reported.views[view], now.views[view], now.unit)
    if reported.kind != now.kind and not _is_named_by_network(reported.kind, now.shares) and _named_anew(reported, now):
        found.append(Change(Cause.KIND, reported.kind, now.kind))
    if reported.severity != now.severity and _graded_anew(reported, now):
        found.append(Change(Cause.SEVERITY, reported.severity, now.severity))
    since = now.series.accelerating_since
    if since is not None and reported.series.accelerating_since is None:
        found.append(Change(Cause.ACCELERATION, None, since.isoformat(), "date"))
    return tuple(found)


def common_view(reported: Figures, now: Figures) -> str:
    """Return the name of a view that was reported and has newer data, preferably a main one; empty if there is none."""
    shared = now.views.keys() & reported.views.keys()
    newer = [name for name in shared if now.views[name].until > reported.views[name].until]
    return next((name for name in (now.main, reported.main) if name in newer), min(newer, default=""))


def may_report(found: Iterable[Change], since_report: timedelta) -> bool:
    """Return whether changes may be reported: at most once a month, but a higher grade at once."""
    found = tuple(found)
    rises = any(
        change.cause == Cause.SEVERITY and GRADES.index(str(change.after)) > GRADES.index(str(change.before))
        for change in found
    )
    return bool(found) and (since_report >= MUTED_FOR or rises)


def rebase(reported: Figures, now: Figures) -> Figures:
    """Return the reported figures with new views, and outlines by new methods, added as baseline, not as changes."""
    views = dict(reported.views)
    for name, seen in now.views.items():
        before = views.get(name)
        if before is None:
            views[name] = seen
        elif before.by != seen.by:
            views[name] = before._replace(area_m2=seen.area_m2, by=seen.by)
    accelerating = reported.series.accelerating_since if now.series.accelerating_since else None
    return reported._replace(views=views, series=reported.series._replace(accelerating_since=accelerating))


def reported_by_step(now: Figures, changed: Iterable[Change]) -> Figures:
    """Return the baseline after a step: all present figures; after a change of rate or area, those of newest data."""
    if not {change.cause for change in changed} & {Cause.RATE, Cause.PEAK, Cause.AREA}:
        return now
    newest = max((seen.until for seen in now.views.values()), default=date.min)
    return now._replace(views={name: seen for name, seen in now.views.items() if seen.until == newest})


def from_json(stored: Mapping[str, Any]) -> Figures:
    """Restore figures that `as_json` stored."""
    views = {name: ViewFigures(**with_dates(figures, "until")) for name, figures in stored["views"].items()}
    series = SeriesMotion(**with_dates(stored["series"], *stored["series"]))
    return Figures(**{**stored, "views": views, "series": series})


def _changes_of_view(view: str, reported: ViewFigures, now: ViewFigures, unit: str) -> list[Change]:
    found, component = [], view.split("/")[0]
    if unit and _rate_changed(reported, now):
        found.append(Change(Cause.RATE, *_both_stated(reported, now, "rate"), unit, component))
    elif unit and _peaks_differ(reported, now):  # if an outline grows with its rate, the median inside hardly changes
        found.append(Change(Cause.PEAK, *_both_stated(reported, now, "peak"), unit, component))
    small, large = sorted((reported.area_m2, now.area_m2))
    if reported.by == now.by and large >= AREA_FACTOR * small:
        found.append(Change(Cause.AREA, reported.area_m2, now.area_m2, "m2"))
    return found


def _both_stated(reported: ViewFigures, now: ViewFigures, name: str) -> tuple[float, float]:
    """Return a rate as reported and as it is now, both with that of the ground around unless this reverses one."""
    around = now.around or 0.0
    rates = getattr(reported, name), getattr(now, name)
    before, after = rates[0] + (around if reported.around is None else reported.around), rates[1] + around
    return (before, after) if before * rates[0] > 0 and after * rates[1] > 0 else rates


def _differ(reported: ViewFigures, now: ViewFigures) -> bool:
    return abs(now.rate - reported.rate) >= SIGMAS * math.hypot(reported.sigma, now.sigma)


def _rate_changed(reported: ViewFigures, now: ViewFigures) -> bool:
    return _differ(reported, now) and abs(now.rate - reported.rate) >= RATE_SHARE * abs(reported.rate)


def _peaks_differ(reported: ViewFigures, now: ViewFigures) -> bool:
    if reported.peak is None or now.peak is None or reported.peak_sigma is None or now.peak_sigma is None:
        return False
    change = abs(now.peak - reported.peak)
    return change >= max(SIGMAS * math.hypot(reported.peak_sigma, now.peak_sigma), RATE_SHARE * abs(reported.peak))


def _is_named_by_network(kind: str, shares: Mapping[str, float]) -> bool:
    """Return whether the network's share for a kind is at least SURE_SHARE - SURE_MARGIN; else the rate names it."""
    name = row_of(kind).network_class
    return bool(name) and shares.get(name, 0.0) >= SURE_SHARE - SURE_MARGIN


def _named_anew(reported: Figures, now: Figures) -> bool:
    """Return whether a new kind is more than noise: if named by the rate alone, the rate must have changed."""
    by_network = any(_is_named_by_network(figures.kind, figures.shares) for figures in (reported, now))
    if now.unit != "mm/yr" or by_network:
        return True
    view = common_view(reported, now)
    return bool(view) and _rate_changed(reported.views[view], now.views[view])


def _graded_anew(reported: Figures, now: Figures) -> bool:
    """Return whether a new grade is due to the ground (rate, area, acceleration, rest), not to a map or method."""
    view = common_view(reported, now)
    if not view:
        return False
    before, after = reported.views[view], now.views[view]
    grown = before.by == after.by and not 1 / AREA_FACTOR < after.area_m2 / before.area_m2 < AREA_FACTOR
    was, series = reported.series, now.series
    turned = (was.accelerating_since, was.at_rest_since) != (series.accelerating_since, series.at_rest_since)
    return _differ(before, after) or _peaks_differ(before, after) or grown or turned

"""What is news of an alert that is known already: its figures now against those that were told last. Pure.

The rule, and why it is this one, stand in docs/decisions/0008-updates.md.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from detection.kinds import row_of
from detection.rules.lifecycle import SeriesMotion
from detection.rules.severity import Severity
from ml.rasters.areas import SURE_SHARE

SIGMAS = 2.0  # of the difference of two rates
RATE_SHARE = 0.25  # of the rate that was told
AREA_FACTOR = 1.5
SURE_MARGIN = 0.15  # a named cause is taken back where its share is that much below what names one
MUTED_FOR = timedelta(days=30)
GRADES = [grade.value for grade in Severity]  # from the lowest


class Cause(StrEnum):
    RATE = "rate"
    PEAK = "peak"
    AREA = "area"
    KIND = "kind"
    SEVERITY = "severity"
    ACCELERATION = "acceleration"
    FINISHED = "finished"
    WOKEN = "woken"
    NAMED = "named"  # by a person, as the next two
    OUTLINE = "outline"
    TEXT = "text"


class ViewFigures(NamedTuple):
    """What one view (a track, a component) shows in its newest data.

    rate: mm/yr, or m/day of offsets, of the fastest part found; sigma: one standard deviation; area_m2: all parts
    together; until: last date of the data; by: format and method, for outlines of different methods are not compared;
    peak, peak_sigma: where the fastest part moves fastest, None where its error is not known.
    """

    rate: float
    sigma: float
    area_m2: float
    until: date
    by: str = ""
    peak: float | None = None
    peak_sigma: float | None = None


class Figures(NamedTuple):
    """All that a message states of an alert. unit: of the rates, mm/yr or m/day, empty where none is measured."""

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


def changes(told: Figures, now: Figures) -> tuple[Change, ...]:
    """What has changed since an alert was told, beyond noise. Rates and areas of one view are compared with its own."""
    found = []
    view = common_view(told, now)
    if view:
        found += _of_view(view, told.views[view], now.views[view], now.unit)
    if told.kind != now.kind and not _by_network(told.kind, now.shares) and _named_anew(told, now):
        found.append(Change(Cause.KIND, told.kind, now.kind))
    if told.severity != now.severity and _graded_anew(told, now):
        found.append(Change(Cause.SEVERITY, told.severity, now.severity))
    since = now.series.accelerating_since
    if since is not None and told.series.accelerating_since is None:
        found.append(Change(Cause.ACCELERATION, None, since.isoformat(), "date"))
    return tuple(found)


def common_view(told: Figures, now: Figures) -> str:
    """The view in which an alert was told, or another one that is known of both times and has newer data."""
    newer = [name for name in now.views if name in told.views and now.views[name].until > told.views[name].until]
    return next((name for name in (now.main, told.main) if name in newer), min(newer, default=""))


def may_report(found: Iterable[Change], since_report: timedelta) -> bool:
    """At most one update a month; a higher grade does not wait."""
    found = tuple(found)
    rises = any(
        one.cause == Cause.SEVERITY and GRADES.index(str(one.after)) > GRADES.index(str(one.before)) for one in found
    )
    return bool(found) and (since_report >= MUTED_FOR or rises)


def rebased(told: Figures, now: Figures) -> Figures:
    """What was told, with the views that were not there then or whose method is another one: nobody was told wrong."""
    views = dict(told.views)
    for name, seen in now.views.items():
        before = views.get(name)
        if before is None:
            views[name] = seen
        elif before.by != seen.by:
            views[name] = before._replace(area_m2=seen.area_m2, by=seen.by)
    accelerating = told.series.accelerating_since if now.series.accelerating_since else None
    return told._replace(views=views, series=told.series._replace(accelerating_since=accelerating))


def reported(now: Figures, changed: Iterable[Change]) -> Figures:
    """What is told by a step. A view with older data has not shown the change yet; when it does, that is no news."""
    if not {one.cause for one in changed} & {Cause.RATE, Cause.PEAK, Cause.AREA}:
        return now
    newest = max((seen.until for seen in now.views.values()), default=date.min)
    return now._replace(views={name: seen for name, seen in now.views.items() if seen.until == newest})


def as_json(figures: Figures) -> dict[str, Any]:
    """Dates in ISO 8601."""
    series = {name: day.isoformat() if day else None for name, day in figures.series._asdict().items()}
    views = {name: seen._asdict() | {"until": seen.until.isoformat()} for name, seen in figures.views.items()}
    return figures._asdict() | {"views": views, "series": series, "shares": dict(figures.shares)}


def from_json(stored: Mapping[str, Any]) -> Figures:
    """What `as_json` made."""
    views = {
        name: ViewFigures(**one | {"until": date.fromisoformat(one["until"])}) for name, one in stored["views"].items()
    }
    days = {name: date.fromisoformat(day) if day else None for name, day in stored["series"].items()}
    return Figures(**{**stored, "views": views, "series": SeriesMotion(**days)})


def _of_view(view: str, told: ViewFigures, now: ViewFigures, unit: str) -> list[Change]:
    found, component = [], view.split("/")[0]
    if unit and _rate_changed(told, now):
        found.append(Change(Cause.RATE, told.rate, now.rate, unit, component))
    elif unit and _peaks_differ(told, now):  # an outline grows with its rate, and the median inside hardly changes
        found.append(Change(Cause.PEAK, told.peak, now.peak, unit, component))
    small, large = sorted((told.area_m2, now.area_m2))
    if told.by == now.by and large >= AREA_FACTOR * small:
        found.append(Change(Cause.AREA, told.area_m2, now.area_m2, "m2"))
    return found


def _differ(told: ViewFigures, now: ViewFigures) -> bool:
    return abs(now.rate - told.rate) >= SIGMAS * math.hypot(told.sigma, now.sigma)


def _rate_changed(told: ViewFigures, now: ViewFigures) -> bool:
    return _differ(told, now) and abs(now.rate - told.rate) >= RATE_SHARE * abs(told.rate)


def _peaks_differ(told: ViewFigures, now: ViewFigures) -> bool:
    if told.peak is None or now.peak is None or told.peak_sigma is None or now.peak_sigma is None:
        return False
    change = abs(now.peak - told.peak)
    return change >= max(SIGMAS * math.hypot(told.peak_sigma, now.peak_sigma), RATE_SHARE * abs(told.peak))


def _by_network(kind: str, shares: Mapping[str, float]) -> bool:
    """Whether a kind is, or was a little while ago, what the network is sure of; else the rate alone names it."""
    name = row_of(kind).network_class
    return bool(name) and shares.get(name, 0.0) >= SURE_SHARE - SURE_MARGIN


def _named_anew(told: Figures, now: Figures) -> bool:
    """Whether a kind is another one for more than noise: where the rate alone decides, it must have changed."""
    if now.unit != "mm/yr" or _by_network(told.kind, told.shares) or _by_network(now.kind, now.shares):
        return True
    view = common_view(told, now)
    return bool(view) and _rate_changed(told.views[view], now.views[view])


def _graded_anew(told: Figures, now: Figures) -> bool:
    """Whether the ground explains another grade: a rate beyond its noise, an area or a kind, not a map or a method."""
    view = common_view(told, now)
    if not view:
        return False
    before, after = told.views[view], now.views[view]
    grown = before.by == after.by and not 1 / AREA_FACTOR < after.area_m2 / before.area_m2 < AREA_FACTOR
    return (
        _differ(before, after)
        or _peaks_differ(before, after)
        or grown
        or now.series.accelerating_since != told.series.accelerating_since
    )

"""Measurement points in words: one point, the points behind an alert, and what a new release changed."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from monitor.wording.components import direction, moved_plainly
from monitor.wording.dates import day_words, period_words
from monitor.wording.figures import figure, rate_words

STILL_MM_YR = 2.0
TILT_OVER_M = 10.0
MANY = 0.5  # share of an area's points
FAST_MM_YR = 3000.0  # ice, and fast landslides: from here on in metres


def point_sentence(component: str, rate_mm_yr: float, std_mm_yr: float | None, first: date, last: date) -> str:
    """One sentence for a single measurement point."""
    when = period_words(first, last)
    if abs(rate_mm_yr) < max(STILL_MM_YR, 2 * (std_mm_yr or 0)):
        return f"This point moved very little {when}: {figure(rate_mm_yr)} mm a year, too little to be sure of."
    unit, factor = ("m", 1000.0) if abs(rate_mm_yr) >= FAST_MM_YR else ("mm", 1.0)
    sigma = None if std_mm_yr is None else std_mm_yr / factor
    rate = rate_words(rate_mm_yr / factor, sigma, f"{unit} a year")
    return f"This point {moved_plainly(component, rate_mm_yr)} by about {rate} {when}."


def agreement_sentences(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which of the tracks that were looked at together show an area by themselves, in the order that follows."""
    names = [f"{one['product']} ({one['track']})" for one in reasons]
    looked = f"{len(reasons)} data sets were looked at together: {', '.join(names)}; their points follow in this order."
    n_seen = sum(one["seen"] for one in reasons)
    if n_seen == len(reasons):
        return [looked, "Each of them shows the motion by itself."]
    if n_seen > 0:
        return [looked, "One of them shows the motion by itself." if n_seen == 1 else f"{n_seen} of them show it."]
    return [looked, "None of them shows the motion clearly by itself."]


def reason_sentences(component: str, reason: Mapping[str, Any]) -> list[str]:
    """The points inside an area against those around it. See `ml.statistics.reasons`."""
    inside, around = reason["rate_mm_yr"], reason["around_mm_yr"]
    if inside is None:
        return []
    points = "The only point inside moves" if reason["n_points"] == 1 else f"{reason['n_points']:,} points inside move"
    first = f"{points} by {figure(inside)} mm a year (median), {direction(component, inside)}"
    more = [*_of_series(reason), *([reason["assumes"]] if reason.get("assumes") else [])]
    if around is None:
        return [f"{first}.", "There are too few points around it to compare with.", *more]
    still = "by 0" if abs(around) < 0.05 else f"by {figure(around)} mm, {direction(component, around)}"
    spread = f"two thirds of those within {figure(reason['scatter_mm_yr'])} mm of that"
    return [
        f"{first}; the {reason['n_around']:,} around it {still}, {spread}.",
        f"Of the points inside, {100 * reason['beyond']:.0f} % differ by more than twice that.",
        *more,
    ]


def _of_series(reason: Mapping[str, Any]) -> list[str]:
    """What the series of the points inside shows; see `ml.deformation.series.evidence`. Older detections have none."""
    lines = []
    if reason.get("jump_share", 0) >= MANY:
        day, size = day_words(date.fromisoformat(reason["jump_date"])), figure(reason["jump_mm"])
        ending = "not steadily"
        if reason["jump_cycles"]:
            ending = "a whole number of half wavelengths: it may be an error of processing and no motion"
        share = f"{100 * reason['jump_share']:.0f} % of the points inside"
        lines.append(f"{share} made most of their way in one jump of {size} mm, first seen on {day}, {ending}.")
    if reason.get("odd_even_mm_yr") is not None:
        lines.append(
            "By themselves, half of the images and the other half give speeds "
            f"{figure(reason['odd_even_mm_yr'])} mm a year apart."
        )
    return lines


def change_sentence(release: str, n_gone: int, n_new: int, median_change_mm_yr: float | None, component: str) -> str:
    """What changed since an older release of the same ground."""
    since = f"Since the release {release.replace('_', '–', 1).replace('_', ', version ')}"
    if not release:
        since = "Since the previous release"
    counts = f"{n_gone:,} points are gone and {n_new:,} are new"
    if median_change_mm_yr is None:
        return f"{since}, {counts}."
    if abs(median_change_mm_yr) < 0.05:
        return f"{since}, {counts}; where both measure, the usual speed is the same."
    size, way = figure(median_change_mm_yr), direction(component, median_change_mm_yr)
    return f"{since}, {counts}; where both measure, the usual speed changed by {size} mm a year ({way})."


def tilt_sentence(place: Mapping[str, Any]) -> str:
    """The steepest tilt of a place, over the length of a house; empty where it was not measured."""
    if not place.get("tilt_mm_m_yr"):
        return ""
    value, low, high = (
        f"{TILT_OVER_M * place[name]:.1f}" for name in ("tilt_mm_m_yr", "tilt_low_mm_m_yr", "tilt_high_mm_m_yr")
    )
    if value == "0.0":
        return "Over ten metres, both ends of a building move alike, to within a tenth of a millimetre a year."
    return (
        f"Where it tilts most, one end of something ten metres long moves about {value} mm a year more than the other "
        f"(probably {low} to {high})."
    )

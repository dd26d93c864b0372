"""What people read: one plain sentence first, figures second, never more certain than the data."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from detection.kinds import SINKING

STILL_MM_YR = 2.0

KIND_LABELS = {
    "subsidence": "Sinking ground",
    "mining-subsidence": "Sinking ground, likely mining",
    "groundwater-subsidence": "Sinking ground, likely groundwater",
    "fill-or-quarry": "Sinking ground, likely fill or quarry",
    "landslide": "Sliding slope, likely a landslide",
    "uplift": "Rising ground",
    "unknown": "Moving ground, cause not known",
    "surface-change": "Changed surface",
    "moving-ground": "Fast-moving ground",
    "glacier-surge": "Glacier surge",
    "fast-landslide": "Fast landslide",
}
KIND_MEANINGS = {
    "mining-subsidence": "Ground sinks like this over mines, tunnels and other hollows.",
    "groundwater-subsidence": "Ground sinks like this, widely and evenly, where much water is pumped from below.",
    "fill-or-quarry": "Fresh fill, waste heaps and the floors of quarries settle like this.",
    "landslide": "Slopes that creep downhill look like this.",
    "uplift": "Ground rises like this where old mines fill with water, or where pumping has ended.",
}
CLASS_WORDS = {
    "mining_subsidence": "mining",
    "groundwater_subsidence": "pumped groundwater",
    "fill_or_quarry": "fill or a quarry",
    "landslide": "a landslide",
    "uplift": "rising ground",
}
LEAST_SHARE = 0.1  # of a cause that is worth naming
STATE_LABELS = {
    "first": ("not yet reviewed", "A computer found this in one set of satellite data. Nobody has checked it yet."),
    "provisional": ("seen twice, not yet reviewed", "Two sets of satellite data show it. Nobody has checked it yet."),
    "confirmed": ("confirmed", "A specialist has looked at this and agrees that the ground moves."),
    "rejected": ("not motion", "A specialist has looked at this and found that it is not ground motion."),
    "finished": ("finished", "The ground here moved and has come to rest."),
    "merged": ("part of another alert", "This place is followed under another alert; the history says under which."),
}
VERDICT_HEADINGS = {
    "confirm": "The ground moves here",
    "reject": "This is not motion of the ground",
    "field-visit": "A visit on site is planned",
    "taken-back": "An earlier finding was taken back",
}
VERDICT_FORMS = {
    "confirm": {"key": "c", "title": "Confirm", "meaning": "The ground moves here.", "button": "Confirm"},
    "reject": {
        "key": "n",
        "title": "Not motion",
        "meaning": "It leaves the list; its page stays and says why.",
        "button": "Record as not motion",
    },
    "field-visit": {
        "key": "f",
        "title": "Field visit",
        "meaning": "It stays as it is until somebody has been there.",
        "button": "Plan a visit",
    },
}
SEVERITY_LABELS = {
    "minor": ("small", "Slow motion of a small area."),
    "moderate": ("medium", "Faster motion (over 10 mm a year), or a large area."),
    "strong": ("large", "Fast motion: more than 50 mm a year at its fastest."),
}
COMPONENT_LABELS = {
    "los": "along the satellite's line of sight",
    "up": "up and down",
    "east": "east and west",
    "north": "north and south",
}
WORDS = {
    "los": ("away from the satellite", "toward the satellite"),
    "up": ("sinking", "rising"),
    "east": ("moving west", "moving east"),
    "north": ("moving south", "moving north"),
}


def _way(component: str, rate_mm_yr: float) -> str:
    """'sinking', 'toward the satellite': the direction of a measurement in words."""
    return WORDS[component][rate_mm_yr > 0]


def _moved(component: str, rate_mm_yr: float) -> str:
    """'sank', 'moved toward the satellite': the same, in the past."""
    way = _way(component, rate_mm_yr)
    return {"sinking": "sank", "rising": "rose"}.get(way) or f"moved {way.removeprefix('moving ')}"


FAST_MM_YR = 3000.0  # ice, and ground that runs: from here on in metres


def figure(value: float) -> str:
    """A rate as people say it: whole millimetres from 10 on, one decimal below."""
    return f"{abs(value):.0f}" if abs(value) >= 10 else f"{abs(value):.1f}"


def with_uncertainty(rate_mm_yr: float, sigma_mm_yr: float | None) -> str:
    """'112 ± 9' (mm a year, two standard deviations); digits as `figure` shows them, never '± 0'."""
    if sigma_mm_yr is None or math.isnan(sigma_mm_yr):
        return figure(rate_mm_yr)
    margin = 2 * sigma_mm_yr
    return (
        f"{figure(rate_mm_yr)} ± {max(1.0, margin):.0f}"
        if abs(rate_mm_yr) >= 10
        else f"{figure(rate_mm_yr)} ± {max(0.1, margin):.1f}"
    )


def rate_label(kind: str, component: str, rate_mm_yr: float, peak_rate_mm_yr: float) -> str:
    """'sinking 14 mm/year', 'sinking up to 17 mm/year' where parts are much faster than the rest.

    For motion of unknown kind, the plain direction of the measurement.
    """
    verb = "sinking" if kind in SINKING else "rising" if kind == "uplift" else _way(component, rate_mm_yr)
    if _uneven(rate_mm_yr, peak_rate_mm_yr):
        return f"{verb} up to {figure(peak_rate_mm_yr)} mm/year"
    return f"{verb} {figure(rate_mm_yr)} mm/year"


def _uneven(rate_mm_yr: float, peak_rate_mm_yr: float) -> bool:
    return abs(peak_rate_mm_yr) > 1.3 * abs(rate_mm_yr)


def period_words(first: date, last: date) -> str:
    """'between January and July 2018', 'between 2020 and 2024'."""
    if first.year == last.year:
        return f"between {first:%B} and {last:%B} {last.year}"
    return f"between {first.year} and {last.year}"


def alert_sentence(
    kind: str,
    component: str,
    rate_mm_yr: float,
    peak_rate_mm_yr: float,
    sigma_mm_yr: float | None,
    first: date,
    last: date,
) -> str:
    """One sentence for an area: what it did, how fast, when, compared with what."""
    rate, when = with_uncertainty(rate_mm_yr, sigma_mm_yr), period_words(first, last)
    verb = "sank" if kind in SINKING else "rose" if kind == "uplift" else _moved(component, rate_mm_yr)
    fastest = (
        f", and by up to {figure(peak_rate_mm_yr)} mm a year at its fastest"
        if _uneven(rate_mm_yr, peak_rate_mm_yr)
        else ""
    )
    sideways = kind in {"unknown", "landslide"}  # the direction itself says where from
    seen = "as seen from the satellite and compared" if component == "los" and not sideways else "compared"
    return f"The ground here {verb} by about {rate} mm a year{fastest}, {when}, {seen} with the ground around it."


def point_sentence(component: str, rate_mm_yr: float, std_mm_yr: float | None, first: date, last: date) -> str:
    """One sentence for a single measurement point."""
    when = period_words(first, last)
    if abs(rate_mm_yr) < max(STILL_MM_YR, 2 * (std_mm_yr or 0)):
        return (
            f"This point moved very little {when}: {figure(rate_mm_yr)} mm a year, as much as such a figure may be off."
        )
    verb, unit = _moved(component, rate_mm_yr), "mm"
    if abs(rate_mm_yr) >= FAST_MM_YR:
        rate_mm_yr, std_mm_yr, unit = rate_mm_yr / 1000, None if std_mm_yr is None else std_mm_yr / 1000, "m"
    return f"This point {verb} by about {with_uncertainty(rate_mm_yr, std_mm_yr)} {unit} a year, {when}."


def advice(kind: str, state: str) -> list[str]:
    """What a resident can do: calm, concrete, nothing that the data cannot carry."""
    if state == "rejected":
        return [
            "Nothing needs to be done because of this alert.",
            "If you see fresh cracks or doors that jam all the same, tell your municipality or the geological survey.",
        ]
    steps = [
        "Look for fresh cracks in walls, doors and windows that jam, or pipes that leak. Note the date, take a photo.",
        "If you see such signs, tell your municipality or the geological survey, and show them this page.",
    ]
    if state in {"first", "provisional"}:
        steps.insert(0, "Nobody has checked this yet. Take it as a hint, not as a finding.")
    if kind == "landslide":
        signs = "On and below a slope, look also for leaning trees and poles, steps in the ground and new springs."
        steps.insert(-1, signs)
    if kind == "unknown":
        steps.append("What causes the motion cannot be told from these data alone.")
    return steps


def cause_sentences(kind: str, shares: Mapping[str, float]) -> list[str]:
    """What a network takes an area for, how sure it is, and what that rests on; nothing where no network looked.

    shares: class -> its share, 0-1, in what the area may be.
    """
    likely = sorted(((share, name) for name, share in shares.items() if share >= LEAST_SHARE), reverse=True)
    if not likely:
        return []
    causes = ", ".join(f"{CLASS_WORDS[name]} in {10 * share:.0f}" for share, name in likely)
    named = KIND_MEANINGS.get(kind, "The computer is not sure enough of a cause to name one.")
    return [
        named,
        f"In ten such cases the computer would expect, by shape and speed: {causes}.",
        "It has learnt this from simulated ground and knows no map of mines, wells or slopes. Take it as a hint.",
    ]


def reason_sentences(component: str, reason: Mapping[str, Any]) -> list[str]:
    """Why points speak for motion: those inside an area against those around it. See `ml.statistics.reasons`."""
    inside, around = reason["rate_mm_yr"], reason["around_mm_yr"]
    if inside is None:
        return []
    points = "The only point inside moves" if reason["n_points"] == 1 else f"{reason['n_points']:,} points inside move"
    first = f"{points} by {figure(inside)} mm a year (median), {_way(component, inside)}"
    if around is None:
        return [f"{first}.", "There are too few points around it to compare with."]
    still = "by 0" if abs(around) < 0.05 else f"by {figure(around)} mm, {_way(component, around)}"
    spread = f"two thirds of those within {figure(reason['scatter_mm_yr'])} mm of that"
    return [
        f"{first}; the {reason['n_around']:,} around it {still}, {spread}.",
        f"Of the points inside, {100 * reason['beyond']:.0f} % are more than twice that far off.",
    ]


def limits(component: str, direction_count: int, posting_m: float | None, n_dates: int) -> list[str]:
    """What these data cannot tell, for this very alert."""
    said = []
    if component == "los" and direction_count < 2:
        said.append("Seen from one direction only: sideways motion cannot be told from sinking or rising.")
    if posting_m and posting_m > 50:
        said.append(f"Each measurement stands for a square of about {posting_m:.0f} metres, not for a single building.")
    if n_dates == 0:
        said.append("Only mean speeds are known, no series: seasonal and lasting motion cannot be told apart.")
    elif n_dates < 30:
        said.append(f"Only {n_dates} images: seasonal swelling and shrinking cannot be told from lasting motion.")
    said.append("Measured against the ground around it: a motion of the whole region does not show.")
    said.append("No points here and there (forest, fields, water, snow) does not mean that the ground is still.")
    return said


def preview_sentence(mails: int, years: int, records_begin: datetime | None) -> str:
    """What a subscription would have brought, and since when we could know."""
    period = "two years" if years == 2 else f"{years} years"
    count = {0: "no mail", 1: "one mail"}.get(mails, f"{mails} mails")
    said = f"In the last {period} this would have sent you {count}."
    if records_begin is None:
        return f"{said} Nothing has been recorded here yet."
    if records_begin > datetime.now(UTC) - timedelta(days=365 * years):
        return f"{said} Our records begin on {records_begin.day} {records_begin:%B %Y}."
    return said


def change_sentence(release: str, n_gone: int, n_new: int, median_change_mm_yr: float | None, component: str) -> str:
    """What changed since an older release of the same ground."""
    since = (
        f"Since the release {release.replace('_', '–', 1).replace('_', ', version ')}"
        if release
        else "Since the file before"
    )
    counts = f"{n_gone:,} points are gone and {n_new:,} are new"
    if median_change_mm_yr is None:
        return f"{since}, {counts}."
    size = figure(median_change_mm_yr)
    if abs(median_change_mm_yr) < 0.05:
        return f"{since}, {counts}; where both measure, the usual speed is the same."
    negative, positive = WORDS[component]
    way = positive if median_change_mm_yr > 0 else negative
    return f"{since}, {counts}; where both measure, the usual speed changed by {size} mm a year ({way})."


def colour_caption(component: str, stretch_mm_yr: int) -> str:
    """What the colours of a small map mean."""
    negative, positive = WORDS[component]
    return f"Brown: {negative}. Grey: still. Blue: {positive}. Full colour at {stretch_mm_yr} mm a year."


def area_label(area_m2: float) -> str:
    """'2.1 km²', '35 hectares' below a square kilometre."""
    return f"{area_m2 / 1e6:.1f} km²" if area_m2 >= 1e6 else f"{max(1, round(area_m2 / 1e4))} hectares"

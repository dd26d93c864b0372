"""Changes of speed in words: since when, compared with before, and what new passes show, which is provisional."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.rules.motion import TURNED, Figure, MotionFigures, Stated
from detection.rules.passes import passes_of
from ground_motion.methods.deformation.motion.series import WITHIN_90, Trend
from monitor.wording.components import direction, rate_and_way, way, way_of
from monitor.wording.dates import IN, SINCE, UNTIL, day_words, month_name
from monitor.wording.figures import (
    figure,
    figure_words,
    listed,
    mm_a_year,
    round_figure,
    unclear_sentence,
    whole,
    with_uncertainty,
)

MIN_SEASON_MM = 0.5
# Translators: %(rate)s is "3 mm a year", %(when)s is "in March 2023"
THAN_BEFORE = {
    Trend.FASTER: gettext_lazy("That is faster than before (about %(rate)s)."),
    Trend.SLOWER: gettext_lazy("That is slower than before (about %(rate)s)."),
}
EVENLY = {
    Trend.SPEEDING: gettext_lazy("It has moved faster and faster: it was about %(rate)s %(when)s."),
    Trend.SLOWING: gettext_lazy("It has moved more and more slowly: it was about %(rate)s %(when)s."),
}

TREND_LABELS = {
    Trend.STEADY: gettext_lazy("steady"),
    Trend.FASTER: gettext_lazy("faster than before"),
    Trend.SLOWER: gettext_lazy("slower than before"),
    Trend.AT_REST: gettext_lazy("at rest"),
    Trend.BEGAN: gettext_lazy("at rest before"),
    Trend.REVERSED: gettext_lazy("turned round"),
    Trend.SPEEDING: gettext_lazy("faster and faster"),
    Trend.SLOWING: gettext_lazy("slower and slower"),
}
WHY = gettext_lazy(
    "The points here left the course of their series in several new passes of the satellite; no single pass decides it."
)


def trend_label(told: Stated) -> str:
    """Return the trend in words; empty where the figure shown now is not motion for sure."""
    trend = Trend(told.change.trend) if told.change else Trend.STEADY
    if told.change and not told.now.is_motion and not told.at_rest:
        return str(TREND_LABELS[Trend.SLOWER]) if trend == Trend.AT_REST else ""
    return str(TREND_LABELS[trend])


def since_change(motion: MotionFigures) -> str:
    """Return the time of the change: 'since March 2023', 'since mid-2023', 'since about 2023', by its uncertainty."""
    return SINCE.of(*_changed(motion))


def rate_sentence(template: Any, figure: Figure, when: str) -> str:
    """Return a sentence on a rate with its 90 % interval; if it is below its uncertainty, that motion is not clear."""
    rate = figure_words(figure)
    return (
        str(template % {"rate": rate, "when": when, "since": when})
        if figure.is_motion
        else unclear_sentence(rate, when)
    )


def change_sentences(kind: str, told: Stated) -> list[str]:
    """Return sentences on the motion before and after the change, and its date."""
    # 'The ground here has sunk by about 8 mm a year (probably 6 to 10) since March 2023. That is faster than before
    # (about 3 mm a year).'
    change, now, before = told.change, told.now, told.before
    if change is None or before is None:
        return []
    trend, usual = Trend(change.trend), mm_a_year(round_figure(before.value))
    if trend in EVENLY:
        when = IN.of(*_changed(change))
        if not now.is_motion:
            first = rate_sentence(way_of(kind, now.along, before.value).moved, before, when)
            lately = _("Whether it still moves is not clear: %(rate)s %(when)s.")
            return [first, lately % {"rate": figure_words(now), "when": IN.of(now.until, 0.0)}]
        first = rate_sentence(way_of(kind, now.along, now.value).moved, now, IN.of(now.until, 0.0))
        return [first, EVENLY[trend] % {"rate": usual, "when": when}]
    if trend in TURNED or not now.is_motion:
        first = rate_sentence(way_of(kind, now.along, before.value).moved, before, UNTIL.of(*_changed(change)))
        if told.at_rest:
            moves = _("Since then it has moved as the ground around it does.")
            return [first, moves if told.around else _("Since then it has been at rest.")]
        rate = {"rate": figure_words(now)}
        turned = way(now.along, now.value).since_then
        # Translators: %(rate)s is "2 mm a year (probably at most 5)"
        unclear = _("Since then it is not clear whether it moves: %(rate)s.")
        return [first, str((turned if now.is_motion else unclear) % rate)]
    first = rate_sentence(way_of(kind, now.along, now.value).has_moved, now, since_change(change))
    if trend != Trend.BEGAN:
        return [first, str(THAN_BEFORE[trend] % {"rate": usual})]
    return [first, _("Before that it was at rest.") if before.is_still else _("Before that no motion was certain.")]


def _changed(motion: MotionFigures) -> tuple[date, float]:
    """Return the day of the change, and the half-width of its 90 % interval, in days."""
    assert motion.changed_on is not None  # noqa: S101
    return motion.changed_on, WITHIN_90 * (motion.changed_sigma_days or 0.0)


def change_rows(component: str, fit: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return every change of a series: its day, the interval of that day, and the change in words."""
    rows = []
    for change in fit["changes"]:
        when, between = _("All the time"), [""]  # The speed changes evenly.
        if change["kind"] != "curve":
            when, *between = (day_words(date.fromisoformat(change[name])) for name in ("day", "first", "last"))
        rows.append({"when": when, "between": listed(between), "what": what_changed(component, change)})
    return rows


def what_changed(component: str, change: Mapping[str, Any]) -> str:
    """Return a sentence on one change of a series. change: the result of the change's `as_dict`."""
    # Translators, here and below: %(way)s is "sinking" or "away from the satellite"
    figures = {"size": figure(change["size"]), "way": direction(component, change["size"])}
    if change["kind"] == "rate":
        figures["size"] = with_uncertainty(change["size"], change["sigma"])
        return _("The speed changed by %(size)s mm a year (%(way)s).") % figures
    if change["kind"] == "curve":
        return _("The speed changes all the time, by %(size)s mm a year every year (%(way)s).") % figures
    if change["kind"] == "step":
        return _("A jump of %(size)s mm (%(way)s).") % figures
    error = _("A jump of %(size)s mm, a whole number of half wavelengths: probably an error of processing, left out.")
    return error % figures


def season_sentence(motion: MotionFigures) -> list[str]:
    """Return a sentence on a significant seasonal cycle of at least MIN_SEASON_MM; else an empty list."""
    if motion.season_month is None or motion.season_mm < MIN_SEASON_MM:
        return []
    wave = _(
        "Every year the ground swells and shrinks by about %(size)s mm to either side, and is most swollen in "
        "%(month)s."
    )
    return [wave % {"size": round_figure(motion.season_mm), "month": month_name(motion.season_month)}]


def rests_on_passes(alert: Any) -> bool:
    """Return whether an alert rests on provisional values alone."""
    seen = passes_of(alert)
    return seen is not None and seen.alone


def provisional(text: str) -> str:
    """Return a figure or a period marked as provisional."""
    # Translators: %(text)s is "sinking 14 mm/year", "mm a year" or "between March and May 2026"
    return _("%(text)s, provisional") % {"text": text}


def provisional_sentence(until: date) -> str:
    """Return the note on values that new passes added to a series."""
    # Translators: %(until)s is "12 May 2026"
    said = _("The values until %(until)s come from new passes and are provisional: the next release replaces them.")
    return said % {"until": day_words(until)}


def living_sentence(last_day: date, difference: Mapping[str, Any] | None) -> str:
    """Return until when new passes extend a release; after the next release, how far off they were."""
    if difference:
        said = _("New passes prolonged its series until %(until)s. %(right)s")
        return said % {"until": day_words(last_day), "right": right_sentence(difference["within_mm"], difference["n"])}
    return _("New passes prolong its series until %(until)s, provisionally.") % {"until": day_words(last_day)}


def right_sentence(within_mm: float, n: int) -> str:
    """Return how far provisional values were from the releases that replaced them."""
    said = _("Of the provisional values (%(n)s), 68 in 100 were within ± %(mm)s mm of what the next release has.")
    return said % {"n": whole(n), "mm": figure(within_mm)}


def passes_sentences(alert: Any) -> list[str]:
    """Return what new passes show on an alert's ground, and that it is provisional; nothing if they show no change."""
    seen = passes_of(alert)
    if seen is None:
        return []
    facts = {
        "until": day_words(seen.until),
        "since": SINCE.of(seen.since, 0.0),
        "now": rate_and_way(seen.now_mm_yr),
        "before": rate_and_way(seen.before_mm_yr),
    }
    if seen.alone:
        said = _("Only new passes of the satellite, until %(until)s, show this.")
    elif seen.now.is_still:
        # Translators, here and below: %(since)s is "since March 2026", %(now)s is "30 mm a year (toward the satellite)"
        said = _("New passes of the satellite, until %(until)s, show it at rest %(since)s.")
    elif not seen.now.is_motion:
        said = _("New passes of the satellite, until %(until)s, show no certain motion %(since)s, after %(before)s.")
    else:
        said = _("New passes of the satellite, until %(until)s, show about %(now)s %(since)s, instead of %(before)s.")
    return [said % facts, _("That is provisional: the next release of the data replaces it.")]

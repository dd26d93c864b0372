"""Changes of speed in words: the date since which ground moves, and the comparison with the speed before."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.rules.motion import TURNED, Figure, MotionFigures, Stated
from ml.deformation.motion.series import WITHIN_90, Trend
from monitor.wording.components import direction, way, way_of
from monitor.wording.dates import IN, SINCE, UNTIL, day_words, month_name
from monitor.wording.figures import (
    figure,
    figure_words,
    listed,
    mm_a_year,
    round_figure,
    unclear_sentence,
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
        first = rate_sentence(way_of(kind, now.along, now.value).moved, now, IN.of(now.until, 0.0))
        sure = now.is_motion or trend is Trend.SLOWING
        return [first, *([EVENLY[trend] % {"rate": usual, "when": IN.of(*_changed(change))}] if sure else [])]
    if trend in TURNED or not now.is_motion:
        first = rate_sentence(way_of(kind, now.along, before.value).moved, before, UNTIL.of(*_changed(change)))
        if told.at_rest:
            return [first, _("Since then it has been at rest.")]
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
    return [_change_when(one) | {"what": what_changed(component, one)} for one in fit["changes"]]


def _change_when(change: Mapping[str, Any]) -> dict[str, str]:
    """Return the day and interval of a change; an evenly changing speed has 'All the time' and no interval."""
    if change["kind"] == "curve":
        return {"when": _("All the time"), "between": ""}
    day, *between = (day_words(date.fromisoformat(change[name])) for name in ("day", "first", "last"))
    return {"when": day, "between": listed(between)}


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

"""Changes of speed in words: the date since which ground moves, and the comparison with the speed before."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.rules.motion import TURNED, MotionFigures, rate_now
from ml.deformation.motion.series import WITHIN_90, Trend
from monitor.wording.components import Way, direction, way
from monitor.wording.dates import IN, SINCE, UNTIL, day_words, month_name
from monitor.wording.figures import figure, listed, mm_a_year, rate_words, round_figure, with_uncertainty

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


def since_change(motion: MotionFigures) -> str:
    """Return the time of the change: 'since March 2023', 'since mid-2023', 'since about 2023', by its uncertainty."""
    return SINCE.of(*_changed(motion))


def change_sentences(motion: MotionFigures, alert: Any, own: Way) -> list[str]:
    """Return sentences on the motion before and after the change, and its date."""
    # 'The ground here has sunk by about 8 mm a year (probably 6 to 10) since March 2023. That is faster than before
    # (about 3 mm a year).' own: how the alert's kind says it.
    now = rate_words(*rate_now(alert))
    before, trend = motion.before_mm_yr or 0.0, Trend(motion.trend)
    if trend in TURNED:
        until = UNTIL.of(*_changed(motion))
        first = own.moved % {"rate": rate_words(before, motion.before_sigma_mm_yr), "when": until}
        turned = way(alert.component, motion.rate_mm_yr).since_then % {"rate": now}
        return [first, turned if trend == Trend.REVERSED else _("Since then it has been at rest.")]
    usual = mm_a_year(round_figure(before))
    if trend in EVENLY:
        first = own.moved % {"rate": now, "when": IN.of(alert.last_motion, 0.0)}
        return [first, EVENLY[trend] % {"rate": usual, "when": IN.of(*_changed(motion))}]
    first = own.has_moved % {"rate": now, "since": since_change(motion)}
    return [first, _("Before that it was at rest.") if trend == Trend.BEGAN else THAN_BEFORE[trend] % {"rate": usual}]


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

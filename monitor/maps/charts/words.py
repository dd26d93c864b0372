"""Sentences about charts of series and profiles."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from monitor.wording.dates import month_words
from monitor.wording.figures import figure, length_words, listed, rate_words, whole
from monitor.wording.points import STILL_MM_YR

# Sentences about a line by component: for a negative rate, for a positive rate.
# Translators: %(rate)s is "14 mm a year (probably 12 to 16)"; %(first)s and %(last)s are months, "March 2021"
LINE_MOVED = {
    "los": (
        gettext_lazy(
            "Line %(number)s moved away from the satellite (down or sideways) by about %(rate)s between %(first)s and "
            "%(last)s."
        ),
        gettext_lazy(
            "Line %(number)s moved toward the satellite (up or sideways) by about %(rate)s between %(first)s and "
            "%(last)s."
        ),
    ),
    "up": (
        gettext_lazy("Line %(number)s sank by about %(rate)s between %(first)s and %(last)s."),
        gettext_lazy("Line %(number)s rose by about %(rate)s between %(first)s and %(last)s."),
    ),
    "east": (
        gettext_lazy("Line %(number)s moved west by about %(rate)s between %(first)s and %(last)s."),
        gettext_lazy("Line %(number)s moved east by about %(rate)s between %(first)s and %(last)s."),
    ),
    "north": (
        gettext_lazy("Line %(number)s moved south by about %(rate)s between %(first)s and %(last)s."),
        gettext_lazy("Line %(number)s moved north by about %(rate)s between %(first)s and %(last)s."),
    ),
}
# Sentences about a place on a profile by component: for a negative rate, for a positive rate.
# Translators: %(rate)s is a figure, "14"
THERE_MOVES = {
    "los": (
        gettext_lazy("There the ground moves away from the satellite by about %(rate)s mm a year."),
        gettext_lazy("There the ground moves toward the satellite by about %(rate)s mm a year."),
    ),
    "up": (
        gettext_lazy("There the ground sinks by about %(rate)s mm a year."),
        gettext_lazy("There the ground rises by about %(rate)s mm a year."),
    ),
    "east": (
        gettext_lazy("There the ground moves west by about %(rate)s mm a year."),
        gettext_lazy("There the ground moves east by about %(rate)s mm a year."),
    ),
    "north": (
        gettext_lazy("There the ground moves south by about %(rate)s mm a year."),
        gettext_lazy("There the ground moves north by about %(rate)s mm a year."),
    ),
}


class Line(NamedTuple):
    """Rate of one line of a chart, mm/yr, with the sign of its component, and the number of its changes of motion."""

    component: str
    rate_mm_yr: float
    sigma_mm_yr: float | None
    changes: int

    @property
    def moves(self) -> bool:
        """Return whether the absolute rate reaches STILL_MM_YR and twice its uncertainty."""
        return abs(self.rate_mm_yr) >= max(STILL_MM_YR, 2 * (self.sigma_mm_yr or 0.0))


def chart_sentence(lines: Sequence[Line], first: date, last: date) -> str:
    """Describe which lines moved, how fast the fastest is, and which changed speed between the first and last day."""
    period = {"first": month_words(first), "last": month_words(last)}
    moving = [number for number, line in enumerate(lines, 1) if line.moves]
    if len(lines) == 1:
        opening = _line_moved(lines, 1, period)
    elif not moving:
        opening = _(
            "None of the %(number)s lines surely moved by %(rate)s mm a year or more between %(first)s and %(last)s."
        ) % {"number": len(lines), "rate": whole(STILL_MM_YR), **period}
    else:
        fastest = max(moving, key=lambda number: abs(lines[number - 1].rate_mm_yr))
        opening = f"{_how_many(len(moving), len(lines), fastest)} {_line_moved(lines, fastest, period)}"
    return f"{opening} {_changed([str(number) for number, line in enumerate(lines, 1) if line.changes])}"


def _line_moved(lines: Sequence[Line], number: int, period: dict[str, str]) -> str:
    line = lines[number - 1]
    if not line.moves:
        still = _("Line %(number)s moved very little, by %(rate)s mm a year, between %(first)s and %(last)s.")
        return still % {"number": number, "rate": figure(line.rate_mm_yr), **period}
    rate = rate_words(line.rate_mm_yr, line.sigma_mm_yr)
    return str(LINE_MOVED[line.component][line.rate_mm_yr > 0]) % {"number": number, "rate": rate, **period}


def _how_many(moving: int, all_lines: int, fastest: int) -> str:
    if moving < all_lines:
        # Translators: %(number)s of %(all)s lines, of which there are two or more; the lines are numbered
        sentence = ngettext(
            "One of the %(all)s lines moved.",
            "%(number)s of the %(all)s lines moved; line %(fastest)s is the fastest.",
            moving,
        )
    elif all_lines == 2:
        sentence = _("Both lines moved; line %(fastest)s is the fastest.")
    else:
        sentence = _("All %(all)s lines moved; line %(fastest)s is the fastest.")
    return sentence % {"number": moving, "all": all_lines, "fastest": fastest}


def _changed(numbers: Sequence[str]) -> str:
    if not numbers:
        return _("No change of speed and no jump is sure.")
    # Translators: %(lines)s is the number of a line, or a list of numbers: "1, 2 and 4"
    return ngettext(
        "Line %(lines)s changed speed or jumped: see below the chart.",
        "Lines %(lines)s changed speed or jumped: see below the chart.",
        len(numbers),
    ) % {"lines": listed(numbers)}


def profile_sentence(component: str, length_m: float, width_m: float, n_points: int, peak: tuple[float, float]) -> str:
    """Describe where along a line the ground moves most. peak: distance from the start, m, and median rate, mm/yr."""
    # Translators: %(length)s is "350 metres" or "1.2 km"
    opening = ngettext(
        "%(number)s point stands within %(reach)s m of the line, which is %(length)s long.",
        "%(number)s points stand within %(reach)s m of the line, which is %(length)s long.",
        n_points,
    ) % {"number": whole(n_points), "reach": whole(width_m / 2), "length": length_words(length_m / 1000)}
    at_m, rate = peak
    if abs(rate) < STILL_MM_YR:
        still = _("Nowhere along it is the usual speed more than %(rate)s mm a year.") % {"rate": whole(STILL_MM_YR)}
        return f"{opening} {still}"
    where = (
        _("It moves most at its start.")
        if at_m < length_m / 50
        # Translators: %(distance)s is "350 metres" or "1.2 km"
        else _("It moves most %(distance)s from its start.") % {"distance": length_words(at_m / 1000)}
    )
    return f"{opening} {where} {str(THERE_MOVES[component][rate > 0]) % {'rate': figure(rate)}}"

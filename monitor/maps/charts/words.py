"""Sentences about charts of series and profiles, and about the ground around a house or street."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.motion import SHOWN_SIGMAS, surely_moves
from ml.deformation.motion.series import STILL_MM_YR
from monitor.wording.components import way
from monitor.wording.dates import month_words, period_words
from monitor.wording.figures import (
    decimal,
    figure,
    length_words,
    listed,
    rate_and_margin,
    rate_words,
    short,
    signed,
    unclear_sentence,
    whole,
)
from monitor.wording.places import toward

NOT_A_BUILDING = gettext_lazy(
    "It is the mean of all points around this place, not the motion of one building: a single house can move otherwise."
)
RELATIVE = gettext_lazy("Speeds are relative to ground that the data set takes to be still.")


class Line(NamedTuple):
    """Rate of one line of a chart, mm/yr, with the sign of its component, and the number of its changes of motion."""

    component: str
    rate_mm_yr: float
    sigma_mm_yr: float | None
    changes: int

    @property
    def moves(self) -> bool:
        """Return whether the line surely moves."""
        return surely_moves(self.rate_mm_yr, self.sigma_mm_yr)


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
    return str(way(line.component, line.rate_mm_yr).line) % {"number": number, "rate": rate, **period}


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
    return f"{opening} {where} {str(way(component, rate).there) % {'rate': figure(rate)}}"


class PlaceRate(NamedTuple):
    """Mean rate of the points around a place. sigma_mm_yr: of the mean, None if unknown; first, last: of the data."""

    component: str
    rate_mm_yr: float
    sigma_mm_yr: float | None
    first: date
    last: date

    @property
    def motion(self) -> str:
        """Return 'moves', 'still' or 'unclear': whether the rate exceeds STILL_MM_YR and two standard deviations."""
        if surely_moves(self.rate_mm_yr, self.sigma_mm_yr):
            return "moves"
        return "still" if SHOWN_SIGMAS * (self.sigma_mm_yr or 0.0) <= STILL_MM_YR else "unclear"


def here_sentence(rate: PlaceRate) -> str:
    """Return one sentence of at most 20 words on the motion at a place, with two standard deviations."""
    when, along = period_words(rate.first, rate.last), way(rate.component, rate.rate_mm_yr)
    if rate.motion == "still":
        bound = max(STILL_MM_YR, abs(rate.rate_mm_yr) + SHOWN_SIGMAS * (rate.sigma_mm_yr or 0.0))
        # Translators, here and below: %(margin)s is "2" or "2.4", %(when)s is "between 2020 and 2024"
        still = _("The ground here moved by at most %(margin)s mm a year, up or down, %(when)s.")
        if rate.component == "los":
            still = _("Seen from the satellite, the ground here moved by at most %(margin)s mm a year %(when)s.")
        return still % {"margin": short(round(bound, 1)), "when": when}
    words = rate_and_margin(rate.rate_mm_yr, rate.sigma_mm_yr)
    if rate.motion == "unclear":
        return unclear_sentence(words, when)
    return str((along.moved_short or along.moved) % {"rate": words, "when": when})


def no_points_sentence(radius_m: float) -> str:
    """Return the sentence for a place without points, which says nothing about the ground."""
    none = _("No points within %(radius)s m of this place: that does not mean that the ground is still.")
    return none % {"radius": whole(radius_m)}


def sure_sentences(
    rate: PlaceRate, n_points: int, radius_m: float, scatter_mm_yr: float, coherence: float | None, enough: int
) -> list[str]:
    """Return sentences on certainty at a place: number of points, interval, scatter, coherence, reference.

    enough: number of points from which on they are not few; a cell of a coarse grid is the mean of many.
    """
    counted = ngettext(
        "The speed is that of the only point within %(radius)s m.",
        "The speed is the mean of the %(number)s points within %(radius)s m.",
        n_points,
    ) % {"number": whole(n_points), "radius": whole(radius_m)}
    lines = [counted]
    if n_points < enough:
        lines.append(_("So few points say little."))
    if rate.sigma_mm_yr is None:
        lines.append(_("The uncertainty of their mean is not known."))
    else:
        low, high = sorted(rate.rate_mm_yr + sign * SHOWN_SIGMAS * rate.sigma_mm_yr for sign in (-1, 1))
        interval = _("With a probability of 95 %%, their mean lies between %(low)s and %(high)s mm a year.")
        lines.append(interval % {"low": signed(low), "high": signed(high)})
    if n_points > 1:
        spread = _("Two thirds of them lie within %(scatter)s mm a year of their mean.")
        lines.append(spread % {"scatter": figure(scatter_mm_yr)})
    if coherence is not None:
        usual = _("Their usual temporal coherence is %(coherence)s (0: useless, 1: perfect).")
        lines.append(usual % {"coherence": decimal(coherence, 2)})
    return [*lines, str(RELATIVE)]


def distance_words(distance_m: float, bearing_deg: float) -> str:
    """Return where an alert lies from a place: 'here', '300 m to the south-east', '2.4 km to the north'."""
    if distance_m < 1:
        return _("here: this place lies inside")
    far = f"{decimal(distance_m / 1000, 1)} km" if distance_m >= 1000 else f"{whole(max(10, round(distance_m, -1)))} m"
    # Translators: %(distance)s is "300 m", %(toward)s is "to the south-east"
    return _("%(distance)s %(toward)s") % {"distance": far, "toward": toward(bearing_deg)}

"""Sentences about charts of series and profiles, and about the ground around a house or street."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from detection.rules.motion import SHOWN_SIGMAS, Figure
from ground_motion.methods.deformation.motion.series import STILL_MM_YR
from ground_motion.statistics.datum import Datum
from monitor.wording.components import way
from monitor.wording.dates import month_words, period_words
from monitor.wording.datum import zero_sentence
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

NOT_A_BUILDING = gettext_lazy(
    "It is the mean of all points around this place, not the motion of one building: a single house can move otherwise."
)


def chart_sentence(rates: Sequence[Figure], changes: Sequence[int], first: date, last: date) -> str:
    """Describe which lines moved, how fast the fastest is, and which changed speed between the first and last day.

    rates, changes: rate and number of changes of motion of each line.
    """
    period = {"first": month_words(first), "last": month_words(last)}
    moving = [number for number, rate in enumerate(rates, 1) if rate.surely_moves]
    if len(rates) == 1:
        opening = _line_moved(rates, 1, period)
    elif not moving:
        opening = _(
            "None of the %(number)s lines surely moved by %(rate)s mm a year or more between %(first)s and %(last)s."
        ) % {"number": len(rates), "rate": whole(STILL_MM_YR), **period}
    else:
        fastest = max(moving, key=lambda number: abs(rates[number - 1].value))
        opening = f"{_how_many(len(moving), len(rates), fastest)} {_line_moved(rates, fastest, period)}"
    changed = [str(number) for number, n_changes in enumerate(changes, 1) if n_changes]
    if not changed:
        return " ".join([opening, _("No change of speed and no jump is sure.")])
    # Translators: %(lines)s is the number of a line, or a list of numbers: "1, 2 and 4"
    closing = ngettext(
        "Line %(lines)s changed speed or jumped: see below the chart.",
        "Lines %(lines)s changed speed or jumped: see below the chart.",
        len(changed),
    )
    return f"{opening} {closing % {'lines': listed(changed)}}"


def _line_moved(rates: Sequence[Figure], number: int, period: dict[str, str]) -> str:
    rate = rates[number - 1]
    if not rate.surely_moves:
        still = _("Line %(number)s moved very little, by %(rate)s mm a year, between %(first)s and %(last)s.")
        return still % {"number": number, "rate": figure(rate.value), **period}
    words = rate_words(rate.value, rate.sigma)
    return str(way(rate.along, rate.value).line) % {"number": number, "rate": words, **period}


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


def motion_at(rate: Figure, zero_sigma_mm_yr: float = 0.0) -> str:
    """Return 'moves', 'still' or 'unclear': whether a mean rate exceeds STILL_MM_YR and its uncertainty.

    zero_sigma_mm_yr: standard deviation of the zero. All ground shares it, so that the test for 'still' leaves it out.
    """
    if rate.surely_moves:
        return "moves"
    own = np.sqrt(max(0.0, (rate.sigma or 0.0) ** 2 - zero_sigma_mm_yr**2))
    is_still = abs(rate.value) <= STILL_MM_YR and SHOWN_SIGMAS * own <= STILL_MM_YR
    return "still" if is_still else "unclear"


def here_sentence(rate: Figure, zero_sigma_mm_yr: float = 0.0) -> str:
    """Return one sentence of at most 20 words on the mean rate of the points around a place, with its uncertainty."""
    when, along = period_words(rate.since, rate.until), way(rate.along, rate.value)
    motion = motion_at(rate, zero_sigma_mm_yr)
    if motion == "still":
        bound = max(STILL_MM_YR, abs(rate.value) + (rate.margin or 0.0))
        # Translators, here and below: %(margin)s is "2" or "2.4", %(when)s is "between 2020 and 2024"
        still = _("The ground here moved by at most %(margin)s mm a year, up or down, %(when)s.")
        if rate.along == "los":
            still = _("Seen from the satellite, the ground here moved by at most %(margin)s mm a year %(when)s.")
        return still % {"margin": short(round(bound, 1)), "when": when}
    words = rate_and_margin(rate.value, rate.sigma)
    if motion == "unclear":
        return unclear_sentence(words, when)
    return str((along.moved_short or along.moved) % {"rate": words, "when": when})


def sure_sentences(
    rate: Figure,
    n_points: int,
    radius_m: float,
    scatter_mm_yr: float,
    coherence: float | None,
    enough: int,
    zero: Datum,
) -> list[str]:
    """Return sentences on certainty at a place: number of points, interval, scatter, coherence, reference.

    enough: number of points from which on they are not few; a cell of a coarse grid is the mean of many. zero: the
    datum of the rate; the uncertainty of the rate includes that of the datum.
    """
    counted = ngettext(
        "The speed is that of the only point within %(radius)s m.",
        "The speed is the mean of the %(number)s points within %(radius)s m.",
        n_points,
    ) % {"number": whole(n_points), "radius": whole(radius_m)}
    lines = [counted]
    if n_points < enough:
        lines.append(_("So few points say little."))
    if rate.margin is None:
        lines.append(_("The uncertainty of their mean is not known."))
    else:
        interval = _("With a probability of 95 %%, their mean lies between %(low)s and %(high)s mm a year.")
        lines.append(interval % {"low": signed(rate.value - rate.margin), "high": signed(rate.value + rate.margin)})
    if n_points > 1:
        spread = _("Two thirds of them lie within %(scatter)s mm a year of their mean.")
        lines.append(spread % {"scatter": figure(scatter_mm_yr)})
    if coherence is not None:
        usual = _("Their usual temporal coherence is %(coherence)s (0: useless, 1: perfect).")
        lines.append(usual % {"coherence": decimal(coherence, 2)})
    return [*lines, zero_sentence(zero)]

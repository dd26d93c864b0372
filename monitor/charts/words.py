"""What a chart shows, in a sentence."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from monitor.wording.components import direction, moved_plainly
from monitor.wording.figures import figure, length_words, rate_words
from monitor.wording.points import STILL_MM_YR

NUMBERS = {1: "One", 2: "Two", 3: "Three", 4: "Four", 5: "Five", 6: "Six"}


class Line(NamedTuple):
    """One line of a chart in figures: mm/yr, sign as the component's."""

    component: str
    rate_mm_yr: float
    sigma_mm_yr: float | None
    changes: int

    @property
    def moves(self) -> bool:
        return abs(self.rate_mm_yr) >= max(STILL_MM_YR, 2 * (self.sigma_mm_yr or 0.0))


def chart_sentence(lines: Sequence[Line], first: date, last: date) -> str:
    """Which of the lines moved, the fastest with its rate, and which changed speed. first, last: of the period."""
    when = f"between {first:%B %Y} and {last:%B %Y}"
    moving = [number for number, line in enumerate(lines, 1) if line.moves]
    if len(lines) == 1:
        opening = f"Line 1 {_of(lines[0])}, {when}"
    elif not moving:
        opening = f"None of the {len(lines)} lines surely moved by {STILL_MM_YR:.0f} mm a year or more {when}"
    else:
        fastest = max(moving, key=lambda number: abs(lines[number - 1].rate_mm_yr))
        who = f"{_count(len(moving), len(lines))} lines"
        opening = f"{who} moved {when}. Line {fastest} is the fastest: it {_of(lines[fastest - 1])}"
    changed = [str(number) for number, line in enumerate(lines, 1) if line.changes]
    if not changed:
        return f"{opening}. No change of speed and no jump is sure."
    which = f"Line {changed[0]}" if len(changed) == 1 else f"Lines {', '.join(changed[:-1])} and {changed[-1]}"
    return f"{opening}. {which} changed speed or jumped: see below the chart."


def _count(moving: int, all_lines: int) -> str:
    if moving == all_lines:
        return "Both" if all_lines == 2 else f"All {all_lines}"
    return f"{NUMBERS.get(moving, moving)} of the {all_lines}"


def _of(line: Line) -> str:
    if not line.moves:
        return f"moved very little, by {figure(line.rate_mm_yr)} mm a year"
    return f"{moved_plainly(line.component, line.rate_mm_yr)} by about {rate_words(line.rate_mm_yr, line.sigma_mm_yr)}"


def profile_sentence(component: str, length_m: float, width_m: float, n_points: int, peak: tuple[float, float]) -> str:
    """Where along the line the ground moves most. peak: m from the start, and the median rate there in mm/yr."""
    opening = f"{n_points:,} points stand within {width_m / 2:.0f} m of the {length_words(length_m / 1000)} long line"
    at_m, rate = peak
    if abs(rate) < STILL_MM_YR:
        return f"{opening}; nowhere along it is the usual speed more than {STILL_MM_YR:.0f} mm a year."
    where = "at its start" if at_m < length_m / 50 else f"{length_words(at_m / 1000)} from its start"
    return f"{opening}. It moves most {where}: {direction(component, rate)} by about {figure(rate)} mm a year."

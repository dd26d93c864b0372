"""Glaciers in words: one plain sentence first, then figures. Pure."""

from collections.abc import Sequence
from datetime import date
from statistics import mean
from typing import Any

from monitor.wording.dates import day_words
from monitor.wording.figures import speed_words

STATE_WORDS = {"surging": "surging", "steady": "as usual", "short": "too few pairs"}
SEASON_YEARS = 2.0
LEAST_SEASON_M_DAY = 0.05
Surge = dict[str, Any]


def verdict(state: str, speed_m_day: float, sigma_m_day: float, usual_m_day: float, last: date, n_pairs: int) -> str:
    """The one sentence of a glacier's page. Speeds are means over the ice, m/day."""
    lately = f"{speed_words(speed_m_day, sigma_m_day)} in the pair of images that ends on {day_words(last)}"
    if state == "surging":
        return f"This glacier is surging: on average it moved by {lately}, where {speed_words(usual_m_day)} are usual."
    if state == "short":
        pairs = "one pair" if n_pairs == 1 else f"{n_pairs} pairs"
        return f"This glacier moved by {lately}. What is usual for it cannot be known from {pairs} of images."
    return f"This glacier moves as it usually does: by {lately}, and by about {speed_words(usual_m_day)} in most pairs."


def moment_words(moment: dict[str, Any] | None) -> str:
    """'10 October 2023 ± 7 days' (two standard deviations)."""
    if moment is None:
        return "not over yet"
    day, margin = date.fromisoformat(moment["day"]), max(1, round(2 * moment["sigma_days"]))
    return f"{day_words(day)} ± {margin} day{'s' if margin != 1 else ''}"


def surge_facts(surge: Surge, cell_km2: float) -> dict[str, str]:
    """One surge as a row: when it began, was fastest, ended, how fast, over what area."""
    return {
        "onset": moment_words(surge["onset"]),
        "peak": moment_words(surge["peak"]),
        "end": moment_words(surge["end"]),
        "speed": speed_words(surge["peak_m_day"], surge["peak_sigma_m_day"]),
        "usual": speed_words(max(surge["usual_m_day"], 0.0)),
        "area": f"{surge['n_cells'] * cell_km2:.1f} km²",
    }


def season_sentence(days: Sequence[date], usual_m_day: Sequence[float | None]) -> str:
    """Fastest and slowest month of the fitted season; empty for less than two years."""
    known = [(day, value) for day, value in zip(days, usual_m_day, strict=True) if value is not None]
    if not known or (known[-1][0] - known[0][0]).days < SEASON_YEARS * 365:
        return ""
    by_month: dict[int, list[float]] = {}
    for day, value in known:
        by_month.setdefault(day.month, []).append(value)
    means = {month: mean(values) for month, values in by_month.items()}
    fast, slow = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    if means[fast] - means[slow] < LEAST_SEASON_M_DAY:
        return "No seasonal change shows in these images."
    names = [date(2000, month, 1).strftime("%B") for month in (fast, slow)]
    return (
        f"In most years it is fastest in {names[0]} ({speed_words(means[fast])}) and slowest in {names[1]} "
        f"({speed_words(max(means[slow], 0.0))})."
    )


def error_sentence(stable_ground: str, rmse_m_day: float | None) -> str:
    """Error of the speeds, as ITS_LIVE reports it."""
    if rmse_m_day is None:
        return ""
    ground = {
        "stationary": "ground outside glaciers, which should stand still,",
        "slowest": "the slowest quarter of the image, as no ground is known to stand still,",
    }.get(stable_ground, "the image")
    return (
        f"In the last pair {ground} seemed to move by {speed_words(rmse_m_day)} (root mean square): no speed here is "
        "more certain than that. The overall shift between the two images has been removed."
    )

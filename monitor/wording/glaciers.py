"""Glaciers in words: one plain sentence first, then figures. Pure."""

from collections.abc import Sequence
from datetime import date
from statistics import mean
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from monitor.wording.dates import day_words, month_name
from monitor.wording.figures import decimal, speed_words, whole

STATE_WORDS = {
    "surging": pgettext_lazy("glacier", "surging"),
    "steady": pgettext_lazy("glacier", "as usual"),
    "short": pgettext_lazy("glacier", "too few pairs"),
}
SEASON_YEARS = 2.0
MIN_SEASON_M_DAY = 0.05
Surge = dict[str, Any]


def verdict(
    state: str, speed_m_day: float, sigma_m_day: float | None, usual_m_day: float, last: date, n_pairs: int
) -> str:
    """Return the sentence that sums up a glacier's motion. Speeds are means over the ice, m/day."""
    figures = {
        "speed": speed_words(speed_m_day, sigma_m_day),
        "day": day_words(last),
        "usual": speed_words(usual_m_day),
        "pairs": whole(n_pairs),
    }
    # Translators: %(speed)s and %(usual)s are speeds with their unit, "3.1 ± 0.2 metres a day"
    if state == "surging":
        sentence = _(
            "This glacier is surging: on average it moved by %(speed)s in the pair of images that ends on %(day)s, "
            "where %(usual)s are usual."
        )
    elif state == "short":
        moved = _("This glacier moved by %(speed)s in the pair of images that ends on %(day)s.")
        unknown = ngettext(
            "What is usual for it cannot be known from one pair of images.",
            "What is usual for it cannot be known from %(pairs)s pairs of images.",
            n_pairs,
        )
        sentence = f"{moved} {unknown}"
    else:
        sentence = _(
            "This glacier moves as it usually does: by %(speed)s in the pair of images that ends on %(day)s, and by "
            "about %(usual)s in most pairs."
        )
    return sentence % figures


def moment_words(moment: dict[str, Any] | None) -> str:
    """Return a moment of a surge: '10 October 2023 ± 7 days' (two standard deviations); 'not over yet' for None."""
    if moment is None:
        return _("not over yet")
    day, margin = date.fromisoformat(moment["day"]), max(1, round(2 * moment["sigma_days"]))
    words = ngettext("%(date)s ± %(days)s day", "%(date)s ± %(days)s days", margin)
    return words % {"date": day_words(day), "days": whole(margin)}


def surge_facts(surge: Surge, cell_km2: float) -> dict[str, str]:
    """Return a surge as a row in words: onset, peak and end, the greatest and the usual speed, and the area."""
    return {
        "onset": moment_words(surge["onset"]),
        "peak": moment_words(surge["peak"]),
        "end": moment_words(surge["end"]),
        "speed": speed_words(surge["peak_m_day"], surge["peak_sigma_m_day"]),
        "usual": speed_words(max(surge["usual_m_day"], 0.0)),
        "area": f"{decimal(surge['n_cells'] * cell_km2, 1)} km²",
    }


def season_sentence(days: Sequence[date], usual_m_day: Sequence[float | None]) -> str:
    """Return a sentence on the fastest and slowest month of the fitted season; empty for less than two years."""
    known = [(day, value) for day, value in zip(days, usual_m_day, strict=True) if value is not None]
    if not known or (known[-1][0] - known[0][0]).days < SEASON_YEARS * 365:
        return ""
    by_month: dict[int, list[float]] = {}
    for day, value in known:
        by_month.setdefault(day.month, []).append(value)
    means = {month: mean(values) for month, values in by_month.items()}
    fast, slow = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    if means[fast] - means[slow] < MIN_SEASON_M_DAY:
        return _("No seasonal change shows in these images.")
    # Translators: two months, each with its speed, "3.1 metres a day"
    return _(
        "In most years it is fastest in %(fast_month)s (%(fast_speed)s) and slowest in %(slow_month)s (%(slow_speed)s)."
    ) % {
        "fast_month": month_name(fast),
        "fast_speed": speed_words(means[fast]),
        "slow_month": month_name(slow),
        "slow_speed": speed_words(max(means[slow], 0.0)),
    }


def error_sentence(stable_ground: str, rmse_m_day: float | None) -> str:
    """Return sentences on the error of the speeds, as ITS_LIVE reports it; empty if it is unknown."""
    if rmse_m_day is None:
        return ""
    seemed = {
        "stationary": _(
            "In the last pair ground outside glaciers, which should stand still, seemed to move by %(speed)s "
            "(root mean square): no speed here is more certain than that."
        ),
        "slowest": _(
            "In the last pair the slowest quarter of the image, as no ground is known to stand still, seemed to move "
            "by %(speed)s (root mean square): no speed here is more certain than that."
        ),
    }.get(stable_ground) or _(
        "In the last pair the image seemed to move by %(speed)s (root mean square): no speed here is more certain than "
        "that."
    )
    removed = _("The overall shift between the two images has been removed.")
    return f"{seemed % {'speed': speed_words(rmse_m_day)}} {removed}"

"""Figures with their units: rates, speeds, areas; numbers and lists as the reader's language writes them."""

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy

from detection.figures import FIGURES, figures_known
from detection.kinds import Extent
from detection.rules.motion import SHOWN_SIGMAS, Figure
from ground_motion.methods.deformation.motion.series import WITHIN_90

# Translators: %(number)s is "14" or "3.1 ± 0.2"
UNITS = {
    "mm a year": gettext_lazy("%(number)s mm a year"),
    "m a year": gettext_lazy("%(number)s m a year"),
    "metres a day": ngettext_lazy("%(number)s metre a day", "%(number)s metres a day", "n"),
    "centimetres a day": ngettext_lazy("%(number)s centimetre a day", "%(number)s centimetres a day", "n"),
}
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|")


def whole(value: float) -> str:
    """Format a whole number: '1,300'."""
    return number_format(round(value), force_grouping=True)


def decimal(value: float, digits: int) -> str:
    """Format a number with `digits` decimals: '1,300.5'."""
    return number_format(Decimal(f"{value:.{digits}f}"), digits, force_grouping=True)


def short(value: float) -> str:
    """Format a number without trailing zeros, with six digits at most: '0.5', '10', '−2.5'."""
    return number_format(Decimal(f"{value:g}"), force_grouping=True).replace("-", "−")


def percent(share: float, digits: int = 0) -> str:
    """Format a share of 0-1 in percent: '12 %'."""
    # Translators: a share, such as "12 %"
    return _("%(number)s %%") % {"number": decimal(100 * share, digits)}


def percent_or_less(share: float) -> str:
    """Format a share of 0-1 in percent: '12 %'; 'less than 1 %' below 0.01."""
    if share >= 0.01:
        return percent(share)
    # Translators: "less than 1 %"
    return _("less than %(share)s") % {"share": percent(0.01)}


def listed(parts: Sequence[str]) -> str:
    """Return a list in words: 'a', 'a and b', 'a, b and c'."""
    # Translators: the end of a list; %(others)s is "a", or "a, b"
    return _joined(parts, _("%(others)s and %(last)s"))


def listed_few(parts: Sequence[str], most: int) -> str:
    """Return a list in words with the number of those that it leaves out: 'a, b and 3 more'."""
    more = len(parts) - most
    rest = [ngettext("%(n)s more", "%(n)s more", more) % {"n": whole(more)}] if more > 0 else []
    return listed([*parts[:most], *rest])


def alternatives(parts: Sequence[str]) -> str:
    """Return alternatives in words: 'a', 'a or b', 'a, b or c'."""
    # Translators: the end of a list; %(others)s is "a", or "a, b"
    return _joined(parts, _("%(others)s or %(last)s"))


def figure(value: float) -> str:
    """Format a rate without its sign: in whole millimetres from 10 on, with one decimal below."""
    return decimal(abs(value), 0 if abs(value) >= 10 else 1)


def round_figure(value: float) -> str:
    """Format a rate without sign and uncertainty: in whole millimetres from 3 on, with one decimal below."""
    return decimal(abs(value), 0 if abs(value) >= 3 else 1)


def signed(value: float, digits: int | None = None, *, sigma: float | None = None) -> str:
    """Format a number with its sign: '−6.2', '+0.4 ± 0.2'; a dash if it is not finite. digits: else as in `figure`."""
    if not math.isfinite(value):
        return "–"
    rounded = round(value, 1 if digits is None else digits)
    text = with_uncertainty(value, sigma) if digits is None else decimal(abs(value), digits)
    return f"{'−' if rounded < 0 else '+' if rounded > 0 else ''}{text}"


def in_unit(number: str, unit: str) -> str:
    """Return a formatted number with its unit: '1 metre a day', '1.0 metres a day'. unit: a key of UNITS."""
    return UNITS[unit] % {"number": number, "n": 1 if number == "1" else 2}


def mm_a_year(number: str) -> str:
    """Return a rate with its unit: '14 mm a year'. number: formatted by another function of this module."""
    return in_unit(number, "mm a year")


def with_uncertainty(rate_mm_yr: float, sigma_mm_yr: float | None) -> str:
    """Return a rate: '112 ± 9' (mm a year, SHOWN_SIGMAS); digits as in `figure`, never '± 0'."""
    if sigma_mm_yr is None or math.isnan(sigma_mm_yr):
        return figure(rate_mm_yr)
    digits = 0 if abs(rate_mm_yr) >= 10 else 1
    return f"{figure(rate_mm_yr)} ± {decimal(max(10.0**-digits, SHOWN_SIGMAS * sigma_mm_yr), digits)}"


def rate_and_margin(rate_mm_yr: float, sigma_mm_yr: float | None) -> str:
    """Return a rate for a sentence: '6.2 mm a year (± 2.1)'."""
    number, _sign, margin = with_uncertainty(rate_mm_yr, sigma_mm_yr).partition(" ± ")
    if not margin:
        return _("%(rate)s (uncertainty not known)") % {"rate": mm_a_year(number)}
    # Translators: %(rate)s is "6.2 mm a year", %(margin)s is "2.1"
    return _("%(rate)s (± %(margin)s)") % {"rate": mm_a_year(number), "margin": margin}


def unclear_sentence(rate: str, when: str) -> str:
    """Return the sentence on a rate below its uncertainty."""
    # Translators: %(rate)s is "5 mm a year (± 8)", %(when)s is "between 2020 and 2024"
    return _("Whether the ground here moves is not clear: %(rate)s %(when)s.") % {"rate": rate, "when": when}


def speed_words(speed_m_day: float, sigma_m_day: float | None = None) -> str:
    """Return '3.1 ± 0.2 metres a day' (two standard deviations), '40 ± 10 centimetres a day' below one metre."""
    unit, factor = _speed_unit(speed_m_day)
    digits = 1 if factor == 1.0 and speed_m_day < 10 else 0
    number = decimal(speed_m_day * factor, digits)
    if sigma_m_day is not None:
        number = f"{number} ± {decimal(max(10.0**-digits, SHOWN_SIGMAS * sigma_m_day * factor), digits)}"
    return in_unit(number, unit)


def rate_words(rate: float, sigma: float | None, unit: str = "mm a year") -> str:
    """Return a rate without sign and its 90 % interval: '14 mm a year (probably 12 to 16)'. unit: a key of UNITS."""
    if sigma is None or math.isnan(sigma):
        return _("%(rate)s (uncertainty not known)") % {"rate": in_unit(round_figure(rate), unit)}
    margin = WITHIN_90 * sigma
    return likely_words(abs(rate), abs(rate) - margin, abs(rate) + margin, unit)


def figure_words(one: Figure) -> str:
    """Return a stated rate without sign and its 90 % interval: '14 mm a year (probably 12 to 16)'."""
    if one.likely is None:
        return rate_words(one.value, None)
    return likely_words(abs(one.value), *one.likely, "mm a year")


def likely_words(value: float, low: float, high: float, unit: str) -> str:
    """Return a value and its range, never an empty one: '14 mm a year (probably 12 to 16)'. unit: a key of UNITS."""
    digits = 0 if high >= 10 or high - low >= 2 else 1
    least = 10.0**-digits
    low, high = max(0.0, min(low, value - least)), max(high, value + least)
    rate, most = in_unit(decimal(value, digits), unit), decimal(high, digits)
    if low < least / 2:
        # Translators: %(rate)s is "5 mm a year", %(most)s is "10"
        return _("%(rate)s (probably at most %(most)s)") % {"rate": rate, "most": most}
    # Translators: %(rate)s is "14 mm a year", %(least)s is "12", %(most)s is "16"
    return _("%(rate)s (probably %(least)s to %(most)s)") % {"rate": rate, "least": decimal(low, digits), "most": most}


def likely_speed(speed_m_day: float, sigma_m_day: float | None) -> str:
    """Return '3.1 metres a day (probably 2.9 to 3.3)', '42 centimetres a day (probably 34 to 50)' below one metre."""
    if sigma_m_day is None or math.isnan(sigma_m_day):
        return speed_words(speed_m_day)
    unit, factor = _speed_unit(speed_m_day)
    return rate_words(factor * speed_m_day, factor * sigma_m_day, unit)


def area_label(area_m2: float) -> str:
    """Return an area: '2.1 km²', '116 km²' from ten km² on, '35 hectares' below one km²."""
    if area_m2 < 1e6:
        hectares = max(1, round(area_m2 / 1e4))
        return ngettext("%(number)s hectare", "%(number)s hectares", hectares) % {"number": whole(hectares)}
    return _("%(number)s km²") % {"number": decimal(area_m2 / 1e6, 1 if area_m2 < 1e7 else 0)}


def length_words(length_km: float) -> str:
    """Return a length: '1.2 km', '12 km'; '350 metres' below one kilometre."""
    if length_km < 0.995:
        return _("%(number)s metres") % {"number": whole(max(10, round(1000 * length_km, -1)))}
    return _("%(number)s km") % {"number": decimal(length_km, 1 if length_km < 9.95 else 0)}


def figure_rows(area: Any, *, everyone: bool) -> list[tuple[str, str]]:
    """Return label and value of each known figure of an alert. everyone: leave out those that are for operators."""
    known = figures_known(area)
    rows = [row for row in FIGURES if row.name in known and (row.public or not everyone)]
    said = ((row, _IN_UNIT[row.unit](known[row.name])) for row in rows)
    is_region = area.extent == Extent.REGION
    return [
        (str((is_region and row.in_region) or row.label), f"± {value.lstrip('+')}" if "_sigma_" in row.name else value)
        for row, value in said
    ]


def _speed_unit(speed_m_day: float) -> tuple[str, float]:
    """Return the unit for a speed, a key of UNITS, and the factor that converts metres a day to it."""
    return ("metres a day", 1.0) if speed_m_day >= 1.0 else ("centimetres a day", 100.0)


def _joined(parts: Sequence[str], end: str) -> str:
    """Join a list. end: template that joins the last part, %(last)s, to the %(others)s."""
    if len(parts) < 2:
        return "".join(map(str, parts))
    return end % {"others": ", ".join(map(str, parts[:-1])), "last": parts[-1]}


def cell_text(text: str) -> str:
    """Return text as a table cell that spreadsheets do not run as a formula; numbers do not need it."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text


_IN_UNIT: dict[str, Callable[[float], str]] = {  # units of `detection.figures`
    "m2": area_label,
    "mm/yr": lambda value: mm_a_year(signed(value)),
    "m/day": speed_words,
    "degrees": lambda value: f"{whole(value)}°",
    "0 to 1": percent,
    "usual scatters": lambda value: signed(value, 1),
}

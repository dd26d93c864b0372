"""Days of a table's series: in the names of columns, in a first row, or listed in a mapping.

All notations of FORMS are tried on all names at once, and the one that fits all of them is taken. If several fit and
name different days, as 04/01/2019 and 05/02/2019 do, the table is refused with both readings.
"""

import calendar
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.tables import text_table
from ground_motion.readers.tables.columns import FEW_ROWS, PLACE, Source

MATLAB_DAYS_BEFORE_YEAR_1 = 366  # Day 1 of MATLAB is the first of January of the year 0.
EXCEL_DAY_0 = date(1899, 12, 30)
YEARS = range(1970, 2101)
RADAR_YEARS = range(1985, 2101)  # Names of columns that are dates lie in the years of radar satellites.
MIN_DATES = 3  # Fewer columns that look alike are dates only under a prefix that says so.
NOTATIONS: dict[str, Callable[[float], date]] = {  # A table's first row may name days in these notations.
    "matlab": lambda number: date.fromordinal(math.floor(number) - MATLAB_DAYS_BEFORE_YEAR_1),
    "excel": lambda number: EXCEL_DAY_0 + timedelta(days=math.floor(number)),
    "yyyymmdd": lambda number: text_table.day_of(f"{number:.0f}"),
}
PREFIXES = frozenset({
    "", "d", "x", "t", "y", "s", "dt", "ts",
    "disp", "displ", "displacement", "def", "defo", "date", "los", "dlos", "cum",
})  # fmt: skip
# Months as other languages shorten them -> as strptime knows them
MONTHS = {month.lower(): month for month in calendar.month_abbr if month}
MONTHS |= {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec", "fév": "feb", "avr": "apr"}
MONTHS |= {"aoû": "aug", "ene": "jan", "abr": "apr", "ago": "aug", "dic": "dec", "gen": "jan", "mag": "may"}
MONTHS |= {"juin": "jun", "juil": "jul", "déc": "dec", "giu": "jun", "lug": "jul", "set": "sep", "ott": "oct"}
PREFIX = re.compile(r"[\W_]")  # These signs are removed from the text before a date.
SERIES_UNIT = re.compile(r"\s*[\[(](?P<bracketed>.*)[\])]$|[_ ](?P<spelled>[mc]?m|in|inch|ft|feet)$")
_TIME = r"(?:[T _]\d\d:?\d\d(?::?\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
DATED = re.compile(
    r"(?P<prefix>(?:[^\W\d]\w*?)??)[_ .-]*"
    r"(?P<day>\d{4}([-_/. ])\d{1,2}\3\d{1,2}|\d{1,2}([-_/. ])(?:\d{1,2}|[^\W\d]{3})\4(?:\d{4}|\d{2})"
    r"|\d{1,2}[^\W\d]{3}\d{2,4}|(?:"
    + "|".join(MONTHS)
    + r")[^\W\d]{0,7}[-_/. ]?(?:\d{4}|\d{2})|\d{4}[-_/]\d{3}|\d{4}[-_/]\d{2}|\d{4}\.\d+|\d{4,8})"
    + _TIME,
    re.IGNORECASE,
)
_FORMAT_PARTS = {
    "%Y": r"\d{4}", "%y": r"\d{2}", "%j": r"\d{3}", "%b": r"[^\W\d]{3}", "%H": r"\d{2}", "%M": r"\d{2}", "%S": r"\d{2}",
}  # fmt: skip
_DAYS = (
    {"%Y"},
    *(set(codes) for year in ("%Y", "%y") for codes in ((year, "%m", "%d"), (year, "%b", "%d"), (year, "%j"))),
)

_LENGTHS = {
    "YYYYMMDD": 8, "DDMMYYYY": 8, "MMDDYYYY": 8, "YYYYDDD": 7, "YYDDD": 5, "YYMMDD": 6, "DDMMYY": 6, "YYYYMM": 6,
    "years": 4, "MATLAB's day numbers": 6, "Excel's day numbers": 5,
}  # fmt: skip


def _date_parser(pattern: str) -> Callable[[str], date]:
    return lambda text: datetime.strptime(text, pattern).date()  # noqa: DTZ007 (a day has no time zone)


def _decimal_year(text: str) -> date:
    if len(text) < 7:
        raise ValueError(f"{text} has too few decimals for a day")
    year, part = int(text[:4]), float(text[4:])
    return date(year, 1, 1) + timedelta(days=round(part * (366 if calendar.isleap(year) else 365)))


_PATTERNS = (
    *("%Y%m%d", "%d%m%Y", "%m%d%Y", "%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d"),
    *("%Y%j", "%Y-%j", "%y%j", "%d%b%Y", "%d-%b-%Y", "%d%b%y", "%d-%b-%y", "%y%m%d", "%d%m%y"),
    *("%b-%Y", "%b-%y", "%b%Y", "%b%y", "%Y%m", "%Y-%m"),
)
_LETTERS = {"%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%b": "MMM", "%j": "DDD"}
# Name -> parser; separators between the parts are "-", except the point of a decimal year.
FORMS: dict[str, Callable[[str], date]] = {
    re.sub("%.", lambda code: _LETTERS[code[0]], pattern): _date_parser(pattern) for pattern in _PATTERNS
} | {
    "decimal years": _decimal_year,
    "years": lambda text: date(int(text), 7, 2),  # A year stands for its middle.
    "MATLAB's day numbers": lambda text: NOTATIONS["matlab"](int(text)),
    "Excel's day numbers": lambda text: NOTATIONS["excel"](int(text)),
}


def dates_by_name(path: Path, names: Sequence[str], pattern: str | None = None) -> dict[str, date]:
    """Return column -> day for columns named by a date, in a pattern or the one of FORMS that fits all of them.

    Raises InputError where names look like dates and none of FORMS, or several, fit all of them.
    """
    if pattern is not None:
        return _dates_by_pattern(path, names, pattern)
    seen = {name: DATED.fullmatch(SERIES_UNIT.sub("", name.strip())) for name in names}
    known = {name: at["day"] for name, at in seen.items() if at and PREFIX.sub("", at["prefix"].lower()) in PREFIXES}
    fitting = _readings(known)
    if not fitting and all(map(is_certain, known.values())):
        fitting = _readings(known, in_order=False)
    if len(known) == 1 and not is_certain(next(iter(known.values()))):
        return {}
    if known and not fitting and (len(known) >= MIN_DATES or all(map(is_certain, known.values()))):
        shown = " and ".join(repr(name) for name in [*known][:2])
        problem = f"{len(known)} columns such as {shown:.60} are not all dates of one form, or two are of one day"
        raise InputError(path, problem, 'State their form in a mapping, such as dates = "D%Y%m%d"')
    if len(set(map(tuple, (reading.items() for reading in fitting.values())))) > 1:
        (form, first), (other, second) = list(fitting.items())[:2]
        name = next(name for name in first if first[name] != second[name])
        problem = f"column {name!r:.40} may be {first[name]} ({form}) or {second[name]} ({other})"
        raise InputError(path, problem, 'State which in a mapping, such as dates = "%d/%m/%Y"')
    return next(iter(fitting.values()), {})


def is_certain(day: str) -> bool:
    """Return whether a name is a date and no number: eight digits, or parts with separators."""
    return len(day) == 8 or not day.replace(".", "").isdigit()


def _readings(texts: dict[str, str], *, in_order: bool = True) -> dict[str, dict[str, date]]:
    """Return form -> (column -> day) by rising days, for each form in which all texts are plausible and different days.

    in_order: whether the columns must stand in that order, which tells apart forms that names alone do not.
    """
    readings = {}
    for form, parse in FORMS.items():
        try:
            reading = {name: parse(_spell(form, text)) for name, text in texts.items()}
        except (ValueError, OverflowError):
            continue
        rising = dict(sorted(reading.items(), key=lambda item: item[1]))
        if form.startswith("MMM") and len({day.month for day in rising.values()}) == 1:
            continue  # Nothing shows that names such as set_01 and set_02 are years of one month.
        in_place = list(rising) == list(reading) or not in_order
        plausible = all(day.year in RADAR_YEARS for day in rising.values())
        if rising and in_place and plausible and len(set(rising.values())) == len(rising):
            readings[form] = rising
    return readings


def _spell(form: str, text: str) -> str:
    """Return a text with the separators of a form. Raises ValueError if it has another number of letters."""
    spelled = text if form == "decimal years" else re.sub(r"[-_/. ]", "-", text)
    spelled = re.sub(r"[^\W\d]{3,}", _month, spelled)
    if (form == "decimal years") is not ("." in spelled) or len(spelled) != _LENGTHS.get(form, len(spelled)):
        raise ValueError(text)
    return spelled


def _month(word: re.Match[str]) -> str:
    """Return a month as strptime knows it; another word as it is."""
    return MONTHS.get(word[0][:4].lower()) or MONTHS.get(word[0][:3].lower(), word[0])


def _dates_by_pattern(path: Path, names: Sequence[str], pattern: str) -> dict[str, date]:
    parts = re.split(r"(%.)", pattern)
    codes = [code for code in parts[1::2] if code not in {"%H", "%M", "%S"}]
    if set(codes) not in _DAYS or len(set(parts[1::2])) < len(parts[1::2]):
        remedy = "Use %Y, %m and %d once each, as in D%Y%m%d, or %Y and %j, or %b"
        raise InputError(path, f"the date pattern {pattern!r} is none", remedy)
    digits = r"\d{2}" if re.search("%.%", pattern) else r"\d{1,2}"
    shapes = _FORMAT_PARTS | {"%m": digits, "%d": digits}
    shape = re.compile("".join(shapes.get(part, re.escape(part)) for part in parts))
    columns = text_table.date_columns(path, names, shape, lambda name: datetime.strptime(name, pattern).date())  # noqa: DTZ007
    if not columns:
        raise InputError(path, f"no column is called like {pattern!r}", "Correct dates in the mapping")
    return columns


def dates_in_first_row(path: Path, source: Source, names: Sequence[str], notation: str) -> list[date]:
    """Return the days in these columns of the first row. notation: a key of NOTATIONS. Raises InputError."""
    first = next(source.batches(dict.fromkeys(names, PLACE), FEW_ROWS), None)
    if first is None or not first.num_rows:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    days = []
    for name in names:
        number = first.column(first.schema.get_field_index(name))[0].as_py()
        day = None
        with suppress(ValueError, OverflowError):
            day = NOTATIONS[notation](float("nan") if number is None else number)
        if day is None or day.year not in YEARS:
            problem = f"the first row holds {number} in column {name!r}, which is no day ({notation})"
            raise InputError(path, problem, "Name the first and the last date column in date_columns")
        days.append(day)
    return days


def dates_by_order(path: Path, names: Sequence[str], days: Sequence[date]) -> dict[str, date]:
    """Return column -> day, paired in order. Raises InputError for unequal numbers or unordered days."""
    if len(names) != len(days):
        problem = f"{len(days)} days are listed for {len(names)} columns"
        raise InputError(path, problem, "Name the first and the last date column in date_columns")
    text_table.refuse_disorder(path, days)
    return dict(zip(names, days, strict=True))

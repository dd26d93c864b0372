"""Date columns of a table, and their days: by their names, as listed, or as the first row states."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from ingest.errors import InputError
from ingest.readers.tables import text_table
from ingest.readers.tables.columns import FEW_ROWS, PLACE, Source

NAME = re.compile(r"(?:d|x|t|dt|ts|disp|date)?_?[12]\d{3}([-_/.]?)\d{2}\1\d{2}", re.IGNORECASE)
MATLAB_DAYS_BEFORE_YEAR_1 = 366  # its day 1 is the first of January of the year 0
YEARS = range(1970, 2101)
_FORMAT_PARTS = {"%Y": r"\d{4}", "%m": r"\d{2}", "%d": r"\d{2}"}


NOTATIONS: dict[str, Callable[[float], date]] = {  # of days in a first row
    "matlab": lambda number: date.fromordinal(math.floor(number) - MATLAB_DAYS_BEFORE_YEAR_1),
    "yyyymmdd": lambda number: text_table.day_of(f"{number:.0f}"),
}


def by_name(path: Path, names: Sequence[str], pattern: str | None = None) -> dict[str, date]:
    """Return the columns whose names are dates: DYYYYMMDD, YYYYMMDD, YYYY-MM-DD and the like, or by a pattern."""
    if pattern is None:
        return text_table.date_columns(path, names, NAME)
    parts = re.split(r"(%.)", pattern)
    if sorted(parts[1::2]) != ["%Y", "%d", "%m"]:
        raise InputError(path, f"the date pattern {pattern!r} is none", "Use %Y, %m and %d once each, as in D%Y%m%d")
    shape = re.compile("".join(_FORMAT_PARTS.get(part, re.escape(part)) for part in parts))
    columns = text_table.date_columns(path, names, shape, lambda name: datetime.strptime(name, pattern).date())  # noqa: DTZ007
    if not columns:
        raise InputError(path, f"no column is called like {pattern!r}", "Correct dates in the mapping")
    return columns


def between(path: Path, names: Sequence[str], ends: Sequence[str]) -> list[str]:
    """Return the columns from the first to the last of two. Raises InputError."""
    text_table.require(path, names, ends, "Correct date_columns: it names what the file has not")
    first, last = (names.index(end) for end in ends)
    return list(names[first : last + 1])


def in_first_row(path: Path, source: Source, names: Sequence[str], notation: str) -> list[date]:
    """Parse the days that the first row holds in these columns. notation: a key of NOTATIONS. Raises InputError."""
    first = next(source.batches(dict.fromkeys(names, PLACE), FEW_ROWS), None)
    if first is None or not first.num_rows:
        raise InputError(path, "the table has a header and no rows", "Export it again")
    days = []
    for name in names:
        number = first.column(first.schema.get_field_index(name))[0].as_py()
        try:
            day = NOTATIONS[notation](float("nan") if number is None else number)
        except (ValueError, OverflowError):
            day = None
        if day is None or day.year not in YEARS:
            problem = f"the first row holds {number} in column {name!r}, which is no day ({notation})"
            raise InputError(path, problem, "Name the first and the last date column in date_columns")
        days.append(day)
    return days


def by_order(path: Path, names: Sequence[str], days: Sequence[date]) -> dict[str, date]:
    """Pair columns and days in their order. Raises InputError where they do not match."""
    if len(names) != len(days):
        problem = f"{len(days)} days are listed for {len(names)} columns"
        raise InputError(path, problem, "Name the first and the last date column in date_columns")
    text_table.refuse_disorder(path, days)
    return dict(zip(names, days, strict=True))

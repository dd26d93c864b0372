"""Daily series of the Nevada Geodetic Laboratory, tenv3 (geodesy.unr.edu, README_tenv3.txt; Blewitt et al. 2018).

Columns are found by the numbers in that document: integer and fractional metres, which are added (columns 8 to 13),
standard deviations (15 to 17), latitude and longitude (21, 22). Older editions end after column 20; these are refused.
"""

from datetime import date
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations import records

NAME, TITLE = "ngl-tenv3", "NGL tenv3"
ORDER = 20
SUFFIXES = frozenset({".tenv3"})
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
COLUMNS = 23
PARTS = {"east": (7, 8), "north": (9, 10), "up": (11, 12)}  # integer and fractional metres
SIGMAS = {"sigma east": (14,), "sigma north": (15,), "sigma up": (16,)}
MODIFIED_JULIAN_0 = date(1858, 11, 17).toordinal()


def recognises(path: Path) -> bool:
    """Return whether the suffix and the first line are those of tenv3."""
    fields = records.first_line(path, SUFFIXES).split()
    return bool(fields) and (fields[:2] == ["site", "YYMMMDD"] or len(fields) >= 20)


def read_stations(path: Path, declared: Declaration) -> tuple[records.StationSeries, ...]:
    """Read the series of a file, which states one station. Raises InputError."""
    _, _, frame = path.stem.partition(".")  # P123.NA.tenv3: relative to the plate NA
    rows: dict[int, records.Row] = {}
    with records.numbered_lines(path) as lines:
        for line, text in lines:
            fields = text.split()
            if not fields or (line == 1 and fields[0] == "site"):
                continue
            if len(fields) < COLUMNS or not text.endswith("\n"):
                problem = f"line {line} has {len(fields)} of {COLUMNS} columns, or no end"
                raise InputError(path, problem, "Download it again: it may be cut off, or of an edition without places")
            texts = {name: [fields[at] for at in columns] for name, columns in (PARTS | SIGMAS).items()}
            mm = tuple(records.parsed_mm(path, line, name, *parts, unit_mm=1000) for name, parts in texts.items())
            place = records.parsed_place(path, line, fields[21], fields[20])
            rows[line] = records.Row(fields[0], _day(path, line, fields), *place, mm, frame)
    return records.series_of(path, records.StationTechnique.GNSS, rows)


def _day(path: Path, line: int, fields: list[str]) -> date:
    """Parse the day, stated as YYMMMDD and as a modified Julian day. Raises InputError if the two differ."""
    text, julian = fields[1], records.parse_number(path, line, "MJD", fields[3])
    try:
        day = date.fromordinal(MODIFIED_JULIAN_0 + int(julian))
        same = text == f"{day.year % 100:02d}{MONTHS[day.month - 1]}{day.day:02d}"
    except (ValueError, OverflowError):
        same = False
    if not same:
        raise InputError(path, f"line {line}: date {text[:20]!r} and MJD {julian:g} differ", "Download it again")
    return day

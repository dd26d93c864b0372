"""Position series in the form 'PBO Station Position Time Series': version 1.1 as text (.pos) and 1.2 as a table (.csv).

GAGE, MIT and EPOS (with the solutions of EUREF's centres) publish the first, EarthScope (once UNAVCO) both.
"""

import re
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from ground_motion.core.errors import InputError
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations import records

NAME, TITLE = "pos", "station series (.pos, .csv)"
ORDER = 30
FIRST_WORDS = "PBO Station Position Time Series"
MAX_HEADER_LINES = 100


class Form(NamedTuple):
    """How files of a suffix are written.

    start: how the line that names the columns begins; columns: names of those of the day, east, north, up and of their
    standard deviations.
    """

    start: str
    separator: str | None
    unit_mm: float
    columns: tuple[str, ...]


FORMS = {
    ".pos": Form("*", None, 1000.0, ("YYYYMMDD", "dE", "dN", "dU", "Se", "Sn", "Su")),
    ".csv": Form(
        *("Date,", ",", 1.0),
        (
            *("Date", "East (mm)", "North (mm)", "Vertical (mm)"),
            *(f"{way} Std. Deviation (mm)" for way in ("East", "North", "Vertical")),
        ),
    ),
}
SUFFIXES = frozenset(FORMS)


def recognises(path: Path) -> bool:
    """Return whether the first line is that of the format."""
    return records.first_line(path, SUFFIXES).startswith(FIRST_WORDS)


def read_stations(path: Path, declared: Declaration) -> tuple[records.StationSeries, ...]:
    """Read the series of a file, which states one station. Raises InputError."""
    form, rows = FORMS[path.suffix.lower()], dict[int, records.Row]()
    with records.numbered_lines(path) as lines:
        header: list[str] = []
        for _, text in islice(lines, MAX_HEADER_LINES + 1):
            if text.startswith(form.start):
                break
            header.append(text)
        else:
            raise InputError(path, f"no line names the columns (it begins with {form.start})", "Download it again")
        names = [name.strip() for name in text.lstrip("*").strip().split(form.separator)]
        missing = next((name for name in form.columns if name not in names), None)
        if missing:
            raise InputError(path, f"line {len(header) + 1}: column {missing} is missing", "Download it again")
        code, frame, place = _header(path, header)
        for line, text in lines:
            if not text.strip():
                continue
            fields = text.split(form.separator)
            if len(fields) < len(names) or not text.endswith("\n"):
                problem = f"line {line} has {len(fields)} of {len(names)} columns, or no end"
                raise InputError(path, problem, "Download it again: it may be cut off")
            values = dict(zip(names, map(str.strip, fields), strict=False))
            day, *moved = ((name, values[name]) for name in form.columns)
            mm = tuple(records.parsed_mm(path, line, *value, unit_mm=form.unit_mm) for value in moved)
            rows[line] = records.Row(code, records.parsed_day(path, line, day[1]), *place, mm, frame)
    return records.series_of(path, records.StationTechnique.GNSS, rows)


def _header(path: Path, lines: list[str]) -> tuple[str, str, tuple[float, float]]:
    """Return the station's name, the frame, and (longitude, latitude). Raises InputError."""
    stated: dict[str, tuple[int, str]] = {}  # name -> number of its line, value
    for line, text in enumerate(lines, start=1):
        name, *value = re.split("[:,]", text, maxsplit=1)
        stated[name.strip().removeprefix(f"{FIRST_WORDS}. ")] = line, "".join(value).strip()
    _, code = stated.get("4-character ID") or stated.get("9-character ID") or (0, "")
    number, place = stated.get("NEU Reference position") or stated.get("Reference position") or (0, "")
    # The table writes "36.6 North Latitude, -105.9 East Longitude".
    fields = re.sub(r"\b[A-Za-z]+\b|,", " ", place).split()
    if not code or len(fields) < 3:
        raise InputError(path, "its header names no station ID or no NEU reference position", "Download it again")
    return code, stated.get("Reference Frame", (0, ""))[1], records.parsed_place(path, number, fields[1], fields[0])

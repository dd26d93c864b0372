"""Position series in the text form 'PBO Station Position Time Series', version 1 (suffix .pos).

GAGE, MIT and EPOS (with the solutions of EUREF's centres) publish it. The header names the station and the frame. The
line that begins with an asterisk names the columns in their order; dN, dE, dU and Sn, Se, Su are metres.
"""

import re
from itertools import islice
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations import records

NAME, TITLE = "pos", "station series (.pos)"
ORDER = 30
SUFFIXES = frozenset({".pos"})
FIRST_WORDS = "PBO Station Position Time Series"
NEEDED = ("YYYYMMDD", "dE", "dN", "dU", "Se", "Sn", "Su")
MAX_HEADER_LINES = 100


def recognises(path: Path) -> bool:
    """Return whether the first line is that of the format."""
    return records.first_line(path, SUFFIXES).startswith(FIRST_WORDS)


def read_stations(path: Path, declared: Declaration) -> tuple[records.StationSeries, ...]:
    """Read the series of a file, which states one station. Raises InputError."""
    rows: dict[int, records.Row] = {}
    with records.numbered_lines(path) as lines:
        header: list[str] = []
        for _, text in islice(lines, MAX_HEADER_LINES + 1):
            if text.startswith("*"):
                break
            header.append(text)
        else:
            raise InputError(path, "no line names the columns (it begins with *)", "Download it again")
        names = text.lstrip("*").split()
        missing = next((name for name in NEEDED if name not in names), None)
        if missing:
            raise InputError(path, f"line {len(header) + 1}: column {missing} is missing", "Download it again")
        code, frame, place = _header(path, header)
        for line, text in lines:
            fields = text.split()
            if fields and (len(fields) < len(names) or not text.endswith("\n")):
                problem = f"line {line} has {len(fields)} of {len(names)} columns, or no end"
                raise InputError(path, problem, "Download it again: it may be cut off")
            if fields:
                values = dict(zip(names, fields, strict=False))
                mm = tuple(records.parsed_mm(path, line, name, values[name], unit_mm=1000) for name in NEEDED[1:])
                rows[line] = records.Row(code, records.parsed_day(path, line, values["YYYYMMDD"]), *place, mm, frame)
    return records.series_of(path, records.StationTechnique.GNSS, rows)


def _header(path: Path, lines: list[str]) -> tuple[str, str, tuple[float, float]]:
    """Return the station's name, the frame, and (longitude, latitude). Raises InputError."""
    parts = (text.partition(":") for text in lines if ":" in text)
    stated = {name.strip(): value.strip() for name, _, value in parts}
    frame = stated.get(f"{FIRST_WORDS}. Reference Frame", "")
    code = stated.get("4-character ID") or stated.get("9-character ID") or ""
    number, text = next(
        ((line, text) for line, text in enumerate(lines, start=1) if text.startswith("NEU Reference position")), (0, "")
    )
    fields = re.sub(r"^[^:]*:", "", text).split()
    if not code or len(fields) < 3:
        raise InputError(path, "its header names no station ID or no NEU reference position", "Download it again")
    return code, frame, records.parsed_place(path, number, fields[1], fields[0])

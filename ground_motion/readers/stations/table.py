"""Plain tables (CSV): series of GNSS stations, or campaigns of levelling, one row for each station and date.

GNSS: station, date, longitude, latitude, east_mm, north_mm, up_mm, east_sigma_mm, north_sigma_mm, up_sigma_mm and,
where known, frame. Levelling: benchmark, date, longitude, latitude, height_m, sigma_mm. Displacements may have any
zero. Errors of different levelling campaigns are taken to be independent.
"""

from math import nan
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.context.tables import Row as Fields
from ground_motion.readers.context.tables import column_names, read_rows
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations import records
from ground_motion.readers.tables.text_table import refuse_cut_off

NAME, TITLE = "stations", "table of stations"
ORDER = 40
SUFFIXES = frozenset({".csv"})
PLACED = ("date", "longitude", "latitude")
MOVED = ("east_mm", "north_mm", "up_mm", "east_sigma_mm", "north_sigma_mm", "up_sigma_mm")
COLUMNS = {
    records.StationTechnique.GNSS: ("station", *PLACED, *MOVED),
    records.StationTechnique.LEVELLING: ("benchmark", *PLACED, "height_m", "sigma_mm"),
}


def recognises(path: Path) -> bool:
    """Return whether the header names a station or a benchmark, with dates."""
    return _technique(header_names(path, SUFFIXES)) is not None


def read_stations(path: Path, declared: Declaration) -> tuple[records.StationSeries, ...]:
    """Read the series of all stations of a table. Raises InputError."""
    technique = _technique(table_columns(path)) or records.StationTechnique.GNSS
    fields = enumerate(read_rows(path, COLUMNS[technique]), start=2)
    return records.series_of(path, technique, {line: _row(path, line, values, technique) for line, values in fields})


def header_names(path: Path, suffixes: frozenset[str]) -> set[str]:
    """Return the lower-case column names in the first line of a table, to recognise it. Never raises."""
    line = records.first_line(path, suffixes).lower()
    return {name.strip() for name in line.split(max(",;\t", key=line.count))}


def table_columns(path: Path) -> set[str]:
    """Return the lower-case column names of a table. Raises InputError if it is too large, damaged or cut off."""
    if path.stat().st_size > records.MAX_BYTES:
        raise InputError(path, f"a table has at most {records.MAX_BYTES // 2**20} MB", "Cut it into pieces")
    names = set(column_names(path))
    refuse_cut_off(path)
    return names


def _technique(names: set[str]) -> records.StationTechnique | None:
    if "date" not in names:
        return None
    return next((technique for technique, columns in COLUMNS.items() if columns[0] in names), None)


def _row(path: Path, line: int, values: Fields, technique: records.StationTechnique) -> records.Row:
    mm: tuple[float, ...]
    if technique is records.StationTechnique.LEVELLING:
        up = records.parsed_mm(path, line, "height_m", values["height_m"], unit_mm=1000)
        sigma = records.parsed_mm(path, line, "sigma_mm", values["sigma_mm"], unit_mm=1)
        mm, frame = (nan, nan, up, nan, nan, sigma), ""
    else:
        mm = tuple(records.parsed_mm(path, line, name, values[name], unit_mm=1) for name in MOVED)
        frame = values.get("frame", "")
    day, place = (
        records.parsed_day(path, line, values["date"]),
        records.parsed_place(path, line, values["longitude"], values["latitude"]),
    )
    return records.Row(values[COLUMNS[technique][0]], day, *place, mm, frame)

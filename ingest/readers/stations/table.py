"""Plain tables (CSV): series of GNSS stations, or campaigns of levelling, one row for each station and date.

GNSS: station, date, longitude, latitude, east_mm, north_mm, up_mm, east_sigma_mm, north_sigma_mm, up_sigma_mm and,
where known, frame. Levelling: benchmark, date, longitude, latitude, height_m, sigma_mm. Displacements may have any
zero. Errors of different levelling campaigns are taken to be independent.
"""

from datetime import date
from math import nan
from pathlib import Path

from ingest.errors import InputError
from ingest.readers.context.tables import Row as Fields
from ingest.readers.context.tables import column_names, read_rows
from ingest.readers.records import Declaration
from ingest.readers.stations.records import (
    MOST_BYTES,
    Row,
    StationSeries,
    StationTechnique,
    first_line,
    parsed_day,
    parsed_mm,
    parsed_place,
    series_of,
)
from ingest.readers.tables.text_table import refuse_cut_off

NAME, TITLE = "stations", "table of stations"
SUFFIXES = frozenset({".csv"})
PLACED = ("date", "longitude", "latitude")
MOVED = ("east_mm", "north_mm", "up_mm", "east_sigma_mm", "north_sigma_mm", "up_sigma_mm")
COLUMNS = {
    StationTechnique.GNSS: ("station", *PLACED, *MOVED),
    StationTechnique.LEVELLING: ("benchmark", *PLACED, "height_m", "sigma_mm"),
}


def recognises(path: Path) -> bool:
    """Return whether the header names a station or a benchmark, with dates."""
    line = first_line(path, SUFFIXES).lower()
    return _technique({name.strip() for name in line.split(max(",;\t", key=line.count))}) is not None


def read_stations(path: Path, declared: Declaration) -> tuple[StationSeries, ...]:
    """Read the series of all stations of a table. Raises InputError."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(path, f"a table has at most {MOST_BYTES // 2**20} MB", "Cut it into pieces")
    technique = _technique(set(column_names(path))) or StationTechnique.GNSS
    refuse_cut_off(path)
    row = _levelled if technique is StationTechnique.LEVELLING else _located
    fields = enumerate(read_rows(path, COLUMNS[technique]), start=2)
    return series_of(path, technique, {line: row(path, line, values) for line, values in fields})


def _technique(names: set[str]) -> StationTechnique | None:
    if "date" not in names:
        return None
    return next((one for one, columns in COLUMNS.items() if columns[0] in names), None)


def _located(path: Path, line: int, values: Fields) -> Row:
    mm = tuple(parsed_mm(path, line, name, values[name], unit_mm=1) for name in MOVED)
    return Row(values["station"], *_when_and_where(path, line, values), mm, values.get("frame", ""))


def _levelled(path: Path, line: int, values: Fields) -> Row:
    up = parsed_mm(path, line, "height_m", values["height_m"], unit_mm=1000)
    sigma = parsed_mm(path, line, "sigma_mm", values["sigma_mm"], unit_mm=1)
    return Row(values["benchmark"], *_when_and_where(path, line, values), (nan, nan, up, nan, nan, sigma))


def _when_and_where(path: Path, line: int, values: Fields) -> tuple[date, float, float]:
    return parsed_day(path, line, values["date"]), *parsed_place(path, line, values["longitude"], values["latitude"])

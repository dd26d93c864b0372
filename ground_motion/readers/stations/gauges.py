"""Plain tables (CSV): rain or levels of groundwater, one row for each gauge and date.

Columns: gauge, date, longitude, latitude, and rain_mm_day or level_m (from any fixed zero, positive upwards).
"""

from pathlib import Path

import numpy as np

from ground_motion.core.errors import InputError
from ground_motion.readers.context.tables import read_rows
from ground_motion.readers.records import Declaration
from ground_motion.readers.stations import records
from ground_motion.readers.stations.table import header_names, table_columns

NAME, TITLE = "gauges", "table of gauges"
ORDER = 50
SUFFIXES = frozenset({".csv"})
COLUMNS = ("gauge", "date", "longitude", "latitude")
VALUES = {records.GaugeKind.RAIN: "rain_mm_day", records.GaugeKind.GROUNDWATER: "level_m"}
# Other values have another unit.
POSSIBLE = {records.GaugeKind.RAIN: (0.0, 2_000.0), records.GaugeKind.GROUNDWATER: (-10_000.0, 10_000.0)}


def recognises(path: Path) -> bool:
    """Return whether the header has a column `gauge` and one of the two quantities."""
    return _kind(header_names(path, SUFFIXES)) is not None


def read_stations(path: Path, declared: Declaration) -> tuple[records.GaugeSeries, ...]:
    """Read the series of all gauges of a table. Raises InputError."""
    kind = _kind(table_columns(path)) or records.GaugeKind.RAIN
    fields = enumerate(read_rows(path, (*COLUMNS, VALUES[kind])), start=2)
    rows = {line: _row(path, line, kind, values) for line, values in fields}
    return tuple(_series(code, kind, list(days.values())) for code, days in records.rows_by_day(path, rows).items())


def _kind(names: set[str]) -> records.GaugeKind | None:
    return next((kind for kind, value in VALUES.items() if {"gauge", value} <= names), None)


def _row(path: Path, line: int, kind: records.GaugeKind, values: dict[str, str]) -> records.Row:
    name, (low, high) = VALUES[kind], POSSIBLE[kind]
    value = records.parse_number(path, line, name, values[name])
    if not low <= value <= high:
        problem = f"line {line}: {name} is {value:g}"
        raise InputError(path, problem, f"Give {low:g} to {high:g}, in the unit that the column names")
    place = records.parsed_place(path, line, values["longitude"], values["latitude"])
    return records.Row(values["gauge"], records.parsed_day(path, line, values["date"]), *place, (value,))


def _series(code: str, kind: records.GaugeKind, numbered: list[tuple[int, records.Row]]) -> records.GaugeSeries:
    rows = [row for _, row in numbered]
    values = np.array([row.values[0] for row in rows], dtype=np.float32)
    return records.GaugeSeries(code, kind, rows[0].longitude, rows[0].latitude, tuple(row.day for row in rows), values)

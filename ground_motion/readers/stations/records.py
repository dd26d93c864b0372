"""Series of stations and gauges, and the parsing and checks that all their readers share."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.errors import InputError, promised
from ground_motion.core.text import distinct_values, number_of
from ground_motion.readers.context.tables import open_text, position
from ground_motion.readers.records import Float32

MAX_BYTES = 512 * 2**20  # Ten thousand days of one station are about 2 MB of text.
MAX_SERIES = 20_000  # The world has about as many GNSS stations as one file may hold.
MAX_CODE_LENGTH = 40
MAX_POSITION_MM = 2.1e10  # Coordinates and heights beyond half the equator are errors of the file.
MAX_DISPLACEMENT_MM = 1e6  # Displacements of more than a kilometre are errors of the file.
MIN_SIGMA_MM, MAX_SIGMA_MM = 1e-4, 1e4
SAME_DEGREES = 0.01  # Two rows of one name this close are one station: names such as "1001" recur elsewhere.
FIRST_YEAR, LAST_YEAR = 1800, 2100


class StationTechnique(StrEnum):
    """Way in which a series was measured."""

    GNSS = "gnss"
    LEVELLING = "levelling"


class StationSeries(NamedTuple):
    """Series of one station. columns_mm: (6, dates), mm: east, north, up from the first position; their sigmas.

    longitude, latitude: degrees, EPSG:4326. frame: reference frame of the series, empty if not stated. Values that are
    not measured are NaN, as east and north of a benchmark.
    """

    code: str
    technique: StationTechnique
    frame: str
    longitude: float
    latitude: float
    dates: tuple[date, ...]
    columns_mm: Float32


class GaugeKind(StrEnum):
    """Quantity that a gauge measures: rain, mm/day, or the level of groundwater, m (up is positive)."""

    RAIN = "rain"
    GROUNDWATER = "groundwater"


class GaugeSeries(NamedTuple):
    """Series of one gauge. values: (dates,), mm/day or m as `kind` says; longitude, latitude: degrees, EPSG:4326."""

    code: str
    kind: GaugeKind
    longitude: float
    latitude: float
    dates: tuple[date, ...]
    values: Float32


class Row(NamedTuple):
    """One date of one station or gauge.

    values: a station's east, north, up and standard deviations, mm, NaN unknown; a gauge's value in its kind's unit.
    """

    code: str
    day: date
    longitude: float
    latitude: float
    values: tuple[float, ...]
    frame: str = ""


def first_line(path: Path, suffixes: frozenset[str]) -> str:
    """Return the first line of a text file with one of the suffixes, stripped; empty otherwise. Never raises."""
    with suppress(OSError):
        if path.suffix.lower() in suffixes and path.is_file():
            with path.open("rb") as stream:
                return stream.readline(4096).decode("utf-8-sig", "replace").strip()
    return ""


@contextmanager
def numbered_lines(path: Path) -> Iterator[Iterator[tuple[int, str]]]:
    """Open a text file as numbered lines, from 1. Raises InputError for text that is damaged or too long."""
    if path.stat().st_size > MAX_BYTES:
        raise InputError(path, f"a series has at most {MAX_BYTES // 2**20} MB of text", "Cut the file into pieces")
    with open_text(path) as stream:
        yield enumerate(iter(lambda: stream.readline(MAX_BYTES), ""), start=1)


def parse_number(path: Path, line: int, name: str, text: str) -> float:
    """Parse a finite number of a line. Raises InputError that names line and column."""
    value = number_of(text)
    if value is None:
        raise InputError(path, f"line {line}: {name} is {text[:40]!r}, not a number", "Download or export it again")
    return value


def parsed_mm(path: Path, line: int, name: str, *texts: str, unit_mm: float) -> float:
    """Return a length, the sum of `texts`, in mm. Raises InputError for one that no place on Earth can have.

    unit_mm: length of one unit of the file, mm.
    """
    length_mm = unit_mm * sum(parse_number(path, line, name, text) for text in texts)
    if not abs(length_mm) <= MAX_POSITION_MM:
        problem = f"line {line}: {name} is {' + '.join(text[:20] for text in texts)}, which no place on Earth can have"
        raise InputError(path, problem, "Check the unit, or download or export it again")
    return length_mm


def parsed_place(path: Path, line: int, longitude: str, latitude: str) -> tuple[float, float]:
    """Parse longitude (-360 to 360) and latitude, degrees. Raises InputError that names the line."""
    for name, text in (("longitude", longitude), ("latitude", latitude)):
        parse_number(path, line, name, text)
    return promised(position(path, longitude, latitude, f"line {line}"))


def parsed_day(path: Path, line: int, text: str) -> date:
    """Parse YYYY-MM-DD or YYYYMMDD. Raises InputError that names the line."""
    day = None
    with suppress(ValueError):
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text) else None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InputError(path, f"line {line}: {text[:40]!r} is not a date", "Write dates as 2021-01-19")
    return day


def series_of(path: Path, technique: StationTechnique, rows: Mapping[int, Row]) -> tuple[StationSeries, ...]:
    """Return one series for each station, sorted by date. rows: by number of line. Raises InputError for doubled dates.

    The first value of each component is subtracted, so that float32 is exact to a thousandth of a millimetre.
    """
    return tuple(_series(path, code, technique, by_day) for code, by_day in rows_by_day(path, rows).items())


def rows_by_day(path: Path, rows: Mapping[int, Row]) -> dict[str, dict[date, tuple[int, Row]]]:
    """Return name -> day -> (number of line, row), sorted by day. Raises InputError for doubled dates and odd rows."""
    of_station: dict[str, dict[date, tuple[int, Row]]] = defaultdict(dict)
    for line, row in rows.items():
        _check(path, line, row)
        earlier = of_station[row.code].setdefault(row.day, (line, row))[0]
        if earlier != line:
            raise InputError(path, f"lines {earlier} and {line}: {row.code} has two values of {row.day}", "Keep one")
        begun, first = next(iter(of_station[row.code].values()))
        if abs(row.longitude - first.longitude) + abs(row.latitude - first.latitude) > SAME_DEGREES:
            problem = f"line {line}: {row.code} lies elsewhere than on line {begun}"
            raise InputError(path, problem, "Name different stations differently")
    remedy = f"Cut it into files of at most {MAX_SERIES} stations"
    distinct_values(of_station, MAX_SERIES, lambda n: InputError(path, f"it has series of {n} stations", remedy))
    if not of_station:
        raise InputError(path, "it holds no row", "Download or export it again")
    return {code: dict(sorted(by_day.items())) for code, by_day in of_station.items()}


def _check(path: Path, line: int, row: Row) -> None:
    if not row.code or len(row.code) > MAX_CODE_LENGTH or not row.code.isprintable():
        problem = f"line {line}: {row.code[:40]!r} is not the name of a station"
        raise InputError(path, problem, f"Give names of 1 to {MAX_CODE_LENGTH} letters")
    for sigma in row.values[3:]:
        if sigma < MIN_SIGMA_MM or sigma > MAX_SIGMA_MM:
            problem = f"line {line}: a standard deviation is {sigma:g} mm"
            raise InputError(path, problem, f"Give one between {MIN_SIGMA_MM:g} and {MAX_SIGMA_MM:g} mm")


def _series(
    path: Path, code: str, technique: StationTechnique, by_day: Mapping[date, tuple[int, Row]]
) -> StationSeries:
    days = tuple(by_day)
    lines, rows = zip(*by_day.values(), strict=True)
    mm = np.array([row.values for row in rows], dtype=np.float64).T
    mm[:3] -= mm[:3, :1]
    far = np.flatnonzero((np.abs(mm[:3]) > MAX_DISPLACEMENT_MM).any(axis=0))
    if far.size:
        farthest_m = np.nanmax(np.abs(mm[:3, far[0]])) / 1000
        problem = f"line {lines[far[0]]}: {code} would have moved by more than a kilometre ({farthest_m:.0f} m)"
        raise InputError(path, problem, "Check the units, or name different stations differently")
    first = rows[0]
    return StationSeries(
        code, technique, first.frame[:30], first.longitude, first.latitude, days, mm.astype(np.float32)
    )

"""Attributes, geometry and points that MintPy's own files and its HDF-EOS5 product have in common.

Sources: MintPy (Yunjun et al. 2019, doi 10.1016/j.cageo.2019.104331), its class `coordinate` (X_FIRST and Y_FIRST are
the outer corner of the first pixel, so that a centre is X_FIRST + (column + 0.5) X_STEP) and its `utils0`
(azimuthAngle: of the line of sight from the ground to the satellite, from north, anti-clockwise).
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from ground_motion.core.errors import InputError
from ground_motion.core.text import number_of
from ground_motion.readers import gate, hdf5, raster
from ground_motion.readers.hdf5_grids import GEOGRAPHIC, Grid, metric_crs
from ground_motion.readers.records import (
    Component,
    Declaration,
    Direction,
    FieldHeader,
    Float32,
    Float64,
    PointBatch,
    Stated,
    VelocityField,
)
from ground_motion.readers.slopes import Slopes, slopes

Places = NDArray[np.int64]

METRES = {"m", "meter", "meters", "metre", "metres"}
ATTRIBUTION = "MintPy time series; its source is not stated in the file"
SLOPE = "least-squares slope of the series"
KEPT = ("REF_LAT", "REF_LON", "REF_DATE", "WAVELENGTH", "HEADING", "PLATFORM", "PROCESSOR", "START_DATE", "END_DATE")


class Layer(NamedTuple):
    """Name of a dataset and its file. Its shape: (rows, cols), or (dates, rows, cols) for displacement."""

    path: Path
    name: str


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Layers of a product by quantity, at least displacement or velocity, and the factors from them to mm and mm/yr.

    azimuth_deg: one for all pixels, see `los_vector`.
    """

    grid: Grid
    dates: tuple[date, ...]
    layers: dict[str, Layer]
    azimuth_deg: float | None
    series_mm: float
    velocity_mm: float


def grid_of(path: Path, attributes: dict[str, str], rows: int, cols: int) -> Grid:
    """Return the grid of a geocoded file. Raises InputError if it is in radar coordinates or without a unit."""
    if "X_FIRST" not in attributes:
        remedy = "Geocode it with MintPy's geocode.py and give the file geo_…"
        raise InputError(path, "it is in radar coordinates (it has no attribute X_FIRST)", remedy)
    x, dx, y, dy = (number(path, attributes, name) for name in ("X_FIRST", "X_STEP", "Y_FIRST", "Y_STEP"))
    # file: the corner of the first pixel; ours: its centre
    grid = Grid(x=x + dx / 2, dx=dx, y=y + dy / 2, dy=dy, rows=rows, cols=cols, epsg=_epsg(path, attributes))
    return grid.checked(path)


def _epsg(path: Path, attributes: dict[str, str]) -> int:
    unit = attributes.get("X_UNIT", "").strip().lower()
    if unit != attributes.get("Y_UNIT", unit).strip().lower():
        raise InputError(path, f"X_UNIT is {unit!r} and Y_UNIT {attributes['Y_UNIT']!r}", "Geocode it again")
    if unit.startswith("deg"):  # ROI_PAC writes 'degres'
        return GEOGRAPHIC
    if unit not in METRES:
        problem = f"the unit of its coordinates, X_UNIT, is {unit or 'missing'}"
        raise InputError(path, problem, "Add it with MintPy's add_attribute.py: X_UNIT=degrees, or meters and EPSG")
    code, zone = attributes.get("EPSG", "").strip(), attributes.get("UTM_ZONE", "").strip().upper()
    if not code and len(zone) > 1 and zone[:-1].isdigit() and 1 <= int(zone[:-1]) <= 60 and zone[-1] in "NS":
        code = str((32600 if zone[-1] == "N" else 32700) + int(zone[:-1]))
    if not code.isdigit() or len(code) > 6:
        problem = f"its coordinates are metres and EPSG is {code or 'missing'}"
        raise InputError(path, problem, "Add it with MintPy's add_attribute.py: EPSG=32611 or the like")
    metric_crs(path, int(code))
    return int(code)


def number(path: Path, attributes: dict[str, str], name: str) -> float:
    """Parse an attribute that must be a number. Raises InputError."""
    value = number_of(attributes.get(name, ""))
    if value is None:
        stated = attributes.get(name, "missing")
        raise InputError(path, f"attribute {name!r} is {stated:.40}", "Make it again with MintPy")
    return value


def units_of(path: Path, declared: Declaration, unit: str, *, of_series: bool) -> gate.Units:
    """Return the unit and sign of values, of which MintPy states the unit. Raises InputError."""
    return gate.units(path, declared, unit={"UNIT": unit}, sign={"MintPy": "toward"}, of_series=of_series)


def directions_of(attributes: dict[str, str]) -> dict[str, Direction]:
    """Return the flight direction by each attribute that states it."""
    stated = {"ORBIT_DIRECTION": Direction.from_letter(attributes.get("ORBIT_DIRECTION", ""))}
    heading = number_of(attributes.get("HEADING", ""))
    if heading is not None:
        stated["HEADING"] = Direction.ASCENDING if np.cos(np.radians(heading)) > 0 else Direction.DESCENDING
    return {source: way for source, way in stated.items() if way}


def direction_of(attributes: dict[str, str]) -> Direction:
    """Return the stated flight direction, or unknown."""
    return next(iter(directions_of(attributes).values()), Direction.UNKNOWN)


def field_of(stack: Stack, attributes: dict[str, str], declared: Declaration, **known: Any) -> VelocityField:
    """Return a stack as a velocity field. known: what else its header states."""
    scattered = {"longitude", "latitude"} <= stack.layers.keys()
    header = FieldHeader(
        component=Component.LOS,
        track=declared.track or track_of(attributes),
        direction=direction_of(attributes),
        posting_m=None if scattered else stack.grid.posting_m,
        grid_epsg=None if scattered else stack.grid.metric_epsg,
        attribution=ATTRIBUTION,
        **known,
    )
    # The gate compares factors, directions, and the side to which the antenna looks.
    stated = Stated(
        crs=stack.grid.epsg,
        velocity_scale=stack.velocity_mm if "velocity" in stack.layers else stack.series_mm,
        series_scale=stack.series_mm,
        velocity_is_slope="velocity" not in stack.layers,
        direction=directions_of(attributes),
        look=-1.0 if (number_of(attributes.get("ANTENNA_SIDE", "")) or -1) > 0 else 1.0,
    )
    pixels = stack.grid.rows * stack.grid.cols
    return VelocityField(header=header, batches=partial(batches, stack), expected_points=pixels, stated=stated)


def track_of(attributes: dict[str, str]) -> int | None:
    """Return the relative orbit, 1 to 999; None where it is not stated."""
    text = (attributes.get("relative_orbit") or attributes.get("trackNumber") or "").strip()
    return int(text) if text.isdigit() and 0 < int(text) < 1000 else None


def azimuth_of(attributes: dict[str, str]) -> float | None:
    """Return the line of sight's azimuth, degrees anti-clockwise from north, by HEADING and ANTENNA_SIDE; or None."""
    heading, side = (number_of(attributes.get(name, "")) for name in ("HEADING", "ANTENNA_SIDE"))
    if heading is None or side is None:
        return None
    # a right-looking satellite (ANTENNA_SIDE -1) is seen from the ground to the left of its heading
    return 90 - heading if side < 0 else -90 - heading


def los_vector(incidence_deg: Float32, azimuth_deg: Float32) -> tuple[Float32, Float32, Float32]:
    """Return the unit vector from the ground to the satellite: (east, north, up), NaN where unknown.

    incidence_deg: from the vertical; azimuth_deg: of the line of sight from the ground to the satellite, from north,
    anti-clockwise. An incidence of 0 is MintPy's nodata.
    """
    incidence = np.radians(np.where((incidence_deg > 0) & (incidence_deg < 90), incidence_deg, np.nan))
    azimuth = np.radians(np.where(np.abs(azimuth_deg) <= 360, azimuth_deg, np.nan))
    horizontal = np.sin(incidence)
    vector = (-horizontal * np.sin(azimuth), horizontal * np.cos(azimuth), np.cos(incidence) + 0 * azimuth)
    return tuple(part.astype(np.float32) for part in vector)  # type: ignore[return-value]


class Rows(NamedTuple):
    """Block of rows of a stack, with the stack's open files."""

    stack: Stack
    opened: dict[Path, h5py.File]
    rows: slice

    def plane(self, name: str) -> Float32:
        """Return the rows of a layer, (rows, cols); all NaN if the stack has no such layer."""
        if (layer := self.stack.layers.get(name)) is None:
            return np.full((self.rows.stop - self.rows.start, self.stack.grid.cols), np.nan, dtype=np.float32)
        return hdf5.numbers(layer.path, self.opened[layer.path], layer.name, self.rows)

    def series(self) -> Float32 | None:
        """Return the rows' displacements, (dates, rows, cols), m; None if the stack has no series."""
        if (layer := self.stack.layers.get("displacement")) is None:
            return None
        return hdf5.numbers(layer.path, self.opened[layer.path], layer.name, (slice(None), self.rows))

    def line_of_sight(self, row: Places, col: Places) -> tuple[Float32, Float32, Float32]:
        """Return (east, north, up) of unit vectors to the satellite, by pixel; NaN where unknown."""
        azimuth = self.plane("azimuth")[row, col]
        if "azimuth" not in self.stack.layers and self.stack.azimuth_deg is not None:
            azimuth = np.full(row.size, self.stack.azimuth_deg, dtype=np.float32)
        return los_vector(self.plane("incidence")[row, col], azimuth)

    def positions(self, row: Places, col: Places) -> tuple[Float64, Float64]:
        """Return (longitude, latitude) of pixels, from the stack's layers of these or else from its grid."""
        if not {"longitude", "latitude"} <= self.stack.layers.keys():
            return self.stack.grid.positions(row + self.rows.start, col)
        longitude, latitude = (self.plane(name)[row, col].astype(np.float64) for name in ("longitude", "latitude"))
        return longitude, latitude


def batches(stack: Stack) -> Iterator[PointBatch]:
    """Yield the pixels that hold a measurement as points, at most 64 rows at a time. InputError if there are none."""
    n_points, paths = 0, [layer.path for layer in stack.layers.values()]
    with ExitStack() as files:
        opened = {path: files.enter_context(hdf5.open_file(path)) for path in dict.fromkeys(paths)}
        for rows in hdf5.row_blocks(stack.grid.rows, stack.grid.cols, max(1, len(stack.dates))):
            batch = _block(Rows(stack, opened, rows))
            n_points += batch.pid.size
            if batch.pid.size:
                yield batch
    if not n_points:
        raise InputError(paths[0], "no pixel holds a measurement", "Relax MintPy's mask and run it again")


def _block(block: Rows) -> PointBatch:
    stack, series, velocity = block.stack, block.series(), block.plane("velocity")
    good = _has_measurement(series, velocity if "velocity" in stack.layers else None)
    if "mask" in stack.layers:
        good &= block.plane("mask") > 0
    row, col = np.nonzero(good)
    displacement = np.empty((row.size, 0), dtype=np.float32)
    if series is not None:  # file: usually m, positive toward the satellite; ours: mm, the same sign
        displacement = hdf5.millimetres(np.ascontiguousarray(series[:, row, col].T), stack.series_mm)  # (pixels, dates)
    if "velocity" in stack.layers:  # file: usually m/yr, positive toward the satellite; ours: mm/yr, the same sign
        known = (plane[row, col] for plane in (velocity, block.plane("velocity_std")))
        motion = Slopes(*(hdf5.millimetres(values, stack.velocity_mm) for values in known))
    else:
        motion = slopes(displacement, stack.dates)
    east, north, up = block.line_of_sight(row, col)
    return raster.batch(
        row + block.rows.start,
        col,
        *block.positions(row, col),
        motion.velocity_mm_yr,
        Component.LOS,
        height_m=block.plane("height")[row, col],
        velocity_std_mm_yr=motion.velocity_std_mm_yr,
        temporal_coherence=block.plane("coherence")[row, col],
        los_east=east,
        los_north=north,
        los_up=up,
        displacement_mm=displacement,
    )


def _has_measurement(series: Float32 | None, velocity: Float32 | None) -> NDArray[np.bool_]:
    """Return where there is a measurement, (rows, cols); MintPy marks missing ones by NaN, or 0 on every date."""
    good: Any = True
    if series is not None:
        known = np.isfinite(series)
        good = (known.sum(axis=0) >= 2) & (known & (series != 0)).any(axis=0)
    if velocity is not None:
        good = good & np.isfinite(velocity) & ((velocity != 0) if series is None else True)
    return np.asarray(good, dtype=np.bool_)

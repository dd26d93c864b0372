"""ITS_LIVE velocities of ice (NASA MEaSUREs, autoRIFT), NetCDF-4: pairs of images, and mosaics of a year or of all.

Source: ITS_LIVE product documentation v1 and v2; autoRIFT (Lei et al. 2021, doi 10.3390/rs13040749). `vx` and `vy`
(`vx0`, `vy0` in static mosaics) are m/yr along the x and y of the file's **map**, which their attribute `grid_mapping`
names (`mapping`, `UTM_Projection`, `Polar_Stereographic`); here they become velocities to true east and true north.
An error is one standard deviation. Mosaics were made to the description; no real file was at hand.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.text import number_of
from ground_motion.readers import gate, hdf5, raster, records
from ground_motion.readers.hdf5_grids import Grid, evenly, mapped_epsg
from ground_motion.readers.tables import text_table

NAME = "its-live"
TITLE = "ITS_LIVE"
ORDER = 160
SUFFIXES = hdf5.SUFFIXES
AXES = (("vx", "vy"), ("vx0", "vy0"))
MARKS = frozenset({"img_pair_info", "mapping", "UTM_Projection", "Polar_Stereographic", "mid_date"})
YEAR = re.compile(r"_(0000|[12]\d{3})(?=_v\d|\.nc)")
ONE_PAIR = "Give one of its image pairs, or an annual mosaic (velocity_image_pair, velocity_mosaic)"
REMEDY = "Give the file as it was published"
ATTRIBUTION = "ITS_LIVE, NASA MEaSUREs (Gardner et al.), velocities by autoRIFT (Gardner et al. 2018, Lei et al. 2021)"
LICENCE = "ITS_LIVE: free and open, with attribution (NASA)"


class Ice(NamedTuple):
    """Facts about a file, read before its pixels. axes: its velocities along map x and y; mm: factor to mm/yr."""

    path: Path
    axes: tuple[str, str]
    grid: Grid
    dates: tuple[date, ...]
    level: str
    mm: float


def recognises(path: Path) -> bool:
    """Return whether a file has any of the format's variables; `read` reports missing ones. Never raises."""
    names = hdf5.names(path)
    is_speed = bool({"v", "v0", *sum(AXES, ())} & names) and bool(MARKS & names)
    return "img_pair_info" in names or is_speed or any({*axes, "x", "y"} <= names for axes in AXES)


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the header; eastward and northward velocities are read later, in batches. Raises InputError."""
    with hdf5.open_file(path) as file:
        ice = _ice(path, file, declared)
        is_named = "ITS_LIVE" in path.name or "ITS_LIVE" in str(hdf5.attributes(path, file)) or ice.level == "pair"
        stated = hdf5.attributes(path, file, "img_pair_info") if ice.level == "pair" else {}
    wanted = ("mission_img1", "satellite_img1", "sensor_img1", "id_img1", "id_img2", "date_dt")
    fields = []
    for component in (records.Component.EAST, records.Component.NORTH):
        header = records.FieldHeader(
            source_format=NAME,
            level=ice.level,
            component=component,
            dates=ice.dates,
            has_series=False,
            technique=records.Technique.TRACKING,
            posting_m=ice.grid.posting_m,
            grid_epsg=ice.grid.epsg,
            attribution=ATTRIBUTION if is_named else "Tracked motion; its source is not stated in the file",
            licence=LICENCE if is_named else "",
            extras={name: stated[name] for name in wanted if name in stated},
        )
        points, pixels = partial(_batches, ice, component), ice.grid.rows * ice.grid.cols
        stated_here = records.Stated(crs=ice.grid.epsg)  # Values are rotated to true east, unlike those in the file.
        fields.append(records.VelocityField(header=header, batches=points, expected_points=pixels, stated=stated_here))
    return tuple(fields)


def _ice(path: Path, file: h5py.File, declared: records.Declaration) -> Ice:
    axes = next((axes for axes in AXES if axes[0] in file or axes[1] in file), None)
    if axes is None:
        remedy = "Give the file that also holds vx and vy"
        raise InputError(path, "an ITS_LIVE file of speeds without the directions vx and vy", remedy)
    hdf5.require(path, file, (*axes, "x", "y"), REMEDY)
    shapes = [hdf5.shape_of(path, file, name) for name in axes]
    if "mid_date" in file or len(shapes[0]) > 2:
        problem = f"an ITS_LIVE datacube of many pairs ({' x '.join(map(str, shapes[0]))})"
        raise InputError(path, problem, ONE_PAIR)
    x, y = hdf5.coordinates(path, file, "x"), hdf5.coordinates(path, file, "y")
    if {*shapes} != {(y.size, x.size)}:
        problem = f"{axes[0]} {shapes[0]}, {axes[1]} {shapes[1]}, {y.size} y and {x.size} x differ"
        raise InputError(path, problem, REMEDY)
    mapping = hdf5.attributes(path, file, axes[0]).get("grid_mapping", "mapping")
    hdf5.require(path, file, (mapping,), REMEDY)
    stated = hdf5.attributes(path, file, mapping)
    (x0, dx), (y0, dy) = evenly(path, "x", x), evenly(path, "y", y)
    grid = Grid(x=x0, dx=dx, y=y0, dy=dy, rows=y.size, cols=x.size, epsg=mapped_epsg(path, stated)).checked(path)
    _check_corner(path, grid, stated.get("GeoTransform", ""))
    level, dates = _period(path, file, axes)
    units = {f"the attribute of {name}": hdf5.attributes(path, file, name).get("units") for name in axes}
    along = replace(declared, positive=None)  # Positive is along the axes, whatever is declared.
    unit = gate.units(path, along, unit=units, sign={"its axes": "east"}, dates_known=bool(dates))
    return Ice(path, axes, grid, dates or declared.period or (), level, unit.factor)


def _check_corner(path: Path, grid: Grid, transform: str) -> None:
    """Raise InputError if the corner in a GeoTransform is not that of the coordinates."""
    try:
        west, dx, _, north, _, dy = (float(part) for part in transform.split())
    except ValueError:
        return  # Positions are taken from x and y alone.
    if not (abs(west + dx / 2 - grid.x) < abs(grid.dx) / 4 and abs(north + dy / 2 - grid.y) < abs(grid.dy) / 4):
        problem = f"x begins at {grid.x:.1f} and y at {grid.y:.1f}, but its GeoTransform is {transform[:60]!r}"
        raise InputError(path, problem, REMEDY)


def _period(path: Path, file: h5py.File, axes: tuple[str, str]) -> tuple[str, tuple[date, ...]]:
    """Return the level of a file, and the first and last day of its velocities if it states them. InputError."""
    if "img_pair_info" in file:
        return "pair", _days(path, hdf5.attributes(path, file, "img_pair_info"))
    named = YEAR.search(path.name)
    if named is None or named[1] == "0000" or axes != AXES[0]:
        return "mosaic", ()
    return "annual mosaic", (date(int(named[1]), 1, 1), date(int(named[1]), 12, 31))


def _days(path: Path, stated: dict[str, str]) -> tuple[date, date]:
    """Return the days of the two images, from '20180304T20:33:12.5' or '20180304'. Raises InputError."""
    days = []
    for name in ("acquisition_date_img1", "acquisition_date_img2"):
        with refusing(path, f"its {name} is {stated.get(name, '')[:40]!r}", REMEDY, ValueError):
            days.append(text_table.day_of(stated.get(name, "").partition("T")[0]))
    if not days[0] < days[1]:
        raise InputError(path, f"its images are of {days[0]} and {days[1]}, not in order", REMEDY)
    return days[0], days[1]


def _batches(ice: Ice, component: records.Component) -> Iterator[records.PointBatch]:
    path, grid = ice.path, ice.grid
    with hdf5.open_file(path) as file:
        for block in hdf5.row_blocks(grid.rows, grid.cols, 2):
            vx, vy = (hdf5.cf_values(path, file, name, block) for name in ice.axes)
            row, col = np.nonzero(np.isfinite(vx) & np.isfinite(vy))
            if row.size:
                places = grid.positions(row + block.start, col)
                # file: m/yr along map x and y; ours: mm/yr, positive to true east and true north
                speeds = (values[row, col] * ice.mm for values in (vx, vy))
                velocity = raster.true_velocity(component, grid.epsg, *places, *speeds).astype(np.float32)
                error = _errors(ice, file, block)[row, col] * ice.mm
                known = (error >= 0) & (error < raster.FASTEST_MM_YR[records.Technique.TRACKING])
                std = np.where(known, error, np.nan).astype(np.float32)
                yield raster.batch(row + block.start, col, *places, velocity, component, velocity_std_mm_yr=std)


def _errors(ice: Ice, file: h5py.File, block: slice) -> records.Float64:
    """Return the standard deviation of vx and vy, m/yr, by pixel: the larger of both, else that of the speed."""
    path, (vx, vy) = ice.path, ice.axes
    shape = hdf5.shape_of(path, file, vx)
    for names in ((f"{vx}_error", f"{vy}_error"), (f"{vx}_err", f"{vy}_err")):
        if all(hdf5.shape_of(path, file, name) == shape for name in names):
            return np.fmax(*(hdf5.cf_values(path, file, name, block) for name in names))
    attributes = [(hdf5.attributes(path, file, name), name) for name in ice.axes]
    known = [number_of(stated.get("error", stated.get(f"{name}_error", ""))) for stated, name in attributes]
    speed = vx.replace("x", "") + "_error"
    if None in known and hdf5.shape_of(path, file, speed) == shape:
        return hdf5.cf_values(path, file, speed, block)
    error = np.nan if None in known else max(number for number in known if number is not None)
    return np.full((block.stop - block.start, ice.grid.cols), error)

"""Grids in NetCDF without a format of their own: GMTSAR's folder of `.grd`, a grid of GMT, PyGMTSAR's series.

Sources: GMT's grid files (COARDS NetCDF, GMT documentation, "GMT file formats"); GMTSAR's SBAS (Sandwell et al. 2011):
`vel.grd`, mm/yr, and a displacement for each date, mm, both positive toward the satellite, projected as `*_ll.grd`;
PyGMTSAR's exports by xarray, with a dimension `date`. Other grids state or are declared unit and sign. Coordinates are
those of pixel centres. Made to the published descriptions; only made files were at hand. GDAL's driver for NetCDF is
not used, because damaged files crash it.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import scipy

from ground_motion.core.errors import InputError, first_names, refusing
from ground_motion.core.files import head_of, names_in, refuse_hollow
from ground_motion.readers import gate, hdf5, raster
from ground_motion.readers.hdf5_grids import GEOGRAPHIC, Grid, evenly, mapped_epsg
from ground_motion.readers.records import Declaration, FieldHeader, Float32, Float64, PointBatch, Stated, VelocityField
from ground_motion.readers.slopes import slope_mm_yr
from ground_motion.readers.tables.columns import check_rates
from ground_motion.readers.velocity.geotiff import RATE, refuse_other_layer
from ground_motion.readers.velocity.geotiff import other_layer as other_layer

NAME = "gmt"
TITLE = "GMTSAR"
ORDER = 190
SUFFIXES = frozenset({".grd", ".nc"})
VELOCITY = re.compile(r"vel(?:ocity)?(?:_mm)?(?P<ll>_ll)?\.grd")
DATED = re.compile(r"(?:disp_?|cum_?|timeseries[-_])?(?P<year>[12]\d{3})(?P<day>\d{4}|\d{3})(?:_mm)?(?P<ll>_ll)?\.grd")
PHASES = re.compile(r"(?:unw|unwrap|.*phase|intf?|interferogram)s?", re.IGNORECASE)
CLASSIC = {b"CDF\1", b"CDF\2", b"CDF\5"}  # NetCDF-3
AXES = (("lon", "lat"), ("longitude", "latitude"), ("x", "y"))
DATES = ("date", "time")
MAX_DATES = 1000
GEOCODE = "Geocode it (proj_ra2ll.csh), or convert it: gdal_translate -a_srs EPSG:4326"
DAMAGED = (*hdf5.FAULTS, IndexError, AssertionError, UnicodeDecodeError)


class Netcdf(NamedTuple):
    """An open file: HDF5 (NetCDF-4) or, mapped into memory, NetCDF-3."""

    path: Path
    file: Any

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each variable."""
        if isinstance(self.file, h5py.File):
            return {name: hdf5.shape_of(self.path, self.file, name) for name in self.file}
        return {name: tuple(variable.shape) for name, variable in self.file.variables.items()}

    def attribute(self, name: str, key: str) -> str:
        """Return an attribute of a variable as text; empty if it has none."""
        if isinstance(self.file, h5py.File):
            return hdf5.attributes(self.path, self.file, name).get(key, "")
        return hdf5.text(self.file.variables[name]._attributes.get(key, ""))

    def numbers(self, name: str, where: Any = ()) -> Float64:
        """Return a part of a variable, NaN where missing."""
        if isinstance(self.file, h5py.File):
            return hdf5.cf_values(self.path, self.file, name, where)
        with refusing(self.path, f"its {name} holds no numbers ({{}})", hdf5.REMEDY, *DAMAGED):
            raw = np.array(self.file.variables[name].data[where])
        return hdf5.unpacked(self.path, name, raw, self.file.variables[name]._attributes)


@contextmanager
def open_netcdf(path: Path) -> Iterator[Netcdf]:
    """Open a NetCDF file of either version. Raises InputError for a damaged one."""
    with refusing(path, "it cannot be read as NetCDF ({})", hdf5.REMEDY, *DAMAGED):
        file = scipy.io.netcdf_file(path, mmap=True) if head_of(path, 4) in CLASSIC else hdf5.open_file(path)
    with file as opened:
        yield Netcdf(path, opened)


class Layer(NamedTuple):
    """A variable, (rows, cols), or a part of one, (dates, rows, cols)."""

    path: Path
    name: str
    part: int | None = None

    def read(self, held: Netcdf, rows: slice) -> Float32:
        """Return rows in the file's unit, NaN where missing."""
        with np.errstate(all="ignore"):
            return held.numbers(self.name, rows if self.part is None else (self.part, rows)).astype(np.float32)


def recognises(path: Path) -> bool:
    """Return whether a folder holds GMTSAR's grids, or a file is a grid in NetCDF. Never raises."""
    if path.is_dir():
        named = [name for name in names_in(path) if VELOCITY.fullmatch(name) or DATED.fullmatch(name)]
        return any(VELOCITY.fullmatch(name) for name in named) or len(named) > 1
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    names = hdf5.names(path)
    return head_of(path, 4) in CLASSIC or any({*axes} <= names for axes in AXES)


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all grids; pixels are read later, in batches. Raises InputError."""
    if path.is_file():
        refuse_other_layer(path, declared)
    velocity, series, stated_units = _find_in_folder(path) if path.is_dir() else _find_in_file(path)
    layers = [*([velocity] if velocity else []), *series.values()]
    grid = None
    for layer in layers:
        this = _grid(layer)
        grid = grid or this
        if not this.fits(grid):
            raise InputError(layer.path, f"it does not lie on the grid of {layers[0].path.name}", "Give one stack")
    if grid is None:
        raise InputError(path, "it holds neither a velocity nor displacements of dates", "Give vel_ll.grd")
    of_gmtsar = {"GMTSAR": "toward"} if path.is_dir() else {}
    units = gate.units(
        path, declared, unit=stated_units, sign=of_gmtsar, of_series=velocity is None, dates_known=bool(series)
    )
    header = FieldHeader(
        source_format=NAME,
        level="time series" if series else "velocity",
        component=units.component,
        dates=tuple(series) or declared.period or (),
        has_series=bool(series),
        track=declared.track,
        posting_m=grid.posting_m,
        grid_epsg=grid.metric_epsg,
        attribution="Grid of GMT; its source is not stated in the file",
        extras={"unit": units.unit, "positive": units.positive},
    )
    stated = Stated(
        crs=grid.epsg, velocity_scale=units.factor, series_scale=units.factor, velocity_is_slope=velocity is None
    )
    batches = partial(_batches, grid, layers, tuple(series), units)
    if velocity and series and (first := next(batches(), None)):
        check_rates(path, first, tuple(series))
    files = tuple(dict.fromkeys(layer.path for layer in layers)) if path.is_dir() else ()
    unread = [name for name in names_in(path) if name.endswith(".grd") and path / name not in files]
    changes = [f"{len(unread)} grids were not read: {first_names(unread)}."] if unread else []
    facts: Any = {"files": files, "expected_points": grid.rows * grid.cols, "stated": stated, "changes": changes}
    return (VelocityField(header=header, batches=batches, **facts),)


class Motion(NamedTuple):
    """A velocity, or displacements by date, and their units: source -> unit."""

    velocity: Layer | None
    series: dict[date, Layer]
    units: dict[str, str]


def _find_in_folder(path: Path) -> Motion:
    """Return GMTSAR's velocity and displacements; grids `*_ll` where there are others too."""
    matches = [match for name in names_in(path) if (match := VELOCITY.fullmatch(name) or DATED.fullmatch(name))]
    chosen = [match for match in matches if match["ll"]] or matches
    dated = sorted((_day(path / match[0], match), path / match[0]) for match in chosen if match.re is DATED)
    if len(dated) > MAX_DATES:
        raise InputError(path, f"it holds {len(dated):,} dates, more than {MAX_DATES:,}", "Leave some of them out")
    found = {day: _find_in_file(file) for day, file in dated} if len(dated) > 1 else {}
    series = {day: motion.velocity for day, motion in found.items() if motion.velocity}
    stated = {unit for motion in found.values() for unit in motion.units.values() if unit}
    velocity = next((path / match[0] for match in chosen if match.re is VELOCITY), None)
    if velocity is None:
        return Motion(None, series, {name: name for name in stated} or {"GMTSAR": "mm"})
    of_velocity = _find_in_file(velocity)
    units = {"GMTSAR": next(iter(of_velocity.units.values())) or "mm/yr"}
    return Motion(of_velocity.velocity, series, units | {f"displacements in {unit}": f"{unit}/yr" for unit in stated})


def _day(path: Path, named: re.Match[str]) -> date:
    """Return the day of a name that holds YYYYMMDD, or YYYYDDD with the day of the year."""
    year, day = int(named["year"]), named["day"]
    with refusing(path, "its name holds an invalid date ({})", "Name it YYYYMMDD_ll.grd", ValueError):
        if len(day) == 3:
            return date(year, 1, 1) + timedelta(days=int(day) - 1)
        return date(year, int(day[:2]), int(day[2:]))


def _find_in_file(path: Path) -> Motion:
    """Return the only velocity, or displacements by date, of a file. Raises InputError."""
    with open_netcdf(path) as held:
        shapes = held.shapes()
        x, y = _axes(path, shapes)
        grids = {name: shape for name, shape in shapes.items() if shape[-2:] == shapes[y] + shapes[x]}
        units = {name: held.attribute(name, "units") for name in grids}
        phases = [name for name, unit in units.items() if gate.unit_of(unit) == "radians" or PHASES.fullmatch(name)]
        found: dict[str, Motion] = {}
        for name in grids.keys() - phases:
            shape, unit = grids[name], units[name]
            refuse_hollow(path, f"its {name} declares {shape} values", 4.0 * np.prod(shape, dtype=np.float64))
            clock = next((clock for clock in DATES if shapes.get(clock) == shape[:1]), None)
            if len(shape) == 3 and clock:
                series = {day: Layer(path, name, part) for part, day in enumerate(_dates(path, held, clock))}
                found[name] = Motion(None, series, {"the file": unit})
            elif len(shape) == 2 and (len(grids) == 1 or RATE.search(name)):
                found[name] = Motion(Layer(path, name), {}, {"the file": unit})
    dated = [motion for motion in found.values() if motion.series]
    if len(dated or found) == 1:
        return (dated or [*found.values()])[0]
    if phases and not found:
        raise InputError(path, f"its {phases[0]} is interferograms (radians), no motion", "Give the series of them")
    problem = f"it holds {len(found)} variables that may be motion ({', '.join(sorted(found)[:4]) or 'none'})"
    raise InputError(path, problem, "Export one of them: a velocity, or displacements with a dimension date")


def _axes(path: Path, shapes: dict[str, tuple[int, ...]]) -> tuple[str, str]:
    """Return the names of the lists of longitudes and latitudes, or of x and y."""
    for axes in AXES:
        if all(len(shapes.get(name, ())) == 1 for name in axes):
            return axes
    raise InputError(path, f"it has no lists of coordinates lon and lat among {', '.join([*shapes][:6])}", GEOCODE)


def _dates(path: Path, held: Netcdf, name: str) -> tuple[date, ...]:
    """Return the dates of a list. Raises InputError where they are none, or not in order."""
    unit, _, since = held.attribute(name, "units").partition(" since ")
    stamps = held.numbers(name)[: MAX_DATES + 1].tolist()
    remedy = "Write them as days since a day"
    with refusing(path, "its dates are no dates ({})", remedy, ValueError, TypeError, OverflowError):
        if since:
            first = datetime.fromisoformat(since.strip()[:10])
            days = tuple((first + timedelta(**{unit: stamp})).date() for stamp in stamps)
        else:
            days = tuple(hdf5.day_of(stamp) for stamp in stamps)
    if len(days) < 2 or len(days) > MAX_DATES or any(later <= earlier for earlier, later in pairwise(days)):
        raise InputError(path, f"its {len(days)} dates are not 2 to {MAX_DATES:,} in order", "Sort them")
    return days


def _grid(layer: Layer) -> Grid:
    path = layer.path
    with open_netcdf(path) as held:
        shapes = held.shapes()
        axes = _axes(path, shapes)
        epsg = GEOGRAPHIC
        if axes == AXES[-1] and (mapping := held.attribute(layer.name, "grid_mapping")) in shapes:
            epsg = mapped_epsg(path, {key: held.attribute(mapping, key) for key in ("crs_wkt", "spatial_ref")})
        elif axes == AXES[-1] and not path.stem.endswith("_ll"):
            raise InputError(path, "its x and y are not said to be degrees: it may be in radar geometry", GEOCODE)
        (x, dx), (y, dy) = (evenly(path, name, held.numbers(name)) for name in axes)
        cols, rows = (shapes[name][0] for name in axes)
    return Grid(x=x, dx=dx, y=y, dy=dy, rows=rows, cols=cols, epsg=epsg).checked(path)


def _batches(grid: Grid, layers: list[Layer], days: tuple[date, ...], units: gate.Units) -> Iterator[PointBatch]:
    """Yield points. layers: the displacement of each day, and before them the velocity, if there is one."""
    has_velocity = len(layers) > len(days)
    with ExitStack() as stack:
        files = {path: stack.enter_context(open_netcdf(path)) for path in dict.fromkeys(layer.path for layer in layers)}
        for rows in hdf5.row_blocks(grid.rows, grid.cols, len(layers)):
            # file: mm or as stated or declared; ours: mm, positive toward the satellite, up, east or north
            values = np.stack([layer.read(files[layer.path], rows) for layer in layers]) * np.float32(units.factor)
            series = values[len(layers) - len(days) :]
            row, col = np.nonzero(np.isfinite(values[0]) if has_velocity else np.isfinite(series).sum(axis=0) > 1)
            displacement = np.ascontiguousarray(series[:, row, col].T)
            velocity = values[0][row, col] if has_velocity else slope_mm_yr(displacement, days)
            row += rows.start
            places = grid.positions(row, col)
            yield raster.batch(row, col, *places, velocity, units.component, displacement_mm=displacement)

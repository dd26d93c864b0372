"""Geocoded unwrapped interferograms (GUNW) of ARIA from Sentinel-1, NetCDF-4, and of NISAR, HDF5: a pair or a folder.

Source: ARIA S1-GUNW product guide (ASF HyP3 documentation); NISAR L2 GUNW product specification, JPL D-102272. Phases
are rad of the reference image less the secondary one: plus means that the ground was farther away on the second date.
ARIA's reference is the **later** image, NISAR's the earlier one. So MintPy's prep_aria negates ARIA's phases to make
plus mean away in time, and ARIA-tools (pull request 495) and LiCSBAS2 (152) change NISAR's the other way.

The line of sight stands on a coarse grid at several heights, of which the one nearest to the ellipsoid is taken: 3 km
up it differs by 0.2 degrees. ARIA gives the incidence angle and the azimuth from the ground to the satellite, from east
counter-clockwise; NISAR, which looks left, the east and north parts of the unit vector. Pixels of component 0 could not
be unwrapped. Made to these descriptions; no real file was at hand.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import scipy
from affine import Affine

from ingest.errors import InputError
from ingest.pixel_grids import PixelGrid
from ingest.readers import hdf5, raster
from ingest.readers.files import names_in
from ingest.readers.hdf5_grids import evenly, mapped_epsg
from ingest.readers.records import Declaration, Direction, Float32, Float64, PointBatch, Stated, VelocityField
from ingest.readers.tables import text_table
from ingest.readers.velocity import stacks

NAME = "gunw"
TITLE = "ARIA/NISAR GUNW"
SUFFIXES = hdf5.SUFFIXES
MAX_FILES = 800  # each stays open while a folder is read
MAX_COARSE = 10**6  # nodes of the grid of lines of sight; a frame has some hundreds
LIGHT_M_S = 299_792_458.0
WAVELENGTHS_M = (0.01, 1.5)  # X band to P band
ARIA, NISAR = "science/grids", "science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram"
ARIA_NAME = re.compile(r"S1-GUNW-(?P<way>[AD])-[RL]-(?P<track>\d{3})-\w+-(?P<first>\d{8})_(?P<second>\d{8})-.*")
WAYS = {"a": Direction.ASCENDING, "d": Direction.DESCENDING}
REMEDY = "Give the file as it was published"


class Pair(NamedTuple):
    """One file, open. first, second: days of the reference and the secondary image. look: +1 right, -1 left."""

    first: date
    second: date
    phase: "Layer"
    coherence: "Layer"
    view: "tuple[View, View]"
    wavelength_m: float
    track: int | None
    direction: Direction
    look: float
    polarisation: str


@dataclass(frozen=True)
class Image:
    """An image of a stack that stands in an open file, which it names in messages."""

    path: Path
    grid: PixelGrid

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Layer(Image):
    """A dataset. components: the dataset that is 0 where nothing is known."""

    file: h5py.File
    dataset: str
    components: str = ""

    def values(self, rows: slice, cols: slice) -> Float32:
        """Return a part of the image, (rows, cols), NaN where missing."""
        values = hdf5.packed(self.path, self.file, self.dataset, (rows, cols))
        if self.components:
            values[~(hdf5.packed(self.path, self.file, self.components, (rows, cols)) > 0)] = np.nan
        return values.astype(np.float32)


@dataclass(frozen=True)
class View(Image):
    """One part of the line of sight, on a coarse grid, interpolated to pixels. first, step: of its nodes, y and x."""

    part: Float64
    first: tuple[float, float]
    step: tuple[float, float]

    def values(self, rows: slice, cols: slice) -> Float32:
        """Return a part of the image, (rows, cols); beyond the coarse grid as on its edge."""
        row, col = np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)
        x, _ = raster.centres(self.grid.transform, np.zeros(col.size), col)
        _, y = raster.centres(self.grid.transform, row, np.zeros(row.size))
        at = np.meshgrid((y - self.first[0]) / self.step[0], (x - self.first[1]) / self.step[1], indexing="ij")
        values: Float64 = scipy.ndimage.map_coordinates(self.part, at, order=1, mode="nearest")
        return values.astype(np.float32)


def recognises(path: Path) -> bool:
    """Return whether a file, or one in a folder, has a phase where these products have it. Never raises."""
    return any(hdf5.holds(file, f"{ARIA}/data/unwrappedPhase") or hdf5.holds(file, NISAR) for file in _files(path)[:20])


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all files; their network of pairs is inverted later, in batches. Raises InputError."""
    with ExitStack() as opened:
        pairs = _pairs(path, opened)
        stack = _stack(path, pairs)
        grid, last = stacks.checked(stack), pairs[-1]
        header = stacks.header_of(
            stack,
            grid,
            {"wavelength_m": f"{stack.wavelength_m:.6f}"},
            source_format=NAME,
            level="interferograms" if len(pairs) > 1 else "pair",
            track=declared.track or last.track,
            direction=last.direction,
            polarisation=last.polarisation,
            attribution="Contains modified Copernicus Sentinel data, processed by ARIA (JPL/Caltech)"
            if last.look > 0
            else "NISAR, NASA and ISRO, processed by JPL",
            licence="NASA Earth Science data: free and open",
        )
        stated = Stated(crs=grid.epsg, velocity_is_slope=True, direction={"the file": last.direction}, look=last.look)
    files, pixels = stack.files if path.is_dir() else (), grid.rows * grid.cols
    read = VelocityField(
        header=header, batches=lambda: _batches(path), files=files, expected_points=pixels, stated=stated
    )
    return (read,)


def _batches(path: Path) -> Iterator[PointBatch]:
    with ExitStack() as opened:
        stack = _stack(path, _pairs(path, opened))
        yield from stacks.batches(stack, stacks.checked(stack))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [path / name for name in names_in(path) if Path(name).suffix.lower() in SUFFIXES]


def _pairs(path: Path, opened: ExitStack) -> list[Pair]:
    files = _files(path)
    if len(files) > MAX_FILES:
        raise InputError(path, f"it holds {len(files)} files", f"Give at most {MAX_FILES}, of a shorter time")
    pairs = []
    for file in files:
        content = opened.enter_context(hdf5.opened(file))
        pairs.append(_nisar(file, content) if NISAR in content else _aria(file, content))
    for what in ("track", "direction", "look", "wavelength_m"):
        found = sorted({str(getattr(pair, what)) for pair in pairs})
        if len(found) > 1:
            problem = f"its files have several values of {what.removesuffix('_m')}: {', '.join(found[:3])}"
            raise InputError(path, problem, "Give one folder for each track")
    return pairs


def _stack(path: Path, pairs: list[Pair]) -> stacks.Stack:
    chosen = tuple(
        stacks.Pair(first=pair.first, second=pair.second, phase=pair.phase, coherence=pair.coherence) for pair in pairs
    )
    # file: rad, plus is away from the first to the second date; ours: mm, plus is toward
    mm = stacks.mm_per_radian(pairs[-1].wavelength_m)
    view = stacks.LookVectors(pairs[-1].view, _from_parts)
    return stacks.Stack(folder=path, pairs=chosen, mm=mm, look_vectors=view, wavelength_m=pairs[-1].wavelength_m)


def _from_parts(parts: list[Float32]) -> tuple[Float32, Float32, Float32]:
    """Return the unit vector (east, north, up) from its first two parts; `up` is positive, toward the satellite."""
    east, north = parts
    return east, north, np.sqrt(np.maximum(1 - east**2 - north**2, 0)).astype(np.float32)


def _aria(path: Path, file: h5py.File) -> Pair:
    named = ARIA_NAME.match(path.name)
    if named is None:
        raise InputError(path, "its name no longer states its two dates", "Keep the published name, S1-GUNW-…")
    data, view = f"{ARIA}/data", f"{ARIA}/imagingGeometry"
    grid = _grid(path, file, f"{data}/unwrappedPhase", (f"{data}/longitude", f"{data}/latitude"), 4326)
    axes = (f"{view}/heightsMeta", f"{view}/latitudeMeta", f"{view}/longitudeMeta")
    incidence, azimuth = (
        np.radians(_level(path, file, f"{view}/{name}", axes)) for name in ("incidenceAngle", "azimuthAngle")
    )
    parts = np.sin(incidence) * np.cos(azimuth), np.sin(incidence) * np.sin(azimuth)
    try:
        first, second = text_table.day_of(named["first"]), text_table.day_of(named["second"])
    except ValueError as fault:
        raise InputError(path, f"its name holds an invalid date ({fault})", REMEDY) from fault
    return Pair(
        first=first,
        second=second,
        phase=Layer(path, grid, file, f"{data}/unwrappedPhase", _components(path, file, data)),
        coherence=Layer(path, grid, file, f"{data}/coherence"),
        view=_views(path, file, parts, axes, grid),
        wavelength_m=_wavelength(path, file, "science/radarMetaData/wavelength"),
        track=int(named["track"]),
        direction=WAYS[named["way"].lower()],
        look=1.0,
        polarisation="VV",
    )


def _nisar(path: Path, file: h5py.File) -> Pair:
    polarisation = "HH" if hdf5.is_dataset(path, file, f"{NISAR}/HH/unwrappedPhase") else "VV"
    data, view, facts = f"{NISAR}/{polarisation}", "science/LSAR/GUNW/metadata/radarGrid", "science/LSAR/identification"
    epsg = mapped_epsg(path, {"epsg_code": hdf5.words(path, file, f"{data}/projection")})
    grid = _grid(path, file, f"{data}/unwrappedPhase", (f"{data}/xCoordinates", f"{data}/yCoordinates"), epsg)
    axes = (f"{view}/heightAboveEllipsoid", f"{view}/yCoordinates", f"{view}/xCoordinates")
    parts = _level(path, file, f"{view}/losUnitVectorX", axes), _level(path, file, f"{view}/losUnitVectorY", axes)
    days = []
    for which in ("reference", "secondary"):
        text = hdf5.words(path, file, f"{facts}/{which}ZeroDopplerStartTime")
        try:
            days.append(date.fromisoformat(text[:10]))
        except ValueError as fault:
            raise InputError(path, f"its {which} date is {text[:40]!r}", REMEDY) from fault
    track = hdf5.words(path, file, f"{facts}/trackNumber")
    return Pair(
        first=days[0],
        second=days[1],
        phase=Layer(path, grid, file, f"{data}/unwrappedPhase", _components(path, file, data)),
        coherence=Layer(path, grid, file, f"{data}/coherenceMagnitude"),
        view=_views(path, file, parts, axes, grid),
        wavelength_m=_wavelength(path, file, "science/LSAR/GUNW/grids/frequencyA/centerFrequency"),
        track=int(track) if track.isdigit() else None,
        direction=WAYS.get(hdf5.words(path, file, f"{facts}/orbitPassDirection")[:1].lower(), Direction.UNKNOWN),
        look=1.0 if hdf5.words(path, file, f"{facts}/lookDirection")[:1].lower() == "r" else -1.0,
        polarisation=polarisation,
    )


def _components(path: Path, file: h5py.File, data: str) -> str:
    name = f"{data}/connectedComponents"
    return name if hdf5.is_dataset(path, file, name) else ""


def _grid(path: Path, file: h5py.File, phase: str, axes: tuple[str, str], epsg: int) -> PixelGrid:
    hdf5.require(path, file, (phase, *axes), REMEDY)
    x, y = (hdf5.coordinates(path, file, name) for name in axes)
    if hdf5.shape_of(path, file, phase) != (y.size, x.size):
        problem = f"its phase has the shape {hdf5.shape_of(path, file, phase)}, its coordinates {(y.size, x.size)}"
        raise InputError(path, problem, REMEDY)
    (x0, dx), (y0, dy) = evenly(path, axes[0], x), evenly(path, axes[1], y)
    return PixelGrid(epsg, Affine(dx, 0, x0 - dx / 2, 0, dy, y0 - dy / 2), y.size, x.size)


def _level(path: Path, file: h5py.File, name: str, axes: tuple[str, str, str]) -> Float64:
    """Return the level nearest to the ellipsoid of a coarse grid (heights, y, x): (y, x). Raises InputError."""
    hdf5.require(path, file, (name, *axes), REMEDY)
    heights, *places = (hdf5.coordinates(path, file, axis) for axis in axes)
    shape = (heights.size, *(place.size for place in places))
    if hdf5.shape_of(path, file, name) != shape or shape[1] * shape[2] > MAX_COARSE:
        raise InputError(path, f"{name} has the shape {hdf5.shape_of(path, file, name)}, not {shape}", REMEDY)
    return hdf5.packed(path, file, name, int(np.abs(heights).argmin()))


def _views(
    path: Path, file: h5py.File, parts: tuple[Float64, Float64], axes: tuple[str, str, str], grid: PixelGrid
) -> tuple[View, View]:
    (y, dy), (x, dx) = (evenly(path, name, hdf5.coordinates(path, file, name)) for name in axes[1:])
    east, north = (View(path, grid, part, (y, x), (dy, dx)) for part in parts)
    return east, north


def _wavelength(path: Path, file: h5py.File, name: str) -> float:
    hdf5.require(path, file, (name,), REMEDY)
    value = hdf5.scalar(path, file, name)
    wavelength_m = LIGHT_M_S / value if value > 1e6 else value  # NISAR gives the frequency
    if not WAVELENGTHS_M[0] < wavelength_m < WAVELENGTHS_M[1]:
        raise InputError(path, f"its wavelength is {wavelength_m:g} m", REMEDY)
    return wavelength_m

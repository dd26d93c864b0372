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
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import scipy
from affine import Affine

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import files_in
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.readers import hdf5, raster, records
from ground_motion.readers.hdf5_grids import evenly, mapped_epsg
from ground_motion.readers.tables import text_table
from ground_motion.readers.velocity import stacks

NAME = "gunw"
TITLE = "ARIA/NISAR GUNW"
ORDER = 120
SUFFIXES = hdf5.SUFFIXES
MAX_FILES = 800  # Each stays open while a folder is read.
PHASE = "unwrappedPhase"
WATER = 100  # NISAR: the first of three digits is 1 on water; the others are numbers of subswaths
MAX_COARSE = 10**6  # The grid of lines of sight of a frame has some hundreds of nodes.
LIGHT_M_S = 299_792_458.0
WAVELENGTHS_M = (0.01, 1.5)  # X band to P band
ARIA_NAME = re.compile(r"S1-GUNW-(?P<way>[AD])-[RL]-(?P<track>\d{3})-\w+-(?P<first>\d{8})_(?P<second>\d{8})-.*")
REMEDY = "Give the file as it was published"
BY_ARIA = "Contains modified Copernicus Sentinel data, processed by ARIA (JPL/Caltech)"


class Places(NamedTuple):
    """Where a kind of file keeps what is read.

    data: group of the image, with its axes (x, y) and coherence. view: group of the coarse grid, with its nodes
    (heights, y, x) and the line of sight, as two angles or two parts. length: dataset of the wavelength or frequency.
    """

    data: str
    axes: tuple[str, str]
    coherence: str
    view: str
    nodes: tuple[str, str, str]
    sight: tuple[str, str]
    length: str


ARIA = Places(
    "science/grids/data",
    ("longitude", "latitude"),
    "coherence",
    "science/grids/imagingGeometry",
    ("heightsMeta", "latitudeMeta", "longitudeMeta"),
    ("incidenceAngle", "azimuthAngle"),
    "science/radarMetaData/wavelength",
)
NISAR = Places(
    "science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram",
    ("xCoordinates", "yCoordinates"),
    "coherenceMagnitude",
    "science/LSAR/GUNW/metadata/radarGrid",
    ("heightAboveEllipsoid", "yCoordinates", "xCoordinates"),
    ("losUnitVectorX", "losUnitVectorY"),
    "science/LSAR/GUNW/grids/frequencyA/centerFrequency",
)


class Facts(NamedTuple):
    """Facts about a file. first, second: days of the reference and the secondary image. look: +1 right, -1 left."""

    first: date
    second: date
    epsg: int
    track: int | None
    direction: records.Direction
    look: float
    polarisation: str


class Pair(NamedTuple):
    """One file, open: its facts, its images, and the east and north part of the line of sight."""

    facts: Facts
    wavelength_m: float
    phase: "Layer"
    coherence: "Layer | None"
    sight: "tuple[LineOfSightPart, LineOfSightPart]"


@dataclass(frozen=True)
class Image:
    """An image of a stack in an open file, which it names in messages."""

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
    """A dataset. components: the dataset that is 0 where nothing is known. mask: the one that is over 99 on water."""

    file: h5py.File
    dataset: str
    components: str = ""
    mask: str = ""

    def values(self, rows: slice, cols: slice) -> records.Float32:
        """Return a part of the image, (rows, cols), NaN where missing."""
        values = hdf5.cf_values(self.path, self.file, self.dataset, (rows, cols))
        if self.components:
            values[~(hdf5.cf_values(self.path, self.file, self.components, (rows, cols)) > 0)] = np.nan
        if self.mask:
            values[~(hdf5.cf_values(self.path, self.file, self.mask, (rows, cols)) % 256 < WATER)] = np.nan
        return values.astype(np.float32)


@dataclass(frozen=True)
class LineOfSightPart(Image):
    """One part of the line of sight, on a coarse grid, interpolated to pixels. first, step: of its nodes, y and x."""

    part: records.Float64
    first: tuple[float, float]
    step: tuple[float, float]

    def values(self, rows: slice, cols: slice) -> records.Float32:
        """Return a part of the image, (rows, cols); beyond the coarse grid as on its edge."""
        row, col = np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)
        x, _ = raster.centres(self.grid.transform, np.zeros(col.size), col)
        _, y = raster.centres(self.grid.transform, row, np.zeros(row.size))
        at = np.meshgrid((y - self.first[0]) / self.step[0], (x - self.first[1]) / self.step[1], indexing="ij")
        values: records.Float64 = scipy.ndimage.map_coordinates(self.part, at, order=1, mode="nearest")
        return values.astype(np.float32)


def recognises(path: Path) -> bool:
    """Return whether a file, or one in a folder, has a phase where these products have it. Never raises."""
    places = f"{ARIA.data}/{PHASE}", NISAR.data
    return any(hdf5.holds(file, place) for file in files_in(path, SUFFIXES)[:20] for place in places)


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the headers of all files; their network of pairs is inverted later, in batches. Raises InputError."""
    with ExitStack() as opened:
        pairs = _pairs(path, opened)
        stack, facts = _stack(path, pairs), pairs[-1].facts
        grid, days = stacks.check(stack), stacks.days_of(stack)
    header = stacks.header_of(
        stack,
        grid,
        {"wavelength_m": f"{stack.wavelength_m:.6f}"},
        source_format=NAME,
        level="interferograms" if len(pairs) > 1 else "pair",
        track=declared.track or facts.track,
        direction=facts.direction,
        polarisation=facts.polarisation,
        attribution=BY_ARIA if facts.look > 0 else "NISAR (NASA, ISRO)",
        licence="NASA Earth Science data: free and open",
    )
    stated = records.Stated(
        crs=grid.epsg, velocity_is_slope=True, direction={"the file": facts.direction}, look=facts.look
    )
    files, pixels = stack.files if path.is_dir() else (), grid.rows * grid.cols
    read = records.VelocityField(
        header=header,
        batches=lambda: _batches(path),
        files=files,
        expected_points=pixels,
        stated=stated,
        interferograms=records.Interferograms(grid, days, stack.wavelength_m, partial(_pair_parts, path)),
    )
    return (read,)


def _batches(path: Path) -> Iterator[records.PointBatch]:
    with ExitStack() as opened:
        stack = _stack(path, _pairs(path, opened))
        yield from stacks.batches(stack, stacks.check(stack))


def _pair_parts(path: Path, number: int) -> Iterator[records.PairPart]:
    with ExitStack() as opened:
        stack = _stack(path, _pairs(path, opened))
        yield from stacks.pair_parts(stack, stacks.check(stack), number)


def _pairs(path: Path, opened: ExitStack) -> list[Pair]:
    files = files_in(path, SUFFIXES)
    if len(files) > MAX_FILES:
        raise InputError(path, f"it holds {len(files)} files", f"Give at most {MAX_FILES}, of a shorter time")
    pairs = []
    for file in files:
        content = opened.enter_context(hdf5.open_file(file))
        pairs.append(_nisar(file, content) if NISAR.data in content else _aria(file, content))
    for what in ("track", "direction", "look", "polarisation"):
        found = sorted({str(getattr(pair.facts, what)) for pair in pairs})
        if len(found) > 1:
            problem = f"its files have several values of {what}: {', '.join(found[:3])}"
            raise InputError(path, problem, "Give one folder for each track")
    return pairs


def _stack(path: Path, pairs: list[Pair]) -> stacks.Stack:
    chosen = tuple(
        stacks.Pair(first=pair.facts.first, second=pair.facts.second, phase=pair.phase, coherence=pair.coherence)
        for pair in pairs
    )
    last = pairs[-1]
    # file: rad, plus is away from the first to the second date; ours: mm, plus is toward
    return stacks.Stack(
        folder=path,
        pairs=chosen,
        mm=stacks.mm_per_radian(last.wavelength_m),
        look_vectors=stacks.LookVectors(last.sight, _unit_vector),
        wavelength_m=last.wavelength_m,
    )


def _unit_vector(parts: list[records.Float32]) -> tuple[records.Float32, records.Float32, records.Float32]:
    """Return the unit vector (east, north, up) from its first two parts; `up` is positive, toward the satellite."""
    east, north = parts
    return east, north, np.sqrt(np.maximum(1 - east**2 - north**2, 0)).astype(np.float32)


def _aria(path: Path, file: h5py.File) -> Pair:
    hdf5.require(path, file, (f"{ARIA.data}/{PHASE}",), REMEDY)
    named = ARIA_NAME.match(path.name)
    if named is None:
        raise InputError(path, "its name no longer states its two dates", "Keep the published name, S1-GUNW-…")
    with refusing(path, "its name holds an invalid date ({})", REMEDY, ValueError):
        days = text_table.day_of(named["first"]), text_table.day_of(named["second"])
    direction = records.Direction.from_letter(named["way"])
    return _pair(path, file, ARIA, Facts(*days, 4326, int(named["track"]), direction, 1.0, "VV"))


def _nisar(path: Path, file: h5py.File) -> Pair:
    def stated(name: str) -> str:
        return hdf5.words(path, file, f"science/LSAR/identification/{name}")

    polarisation = "HH" if hdf5.is_dataset(path, file, f"{NISAR.data}/HH/{PHASE}") else "VV"
    at = NISAR._replace(data=f"{NISAR.data}/{polarisation}")
    days = []
    for which in ("reference", "secondary"):
        text = stated(f"{which}ZeroDopplerStartTime")
        with refusing(path, f"its {which} date is {text[:40]!r}", REMEDY, ValueError):
            days.append(date.fromisoformat(text[:10]))
    epsg = mapped_epsg(path, {"epsg_code": hdf5.words(path, file, f"{at.data}/projection")})
    track, way = stated("trackNumber"), records.Direction.from_letter(stated("orbitPassDirection"))
    look = 1.0 if stated("lookDirection")[:1].lower() == "r" else -1.0
    facts = Facts(days[0], days[1], epsg, int(track) if track.isdigit() else None, way, look, polarisation)
    return _pair(path, file, at, facts)


def _pair(path: Path, file: h5py.File, at: Places, facts: Facts) -> Pair:
    """Return the images of a file. Raises InputError if one is missing, or is not of the size of the others."""
    phase, nodes = f"{at.data}/{PHASE}", [f"{at.view}/{name}" for name in at.nodes]
    axes, sight = [f"{at.data}/{name}" for name in at.axes], [f"{at.view}/{name}" for name in at.sight]
    hdf5.require(path, file, (phase, *axes, *nodes, *sight, at.length), REMEDY)
    x, y = (hdf5.coordinates(path, file, name) for name in axes)
    (x0, dx), (y0, dy) = evenly(path, axes[0], x), evenly(path, axes[1], y)
    grid = PixelGrid(facts.epsg, Affine(dx, 0, x0 - dx / 2, 0, dy, y0 - dy / 2), y.size, x.size)
    others = (f"{at.data}/connectedComponents", f"{NISAR.data}/mask", f"{at.data}/{at.coherence}")
    components, mask, coherence = (name if hdf5.is_dataset(path, file, name) else "" for name in others)
    heights, *places = (hdf5.coordinates(path, file, name) for name in nodes)
    hdf5.require_shape(path, file, (phase, *others), (y.size, x.size), REMEDY)
    hdf5.require_shape(path, file, sight, (heights.size, places[0].size, places[1].size), REMEDY)
    if places[0].size * places[1].size > MAX_COARSE:
        raise InputError(path, f"its lines of sight have {places[0].size} x {places[1].size} nodes", REMEDY)
    level = int(np.abs(heights).argmin())
    east, north = (hdf5.cf_values(path, file, name, level) for name in sight)
    if at is ARIA:
        sine, azimuth = np.sin(np.radians(east)), np.radians(north)
        east, north = sine * np.cos(azimuth), sine * np.sin(azimuth)
    (first_y, step_y), (first_x, step_x) = (evenly(path, *node) for node in zip(nodes[1:], places, strict=True))
    views = (LineOfSightPart(path, grid, part, (first_y, first_x), (step_y, step_x)) for part in (east, north))
    length = hdf5.scalar(path, file, at.length)
    wavelength_m = length if at is ARIA else LIGHT_M_S / max(length, 1.0)
    if not WAVELENGTHS_M[0] < wavelength_m < WAVELENGTHS_M[1]:
        raise InputError(path, f"its wavelength is {wavelength_m:g} m", REMEDY)
    return Pair(
        facts,
        wavelength_m,
        Layer(path, grid, file, phase, components, mask),
        Layer(path, grid, file, coherence) if coherence else None,
        (next(views), next(views)),
    )

"""Functions that readers of folders of interferograms share: grid, reference, and inversion in blocks of rows.

The reference is the patch of ground whose pixels move most alike, because subsiding ground moves unevenly and noise
scatters. (The most coherent pixels would be a bad choice: in Mexico City they subside.) Its mean in each pair is
subtracted from that pair; as in every such product, this zero is a convention. Memory does not grow with the size of
the stack, but the numbers of pairs and phases are limited.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from ground_motion.core.errors import InputError
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.readers import archives, gate, raster, records
from ground_motion.readers.slopes import DAYS_PER_YEAR, slope_mm_yr
from ground_motion.readers.velocity.interferograms import Inverted, invert, pieces

SIDE = 11  # pixels along a patch
MAX_PATCHES = 20_000  # Larger grids have larger patches, so that memory stays flat.
ALIKE_MM_YR = 1.0  # Patches whose rates scatter by less than this are ranked by coherence.
SENTINEL1_WAVELENGTH_M = 0.05546576  # ESA: 5.405 GHz
MAX_PAIRS = 1000
MAX_PHASES = 4 * 10**9  # a LiCSAR frame at 0.001 degrees with about 600 pairs
MAX_CHANGE_MM = 1e6  # a kilometre within one pair
BLOCK_PHASES = 2**22
MAX_BLOCK_ROWS = 64
APART = "its interferograms connect fewer than half of the dates"


class Patches:
    """Sums of rates, coherence and phases over square patches of a grid, collected block by block."""

    def __init__(self, rows: int, cols: int, pairs: int) -> None:
        self.side = max(2, min(SIDE, rows // 3, cols // 3), int(np.ceil(np.sqrt(rows * cols / MAX_PATCHES))))
        self.rows, self.cols = -(-rows // self.side), -(-cols // self.side)
        n = self.rows * self.cols
        self.count, self.rate, self.rate_squared, self.coherence = (np.zeros(n) for _ in range(4))
        self.phase = np.zeros((pairs, n))

    def add(
        self, first_row: int, phase: records.Float32, coherence: records.Float64 | None, years: records.Float64
    ) -> None:
        """Add a block.

        Args:
            first_row: First row of the block.
            phase: (pairs, rows, cols), NaN unknown.
            coherence: (rows, cols).
            years: (pairs,), signed.
        """
        row, col = np.nonzero(np.isfinite(phase).all(axis=0))
        values = phase[:, row, col].astype(np.float64)  # (pairs, pixels)
        patch = (row + first_row) // self.side * self.cols + col // self.side
        rate = years @ values / (years @ years)
        gamma = np.ones(row.size) if coherence is None else np.nan_to_num(coherence[row, col])
        n = self.count.size
        self.count += np.bincount(patch, minlength=n)
        self.rate += np.bincount(patch, rate, minlength=n)
        self.rate_squared += np.bincount(patch, rate**2, minlength=n)
        self.coherence += np.bincount(patch, gamma, minlength=n)
        for pair, pixel_phase in zip(self.phase, values, strict=True):
            pair += np.bincount(patch, pixel_phase, minlength=n)

    def reference(self, mm: float) -> records.Float64 | None:
        """Return each pair's mean phase in the most stable patch, (pairs,), or None. mm: mm per phase unit."""
        known = self.count >= max(1.0, 0.5 * self.count.max())
        if not self.count.any():
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.rate / self.count
            scatter_mm_yr = np.sqrt(np.maximum(self.rate_squared / self.count - mean**2, 0)) * abs(mm)
            uneven = (scatter_mm_yr + ALIKE_MM_YR) / np.maximum(self.coherence / self.count, 0.01)
        best = int(np.argmin(np.where(known, uneven, np.inf)))
        chosen: records.Float64 = self.phase[:, best] / self.count[best]
        return chosen


class Layer(Protocol):
    """An image of a stack that is no GeoTIFF of its own, such as a dataset in HDF5. For messages it is a path."""

    @property
    def name(self) -> str:
        """Name of the file."""

    @property
    def grid(self) -> PixelGrid:
        """Grid of the image's pixels."""

    def values(self, rows: slice, cols: slice) -> records.Float32:
        """Return a part of the image, (rows, cols), NaN where missing."""

    def __fspath__(self) -> str: ...


Image = Path | Layer


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An interferogram; its values are the change from the first to the second date, of which either may be earlier."""

    first: date
    second: date
    phase: Image
    coherence: Image | None = None


class LookVectors(NamedTuple):
    """Images of look vectors. vector: converts their values to (east, north, up), a unit vector to the satellite."""

    files: tuple[Image, ...]
    vector: Callable[[list[records.Float32]], tuple[records.Float32, records.Float32, records.Float32]]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Pairs of a folder. mm: factor from the files' values to mm, our sign; referenced: subtract a reference area.

    unpacked: archives of the folder, whose content stays on the disk for as long as the stack is read.
    """

    folder: Path
    pairs: tuple[Pair, ...]
    mm: float
    component: records.Component = records.Component.LOS
    look_vectors: LookVectors | None = None
    height: Path | None = None
    referenced: bool = True
    wavelength_m: float = SENTINEL1_WAVELENGTH_M
    unpacked: tuple[archives.Unpacked, ...] = ()

    @property
    def dates(self) -> tuple[date, ...]:
        """Dates of all pairs, in order."""
        return tuple(sorted({day for pair in self.pairs for day in (pair.first, pair.second)}))

    @property
    def network(self) -> NDArray[np.int64]:
        """Indices in `dates` of the first and second date of each pair, (pairs, 2)."""
        index = {day: number for number, day in enumerate(self.dates)}
        return np.array([(index[pair.first], index[pair.second]) for pair in self.pairs])

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the stack, each once."""
        return tuple(dict.fromkeys(Path(image) for image in self.images))

    @property
    def images(self) -> tuple[Image, ...]:
        """All images of the stack: phases, coherence, look vectors and heights."""
        files = [file for pair in self.pairs for file in (pair.phase, pair.coherence)]
        files += [*(self.look_vectors.files if self.look_vectors else ()), self.height]
        return tuple(file for file in files if file)


def mm_per_radian(wavelength_m: float) -> float:
    """Return mm toward the satellite per radian of phase that is positive away: -wavelength / 4 pi."""
    return -wavelength_m / (4 * np.pi) * 1000


def check(stack: Stack) -> PixelGrid:
    """Check the network and all headers, but read no pixels; return the common grid. Raises InputError."""
    _check_network(stack)
    grids = ((image, _grid_of(image) if isinstance(image, Path) else image.grid) for image in stack.images)
    _, grid = next(grids)
    for image, this in grids:
        grid = _overlap(image, grid, this)
    if grid.rows * grid.cols * len(stack.pairs) > MAX_PHASES:
        problem = f"{len(stack.pairs)} pairs of {grid.rows} x {grid.cols} pixels are more than {MAX_PHASES:,} phases"
        raise InputError(stack.folder, problem, "Cut it into pieces, or give a series made by LiCSBAS or MintPy")
    return grid


def _grid_of(file: Path) -> PixelGrid:
    with raster.open_geotiff(file) as dataset:
        if dataset.count != 1 or dataset.dtypes[0].startswith("complex"):
            problem = f"it holds {dataset.count} bands of {dataset.dtypes[0]}"
            raise InputError(file, problem, "Give images of one band of plain numbers")
        return PixelGrid(raster.epsg_of(file, dataset), dataset.transform, dataset.height, dataset.width)


def direction(stack: Stack, grid: PixelGrid) -> records.Direction:
    """Return the flight direction by the look vectors in the middle row; unknown if there are none."""
    if not stack.look_vectors:
        return records.Direction.UNKNOWN
    with np.errstate(invalid="ignore"):
        east, _, _ = _vectors(stack, grid, slice(grid.rows // 2, grid.rows // 2 + 1))
    return records.Direction.from_los_east(east)


def batches(stack: Stack, grid: PixelGrid) -> Iterator[records.PointBatch]:
    """Yield the pixels of a stack as points with series, block by block. Raises InputError."""
    reference = _reference(stack, grid) if stack.referenced else np.zeros(len(stack.pairs))
    for block in _blocks(stack, grid):
        phase = _phases(stack, grid, block)
        row, col = np.nonzero(np.isfinite(phase).any(axis=0))
        if row.size:
            change = (phase[:, row, col] - reference[:, None]) * stack.mm  # file: as in Stack; ours: mm, toward
            solved = invert(change, stack.network, len(stack.dates), 4 * np.pi / stack.wavelength_m / 1000)
            yield _batch(stack, grid, block, row, col, solved)


def days_of(stack: Stack) -> tuple[tuple[date, date], ...]:
    """Return the earlier and the later day of each pair."""
    return tuple((min(pair.first, pair.second), max(pair.first, pair.second)) for pair in stack.pairs)


def pair_parts(stack: Stack, grid: PixelGrid, number: int) -> Iterator[records.PairPart]:
    """Yield one pair of a stack, block by block. Raises InputError."""
    pair = stack.pairs[number]
    alone, mm = replace(stack, pairs=(pair,)), stack.mm if pair.first < pair.second else -stack.mm
    for block in _blocks(alone, grid):
        change = mm * _phases(alone, grid, block)[0]  # file: as in Stack; ours: mm, toward
        coherence = _coherence(alone, grid, block)
        known = np.full_like(change, np.nan) if coherence is None else coherence.astype(np.float32)
        yield records.PairPart(block.start, change, known)


def _check_network(stack: Stack) -> None:
    if not stack.pairs:
        raise InputError(stack.folder, "it holds no interferogram", "Give the folder with the pairs")
    if len(stack.pairs) > MAX_PAIRS:
        problem = f"it holds {len(stack.pairs):,} interferograms, more than {MAX_PAIRS:,}"
        raise InputError(stack.folder, problem, "Give a series made by LiCSBAS or MintPy")
    seen: dict[frozenset[date], Image] = {}
    for pair in stack.pairs:
        if pair.first == pair.second:
            raise InputError(pair.phase, f"both its dates are {pair.first}", "Remove it")
        if (other := seen.setdefault(frozenset((pair.first, pair.second)), pair.phase)) != pair.phase:
            problem = f"the pair {pair.first} and {pair.second} is also in {other.name}"
            raise InputError(pair.phase, problem, "Keep one of the two")
    piece = pieces(stack.network, np.ones((1, len(stack.pairs)), dtype=bool), len(stack.dates))[0]
    if piece.any():
        apart = int(np.flatnonzero(piece)[0])
        problem = f"the network falls apart: no chain of pairs leads from {stack.dates[0]} to {stack.dates[apart]}"
        raise InputError(stack.folder, problem, "Add a pair that connects them, or give the parts one by one")


def _overlap(file: Image, grid: PixelGrid, this: PixelGrid) -> PixelGrid:
    step = ~grid.transform @ this.transform
    col, row = round(step.c), round(step.f)
    same = np.allclose((step.a, step.b, step.d, step.e), (1, 0, 0, 1), atol=1e-4)
    if this.epsg != grid.epsg or not same or abs(step.c - col) > 0.05 or abs(step.f - row) > 0.05:
        problem = "it does not lie on the grid of the others (EPSG, pixel size or half pixels)"
        raise InputError(file, problem, "Cut all of them to one grid (gdalwarp -tap -tr … -te …)")
    top, left = max(row, 0), max(col, 0)
    rows, cols = min(row + this.rows, grid.rows) - top, min(col + this.cols, grid.cols) - left
    if rows < 1 or cols < 1:
        raise InputError(file, "it does not overlap the others", "Give one piece of ground at a time")
    return PixelGrid(grid.epsg, grid.transform @ Affine.translation(left, top), rows, cols)


def _blocks(stack: Stack, grid: PixelGrid) -> Iterator[slice]:
    lines = min(max(1, BLOCK_PHASES // (grid.cols * len(stack.pairs))), MAX_BLOCK_ROWS)
    for first in range(0, grid.rows, lines):
        yield slice(first, min(first + lines, grid.rows))


def _image(image: Image, grid: PixelGrid, block: slice) -> tuple[records.Float32, str]:
    """Return a block of the common grid from an image, (rows, cols), NaN where missing, and the file's data type."""
    if isinstance(image, Path):
        with raster.open_geotiff(image) as dataset:
            corner = ~dataset.transform @ grid.transform
            window = Window(round(corner.c), round(corner.f) + block.start, grid.cols, block.stop - block.start)
            with np.errstate(over="ignore", invalid="ignore"):
                values = dataset.read(1, window=window, masked=True).astype(np.float32).filled(np.nan)
            return np.where(np.isfinite(values), values, np.float32(np.nan)), str(dataset.dtypes[0])
    corner = ~image.grid.transform @ grid.transform
    top, left = round(corner.f) + block.start, round(corner.c)
    return image.values(slice(top, top + block.stop - block.start), slice(left, left + grid.cols)), "float32"


def _phases(stack: Stack, grid: PixelGrid, block: slice) -> records.Float32:
    """Return a block of all pairs, (pairs, rows, cols), in the files' unit, NaN where 0, a usual fill, or missing."""
    phase = np.empty((len(stack.pairs), block.stop - block.start, grid.cols), np.float32)
    for number, pair in enumerate(stack.pairs):
        values, _ = _image(pair.phase, grid, block)
        values[(values == 0) | np.isin(np.abs(values), gate.FILLS)] = np.nan
        largest = float(np.nanmax(np.abs(values), initial=0.0)) * abs(stack.mm)
        if largest > MAX_CHANGE_MM:
            problem = f"a change of {largest:.3g} mm between two dates is impossible"
            raise InputError(pair.phase, problem, "Check its nodata value, or make it again")
        phase[number] = values
    return phase


def _coherence(stack: Stack, grid: PixelGrid, block: slice) -> records.Float64 | None:
    """Return the mean coherence of all pairs in a block, (rows, cols), 0 to 1, NaN unknown; None if no pair has any."""
    total, count = np.zeros((block.stop - block.start, grid.cols)), 0
    for pair in stack.pairs:
        if pair.coherence:
            values, kind = _image(pair.coherence, grid, block)
            total += values / (255 if "int" in kind else 1)  # file: 0-255 in integers, 0-1 in floats; ours: 0-1
            count += 1
    if not count:
        return None
    mean = total / count
    return np.where((mean >= 0) & (mean <= 1), mean, np.nan)


def _reference(stack: Stack, grid: PixelGrid) -> records.Float64:
    """Return each pair's value at the reference, (pairs,), in the files' unit. InputError if there is none."""
    years = np.array([(pair.second - pair.first).days / DAYS_PER_YEAR for pair in stack.pairs])
    patches = Patches(grid.rows, grid.cols, len(stack.pairs))
    for block in _blocks(stack, grid):
        patches.add(block.start, _phases(stack, grid, block), _coherence(stack, grid, block), years)
    reference = patches.reference(stack.mm)
    if reference is None:
        problem = "no pixel has a phase in every interferogram"
        raise InputError(stack.folder, problem, "Remove the interferograms with the largest gaps")
    return reference


def _vectors(stack: Stack, grid: PixelGrid, block: slice) -> tuple[records.Float32, records.Float32, records.Float32]:
    shape = (block.stop - block.start, grid.cols)
    if stack.component is not records.Component.LOS:
        east, north, up = (np.full(shape, part, np.float32) for part in records.UNIT_VECTORS[stack.component])
        return east, north, up
    if not stack.look_vectors:
        unknown = np.full(shape, np.nan, np.float32)
        return unknown, unknown, unknown
    return stack.look_vectors.vector([_image(file, grid, block)[0] for file in stack.look_vectors.files])


def _batch(
    stack: Stack, grid: PixelGrid, block: slice, row: NDArray[np.int64], col: NDArray[np.int64], solved: Inverted
) -> records.PointBatch:
    velocity = slope_mm_yr(solved.displacement_mm, stack.dates)
    height = _image(stack.height, grid, block)[0][row, col] if stack.height else np.full(row.size, np.nan, np.float32)
    east, north, up = (part[row, col] for part in _vectors(stack, grid, block))
    row = row + block.start
    longitude, latitude = raster.degrees(stack.folder, grid.epsg, *raster.centres(grid.transform, row, col))
    batch = records.PointBatch(
        pid=raster.pids(row, col),
        longitude=longitude,
        latitude=latitude,
        height_m=height,
        velocity_mm_yr=velocity,
        velocity_std_mm_yr=np.full(row.size, np.nan, np.float32),
        temporal_coherence=solved.temporal_coherence,
        rmse_mm=solved.rmse_mm,
        los_east=east,
        los_north=north,
        los_up=up,
        displacement_mm=solved.displacement_mm,
    )
    return batch.only(2 * solved.connected >= len(stack.dates), APART).only_usable()


def field(stack: Stack, grid: PixelGrid, header: records.FieldHeader) -> records.VelocityField:
    """Return a stack as a velocity field with the caller's header, and its pairs, each of which can be read alone."""
    parts = partial(pair_parts, stack, grid)
    return records.VelocityField(
        header=header,
        batches=lambda: batches(stack, grid),
        files=stack.files,
        expected_points=grid.rows * grid.cols,
        stated=records.Stated(crs=grid.epsg, velocity_is_slope=True),
        interferograms=records.Interferograms(grid, days_of(stack), stack.wavelength_m, parts),
    )


def header_of(stack: Stack, grid: PixelGrid, extras: dict[str, str], **known: Any) -> records.FieldHeader:
    """Return the header of a stack's velocities. known: other fields of the header, by name."""
    posting, metric_epsg = raster.spacing_of(stack.files[0], grid.epsg, grid.transform)
    return records.FieldHeader(
        component=stack.component,
        dates=stack.dates,
        posting_m=posting,
        grid_epsg=metric_epsg,
        extras={"pairs": str(len(stack.pairs))} | extras,
        **({"level": "interferograms"} | known),
    )

"""Position of an image, its output grid in UTM, and the single resampling of its power onto that grid.

A grid in UTM (WGS 84) is kept exactly. Any other, in degrees or projected, is resampled onto the local UTM zone: the
pixels get whole metres, as the larger side of the file's own, and edges at whole multiples of them.

The kernel is a triangle (bilinear), on linear power. Its weights are never negative and sum to one: power stays
positive, and the mean power of speckle is kept. Cubic and sinc kernels ring below zero beside bright targets;
interpolating amplitudes or decibels loses power (of one-look speckle 11 % and 21 % halfway between two pixels).
Where pixels become larger the triangle widens with them, so that no target falls between two samples.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj.exceptions import ProjError

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.geometry import utm_epsg
from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.projections import transformer
from ground_motion.readers.records import Float32, Float64

NODE_PIXELS = 32  # Places are worked out this far apart and interpolated: within millimetres on the ground.
MIN_KNOWN = 0.5  # A pixel with less known weight is unknown, so that an image does not grow at its edges.

Places = tuple[Float64, Float64]
MIN_POSTING_M, MAX_POSTING_M = 0.5, 1000.0
MAX_EXTENT_M = 1_000_000.0  # The widest swath is 410 km.
EDGE_POINTS = 33
EARTH_ENGINE_METRES_PER_DEGREE = 111_319.490793  # Earth Engine divides a scale in metres by this to get degrees.
NAMED_WITHIN = 0.05
WARP = "Warp it (gdalwarp -t_srs EPSG:… -tr …)"


def places_between(
    place: Callable[[Float64, Float64], Places], first: tuple[int, int], shape: tuple[int, int]
) -> Places:
    """Return positions of a piece's pixels on another grid: `place` for every 32nd pixel, the others interpolated.

    Nodes are counted from the grid's first pixel, so that pieces agree with the whole image.

    Args:
        place: Maps rows and columns of the piece's grid to those of the other grid.
        first: First row and column of the piece.
        shape: Rows and columns of the piece.
    """
    nodes, parts = [], []
    for start, size in zip(first, shape, strict=True):
        low = start // NODE_PIXELS
        nodes.append(np.arange(low, (start + size - 1) // NODE_PIXELS + 2) * float(NODE_PIXELS))
        at = (np.arange(start, start + size) - low * NODE_PIXELS) / NODE_PIXELS
        parts.append((at.astype(np.int64), at % 1))
    (row, row_part), (col, col_part) = parts
    rows, cols = place(*np.meshgrid(*nodes, indexing="ij"))

    def between(values: Float64) -> Float64:
        along = values[row] * (1 - row_part)[:, None] + values[row + 1] * row_part[:, None]
        result: Float64 = along[:, col] * (1 - col_part) + along[:, col + 1] * col_part
        return result

    return between(rows), between(cols)


def resample(power: Float32, rows: Float64, cols: Float64, reach: tuple[float, float]) -> Float32:
    """Resample power at positions between pixels: a mean of the surrounding pixels with triangular weights.

    The result is NaN where less than half of the weight is known.

    Args:
        power: (r, c), linear, NaN unknown.
        rows: (n, m), in pixels; 0 is the centre of the first one.
        cols: (n, m), likewise.
        reach: Half the triangle's width along rows and columns, in pixels, at least 1.
    """
    framed = np.pad(power, 1, constant_values=np.nan)  # Whatever lies outside is unknown.
    known = np.isfinite(framed)
    filled, known_share = np.where(known, framed, np.float32(0)), known.astype(np.float32)
    total, known_weight, weight = (np.zeros(rows.shape, dtype=np.float32) for _ in range(3))
    row_taps, col_taps = _taps(rows, reach[0], power.shape[0]), _taps(cols, reach[1], power.shape[1])
    for row, row_weight in row_taps:
        begin = row * framed.shape[1]
        for col, col_weight in col_taps:
            at, both = begin + col, row_weight * col_weight
            weight += both
            known_weight += both * known_share.take(at)
            total += both * filled.take(at)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((weight > 0) & (known_weight >= MIN_KNOWN * weight), total / known_weight, np.float32(np.nan))


def _taps(at: Float64, reach: float, size: int) -> list[tuple[NDArray[np.int64], Float32]]:
    """Return, for each pixel within reach along one axis, (index in the image with a frame of one pixel, weight)."""
    first = np.floor(at - reach) + 1
    part = (at - first).astype(np.float32)
    start = np.clip(first, -3 * reach - 1, size).astype(np.int64) + 1
    taps = []
    for step in range(int(np.ceil(2 * reach))):
        weight = np.maximum(0, 1 - np.abs(step - part) / np.float32(reach))
        taps.append((np.clip(start + step, 0, size + 1), weight))
    return taps


def middle(path: Path, own: PixelGrid) -> tuple[float, float]:
    """Return (longitude, -180 to 180, latitude) of a grid's middle. Raises InputError if it is off the Earth."""
    x, y = own.transform @ (own.cols / 2, own.rows / 2)
    longitude, latitude = _transform(path, own.epsg, 4326, np.array([x]), np.array([y]))
    if not abs(latitude[0]) <= 90 or not abs(longitude[0]) <= 360:
        raise InputError(path, f"its middle lies at {x:.6g}, {y:.6g}, which is nowhere on earth", "Check its corner")
    return float((longitude[0] + 180) % 360 - 180), float(latitude[0])


def grid_out(path: Path, own: PixelGrid, degrees: bool) -> PixelGrid:
    """Return the output grid of an image, its own if in UTM. degrees: whether its own is in longitude and latitude."""
    a, b, _, d, e, _ = own.transform[:6]
    utm = 32601 <= own.epsg <= 32660 or 32701 <= own.epsg <= 32760
    if b or d or a <= 0 or e >= 0 or (utm and not np.isclose(a, -e, rtol=1e-6)):
        wanted = "north-up with square pixels" if utm else "north-up"
        raise InputError(path, f"its grid {tuple(own.transform)[:6]} is not {wanted}", WARP)
    if degrees and own.transform.f > 90.0 + abs(e):
        problem = f"a latitude of {own.transform.f:.4f} degrees is impossible"
        raise InputError(path, problem, "Check whether latitude and longitude are swapped")
    grid = own if utm else _local(path, own, degrees)
    if not MIN_POSTING_M <= grid.transform.a <= MAX_POSTING_M:
        raise InputError(path, f"its pixels measure {grid.transform.a:.6g} m", "Give an image of 1 to 1000 m")
    return grid


def _local(path: Path, own: PixelGrid, degrees: bool) -> PixelGrid:
    epsg = utm_epsg(*middle(path, own))
    col, row = own.cols / 2, own.rows / 2
    half = np.array([-0.5, 0.5, 0.0, 0.0])
    x, y = _apply(own.transform, col + half, row + half[::-1])
    east, north = _transform(path, own.epsg, epsg, x, y)
    sides = np.hypot(east[1::2] - east[::2], north[1::2] - north[::2])
    if not np.isfinite(sides).all() or sides.max() > MAX_POSTING_M:
        raise InputError(path, f"its pixels measure {sides.max():.6g} m", "Give an image of 1 to 1000 m")
    posting = _posting_m(own, float(sides.max()), degrees)
    west, south, right, top = _bounds(path, own, epsg)
    if not max(right - west, top - south) <= MAX_EXTENT_M:
        raise InputError(path, f"it spans {max(right - west, top - south) / 1000:.0f} km: no one scene does", "Cut it")
    west, top = np.floor(west / posting) * posting, np.ceil(top / posting) * posting
    rows, cols = int(np.ceil((top - south) / posting)), int(np.ceil((right - west) / posting))
    return PixelGrid(epsg, Affine(posting, 0, float(west), 0, -posting, float(top)), rows, cols)


def _posting_m(own: PixelGrid, side_m: float, degrees: bool) -> float:
    """Return the output posting in whole metres: the nominal one, the same everywhere, if right within 5 %."""
    named = max(own.transform.a, -own.transform.e) * (EARTH_ENGINE_METRES_PER_DEGREE if degrees else 1.0)
    return max(1.0, round(named if abs(named - side_m) <= NAMED_WITHIN * side_m else side_m))


def _bounds(path: Path, own: PixelGrid, epsg: int) -> tuple[float, float, float, float]:
    part = np.linspace(0, 1, EDGE_POINTS)
    none, whole = np.zeros(EDGE_POINTS), np.ones(EDGE_POINTS)
    cols, rows = np.concatenate([part, part, none, whole]), np.concatenate([none, whole, part, part])
    east, north = _transform(path, own.epsg, epsg, *_apply(own.transform, cols * own.cols, rows * own.rows))
    return float(east.min()), float(north.min()), float(east.max()), float(north.max())


class Placing:
    """Function from pixels of the output grid to pixels of the image's own grid; 0 is the centre of the first pixel."""

    def __init__(self, path: Path, own: PixelGrid, grid: PixelGrid, degrees: bool) -> None:
        self.path, self.own, self.grid, self.degrees = path, own, grid, degrees
        self._own_middle = (own.transform @ (own.cols / 2, own.rows / 2))[0]

    def __call__(self, rows: Float64, cols: Float64) -> Places:
        """Return rows and columns of the image for rows and columns of the output grid."""
        x, y = _transform(
            self.path, self.grid.epsg, self.own.epsg, *_apply(self.grid.transform, cols + 0.5, rows + 0.5)
        )
        if self.degrees:  # Some grids run from 0 to 360, some across the antimeridian.
            x = self._own_middle + (x - self._own_middle + 180) % 360 - 180
        own_cols, own_rows = _apply(~self.own.transform, x, y)
        return own_rows - 0.5, own_cols - 0.5

    def reach(self) -> tuple[float, float]:
        """Return half the kernel's width, (rows, columns) of the image; at least a pixel of either grid."""
        row, col = self.grid.rows / 2, self.grid.cols / 2
        rows, cols = self(np.array([row, row + 1, row]), np.array([col, col, col + 1]))
        down, across = np.hypot(*np.diff(rows[[0, 1, 0, 2]])[[0, 2]]), np.hypot(*np.diff(cols[[0, 1, 0, 2]])[[0, 2]])
        return max(1.0, round(float(down), 2)), max(1.0, round(float(across), 2))  # Neighbouring images have the same.


def _apply(transform: Affine, cols: Float64, rows: Float64) -> Places:
    """Apply an affine transform to columns and rows; return x and y."""
    a, b, c, d, e, f = transform[:6]
    return a * cols + b * rows + c, d * cols + e * rows + f


def _transform(path: Path, source: int, target: int, x: Float64, y: Float64) -> Places:
    """Transform x and y from one reference system to another. Raises InputError for positions off the Earth."""
    problem = f"EPSG:{source} cannot be turned into EPSG:{target} ({{}})"
    with refusing(path, problem, "Warp it to EPSG:4326", ProjError):  # CRSError is a ProjError
        east, north = transformer(source, target).transform(x, y)
    east, north = np.asarray(east, dtype=np.float64), np.asarray(north, dtype=np.float64)
    if not (np.isfinite(east).all() and np.isfinite(north).all()):
        raise InputError(path, "part of it lies nowhere on earth", "Check its corner, pixel size and reference system")
    return east, north

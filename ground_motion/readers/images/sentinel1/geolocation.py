"""Map positions of a ground-range image's pixels, their inverse, and the image's single resampling: pure numerics.

An annotation gives positions on a coarse grid (some 10 x 21), each at the height of the ground there. A pixel at height
h lies h / tan(incidence) farther from the satellite than one at height 0, so that mountains make positions jump by
kilometres from point to point. Positions are therefore first reduced to height 0, where they are smooth enough for a
cubic spline; then the effect of height is added, interpolated without overshoot (Fritsch and Carlson 1980,
doi:10.1137/0717021). This is exact at the grid's own points. Between them only an elevation raster knows the ground.

Amplitude is interpolated, by the cubic spline through the samples (Unser 1999, doi:10.1109/79.799930). It keeps the
resolution of a Sentinel-1 GRD (some 20 m on pixels of 10 m), whereas a bilinear kernel would blur each pixel by a
different amount; and amplitude rings far less than power around bright targets. The mean power of a GRD's speckle
changes by less than 0.05 dB (tested). Where the spline swings below zero, the power is MIN_POWER.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy  # Parts of scipy load when they are used.
import shapely
from affine import Affine
from numpy.typing import NDArray

from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.projections import transformer
from ground_motion.readers import raster
from ground_motion.readers.images.sentinel1.calibration import MIN_POWER, Window
from ground_motion.readers.records import Float32, Float64

TABLE_STEP = 32  # The nodes of the table of positions are this many pixels apart.
MAX_ROUNDS = 12
CLOSE_PX = 1e-4
MAX_STRETCH = 4.0  # A pixel may be this many times wider or narrower on the map than it should be.
PIECE = 1024  # A piece of the map has this many rows and columns, a multiple of NODE_STEP.
NODE_STEP = 16  # Line and pixel are computed at nodes this far apart, and interpolated between.
MARGIN = 14  # Samples farther from a piece move its spline by 1e-8 at most.
AROUND_PX = 2


class GridPoints(NamedTuple):
    """Geolocation grid of an annotation. line: (n,); pixel: (m,); others (n, m). Heights are above the ellipsoid."""

    line: Float64
    pixel: Float64
    longitude: Float64
    latitude: Float64
    height_m: Float64
    incidence_deg: Float64

    def as_text(self) -> str:
        """Return the points as text that `from_text` reads, exact to a centimetre or better."""
        return json.dumps([np.round(values, 7).tolist() for values in self])

    @classmethod
    def from_text(cls, text: str) -> "GridPoints":
        """Restore points from the text of `as_text`. Raises ValueError for any other text."""
        return cls(*(np.array(values, dtype=np.float64) for values in json.loads(text)))


@dataclass(frozen=True)
class Positions:
    """Map positions x, y, (n, m), metres, of evenly spaced lines and pixels; linear between and beyond them."""

    line: float
    pixel: float
    step_line: float
    step_pixel: float
    x: Float64
    y: Float64

    def place_of(self, line: Float64, pixel: Float64) -> tuple[Float64, Float64]:
        """Return map x and y at lines and pixels (fractional; centres are whole numbers), of the same shape."""
        x, y, *_ = self._cell(line, pixel)
        return x, y

    def image_of(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Return fractional line and pixel at map positions (Newton's method), NaN if it does not converge."""
        line, pixel = self._guess(x, y)
        for _ in range(MAX_ROUNDS):
            at_x, at_y, x_line, x_pixel, y_line, y_pixel = self._cell(line, pixel)
            off_x, off_y = x - at_x, y - at_y
            with np.errstate(divide="ignore", invalid="ignore"):
                area = x_line * y_pixel - x_pixel * y_line
                step_line = (off_x * y_pixel - off_y * x_pixel) / area
                step_pixel = (off_y * x_line - off_x * y_line) / area
            line, pixel = line + step_line, pixel + step_pixel
            rest = np.maximum(np.abs(step_line), np.abs(step_pixel))
            if not (rest > CLOSE_PX).any():
                break
        still = rest <= CLOSE_PX
        return np.where(still, line, np.nan), np.where(still, pixel, np.nan)

    def outline(self, lines: int, pixels: int) -> tuple[Float64, Float64]:
        """Return x and y of points around the image, along the outer edges of its outer pixels."""
        n, m = max(lines // TABLE_STEP, 2), max(pixels // TABLE_STEP, 2)
        line, pixel = np.linspace(-0.5, lines - 0.5, n), np.linspace(-0.5, pixels - 0.5, m)
        around_line = np.concatenate([np.full(m, line[0]), line, np.full(m, line[-1]), line[::-1]])
        around_pixel = np.concatenate([pixel, np.full(n, pixel[-1]), pixel[::-1], np.full(n, pixel[0])])
        return self.place_of(around_line, around_pixel)

    def is_sane(self, posting_m: float) -> bool:
        """Return whether the grid nowhere folds over, and is nowhere stretched or shrunk implausibly."""
        width, height = posting_m * self.step_pixel, posting_m * self.step_line
        along_x, along_y = np.diff(self.x, axis=1)[:-1], np.diff(self.y, axis=1)[:-1]
        down_x, down_y = np.diff(self.x, axis=0)[:, :-1], np.diff(self.y, axis=0)[:, :-1]
        area = along_x * down_y - along_y * down_x
        lengths = np.stack([np.hypot(along_x, along_y) / width, np.hypot(down_x, down_y) / height])
        same_way = (area > 0).all() or (area < 0).all()
        believable = np.isfinite(lengths).all() and lengths.max() < MAX_STRETCH and lengths.min() > 1 / MAX_STRETCH
        return bool(same_way and believable and (np.abs(area) > width * height / MAX_STRETCH**2).all())

    def _guess(self, x: Float64, y: Float64) -> tuple[Float64, Float64]:
        """Return first estimates of line and pixel by the plane through three corners."""
        n, m = self.x.shape
        down = np.array([self.x[-1, 0] - self.x[0, 0], self.y[-1, 0] - self.y[0, 0]]) / ((n - 1) * self.step_line)
        along = np.array([self.x[0, -1] - self.x[0, 0], self.y[0, -1] - self.y[0, 0]]) / ((m - 1) * self.step_pixel)
        (a, b), (c, d) = np.linalg.inv(np.stack([down, along], axis=1))
        off_x, off_y = x - self.x[0, 0], y - self.y[0, 0]
        return self.line + a * off_x + b * off_y, self.pixel + c * off_x + d * off_y

    def _cell(self, line: Float64, pixel: Float64) -> tuple[Float64, Float64, Float64, Float64, Float64, Float64]:
        """Return x, y, dx/dline, dx/dpixel, dy/dline, dy/dpixel in the cell at or nearest to a place."""
        n, m = self.x.shape
        along, across = (line - self.line) / self.step_line, (pixel - self.pixel) / self.step_pixel
        i = np.clip(np.nan_to_num(along), 0, n - 2).astype(np.intp)
        j = np.clip(np.nan_to_num(across), 0, m - 2).astype(np.intp)
        t, u = along - i, across - j
        coordinates = []
        for grid in (self.x, self.y):
            a, b, c, d = grid[i, j], grid[i, j + 1], grid[i + 1, j], grid[i + 1, j + 1]
            top, bottom = a + u * (b - a), c + u * (d - c)
            slope_pixel = ((1 - t) * (b - a) + t * (d - c)) / self.step_pixel
            coordinates.append((top + t * (bottom - top), (bottom - top) / self.step_line, slope_pixel))
        (x, x_line, x_pixel), (y, y_line, y_pixel) = coordinates
        return x, y, x_line, x_pixel, y_line, y_pixel


def positions_of(points: GridPoints, epsg: int, ground: GridPoints | None = None) -> Positions:
    """Return the map positions on a grid denser than the annotation's. epsg: a projected system in metres.

    ground: the grid of the pass whose heights are used: images to be compared must have the same errors between points.
    """
    at_zero, lift_per_m = _positions_at_zero(points, epsg)
    ground = ground or points
    flat = at_zero if ground is points else _positions_at_zero(ground, epsg)[0]
    line, pixel = flat.image_of(at_zero.x, at_zero.y)
    height_m = _dense(ground, ground.height_m, scipy.interpolate.PchipInterpolator)
    inside = [
        np.clip(np.nan_to_num((place - first) / step), 0, size - 1)
        for place, first, step, size in zip(
            (line, pixel), (flat.line, flat.pixel), (flat.step_line, flat.step_pixel), height_m.shape, strict=True
        )
    ]
    lift = lift_per_m * scipy.ndimage.map_coordinates(height_m, inside, order=1)
    return replace(at_zero, x=at_zero.x + lift[0], y=at_zero.y + lift[1])


def _positions_at_zero(points: GridPoints, epsg: int) -> tuple[Positions, Float64]:
    """Return (map positions of pixels at height 0, their map shift in x and y per metre of height, (2, n, m))."""
    x, y = transformer(4326, epsg).transform(points.longitude, points.latitude)
    # The gradient points away from the satellite.
    away = np.stack([np.gradient(x, points.pixel, axis=1), np.gradient(y, points.pixel, axis=1)])
    with np.errstate(divide="ignore", invalid="ignore"):
        away /= np.hypot(*away)  # NaN where two points coincide: refused by is_sane
    per_m = away / np.tan(np.radians(points.incidence_deg))
    flat = [
        _dense(points, at - lift * points.height_m, scipy.interpolate.CubicSpline)
        for at, lift in zip((x, y), per_m, strict=True)
    ]
    line, pixel = _even(points.line), _even(points.pixel)
    positions = Positions(line[0], pixel[0], line[1] - line[0], pixel[1] - pixel[0], *flat)
    return positions, np.stack([_dense(points, part, scipy.interpolate.PchipInterpolator) for part in per_m])


def _dense(points: GridPoints, values: Float64, spline: Callable[..., Any]) -> Float64:
    along: Float64 = spline(points.line, values, axis=0)(_even(points.line))
    dense: Float64 = spline(points.pixel, along, axis=1)(_even(points.pixel))
    return dense


def grid_over(positions: Positions, lines: int, pixels: int, epsg: int, posting_m: float) -> PixelGrid:
    """Return the smallest grid that contains an image, with edges at multiples of the posting, as for all passes."""
    x, y = positions.outline(lines, pixels)
    west, north = np.floor(x.min() / posting_m), np.ceil(y.max() / posting_m)
    cols, rows = int(np.ceil(x.max() / posting_m) - west), int(north - np.floor(y.min() / posting_m))
    transform = Affine(posting_m, 0, float(west) * posting_m, 0, -posting_m, float(north) * posting_m)
    return PixelGrid(epsg, transform, rows, cols)


def _even(nodes: Float64) -> Float64:
    return np.linspace(nodes[0], nodes[-1], max(int(np.ceil((nodes[-1] - nodes[0]) / TABLE_STEP)), 8) + 1)


class Piece(NamedTuple):
    """A rectangle of pixels of a map grid."""

    row: int
    col: int
    rows: int
    cols: int

    def nodes(self) -> tuple[Float64, Float64]:
        """Return rows and columns of nodes that span the piece, NODE_STEP apart; (n, m) each."""
        row = self.row + NODE_STEP * np.arange(-(-self.rows // NODE_STEP) + 1, dtype=np.float64)
        col = self.col + NODE_STEP * np.arange(-(-self.cols // NODE_STEP) + 1, dtype=np.float64)
        grid_row, grid_col = np.meshgrid(row, col, indexing="ij")
        return grid_row, grid_col

    def between(self, nodes: Float64) -> Float32:
        """Interpolate values at the nodes, (n, m), to all pixels of the piece, (rows, cols)."""
        share = (np.arange(NODE_STEP) / NODE_STEP).astype(np.float32)
        values = nodes.astype(np.float32)
        step = np.diff(values, axis=0)[:, None, :]
        tall = (values[:-1, None, :] + share[:, None] * step).reshape(-1, values.shape[1])[: self.rows]
        wide = tall[:, :-1, None] + share * np.diff(tall, axis=1)[:, :, None]
        return wide.reshape(len(tall), -1)[:, : self.cols]


class Sighting(NamedTuple):
    """Where a piece's pixels lie in the image. at: (2, rows, cols), their lines - `line` and pixels - `pixel`."""

    line: int
    pixel: int
    at: Float32


class Locator(Protocol):
    """Function that returns where the pixels of a piece of the map lie in the image."""

    def __call__(self, piece: Piece) -> Sighting | None:
        """Return line and pixel of each pixel of the piece; None if the image shows none of them."""


class ByPoints:
    """Locator that uses only the annotation's geolocation grid."""

    def __init__(self, grid: PixelGrid, positions: Positions) -> None:
        self.grid, self.positions = grid, positions

    def __call__(self, piece: Piece) -> Sighting | None:
        """Return line and pixel of each pixel of the piece; None if the image shows none of them."""
        line, pixel = self.positions.image_of(*raster.centres(self.grid.transform, *piece.nodes()))
        if not np.isfinite(line).any():
            return None
        first_line, first_pixel = int(np.nanmin(line)), int(np.nanmin(pixel))
        return Sighting(
            first_line, first_pixel, np.stack([piece.between(line - first_line), piece.between(pixel - first_pixel)])
        )


def pieces_of(grid: PixelGrid, positions: Positions, lines: int, pixels: int, margin_m: float) -> Iterator[Piece]:
    """Yield the pieces of a grid that may contain image data. margin_m: how far data may lie outside `positions`."""
    outline = shapely.Polygon(np.stack(positions.outline(lines, pixels), axis=1)).buffer(
        margin_m + AROUND_PX * grid.transform.a
    )
    shapely.prepare(outline)
    for row in range(0, grid.rows, PIECE):
        for col in range(0, grid.cols, PIECE):
            piece = Piece(row, col, min(PIECE, grid.rows - row), min(PIECE, grid.cols - col))
            west, north = grid.transform @ (col, row)
            east, south = grid.transform @ (col + piece.cols, row + piece.rows)
            if outline.intersects(shapely.box(west, south, east, north)):
                yield piece


def window_of(sighting: Sighting, lines: int, pixels: int) -> tuple[Window, NDArray[np.bool_]] | None:
    """Return (window of samples that a piece needs, which of its pixels lie in the image), or None if none do."""
    line, pixel = sighting.at
    inside = (line >= -0.5 - sighting.line) & (line <= lines - 0.5 - sighting.line)
    inside &= (pixel >= -0.5 - sighting.pixel) & (pixel <= pixels - 0.5 - sighting.pixel)
    if not inside.any():
        return None
    everywhere = bool(inside.all())
    span = []
    for at, first, count in ((line, sighting.line, lines), (pixel, sighting.pixel, pixels)):
        used = at if everywhere else at[inside]
        start = max(int(np.floor(used.min())) + first - MARGIN, 0)
        span.append((start, min(int(np.ceil(used.max())) + first + MARGIN + 1, count) - start))
    return Window(span[0][0], span[1][0], span[0][1], span[1][1]), inside


def resample(
    amplitude: Float32, seen: NDArray[np.bool_], window: Window, sighting: Sighting, inside: NDArray[np.bool_]
) -> Float32 | None:
    """Return power resampled to the pixels of a piece, (rows, cols), NaN without data; None if there are no data.

    amplitude, seen: (lines, pixels) of the window. A pixel has data if its nearest sample has.
    """
    if not seen.any():
        return None
    whole = bool(seen.all())
    if not whole:
        nearest = scipy.ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
        amplitude = amplitude[tuple(nearest)]  # The nearest values keep the spline from swinging at the border.
    offset = np.array([sighting.line - window.line, sighting.pixel - window.pixel], dtype=np.float32)
    full = bool(inside.all())
    at = sighting.at + offset[:, None, None] if full else sighting.at[:, inside] + offset[:, None]
    spline = scipy.ndimage.spline_filter(amplitude, 3, output=np.float32, mode="mirror")
    value = scipy.ndimage.map_coordinates(spline, at, output=np.float32, order=3, mode="mirror", prefilter=False)
    np.maximum(value, np.float32(np.sqrt(MIN_POWER)), out=value)
    value *= value
    if not whole:
        near = scipy.ndimage.map_coordinates(seen.astype(np.uint8), at, order=0, mode="mirror", prefilter=False)
        value[near == 0] = np.nan
    if full:
        return None if np.isnan(value).all() else value
    power = np.full(inside.shape, np.nan, dtype=np.float32)
    power[inside] = value
    return None if np.isnan(value).all() else power

"""Tiles, arrows and pictures of an alert's ground from rasters and points, unsmoothed. Pure: arrays in, PNG out."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import rasterio
import scipy
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from rasterio.io import DatasetReader
from rasterio.transform import from_bounds
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window
from shapely.geometry import MultiPolygon

from ground_motion.core.projections import EARTH, transformer
from monitor.maps.imaging.plan_pictures import FONT, png_of

Float32 = NDArray[np.float32]
Bounds = tuple[float, float, float, float]

TILE_PIXELS = 256
LEGEND_PX, LEGEND_BAR_PX = (270, 138), (24, 128)
HALF_WORLD_M = 20037508.342789244  # EPSG:3857
ARROW_SIGMA = 3.0  # an arrow is drawn where the offset is at least this many standard deviations long
SIDE_PX = 480  # longer side of a picture
CELLS = 96  # Few cells along the longer side, so that gaps between points stay small.
AROUND = 0.75  # Margin on each side of the outline, as a share of its longer side.
MIN_M = 400.0
SMOOTHED = 5  # Rates are averaged over this many cells before they are wrapped.
OUTLINE, HALO = (20, 20, 20), (255, 255, 255)
UNKNOWN = (238, 238, 236)
RATE_STOPS = ("#762100", "#944c35", "#b07563", "#c8a094", "#d2d1ce", "#97aec6", "#678aae", "#396694", "#014478")
PHASE_STOPS = ("#3b4cc0", "#5fb4a2", "#f4e04d", "#e07a3f", "#b0305c", "#3b4cc0")  # Cyclic: the last is the first.
ARROW_PX, HEAD_PX = 16, 5
FULL_COLOUR_MM_YR = (10, 20, 50, 100, 150, 200, 300)
RINGS = 3.0  # Least number of rings from the surroundings to the peak, to show a shape and still be countable.


class Arrow(NamedTuple):
    """Motion of one cell. bearing_deg: direction of the motion, clockwise from north."""

    longitude: float
    latitude: float
    speed_m_day: float
    sigma_m_day: float
    bearing_deg: float


class InputGrid(NamedTuple):
    """Grid and dates of a pair's images. column_step, row_step: (x, y) to the next pixel in the raster's CRS."""

    posting_m: float
    column_step: tuple[float, float]
    row_step: tuple[float, float]
    days: int
    last_day: int  # date of the later image, days since 1970-01-01
    shift_px: tuple[float, float] = (0.0, 0.0)  # shift of the whole image (columns, rows), which is removed


def band_numbers(dataset: DatasetReader, names: Sequence[str]) -> list[int]:
    """Return the numbers (from 1) of the bands with these names; [1] if names is empty. Raises ValueError."""
    missing = [name for name in names if name not in dataset.descriptions]
    if missing:
        raise ValueError(f"{dataset.name} has no band {missing[0]!r}, only {dataset.descriptions}")
    return [dataset.descriptions.index(name) + 1 for name in names] or [1]


def tile_bounds_m(z: int, x: int, y: int) -> Bounds:
    """Return west, south, east, north of a tile in metres of EPSG:3857."""
    width = 2 * HALF_WORLD_M / 2**z
    west, north = x * width - HALF_WORLD_M, HALF_WORLD_M - y * width
    return west, north - width, west + width, north


def tile_bounds_deg(z: int, x: int, y: int, margin_deg: float = 0.0) -> Bounds:
    """Return west, south, east, north of a tile in degrees, widened by a margin, within ±180° and ±90°."""
    west, south, east, north = transform_bounds("EPSG:3857", "EPSG:4326", *tile_bounds_m(z, x, y))
    south, north = max(south - margin_deg, -90.0), min(north + margin_deg, 90.0)
    return max(west - margin_deg, -180.0), south, min(east + margin_deg, 180.0), north


def window_values(
    dataset: DatasetReader, bands: Sequence[str], epsg: int, bounds_m: Bounds, shape: tuple[int, int]
) -> Float32:
    """Return the bands of a raster in a projected box by nearest neighbour, (bands, rows, cols), NaN where unknown."""
    rows, cols = shape
    with WarpedVRT(
        dataset,
        crs=rasterio.CRS.from_epsg(epsg),
        transform=from_bounds(*bounds_m, cols, rows),
        width=cols,
        height=rows,
        add_alpha=dataset.nodata is None,  # The alpha band marks cells outside the raster, which are unknown too.
    ) as resampled:
        values = np.ma.filled(resampled.read(band_numbers(dataset, bands), masked=True).astype(np.float32), np.nan)
        if dataset.nodata is None:
            values[:, resampled.read(resampled.count) == 0] = np.nan  # The last band is the opacity.
    return values


def paint(values: Float32, stops: Sequence[str], low: float, high: float) -> bytes:
    """Return a PNG of values (rows, cols), coloured from low to high, transparent where unknown."""
    known = np.isfinite(values)
    if not known.any():
        return empty_tile(values.shape)
    opacity = np.where(known, 255, 0).astype(np.uint8)
    return png(np.concatenate([coloured(values, stops, low, high), opacity[..., None]], axis=-1))


def coloured(values: Float32, stops: Sequence[str], low: float, high: float) -> NDArray[np.uint8]:
    """Return red, green and blue for values from low to high, (rows, cols, 3); unknown values get the colour of low."""
    share = np.clip((np.where(np.isfinite(values), values, low) - low) / (high - low), 0, 1)
    return colour_table(tuple(stops))[np.rint(share * 255).astype(np.uint8)]


def legend_png(stops: Sequence[str], low: float, high: float, unit: str, *, classes: Sequence[str] = ()) -> bytes:
    """Return a PNG of the colours from low, at the bottom, to high, with both values; of classes, with their names."""
    image = Image.new("RGBA", LEGEND_PX, "#ffffff")
    draw = ImageDraw.Draw(image)
    if classes:
        font, step = ImageFont.truetype(FONT, 11), LEGEND_PX[1] // len(classes)
        for place, (colour, name) in enumerate(zip(stops, classes, strict=True)):
            y = place * step + 4
            draw.rectangle((4, y, 20, y + 16), fill=colour, outline="#555555")
            draw.text((26, y + 2), name, fill="#000000", font=font)
        return png_of(image)
    width, height = LEGEND_BAR_PX
    values = np.repeat(np.linspace(high, low, height, dtype=np.float32)[:, None], width, axis=1)
    image.paste(Image.fromarray(coloured(values, stops, low, high)), (4, 4))
    font = ImageFont.truetype(FONT, 12)
    draw.rectangle((3, 3, 4 + width, 4 + height), outline="#555555")
    for value, y in ((high, 2), (low, height - 10)):
        draw.text((width + 12, y), f"{value:g} {unit}".strip(), fill="#000000", font=font)
    return png_of(image)


@lru_cache(maxsize=32)
def colour_table(stops: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return 256 colours interpolated between evenly spaced stops such as '#0b5f73'; (256, 3)."""
    colours = np.array([[int(stop[i : i + 2], 16) for i in (1, 3, 5)] for stop in stops], dtype=float)
    places = np.linspace(0, 1, len(stops))
    bands = [np.rint(np.interp(np.linspace(0, 1, 256), places, band)) for band in colours.T]
    return np.stack(bands, axis=1).astype(np.uint8)


@lru_cache(maxsize=4)
def empty_tile(shape: tuple[int, ...] = (TILE_PIXELS, TILE_PIXELS)) -> bytes:
    """Return a fully transparent PNG of (rows, cols), by default a tile."""
    return png(np.zeros((*shape, 2), np.uint8))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode pixels (rows, cols, 2 or 4), opacity last, as PNG."""
    # GDAL's own PNG driver is not safe in threads.
    return png_of(Image.fromarray(pixels))


def arrows(dataset: DatasetReader, grid: InputGrid, bounds: Bounds, most: int) -> list[Arrow]:
    """Return at most `most` arrows in a box (degrees), on a regular grid that stays in place when the map moves."""
    # Bands dx_px (to the east), dy_px (down) and their sigmas; unknown cells and those below ARROW_SIGMA are left out.
    window = _window(dataset, bounds)
    if window is None:
        return []
    step = 1
    while math.ceil(window.height / step) * math.ceil(window.width / step) > most:
        step *= 2
    rows = np.arange(-(-window.row_off // step) * step, window.row_off + window.height, step)
    cols = np.arange(-(-window.col_off // step) * step, window.col_off + window.width, step)
    if not (rows.size and cols.size):
        return []
    bands = dataset.read(band_numbers(dataset, ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px")), window=window)
    dx, dy, sigma_dx, sigma_dy = bands[:, rows - window.row_off][:, :, cols - window.col_off].astype(float)
    dx, dy = dx - grid.shift_px[0], dy - grid.shift_px[1]
    length = np.hypot(dx, dy)
    with np.errstate(invalid="ignore", divide="ignore"):
        sigma = np.hypot(dx * sigma_dx, dy * sigma_dy) / length
        clear = (length > 0) & (length >= ARROW_SIGMA * sigma)
    at, across = np.nonzero(clear)
    x, y = dataset.transform @ (cols[across] + 0.5, rows[at] + 0.5)
    (column_x, column_y), (row_x, row_y), dx, dy = grid.column_step, grid.row_step, dx[clear], dy[clear]
    to_degrees = transformer(dataset.crs.to_wkt(), 4326)
    start = to_degrees.transform(x, y)
    end = to_degrees.transform(x + dx * column_x + dy * row_x, y + dx * column_y + dy * row_y)
    bearing, m_day = np.mod(EARTH.inv(*start, *end)[0], 360), grid.posting_m / grid.days
    return [Arrow(*values) for values in zip(*start, length[clear] * m_day, sigma[clear] * m_day, bearing, strict=True)]


def _window(dataset: DatasetReader, bounds: Bounds) -> Window | None:
    """Return the part of a north-up raster that lies in a box, degrees, as a window; None if they do not overlap."""
    west, south, east, north = transform_bounds("EPSG:4326", dataset.crs, *bounds)
    back = ~dataset.transform
    (left, top), (right, bottom) = back @ (west, north), back @ (east, south)
    first_col, first_row = max(0, math.floor(left)), max(0, math.floor(top))
    last_col, last_row = min(dataset.width, math.ceil(right)), min(dataset.height, math.ceil(bottom))
    if first_col >= last_col or first_row >= last_row:
        return None
    return Window(first_col, first_row, last_col - first_col, last_row - first_row)


class Frame(NamedTuple):
    """Box in a projected system, metres, and the size (rows, cols) of its picture, pixels."""

    bounds_m: Bounds
    shape: tuple[int, int]


def frame_of(outline: MultiPolygon) -> Frame:
    """Return the frame of a picture of the ground around an outline. outline: in metres."""
    west, south, east, north = outline.bounds
    around = AROUND * max(east - west, north - south, MIN_M)
    west, south, east, north = west - around, south - around, east + around, north + around
    factor = SIDE_PX / max(east - west, north - south)
    return Frame((west, south, east, north), (round((north - south) * factor), round((east - west) * factor)))


def points_on(frame: Frame, x: NDArray[np.float64], y: NDArray[np.float64], values: Float32) -> Float32:
    """Return the mean value of the points in each cell of a frame, (rows, cols), NaN without points. x, y: m."""
    west, south, east, north = frame.bounds_m
    cell = max(east - west, north - south) / CELLS
    rows, cols = math.ceil((north - south) / cell), math.ceil((east - west) / cell)
    col, row = np.floor((x - west) / cell).astype(int), np.floor((north - y) / cell).astype(int)
    inside = (col >= 0) & (col < cols) & (row >= 0) & (row < rows) & np.isfinite(values)
    flat = row[inside] * cols + col[inside]
    n = np.bincount(flat, minlength=rows * cols)
    total = np.bincount(flat, values[inside], minlength=rows * cols)
    with np.errstate(invalid="ignore"):
        return (total / n).reshape(rows, cols).astype(np.float32)


def smoothed(values: Float32, side: int = SMOOTHED) -> Float32:
    """Return the mean of the known values in side x side cells around each known cell, NaN elsewhere."""
    known = np.isfinite(values)
    planes = np.where(known, values, 0), known.astype(np.float32)
    total, share = (scipy.ndimage.uniform_filter(plane, side, mode="constant") for plane in planes)
    return np.asarray(np.where(known, total / np.maximum(share, 1e-6), np.nan), dtype=np.float32)


def full_colour_mm_yr(peak_mm_yr: float | None) -> int:
    """Return the rate that is shown in full colour in pictures of an alert or a detection, mm/yr."""
    return next((rate for rate in FULL_COLOUR_MM_YR if rate >= abs(peak_mm_yr or 0.0)), FULL_COLOUR_MM_YR[-1])


def fringe_mm_yr(peak_mm_yr: float) -> float:
    """Return the rate of one fringe (colour cycle), mm/yr: 1, 2 or 5 times a power of ten, at most peak / 3."""
    value = max(abs(peak_mm_yr), 1.0) / RINGS
    power = 10.0 ** math.floor(math.log10(value))
    return power * max(step for step in (1, 2, 5) if step * power <= value * (1 + 1e-9))


def wrapped(rate_mm_yr: Float32, fringe: float) -> Float32:
    """Wrap rates to fractions of one fringe, 0-1, as the phase of an interferogram (Anantrasirichai et al. 2019)."""
    return np.asarray((rate_mm_yr / np.float32(fringe)) % 1, dtype=np.float32)


def picture(
    values: Float32,
    stops: Sequence[str],
    low: float,
    high: float,
    frame: Frame,
    outline: MultiPolygon,
    pointers: Sequence[tuple[float, float, float]] = (),
) -> bytes:
    """Return a PNG of values (rows, cols) on a frame, with the alert's outline and arrows; grey where unknown.

    pointers: x and y of the middle of each, metres, and its direction, degrees clockwise from north.
    """
    rgb = coloured(values, stops, low, high)
    rgb[~np.isfinite(values)] = UNKNOWN
    rows, cols = frame.shape
    image = Image.fromarray(rgb).resize((cols, rows), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    west, _, east, north = frame.bounds_m
    factor = cols / (east - west)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x - west) * factor, (north - y) * factor

    for x_m, y_m, bearing_deg in pointers:
        _draw_arrow(draw, *place(x_m, y_m), bearing_deg)
    rings = [ring for polygon in outline.geoms for ring in (polygon.exterior, *polygon.interiors)]
    for colour, width in ((HALO, 5), (OUTLINE, 2)):
        for ring in rings:
            draw.line([place(x, y) for x, y, *_ in ring.coords], fill=colour, width=width, joint="curve")
    return png_of(image)  # zlib's slowest level takes twice the time for 3 % of the bytes.


def _draw_arrow(draw: ImageDraw.ImageDraw, x: float, y: float, bearing_deg: float) -> None:
    """Draw an arrow with its middle at the pixel (x, y)."""
    turn = math.radians(bearing_deg)
    along, across = (math.sin(turn), -math.cos(turn)), (math.cos(turn), math.sin(turn))
    tip, tail = ((x + way * ARROW_PX / 2 * along[0], y + way * ARROW_PX / 2 * along[1]) for way in (1, -1))
    barbs = [
        (tip[0] - HEAD_PX * (along[0] + side * across[0]), tip[1] - HEAD_PX * (along[1] + side * across[1]))
        for side in (-0.7, 0.7)
    ]
    for colour, width in ((HALO, 4), (OUTLINE, 2)):
        draw.line([tail, tip], fill=colour, width=width)
        draw.line([barbs[0], tip, barbs[1]], fill=colour, width=width)

"""Pictures of the ground around an alert with its outline: score map, points, wrapped rates. Pure: no files."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry import MultiPolygon

from monitor.maps.imaging.drawing import Bounds, Float32, coloured
from monitor.maps.imaging.plan_pictures import png_of

SIDE_PX = 480  # longer side of a picture
CELLS = 96  # along the longer side of a picture of points; few, so that gaps between points stay small
AROUND = 0.75  # margin on each side of the outline, as a share of its longer side
MIN_M = 400.0
SMOOTHED = 5  # cells along the side of the mean that is taken before rates are wrapped
OUTLINE, HALO = (20, 20, 20), (255, 255, 255)
UNKNOWN = (238, 238, 236)
RATE_STOPS = ("#762100", "#944c35", "#b07563", "#c8a094", "#d2d1ce", "#97aec6", "#678aae", "#396694", "#014478")
PHASE_STOPS = ("#3b4cc0", "#5fb4a2", "#f4e04d", "#e07a3f", "#b0305c", "#3b4cc0")  # cyclic: ends as it begins
ARROW_PX, HEAD_PX = 16, 5
FULL_COLOUR_MM_YR = (10, 20, 50, 100, 300)
RINGS = 3.0  # least number from the surroundings to the peak: enough to see a shape, few enough to count


class Pointer(NamedTuple):
    """Arrow on a picture: its position, metres, and its direction, degrees clockwise from north."""

    x_m: float
    y_m: float
    bearing_deg: float


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
    pointers: Sequence[Pointer] = (),
) -> bytes:
    """Return a PNG of values (rows, cols) on a frame, with the alert's outline and arrows; grey where unknown."""
    rgb = coloured(values, stops, low, high)
    rgb[~np.isfinite(values)] = UNKNOWN
    rows, cols = frame.shape
    image = Image.fromarray(rgb).resize((cols, rows), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    west, _, east, north = frame.bounds_m
    factor = cols / (east - west)

    def place(x: float, y: float) -> tuple[float, float]:
        return (x - west) * factor, (north - y) * factor

    for pointer in pointers:
        _point(draw, *place(pointer.x_m, pointer.y_m), pointer.bearing_deg)
    rings = [ring for polygon in outline.geoms for ring in (polygon.exterior, *polygon.interiors)]
    for colour, width in ((HALO, 5), (OUTLINE, 2)):
        for ring in rings:
            draw.line([place(x, y) for x, y, *_ in ring.coords], fill=colour, width=width, joint="curve")
    return png_of(image, optimize=True)


def _point(draw: ImageDraw.ImageDraw, x: float, y: float, bearing_deg: float) -> None:
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

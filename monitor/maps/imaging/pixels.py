"""Two radar images: a common grey scale and their ratio; motion and coherence near an event. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ground_motion.core.projections import transformer
from ground_motion.methods.offsets.motion import Nodes, PixelScale, against_stable, ground_motion, stable_ground
from monitor.maps.imaging.drawing import Float32, smoothed

GREY_PERCENTILES = (2.0, 98.0)
NO_STRETCH = (-25.0, 0.0)  # dB, for images without any value
RATIO_DB = 6.0  # A factor of four in brightness, up or down.
RATIO_MEAN_PX = 5
RATIO_STOPS = ("#1d4a94", "#7ea2d6", "#f5f5f4", "#e3967d", "#9e2a1c")
Floats = NDArray[np.float64]
SIGMAS = 5.0


class Stretch(NamedTuple):
    """Backscatter that is shown as black and as white, dB."""

    black_db: float
    white_db: float


def decibels(power: Float32) -> Float32:
    """Convert linear power to dB; NaN where the power is zero or unknown."""
    with np.errstate(invalid="ignore"):
        return 10 * np.log10(np.where(power > 0, power, np.float32(np.nan)))


def common_stretch(images: Sequence[Float32]) -> Stretch:
    """Return one stretch for all images, the middle 96 % of their dB, so that equal greys mean equal values."""
    values = np.concatenate([decibels(image).ravel() for image in images])
    values = values[np.isfinite(values)]
    if not values.size:
        return Stretch(*NO_STRETCH)
    black, white = (float(edge) for edge in np.percentile(values, GREY_PERCENTILES))
    return Stretch(black, max(white, black + 0.1))


def ratio_db(reference: Float32, secondary: Float32, side: int = RATIO_MEAN_PX) -> Float32:
    """Return the ratio of secondary to reference, dB, from means of power over side x side pixels; NaN if unknown."""
    means = [smoothed(np.where(image > 0, image, np.float32(np.nan)), side) for image in (reference, secondary)]
    return decibels(means[1]) - decibels(means[0])


class NearMotion(NamedTuple):
    """Motion near an event between two images, relative to stable ground."""

    share: float  # share of the known cells that moved significantly
    fastest_m: float | None  # 95th percentile of the motion of these cells; None if nothing moved significantly
    sigma_m: float  # uncertainty of fastest_m
    bearing_deg: float


class NearCoherence(NamedTuple):
    """Coherence of the known cells near an event, 0-1."""

    median: float
    lowest: float  # 5th percentile
    sigma: float  # median uncertainty of a cell


class Around(NamedTuple):
    """Circle around an event: centre in degrees, radius in metres."""

    longitude: float
    latitude: float
    radius_m: float


def near_motion(raster: DatasetReader, around: Around, scale: PixelScale) -> NearMotion | None:
    """Return the motion in a circle from a raster of offsets; None if it has no values or no stable ground there."""
    near = _near(raster, around, ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px"))
    if near is None:
        return None
    bands, x, y = near
    nodes = Nodes(x, y, bands[0], bands[1], np.hypot(bands[2], bands[3]) / math.sqrt(2))
    motion = ground_motion(nodes, raster.crs.to_epsg(), scale)
    ground = stable_ground(motion, np.ones(x.size, dtype=bool))
    if ground is None:
        return None
    own = against_stable(motion, ground)
    length_m = np.hypot(own.east_m_day, own.north_m_day) * scale.days
    sigma_m = own.sigma_m_day * scale.days
    known, clear = np.isfinite(length_m), length_m > SIGMAS * sigma_m
    if not clear.any():
        return NearMotion(0.0, None, float(np.nanmedian(sigma_m)), 0.0)
    fastest = float(np.percentile(length_m[clear], 95))
    at = clear & (length_m >= 0.8 * fastest)
    bearing = math.degrees(math.atan2(own.east_m_day[at].mean(), own.north_m_day[at].mean())) % 360
    return NearMotion(float(clear.sum() / known.sum()), fastest, float(np.median(sigma_m[clear])), bearing)


def near_coherence(raster: DatasetReader, around: Around) -> NearCoherence | None:
    """Return the coherence in a circle; None if the raster has no values there."""
    near = _near(raster, around, ("coherence", "coherence_sigma"))
    if near is None:
        return None
    values, sigma = near[0]
    values, sigma = values[np.isfinite(values)], sigma[np.isfinite(values)]
    if not values.size:
        return None
    return NearCoherence(float(np.median(values)), float(np.percentile(values, 5)), float(np.median(sigma)))


def _near(raster: DatasetReader, around: Around, names: tuple[str, ...]) -> tuple[Floats, Floats, Floats] | None:
    """Return the values of bands in a circle, (bands, n), and the cells' x and y, m; None if outside the raster."""
    centre = transformer(4326, raster.crs.to_wkt()).transform(around.longitude, around.latitude)
    col, row = ~raster.transform @ centre
    reach = around.radius_m / abs(raster.transform.a)
    first_row, first_col = (max(0, math.floor(at - reach)) for at in (row, col))
    last_row, last_col = min(raster.height, math.ceil(row + reach)), min(raster.width, math.ceil(col + reach))
    if last_row <= first_row or last_col <= first_col:
        return None
    window = Window(first_col, first_row, last_col - first_col, last_row - first_row)
    indexes = [raster.descriptions.index(name) + 1 for name in names]
    bands = raster.read(indexes, window=window).astype(np.float64)
    rows, cols = np.mgrid[first_row:last_row, first_col:last_col]
    inside = np.hypot(rows + 0.5 - row, cols + 0.5 - col) <= reach
    x, y = raster.transform @ (cols[inside] + 0.5, rows[inside] + 0.5)
    return bands[:, inside], np.asarray(x), np.asarray(y)

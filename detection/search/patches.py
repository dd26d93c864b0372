"""Patches in rasters of image pairs, where the surface changed or the ground moved by metres."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod
from shapely import MultiPolygon, Polygon

from detection.kinds import Kind
from ground_motion.core.projections import transformer
from ground_motion.rasters.areas import outline
from ground_motion.rasters.regions import Region, regions, regions_by_strips
from ground_motion.rasters.windows import Window
from ground_motion.statistics.robust import MAD_TO_SIGMA

Float32 = NDArray[np.float32]
Bands = Mapping[str, Float32]
CHANGE_BANDS = ("change_sigma", "coherence_before", "coherence_after", "area_sigma", "confidence")
_GEOD = Geod(ellps="WGS84")
CONFIRMED_SHARE = 0.5  # A patch is confirmed if this share of its cells is.


class Band(Protocol):
    """Band in memory, or one that is read window by window."""

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns."""

    def __getitem__(self, part: tuple[slice, slice]) -> Float32: ...


class ChangeThresholds(NamedTuple):
    """Thresholds of a loss of coherence. enter, leave: robust z-scores; least_drop: 0-1, corrected for weather.

    least_certain: least median of loss / area_sigma (one false alarm in twenty): a parcel whose estimate has only
    become less certain has lost no coherence.
    fewest_cells: two and a half windows of 9 x 9 cells, because one scatterer can change a whole window.
    fewest_confirmed: least number of cells confirmed by pairs without an image in common (coherence.confirm).
    """

    enter: float = 4.5
    leave: float = 2.5
    least_drop: float = 0.2
    least_certain: float = 1.64
    fewest_cells: int = 200
    fewest_confirmed: int = 60


class MotionThresholds(NamedTuple):
    """Thresholds of offsets. enter, leave: length / standard deviation; least_px: length; agreement: of headings, 0-1.

    fewest_nodes: wider than one window of 24 px, because nodes with overlapping windows share their errors.
    """

    enter: float = 6.0
    leave: float = 3.0
    least_px: float = 0.25
    fewest_nodes: int = 10
    agreement: float = 0.8


CHANGE = ChangeThresholds()
MOTION = MotionThresholds()


class Patch(NamedTuple):
    """Area in the raster's system. score: 1 - 1/z^2, a bound on its certainty whatever the noise (Chebyshev).

    figures: the columns of `detection.models.AreaFigures` that this kind of measurement fills; confirmed: by pairs
    without an image in common.
    """

    kind: Kind
    polygon: Polygon | MultiPolygon
    score: float
    cells: int
    figures: dict[str, float]
    confirmed: bool = False


def changed_patches(
    bands: Mapping[str, Band], transform: Affine, weather: float, thresholds: ChangeThresholds = CHANGE
) -> list[Patch]:
    """Find patches where coherence was lost, with only a strip of the raster in memory.

    bands: change_sigma, coherence_before, coherence_after; if present, area_sigma (error of an area's coherence) and
    confidence (of cells that other pairs confirm). weather: change of coherence of the whole scene.

    A confirmed cell counts whatever its own z. A patch confirmed in half of its cells may be smaller and its loss
    within area_sigma; its score is the median confidence.
    """
    layers = {name: bands[name] for name in CHANGE_BANDS if name in bands}

    def loss(at: Window) -> Float32:
        rows, cols = slice(at.row, at.row + at.rows), slice(at.col, at.col + at.cols)
        own = -layers["change_sigma"][rows, cols]
        if "confidence" not in layers:
            return own
        confirmed = np.isfinite(layers["confidence"][rows, cols])
        return np.where(confirmed, np.maximum(own, np.float32(thresholds.enter)), own)

    found = regions_by_strips(loss, layers["change_sigma"].shape, thresholds.enter, thresholds.leave)
    patches = [_find_patch(region, layers, transform, weather, thresholds) for region in found]
    return sorted((patch for patch in patches if patch), key=lambda patch: -patch.polygon.area)


def _find_patch(
    region: Region, layers: Mapping[str, Band], transform: Affine, weather: float, thresholds: ChangeThresholds
) -> Patch | None:
    mask = region.mask
    bands = {name: layer[region.window][mask] for name, layer in layers.items()}
    confidence = bands.get("confidence", np.full(1, np.nan, dtype=np.float32))
    sure = float(np.isfinite(confidence).mean()) >= CONFIRMED_SHARE
    fewest = thresholds.fewest_confirmed if sure else thresholds.fewest_cells
    drop = bands["coherence_before"] - bands["coherence_after"] + weather
    if mask.sum() < fewest or np.median(drop) < thresholds.least_drop:
        return None
    certain = drop / np.maximum(bands.get("area_sigma", np.zeros_like(drop)), 1e-3)
    if not sure and np.median(certain) < thresholds.least_certain:
        return None
    polygon = outline(mask, _corner(region, transform), fewest * abs(transform.a * transform.e))
    strongest = float(bands["change_sigma"].min())
    figures = {
        "change_sigma": strongest,
        "coherence_before": float(np.median(bands["coherence_before"])),
        "coherence_after": float(np.median(bands["coherence_after"])),
    }
    score = float(np.nanmedian(confidence)) if sure else _score(strongest)
    return Patch(Kind.SURFACE_CHANGE, polygon, score, int(mask.sum()), figures, sure)


def _corner(region: Region, transform: Affine) -> Affine:
    rows, cols = region.window
    return transform @ Affine.translation(cols.start, rows.start)


def moving_patches(
    bands: Bands, transform: Affine, epsg: int, posting_m: float, days: float, thresholds: MotionThresholds = MOTION
) -> list[Patch]:
    """Find patches that moved against the rest of the scene. bands: as `python -m ml offsets` writes them.

    posting_m: of the images, metres per px of offset; days: temporal baseline. The scene's median offset is the
    misregistration of the pair and is removed; the scene's scatter is the smallest error assumed for an offset.
    """
    if not np.isfinite(bands["dx_px"]).any():
        return []
    dx, dy = (bands[name] - np.nanmedian(bands[name]) for name in ("dx_px", "dy_px"))
    scatter = [MAD_TO_SIGMA * float(np.nanmedian(np.abs(part))) for part in (dx, dy)]
    length = np.hypot(dx, dy)
    sigma = np.maximum(
        np.hypot(dx * bands["sigma_dx_px"], dy * bands["sigma_dy_px"]) / np.maximum(length, 1e-9), max(scatter)
    )
    z = np.where(length >= thresholds.least_px, length / sigma, 0.0).astype(np.float32)
    patches = []
    for region in regions(z, thresholds.enter, thresholds.leave):
        mask = region.mask
        right, down, far, wrong, sure = (part[region.window][mask] for part in (dx, dy, length, sigma, z))
        aligned = math.hypot(float((right / far).mean()), float((down / far).mean()))
        if mask.sum() < thresholds.fewest_nodes or aligned < thresholds.agreement:
            continue
        polygon = outline(mask, _corner(region, transform), 16 * abs(transform.a * transform.e))
        per_day = posting_m / days
        figures = {
            "speed_m_day": float(np.median(far)) * per_day,
            "peak_speed_m_day": float(np.percentile(far, 95)) * per_day,
            "speed_sigma_m_day": float(np.median(wrong)) * per_day,
            "bearing_deg": bearing(polygon, epsg, float(np.median(right)), float(np.median(down))),
        }
        patches.append(Patch(Kind.MOVING_GROUND, polygon, _score(float(sure.max())), int(mask.sum()), figures))
    return sorted(patches, key=lambda patch: -patch.figures["peak_speed_m_day"])


def bearing(polygon: Any, epsg: int, dx: float, dy: float) -> float:
    """Return the bearing, degrees clockwise from north, of a displacement on a map: dx right, dy down."""
    at, length = polygon.centroid, math.hypot(dx, dy)
    further = (at.x + 1000 * dx / length, at.y - 1000 * dy / length)
    to_geographic = transformer(epsg, 4326).transform
    azimuth, _, _ = _GEOD.inv(*to_geographic(at.x, at.y), *to_geographic(*further))
    return float(azimuth) % 360.0


def _score(z: float) -> float:
    return 1.0 - 1.0 / max(1.0, z * z)

"""Rasters of image pairs become patches: where the surface changed, and where the ground moved by metres."""

import math
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pyproj import Geod
from shapely import MultiPolygon, Polygon

from detection.kinds import Kind
from ingest.projections import transformer
from ml.rasters.areas import grow, outline
from ml.statistics.robust import MAD_TO_SIGMA

Float32 = NDArray[np.float32]
Bands = dict[str, Float32]
_GEOD = Geod(ellps="WGS84")


class ChangeThresholds(NamedTuple):
    """Robust z-scores, both of a loss; least_drop is of coherence, 0-1, the weather's share already removed.

    least_certain: median loss over area_sigma, with one false alarm in twenty: a parcel of which the estimate was
    always sure, and suddenly is not, has lost nothing.
    fewest_cells: one scatterer that comes or goes spoils a whole window of 9 x 9; a patch holds two and a half of them.
    fewest_confirmed: cells of a patch that pairs without an image in common confirm (ml.coherence.confirm).
    """

    enter: float = 4.5
    leave: float = 2.5
    least_drop: float = 0.2
    least_certain: float = 1.64
    fewest_cells: int = 200
    fewest_confirmed: int = 60


class MotionThresholds(NamedTuple):
    """Length of the offset in its standard deviations; least_px: no patch is slower; agreement: of directions, 0-1.

    fewest_nodes: nodes whose windows overlap share their faults; a patch is wider than one window of 24 px.
    """

    enter: float = 6.0
    leave: float = 3.0
    least_px: float = 0.25
    fewest_nodes: int = 10
    agreement: float = 0.8


CHANGE = ChangeThresholds()
MOTION = MotionThresholds()
CONFIRMED_SHARE = 0.5  # of a patch's cells


class Patch(NamedTuple):
    """One area in the raster's system. score: 1 - 1/z^2, a bound on its certainty whatever the noise (Chebyshev).

    figures: the columns of `detection.models.AreaFigures` that this kind of measurement fills.
    """

    kind: Kind
    polygon: Polygon | MultiPolygon
    score: float
    cells: int
    figures: dict[str, float]


def changed_patches(
    bands: Bands, transform: Affine, weather: float, thresholds: ChangeThresholds = CHANGE
) -> list[Patch]:
    """Find where coherence was lost. bands: change_sigma, coherence_before, coherence_after and, in rasters that hold
    them, area_sigma (of an area's coherence) and confidence (by other pairs).

    A cell that is confirmed enters whatever its own z; a patch confirmed in half of its cells may be smaller and within
    area_sigma, and its score is that confidence. weather: what the whole scene lost or won, as the change gave it.
    """
    patches = []
    drop = bands["coherence_before"] - bands["coherence_after"] + weather
    certain = drop / np.maximum(bands.get("area_sigma", np.zeros_like(drop)), 1e-3)
    confidence = bands.get("confidence", np.full_like(drop, np.nan))
    loss = np.where(
        np.isfinite(confidence), np.maximum(-bands["change_sigma"], thresholds.enter), -bands["change_sigma"]
    )
    for mask in grow(loss, thresholds.enter, thresholds.leave):
        sure = float(np.isfinite(confidence[mask]).mean()) >= CONFIRMED_SHARE
        fewest = thresholds.fewest_confirmed if sure else thresholds.fewest_cells
        if mask.sum() < fewest or np.median(drop[mask]) < thresholds.least_drop:
            continue
        if not sure and np.median(certain[mask]) < thresholds.least_certain:
            continue
        cell_m2 = abs(transform.a * transform.e)
        polygon = outline(mask, transform, fewest * cell_m2)
        strongest = float(bands["change_sigma"][mask].min())
        figures = {
            "change_sigma": strongest,
            "coherence_before": float(np.median(bands["coherence_before"][mask])),
            "coherence_after": float(np.median(bands["coherence_after"][mask])),
        }
        score = float(np.nanmedian(confidence[mask])) if sure else _score(strongest)
        patches.append(Patch(Kind.SURFACE_CHANGE, polygon, score, int(mask.sum()), figures))
    return sorted(patches, key=lambda patch: -patch.polygon.area)


def moving_patches(
    bands: Bands,
    transform: Affine,
    epsg: int,
    posting_m: float,
    days: float,
    thresholds: MotionThresholds = MOTION,
) -> list[Patch]:
    """Find where the ground moved against the rest of the scene. bands: as `python -m ml offsets` writes them.

    posting_m: of the images, metres per px of offset; days: temporal baseline. The scene's median offset is the
    misregistration of the pair and is removed; the scene's own scatter is the least that an offset may be wrong by.
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
    for mask in grow(z, thresholds.enter, thresholds.leave):
        aligned = math.hypot(float((dx / length)[mask].mean()), float((dy / length)[mask].mean()))
        if mask.sum() < thresholds.fewest_nodes or aligned < thresholds.agreement:
            continue
        polygon = outline(mask, transform, 16 * abs(transform.a * transform.e))
        per_day = posting_m / days
        figures = {
            "speed_m_day": float(np.median(length[mask])) * per_day,
            "peak_speed_m_day": float(np.percentile(length[mask], 95)) * per_day,
            "speed_sigma_m_day": float(np.median(sigma[mask])) * per_day,
            "bearing_deg": bearing(polygon, epsg, float(np.median(dx[mask])), float(np.median(dy[mask]))),
        }
        patches.append(Patch(Kind.MOVING_GROUND, polygon, _score(float(z[mask].max())), int(mask.sum()), figures))
    return sorted(patches, key=lambda patch: -patch.figures["peak_speed_m_day"])


def bearing(polygon: Any, epsg: int, dx: float, dy: float) -> float:
    """Degrees clockwise from true north of a step of dx to the right and dy down on a north-up grid, at a polygon."""
    at, length = polygon.centroid, math.hypot(dx, dy)
    further = (at.x + 1000 * dx / length, at.y - 1000 * dy / length)
    to_geographic = transformer(epsg, 4326).transform
    azimuth, _, _ = _GEOD.inv(*to_geographic(at.x, at.y), *to_geographic(*further))
    return float(azimuth) % 360.0


def _score(z: float) -> float:
    return 1.0 - 1.0 / max(1.0, z * z)

"""Real noise of still ground from GROUND_MOTION_DATA: residuals of each place's rates after a smooth fit.

`deformation-equal` adds known motion to the noise; training may use the noise of some places, which its card names.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.errors import InputError
from ground_motion.methods.deformation.gridding.points import Float64, PointCloud, project
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import Declaration
from ground_motion.statistics.robust import MAD_TO_SIGMA
from lab.real_data import folder

MAPPINGS = Path(__file__).parent / "mappings"
SMOOTH_M = 6_000.0  # Width of a place for each degree of the subtracted polynomial.
ROUNDS = 20  # iterations of the robust fit
HUBER = 1.345  # Residuals beyond this number of standard deviations have less weight.


class StillPlace(NamedTuple):
    """A place with little or no motion. pattern: file names, one file per track; mapping: of columns, if needed."""

    name: str
    pattern: str
    mapping: str = ""


PLACES = (
    StillPlace("ustica", "egms_ustica/EGMS_L2b_*.zip"),
    StillPlace("cyprus", "velocity_real/cyprus_egms_l2a/*.csv", "cyprus.toml"),
    StillPlace("donana", "velocity_real/donana_psbas/*.shp", "donana.toml"),
)


def place(name: str) -> StillPlace:
    """Return the place with this name. Raises KeyError if there is none."""
    return {one.name: one for one in PLACES}[name]


@lru_cache(maxsize=len(PLACES))
def residual_field(place: StillPlace) -> tuple[PointCloud, ...]:
    """Read every track of a place and remove the smooth fit. Raises InputError if files are missing or damaged."""
    files = sorted(folder().glob(place.pattern))
    if not files:
        raise InputError(folder() / place.pattern, "there is no such file", "Fetch the real data of this place")
    declared = Declaration(mapping=MAPPINGS / place.mapping if place.mapping else None)
    return tuple(_residual(path, declared) for path in files)


def _residual(path: Path, declared: Declaration) -> PointCloud:
    """Read a track, and return its points with the residuals of the smooth fit, to 0.01 mm/yr."""
    field = open_velocity_field(path, declared=declared)
    batches = [batch for batch in field.batches() if batch.pid.size]
    longitude, latitude, velocity, height = (
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("longitude", "latitude", "velocity_mm_yr", "height_m")
    )
    heights = height if np.isfinite(height).any() else None
    points = project(longitude, latitude, velocity, heights, field.header.grid_epsg, field.header.posting_m)
    rate = points.velocity_mm_yr.astype(np.float64)
    left = np.round(rate - smooth_fit(points.x, points.y, rate), 2)
    return points._replace(velocity_mm_yr=left.astype(np.float32))


def smooth_fit(x: Float64, y: Float64, rate_mm_yr: Float64, degree: int | None = None) -> Float64:
    """Fit a polynomial of the place by Huber's weights; returns it at each point (n,), mm/yr.

    The default degree is the place's width over SMOOTH_M: 0 for a block of houses, 1 (a plane) for a few kilometres.
    Delay and stratification that vary within some kilometres are kept, because they are noise.
    """
    span_m = max(float(np.ptp(x)), float(np.ptp(y)))
    degree = round(span_m / SMOOTH_M) if degree is None else degree
    east, north = ((values - values.mean()) / max(span_m, 1.0) for values in (x, y))
    terms = np.stack([east**i * north**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)
    weight = np.ones_like(rate_mm_yr)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        fitted: Float64 = terms @ np.linalg.lstsq(terms * root[:, None], rate_mm_yr * root, rcond=None)[0]
        away = np.abs(rate_mm_yr - fitted)
        sigma = max(float(MAD_TO_SIGMA * np.median(away)), 0.01)
        weight = 1 / np.maximum(1, away / (HUBER * sigma))
    return fitted

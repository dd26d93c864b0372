"""Reasons why an area was flagged: for each track, figures of the area's points against those around it.

Pure functions of points, independent of the detection method, so that readers can check them.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, contains_xy

from ground_motion.statistics.robust import MAD_TO_SIGMA

Float64 = NDArray[np.float64]
# The ground around an area, without its edge and other places, lies at least between these.
NEAR_M, FAR_M = 200.0, 1_500.0
# As shares of the area's square root, these limits are wider: a wide bowl has a wide edge.
NEAR_SHARE, FAR_SHARE = 0.2, 1.0
MIN_AROUND = 5
MIN_INSIDE, MIN_BEYOND = 3, 0.5  # A track shows motion of an area by this many points, and this share of them.


class TrackReason(NamedTuple):
    """Evidence of one track: points inside, their median rate; points around, their median rate and robust scatter.

    Rates in mm/yr with the sign of the product. beyond: share of the points inside at least two scatters from the
    median around, on the side to which the area moves. NaN where too few points are around.
    """

    track: str
    n_points: int
    rate_mm_yr: float
    n_around: int
    around_mm_yr: float
    scatter_mm_yr: float
    beyond: float

    @property
    def shows(self) -> bool:
        """Whether this track alone shows that the area moves: most points inside differ from those around."""
        return bool(self.n_points >= MIN_INSIDE and self.beyond >= MIN_BEYOND)

    def as_dict(self) -> dict[str, Any]:
        """Return the reason for JSON: rounded, None for missing figures."""

        def as_json(value: Any) -> Any:
            if not isinstance(value, float):
                return value
            return round(value, 2) if math.isfinite(value) else None

        return {name: as_json(value) for name, value in self._asdict().items()}


def reach_of(polygon: Polygon | MultiPolygon) -> tuple[float, float]:
    """Return at which distances from an area its surroundings begin and end, (near, far), m."""
    side_m = polygon.area**0.5
    return max(NEAR_M, NEAR_SHARE * side_m), max(FAR_M, FAR_SHARE * side_m)


def track_reason(
    track: str, polygon: Polygon | MultiPolygon, x: Float64, y: Float64, velocity_mm_yr: NDArray[np.floating]
) -> TrackReason:
    """Compute one track's evidence of an area's motion. polygon, x, y: (n,), in one projected system, metres.

    Only points near the area's box count, so that passing more points changes nothing.
    """
    west, south, east, north = polygon.bounds
    near_m, far_m = reach_of(polygon)
    near = (x > west - far_m) & (x < east + far_m) & (y > south - far_m) & (y < north + far_m)
    x, y, velocity = x[near], y[near], np.asarray(velocity_mm_yr, dtype=np.float64)[near]
    inside = contains_xy(polygon, x, y)
    around = contains_xy(polygon.buffer(far_m).simplify(near_m / 4), x, y)
    around &= ~contains_xy(polygon.buffer(near_m).simplify(near_m / 4), x, y)
    rate = float(np.median(velocity[inside])) if inside.any() else np.nan
    n_around = int(around.sum())
    if n_around < MIN_AROUND:
        return TrackReason(track, int(inside.sum()), rate, n_around, np.nan, np.nan, np.nan)
    middle = float(np.median(velocity[around]))
    scatter = max(0.1, float(MAD_TO_SIGMA * np.median(np.abs(velocity[around] - middle))))
    off = (velocity[inside] - middle) * np.sign(rate - middle)
    beyond = float((off >= 2 * scatter).mean()) if inside.any() else np.nan
    return TrackReason(track, int(inside.sum()), rate, n_around, middle, scatter, beyond)

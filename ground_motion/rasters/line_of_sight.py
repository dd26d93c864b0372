"""Line of sight of a track at an area, needed where motion is sideways, inward or down a slope.

Directions are nominal, for right-looking radars, as nearly all are; an error of a few degrees changes no sign.
"""

from typing import NamedTuple

import numpy as np

from ground_motion.core.projections import transformer

EAST_NORTH_UP = {"ascending": (-0.60, -0.13, 0.79), "descending": (0.60, -0.13, 0.79)}  # incidence 38°, heading ±12°
GEOGRAPHIC = 4326
STEP_DEG = 0.01


class LineOfSight(NamedTuple):
    """Unit vector from the ground toward the satellite: along the axes of a projected system, and up."""

    x: float
    y: float
    up: float


def line_of_sight_at(direction: str, epsg: int, x_m: float, y_m: float) -> LineOfSight | None:
    """Return the line of sight at a place in a projected system, turned to its axes; None if unknown."""
    if direction not in EAST_NORTH_UP:
        return None
    east, north, up = EAST_NORTH_UP[direction]
    longitude, latitude = transformer(epsg, GEOGRAPHIC).transform(x_m, y_m)
    x, y = transformer(GEOGRAPHIC, epsg).transform([longitude, longitude], [latitude, latitude + STEP_DEG])
    turn = np.arctan2(x[1] - x[0], y[1] - y[0])  # True north is turned clockwise by this.
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return LineOfSight(east * cos + north * sin, north * cos - east * sin, up)

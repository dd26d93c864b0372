"""Geometry: decomposition of two lines of sight into up and east, boxes around places, and UTM zones."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

METRES_PER_DEGREE = 111_320.0  # of latitude, and of longitude at the equator


class LineOfSight(NamedTuple):
    """Unit vector from the ground to the satellite; each part a number or an array of one shape."""

    east: NDArray[np.floating]
    north: NDArray[np.floating]
    up: NDArray[np.floating]


class UpEast(NamedTuple):
    """Vertical and eastward velocities, mm/yr."""

    up_mm_yr: NDArray[np.floating]
    east_mm_yr: NDArray[np.floating]


def decompose_up_east(
    first_mm_yr: NDArray[np.floating],
    first_los: LineOfSight,
    second_mm_yr: NDArray[np.floating],
    second_los: LineOfSight,
) -> UpEast:
    """Solve two LOS velocities for up and east, assuming no motion to the north.

    All arrays of one shape; mm/yr, LOS positive toward the satellite, up and east positive; NaN where a track is
    missing or both look from the same side. EGMS L3 solves the same 2 x 2 system (EGMS algorithm document).
    """
    determinant = first_los.up * second_los.east - second_los.up * first_los.east
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = np.where(np.abs(determinant) < 0.1, np.nan, determinant)
        up = (first_mm_yr * second_los.east - second_mm_yr * first_los.east) / determinant
        east = (first_los.up * second_mm_yr - second_los.up * first_mm_yr) / determinant
    return UpEast(up, east)


def bounds_around(extent: tuple[float, float, float, float], margin_m: float) -> tuple[float, float, float, float]:
    """Return (west, south, east, north), degrees, of an extent in this order, enlarged by margin_m on every side."""
    west, south, east, north = extent
    high = margin_m / METRES_PER_DEGREE
    wide = high / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.01)
    return west - wide, max(south - high, -90.0), east + wide, min(north + high, 90.0)


def utm_epsg(longitude: float, latitude: float) -> int:
    """Return the EPSG code of the WGS 84 / UTM zone at a position (degrees)."""
    zone = min(int((longitude + 180) // 6) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone

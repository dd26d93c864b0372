"""Directions and positions: line of sight, true east and north, and the map grid, which is not parallel to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.core.projections import transformer

Floats = NDArray[np.float64]

GRID_EPSG = 3035  # LAEA Europe, the grid of EGMS
GEOGRAPHIC_EPSG = 4326


class Offset(NamedTuple):
    """Offset from the frame's origin: metres, true east and true north."""

    east_m: float
    north_m: float

    def distance_m(self, other: Offset) -> float:
        """Return the horizontal distance to another offset, metres."""
        return math.hypot(self.east_m - other.east_m, self.north_m - other.north_m)


class Motion(NamedTuple):
    """Rate of ground motion: three arrays of one shape, mm/yr, + east, + north, + up."""

    east_mm_yr: Floats
    north_mm_yr: Floats
    up_mm_yr: Floats

    def plus(self, other: Motion) -> Motion:
        """Add two motions (rates are small, so they add)."""
        return Motion(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def times(self, factor: float) -> Motion:
        """Scale the motion to a faster or slower one."""
        return Motion(*(component * factor for component in self))

    def speed_mm_yr(self) -> Floats:
        """Return the length of the motion vector, mm/yr, never negative."""
        return np.sqrt(self.east_mm_yr**2 + self.north_mm_yr**2 + self.up_mm_yr**2)

    @classmethod
    def still(cls, shape: tuple[int, ...]) -> Motion:
        """Return the motion of ground that does not move."""
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))


class LineOfSight(NamedTuple):
    """Unit vector from the ground toward the satellite: east, north, up, each rounded to two decimals."""

    east: float
    north: float
    up: float

    def incidence_angle_deg(self) -> float:
        """Return the angle between the vertical and the line of sight, degrees."""
        return math.degrees(math.atan2(math.hypot(self.east, self.north), self.up))

    def track_angle_deg(self) -> float:
        """Return a right-looking satellite's heading, degrees clockwise from north: the satellite's bearing plus 90."""
        return (math.degrees(math.atan2(self.east, self.north)) + 90.0) % 360.0


def project_to_los_mm_yr(motion: Motion, los: LineOfSight) -> Floats:
    """Project a motion, mm/yr, any shape, onto the line of sight, mm/yr, + toward the satellite."""
    return motion.east_mm_yr * los.east + motion.north_mm_yr * los.north + motion.up_mm_yr * los.up


@dataclass(frozen=True)
class LocalFrame:
    """A true east/north plane around one origin, with conversion to EPSG:3035 and back.

    Away from 10° E, grid north of EPSG:3035 is not true north (about 16° apart at 12° W), but LOS vectors are given in
    true east, north and up. `grid_turn_rad` is the bearing of true north in the grid, clockwise; one angle is used for
    the whole island (it varies by 0.1° across it), and distances are taken from the grid (right to 1 %).
    """

    easting_m: float
    northing_m: float
    grid_turn_rad: float

    def to_local(self, easting_m: Floats, northing_m: Floats) -> tuple[Floats, Floats]:
        """Convert a grid position, metres in EPSG:3035, to (east_m, north_m) from the origin."""
        return self.turn_to_true(easting_m - self.easting_m, northing_m - self.northing_m)

    def to_grid(self, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        """Convert (east_m, north_m) from the origin to grid position, metres in EPSG:3035."""
        cos, sin = math.cos(self.grid_turn_rad), math.sin(self.grid_turn_rad)
        return self.easting_m + east_m * cos + north_m * sin, self.northing_m - east_m * sin + north_m * cos

    def turn_to_true(self, along_easting: Floats, along_northing: Floats) -> tuple[Floats, Floats]:
        """Rotate a vector's components along the grid's axes to true east and north."""
        cos, sin = math.cos(self.grid_turn_rad), math.sin(self.grid_turn_rad)
        return along_easting * cos - along_northing * sin, along_easting * sin + along_northing * cos


def frame_at(longitude_deg: float, latitude_deg: float) -> LocalFrame:
    """Return the local frame around a geographic position, its origin on whole kilometres of the grid."""
    to_grid = transformer(GEOGRAPHIC_EPSG, GRID_EPSG)
    easting_m, northing_m = to_grid.transform(longitude_deg, latitude_deg)
    easting_further_m, northing_further_m = to_grid.transform(longitude_deg, latitude_deg + 0.01)
    turn_rad = math.atan2(easting_further_m - easting_m, northing_further_m - northing_m)
    return LocalFrame(round(easting_m, -3), round(northing_m, -3), turn_rad)


def to_geographic(easting_m: Floats, northing_m: Floats) -> tuple[Floats, Floats]:
    """Convert EPSG:3035 metres to (longitude, latitude) in degrees, in this order."""
    back = transformer(GRID_EPSG, GEOGRAPHIC_EPSG)
    longitude_deg, latitude_deg = back.transform(easting_m, northing_m)
    return np.asarray(longitude_deg, dtype=np.float64), np.asarray(latitude_deg, dtype=np.float64)

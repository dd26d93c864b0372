"""Geometry: decomposition of two lines of sight into up and east, UTM zones, and the 180° line.

Ground on both sides of 180° has two forms. Split: longitudes within [-180, 180], with parts on both sides (RFC 7946,
section 3.1.9), as it is stored and published. Joined: longitudes that run on beyond 180, for means and centres.
"""

import math
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ground_motion.core.projections import transformer, web_mercator

# This is the length of a degree of latitude, and at the equator of a degree of longitude.
METRES_PER_DEGREE = 111_320.0


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


def utm_epsg(longitude: float, latitude: float) -> int:
    """Return the EPSG code of the WGS 84 / UTM zone at a position (degrees)."""
    zone = min(int((longitude + 180) % 360 // 6) + 1, 60)
    return (32600 if latitude >= 0 else 32700) + zone


def utm_zone_of(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> int:
    """Return the EPSG code of the WGS 84 / UTM zone of the middle of points (n,), degrees."""
    return utm_epsg(*middle_of(longitude, latitude))


def middle_of(longitude: NDArray[np.float64], latitude: NDArray[np.float64]) -> tuple[float, float]:
    """Return the medians of longitude, in [-180, 180), and latitude of points (n,), around their circular mean."""
    radians = np.radians(longitude)
    mean = math.degrees(math.atan2(np.sin(radians).mean(), np.cos(radians).mean()))
    middle = float(np.median(longitude_near(longitude, mean)))
    return (middle + 180) % 360 - 180 if abs(middle) >= 180 else middle, float(np.median(latitude))


def longitude_near(longitude: NDArray[np.float64], middle: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes, degrees, moved by whole turns so that they lie within 180 of `middle`."""
    turns = np.floor((longitude - middle + 180) / 360)
    return np.asarray(longitude - 360 * turns)


def project_geometry(geometry: BaseGeometry, source: int | str, target: int | str) -> BaseGeometry:
    """Project a geometry from one reference system to another. source, target: EPSG code or WKT."""
    return shapely.transform(geometry, transformer(source, target).transform, interleaved=False)  # type: ignore[arg-type]


def web_mercator_of(geometry: BaseGeometry) -> BaseGeometry:
    """Project a geometry in degrees to EPSG:3857; longitudes may run on beyond 180."""
    return shapely.transform(geometry, web_mercator, interleaved=False)  # type: ignore[arg-type]


def to_degrees(geometry: BaseGeometry, crs: int | str) -> BaseGeometry:
    """Transform a geometry in a plane to degrees (EPSG:4326), split at 180. crs: EPSG code or WKT of the plane."""
    project = transformer(crs, 4326).transform

    def unwrap(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        longitude, latitude = project(x, y)
        return longitude_near(longitude, longitude[:1]), latitude

    return split_at_180(shapely.transform(geometry, unwrap, interleaved=False))  # type: ignore[arg-type]


def split_at_180(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry in degrees, whose longitudes may exceed ±180, within [-180, 180], with a part on each side."""
    if geometry.is_empty or (geometry.bounds[0] >= -180 and geometry.bounds[2] <= 180):
        return geometry
    first, last = math.floor((geometry.bounds[0] + 180) / 360), math.ceil((geometry.bounds[2] + 180) / 360)
    turned = [translate(geometry, -360 * turn) for turn in range(first, max(last, first + 1))]
    parts = shapely.get_parts(shapely.intersection(turned, shapely.box(-180, -90, 180, 90)))
    parts = shapely.get_parts(parts)  # An intersection may be a collection with points and lines where edges touch.
    return shapely.union_all(parts[shapely.get_dimensions(parts) == shapely.get_dimensions(geometry)])


def unwrapped(geometry: BaseGeometry) -> BaseGeometry:
    """Return polygons whose rings jump across 180 degrees, with continuous longitudes (beyond 180) instead.

    Each edge of a ring takes the shorter way around the Earth, except one from -180 to 180, which follows a map's edge
    (RFC 7946, section 3.1.9). Rings around a pole stay as they are.
    """
    polygons = []
    for part in shapely.get_parts(geometry):
        rings = [shapely.get_coordinates(ring) for ring in shapely.get_rings(part)]
        for ring in rings:
            jumps, longitude = np.abs(np.diff(ring[:, 0])), np.unwrap(ring[:, 0], period=360.0)
            if ((jumps > 180) & (jumps < 360)).any() and abs(longitude[-1] - longitude[0]) < 1:
                ring[:, 0] = longitude
            # A hole may begin on the other side of 180 than its outer ring.
            ring[:, 0] -= 360 * round((ring[:, 0].mean() - rings[0][:, 0].mean()) / 360)
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
    return shapely.MultiPolygon(polygons)


def joined_at_180(geometry: BaseGeometry) -> BaseGeometry:
    """Return a geometry in degrees with its western parts beyond 180, if that makes it narrower; else as it is."""
    parts = shapely.get_parts(geometry)
    west, _, east, _ = shapely.bounds(parts).T
    if len(parts) < 2 or not (moved := east + west < 0).any() or moved.all():
        return geometry
    turned = np.where(moved, 360, 0)
    if max(east + turned) - min(west + turned) >= max(east) - min(west):
        return geometry
    return shapely.union_all([translate(part, by) for part, by in zip(parts, turned, strict=True)])

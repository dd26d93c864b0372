"""Areas in degrees (EPSG:4326): size, boxes, discs, simplified borders, at 180 degrees too; parsing of positions.

This module does not use Django.
"""

import math
import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyproj import Geod
from shapely import (
    LinearRing,
    MultiPolygon,
    Polygon,
    box,
    from_wkb,
    get_coordinates,
    get_num_coordinates,
    get_parts,
    make_valid,
    segmentize,
    union_all,
)
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ground_motion.core.errors import UnusableData, gettext_noop
from ground_motion.core.geometry import METRES_PER_DEGREE, joined_at_180, split_at_180, utm_epsg

MAX_KM2 = 200_000.0  # Larger areas cannot be watched.
MAX_VERTICES = 500
MAX_RADIUS_M = 50_000.0
FINEST_BORDER_DEGREES = 0.001  # Simplifying a border begins with about 100 m.
_CORNERS = 64
# An outline follows raster cells if it has this many square corners, and if this share is square or straight.
MIN_SQUARE, STEPPED_SHARE, SQUARE = 12, 0.9, 0.15  # SQUARE is the largest cosine of a square corner.
SHOWN_SHARE = 0.02  # Parts and holes below this share of the largest part are not drawn.
SMOOTHINGS = 4
_GEOD = Geod(ellps="WGS84")
Float64 = NDArray[np.float64]
Bounds = tuple[float, float, float, float]
_NUMBER = r"([+\-−]?\d{1,3}(?:\.\d+)?)\s*°?\s*"
_PLAIN = re.compile(rf"{_NUMBER}[,;\s]\s*{_NUMBER}")
_LETTERED = re.compile(rf"{_NUMBER}([NSEW])[,;\s]*{_NUMBER}([NSEW])", re.IGNORECASE)


def area_of(geographic: BaseGeometry) -> float:
    """Return the size of an area (degrees) on the ellipsoid, m²."""
    return abs(float(_GEOD.geometry_area_perimeter(geographic)[0]))


def disc(
    longitude: float, latitude: float, distance_m: float, corners: int = _CORNERS, max_m: float = MAX_RADIUS_M
) -> MultiPolygon:
    """Return the disc of radius distance_m around a point, degrees. Raises UnusableData with a translatable text.

    max_m: largest radius allowed; by default that of an area that somebody watches.
    """
    longitude = wrap_longitude(longitude)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise UnusableData(gettext_noop("Latitude must be between −90 and 90, longitude between −180 and 180."))
    if not 0 < distance_m <= max_m:
        raise UnusableData(gettext_noop("The distance must be more than 0 and at most 50 km."))
    if abs(latitude) + distance_m / 111_000 > 89:
        raise UnusableData(gettext_noop("This is too close to a pole: the satellites do not cover it."))
    bearings = np.linspace(0, 360, corners, endpoint=False)
    same = np.ones(corners)
    xs, ys, _ = _GEOD.fwd(longitude * same, latitude * same, bearings, distance_m * same)
    # Longitudes are brought to within 180° of the centre, so that the outline does not jump at the date line.
    xs = longitude + (np.asarray(xs) - longitude + 180) % 360 - 180
    return split_at_date_line(Polygon(np.column_stack([xs, ys])))


def simple_border(outline: BaseGeometry) -> MultiPolygon:
    """Return an area that contains an outline, with at most MAX_VERTICES corners; the outline if it has no more."""
    border, step = outline, FINEST_BORDER_DEGREES
    while get_num_coordinates(border) > MAX_VERTICES:
        border = make_valid(outline.buffer(step, quad_segs=1).simplify(step))
        step *= 2
    return split_at_date_line(border)


def split_at_date_line(geometry: BaseGeometry) -> MultiPolygon:
    """Return an area with longitudes from -180 to 180, split in two where it crosses the date line."""
    return polygons_of(split_at_180(geometry))


def smooth_steps(area: Any) -> MultiPolygon:
    """Return an outline for drawing: of raster cells, without steps and small parts and holes; any other unchanged."""
    whole = join_halves(area)
    parts = sorted(polygons_of(whole).geoms, key=lambda part: part.area)
    to_ground = np.array([max(math.cos(math.radians(whole.centroid.y)), 0.01), 1.0])
    edges = np.diff(np.asarray(parts[-1].exterior.coords) * to_ground, axis=0)  # (corners, 2)
    edges = edges[edges.any(axis=1)]
    lengths = np.hypot(*edges.T)
    turns = np.abs((edges * np.roll(edges, 1, axis=0)).sum(axis=1) / (lengths * np.roll(lengths, 1)))
    square, straight = turns < SQUARE, turns > 1 - SQUARE
    if square.sum() < MIN_SQUARE or np.mean(square | straight) < STEPPED_SHARE:
        return split_at_date_line(whole)
    cell, least = float(np.percentile(lengths, 10)), SHOWN_SHARE * parts[-1].area

    def smooth(ring: Any) -> Float64:
        corners = get_coordinates(segmentize(LinearRing(np.asarray(ring.coords) * to_ground), cell))[:-1]
        for _ in range(SMOOTHINGS):  # Each point becomes the mean of itself and its neighbours along the ring.
            corners = (np.roll(corners, 1, axis=0) + 2 * corners + np.roll(corners, -1, axis=0)) / 4
        drawn: Float64 = get_coordinates(LinearRing(corners).simplify(cell / 10)) / to_ground
        return drawn

    drawn = [
        Polygon(smooth(part.exterior), [smooth(hole) for hole in part.interiors if Polygon(hole).area >= least])
        for part in parts
        if part.area >= least
    ]
    return split_at_date_line(make_valid(union_all(drawn)))


class Position(NamedTuple):
    """A position in degrees (EPSG:4326)."""

    longitude: float
    latitude: float


def wrap_longitude(longitude: float) -> float:
    """Return a longitude from -360 to 360, degrees, within [-180, 180]; any other as it is."""
    return longitude - math.copysign(360, longitude) if 180 < abs(longitude) <= 360 else longitude


def join_halves(area: Any) -> BaseGeometry:
    """Return an area of shapely or Django as shapely's, with longitudes beyond 180 where it lies on both sides."""
    return joined_at_180(from_wkb(bytes(area.wkb)))


def centre_of(area: Any) -> Position:
    """Return the centre of an area."""
    middle = join_halves(area).centroid
    return Position(wrap_longitude(middle.x), middle.y)


def bounds_of(area: Any) -> Bounds:
    """Return west, south, east and north of an area; west > east across 180 degrees (RFC 7946, section 5.2)."""
    west, south, east, north = join_halves(area).bounds
    return west, south, east - 360 if east > 180 else east, north


def box_of(bounds: Bounds) -> MultiPolygon:
    """Return a box, which crosses 180 degrees if west > east or an edge lies beyond, split there."""
    west, south, east, north = bounds
    return split_at_date_line(box(west, max(south, -90.0), east if west <= east else east + 360, min(north, 90.0)))


def box_around(area: Any, margin_m: float = 0.0) -> MultiPolygon:
    """Return the box around an area, enlarged by margin_m on every side, split at 180 degrees."""
    west, south, east, north = join_halves(area).bounds
    high = margin_m / METRES_PER_DEGREE
    wide = high / max(math.cos(math.radians(max(abs(south), abs(north)))), 0.01)
    return box_of((west - wide, south - high, east + wide, north + high))


def zone_of(area: Any) -> int:
    """Return the EPSG code of the WGS 84 / UTM zone of an area's centre."""
    return utm_epsg(*centre_of(area))


def turn_near(geometry: BaseGeometry, longitude: float) -> BaseGeometry:
    """Return a geometry with each part turned by whole circles, so that its middle lies within 180 of a longitude."""
    parts = get_parts(geometry)
    turns = [360.0 * round((longitude - (part.bounds[0] + part.bounds[2]) / 2) / 360) for part in parts]
    return (
        union_all([translate(part, turn) for part, turn in zip(parts, turns, strict=True)]) if any(turns) else geometry
    )


def polygons_of(*geometries: BaseGeometry) -> MultiPolygon:
    """Return all polygons among geometries and their parts as one MultiPolygon, without lines and points."""
    polygons = []
    for geometry in geometries:
        for part in getattr(geometry, "geoms", [geometry]):
            polygons += [p for p in getattr(part, "geoms", [part]) if isinstance(p, Polygon) and not p.is_empty]
    return MultiPolygon(polygons)


def parse_position(text: str) -> Position | None:
    """Parse '19.4, -99.1' (latitude first) or '19.41° N 99.08° W' in any order; return None for anything else."""
    lettered = _LETTERED.fullmatch(text.strip())
    if lettered:
        return _parse_letters(*lettered.groups())
    plain = _PLAIN.fullmatch(text.strip())
    return _position(_number(plain[2]), _number(plain[1])) if plain else None


def _parse_letters(first: str, letter: str, second: str, other: str) -> Position | None:
    degrees = {}
    for value, side in ((first, letter.upper()), (second, other.upper())):
        if value[0] in "+-−":
            return None
        degrees["latitude" if side in "NS" else "longitude"] = float(value) * (-1 if side in "SW" else 1)
    return _position(degrees["longitude"], degrees["latitude"]) if len(degrees) == 2 else None


def _position(longitude: float, latitude: float) -> Position | None:
    longitude = wrap_longitude(longitude)
    return Position(longitude, latitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _number(text: str) -> float:
    return float(text.replace("−", "-"))

"""Areas in degrees (EPSG:4326): size, discs, simplified borders, splitting at the date line; parsing of positions.

This module does not use Django.
"""

import re
from typing import NamedTuple

import numpy as np
from pyproj import Geod
from shapely import MultiPolygon, Polygon, box, get_num_coordinates, make_valid
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ingest.errors import UnusableData, gettext_noop

LARGEST_KM2 = 200_000.0  # largest area that can be watched
MOST_VERTICES = 500
FARTHEST_M = 50_000.0
FINEST_BORDER_DEGREES = 0.001  # about 100 m; the first step
_CORNERS = 64
_GEOD = Geod(ellps="WGS84")
_WORLD = box(-180, -90, 180, 90)


def area_of(geographic: BaseGeometry) -> float:
    """Return the size of an area (degrees) on the ellipsoid, m²."""
    return abs(float(_GEOD.geometry_area_perimeter(geographic)[0]))


def disc(longitude: float, latitude: float, distance_m: float, corners: int = _CORNERS) -> MultiPolygon:
    """Return the disc of radius distance_m around a point, degrees. Raises UnusableData with a translatable text."""
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise UnusableData(gettext_noop("Latitude must be between −90 and 90, longitude between −180 and 180."))
    if not 0 < distance_m <= FARTHEST_M:
        raise UnusableData(gettext_noop("The distance must be more than 0 and at most 50 km."))
    if abs(latitude) + distance_m / 111_000 > 89:
        raise UnusableData(gettext_noop("This is too close to a pole: the satellites do not cover it."))
    bearings = np.linspace(0, 360, corners, endpoint=False)
    same = np.ones(corners)
    xs, ys, _ = _GEOD.fwd(longitude * same, latitude * same, bearings, distance_m * same)
    xs = longitude + (np.asarray(xs) - longitude + 180) % 360 - 180  # removes the jump at 180°
    return on_the_map(Polygon(np.column_stack([xs, ys])))


def simple_border(outline: BaseGeometry) -> MultiPolygon:
    """Return an area that contains an outline, with at most MOST_VERTICES corners; the outline if it has no more."""
    border, step = outline, FINEST_BORDER_DEGREES
    while get_num_coordinates(border) > MOST_VERTICES:
        border = make_valid(outline.buffer(step, quad_segs=1).simplify(step))
        step *= 2
    return on_the_map(border)


def on_the_map(geometry: BaseGeometry) -> MultiPolygon:
    """Return an area with longitudes from -180 to 180, split in two where it crosses the date line."""
    parts = [translate(geometry, xoff=turn).intersection(_WORLD) for turn in (-360, 0, 360)]
    return polygons_of(*(part for part in parts if not part.is_empty))


def polygons_of(*geometries: BaseGeometry) -> MultiPolygon:
    """Return all polygons among geometries and their parts as one MultiPolygon, without lines and points."""
    polygons = []
    for geometry in geometries:
        for part in getattr(geometry, "geoms", [geometry]):
            polygons += [p for p in getattr(part, "geoms", [part]) if isinstance(p, Polygon) and not p.is_empty]
    return MultiPolygon(polygons)


_NUMBER = r"([+\-−]?\d{1,3}(?:\.\d+)?)\s*°?\s*"
_PLAIN = re.compile(rf"{_NUMBER}[,;\s]\s*{_NUMBER}")
_LETTERED = re.compile(rf"{_NUMBER}([NSEW])[,;\s]*{_NUMBER}([NSEW])", re.IGNORECASE)


class Position(NamedTuple):
    """A position in degrees (EPSG:4326)."""

    longitude: float
    latitude: float


def parse_position(text: str) -> Position | None:
    """Parse '19.4, -99.1' (latitude first) or '19.41° N 99.08° W' in any order; return None for anything else."""
    lettered = _LETTERED.fullmatch(text.strip())
    if lettered:
        return _of_letters(*lettered.groups())
    plain = _PLAIN.fullmatch(text.strip())
    return _on_earth(_number(plain[2]), _number(plain[1])) if plain else None


def _of_letters(first: str, letter: str, second: str, other: str) -> Position | None:
    degrees = {}
    for value, side in ((first, letter.upper()), (second, other.upper())):
        if value[0] in "+-−":
            return None
        degrees["latitude" if side in "NS" else "longitude"] = float(value) * (-1 if side in "SW" else 1)
    return _on_earth(degrees["longitude"], degrees["latitude"]) if len(degrees) == 2 else None


def _on_earth(longitude: float, latitude: float) -> Position | None:
    return Position(longitude, latitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _number(text: str) -> float:
    return float(text.replace("−", "-"))

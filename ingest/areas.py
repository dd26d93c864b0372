"""Areas in degrees (EPSG:4326): sizes on the ellipsoid, discs, simple borders, the date line. No Django in here."""

import numpy as np
from pyproj import Geod
from shapely import MultiPolygon, Polygon, box, get_num_coordinates, make_valid
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from ingest.errors import UnusableData, gettext_noop

LARGEST_KM2 = 200_000.0  # largest area to be watched
MOST_VERTICES = 500
FARTHEST_M = 50_000.0
FINEST_BORDER_DEGREES = 0.001  # about 100 m; the first step
_CORNERS = 64
_GEOD = Geod(ellps="WGS84")
_WORLD = box(-180, -90, 180, 90)


def area_of(geographic: BaseGeometry) -> float:
    """Return the size of an area in square metres, on the ellipsoid."""
    return abs(float(_GEOD.geometry_area_perimeter(geographic)[0]))


def disc(longitude: float, latitude: float, distance_m: float, corners: int = _CORNERS) -> MultiPolygon:
    """Return the outline of all points within a distance of a point.

    Raises UnusableData, whose text is a sentence marked for translation.
    """
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise UnusableData(gettext_noop("Latitude must be between −90 and 90, longitude between −180 and 180."))
    if not 0 < distance_m <= FARTHEST_M:
        raise UnusableData(gettext_noop("The distance must be more than 0 and at most 50 km."))
    if abs(latitude) + distance_m / 111_000 > 89:
        raise UnusableData(gettext_noop("This is too close to a pole: the satellites do not cover it."))
    bearings = np.linspace(0, 360, corners, endpoint=False)
    same = np.ones(corners)
    xs, ys, _ = _GEOD.fwd(longitude * same, latitude * same, bearings, distance_m * same)
    xs = longitude + (np.asarray(xs) - longitude + 180) % 360 - 180  # without the jump at 180°
    return on_the_map(Polygon(np.column_stack([xs, ys])))


def simple_border(outline: BaseGeometry) -> MultiPolygon:
    """Return an area of at most MOST_VERTICES corners around an outline; the outline itself if it has no more."""
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
    """Return the polygons of geometries as one MultiPolygon; lines and points are left out."""
    polygons = []
    for geometry in geometries:
        for part in getattr(geometry, "geoms", [geometry]):
            polygons += [p for p in getattr(part, "geoms", [part]) if isinstance(p, Polygon) and not p.is_empty]
    return MultiPolygon(polygons)

"""Geometries of Django. Apart from `ground_motion.core.geometry`, so that numerics need no Django."""

from typing import Any, overload

import shapely
from django.contrib.gis.geos import GEOSGeometry, MultiPoint, MultiPolygon, Point, Polygon
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import bounds_of

DIGITS = 6  # The last decimal of a degree is about 10 cm.


@overload
def geos(geometry: shapely.MultiPolygon) -> MultiPolygon: ...
@overload
def geos(geometry: shapely.Polygon) -> Polygon: ...
@overload
def geos(geometry: shapely.MultiPoint) -> MultiPoint: ...
@overload
def geos(geometry: BaseGeometry) -> GEOSGeometry: ...
def geos(geometry: BaseGeometry) -> GEOSGeometry:
    """Convert a shapely geometry in degrees to a Django one of the same kind (EPSG:4326)."""
    return GEOSGeometry(memoryview(shapely.to_wkb(geometry)), srid=4326)


def geojson(shape: Point | Polygon | MultiPolygon | BaseGeometry) -> dict[str, Any]:
    """Return a geometry as GeoJSON, its coordinates rounded to about 10 cm."""
    coordinates = mapping(shape)["coordinates"] if isinstance(shape, BaseGeometry) else shape.coords
    return {"type": shape.geom_type, "coordinates": _rounded(coordinates)}


def _rounded(numbers: Any) -> Any:
    return round(numbers, DIGITS) if isinstance(numbers, float) else [_rounded(number) for number in numbers]


def bbox(shape: GEOSGeometry) -> list[float]:
    """Return the bounding box of a shape: west, south, east, north in degrees, west > east across 180."""
    return [round(edge, DIGITS) for edge in bounds_of(shape)]

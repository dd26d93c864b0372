"""Geometries of Django. Apart from `ground_motion.core.geometry`, so that numerics need no Django."""

from typing import overload

import shapely
from django.contrib.gis.geos import GEOSGeometry, MultiPoint, MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry


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

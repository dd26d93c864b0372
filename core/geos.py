"""Geometries of Django. Apart from `core.geometry`, so that numerics need no Django."""

from django.contrib.gis.geos import GEOSGeometry
from shapely import to_wkb
from shapely.geometry.base import BaseGeometry


def geos(geometry: BaseGeometry) -> GEOSGeometry:
    """Convert a shapely geometry in degrees to a Django one (EPSG:4326)."""
    return GEOSGeometry(memoryview(to_wkb(geometry)), srid=4326)

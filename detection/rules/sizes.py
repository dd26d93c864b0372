"""Sizes on the ellipsoid."""

from pyproj import Geod
from shapely.geometry.base import BaseGeometry

_GEOD = Geod(ellps="WGS84")


def area_of(geographic: BaseGeometry) -> float:
    """Square metres of an area in degrees, EPSG:4326."""
    return abs(float(_GEOD.geometry_area_perimeter(geographic)[0]))

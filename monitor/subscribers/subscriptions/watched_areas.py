"""Watched areas in the coarse form that is sent to search services.

This protects subscribers' places of residence. Only boxes on a grid of 0.1 degrees (about 10 km) or coarser leave this
module, joined where they touch: no circles, outlines, counts, names or addresses. A service still learns that somebody
asks about that box; to avoid this, set ACQUIRE_AREA to a larger box that contains the subscriptions.
"""

from django.conf import settings
from django.contrib.gis.geos import MultiPolygon
from django.core.exceptions import ImproperlyConfigured
from shapely import Polygon, box, from_wkb, from_wkt
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from ingest.foundation.geos import geos
from ingest.models import Product, Scene
from ingest.sources.client.scene import coarse
from monitor.maps.basemap.ground import touches_land
from monitor.subscribers.subscriptions.selectors import subscriptions_active, subscriptions_shared

WORLD = box(-180, -90, 180, 90)


def watched_areas() -> list[Polygon]:
    """Return coarse boxes around ACQUIRE_AREA and the regions of confirmed subscriptions, in degrees."""
    areas: list[BaseGeometry] = []
    if settings.ACQUIRE_AREA:
        try:
            areas.append(area_of(settings.ACQUIRE_AREA))
        except ValueError as fault:
            raise ImproperlyConfigured(f"ACQUIRE_AREA: {fault}") from fault
    own = subscriptions_active().filter(shared=None)
    regions = (own | subscriptions_shared()).values_list("region", flat=True)
    areas += [from_wkb(bytes(region.wkb)) for region in regions.iterator()]
    return coarse(areas)


def is_watched(area: MultiPolygon) -> bool:
    """Return whether an area (EPSG:4326) touches land, and also ground that has data or is searched for images."""
    if not touches_land(from_wkb(bytes(area.wkb))):
        return False
    rows = (Product.objects.current(), Scene.objects.ready())
    if any(of_kind.filter(footprint__intersects=area).exists() for of_kind in rows):
        return True
    return any(area.intersects(geos(watched)) for watched in watched_areas())


def area_of(text: str) -> BaseGeometry:
    """Return a typed area: WKT, or west,south,east,north in degrees. Raises ValueError."""
    try:
        west, south, east, north = (float(part) for part in text.split(","))
        area: BaseGeometry = box(west, south, east, north)
        turned = not (west < east and south < north)
    except ValueError:
        try:
            area, turned = from_wkt(text), False
        except ShapelyError as fault:
            raise ValueError(f"{text!r} is no area. Write west,south,east,north in degrees, or WKT.") from fault
    if turned or area is None or area.is_empty or not area.is_valid or not WORLD.covers(area):
        raise ValueError(f"{text!r} is no area on the map. Write west,south,east,north in degrees, or WKT.")
    return area

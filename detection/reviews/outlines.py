"""Outlines that people draw or write: GeoJSON of one area, as large as alerts are, near the alert."""

import json

from django.utils.translation import gettext as _
from pyproj import Geod
from shapely import MultiPolygon, Polygon, box, get_num_coordinates
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points
from shapely.validation import explain_validity

from ground_motion.core.areas import area_of, join_halves, split_at_date_line, turn_near

MIN_M2, MAX_M2 = 100.0, 2e9  # The smallest is a house; the largest exceeds all regions found so far.
MAX_CORNERS = 5000
MAX_TEXT_LENGTH = 500_000
NEAR_M = 5000.0
WORLD = box(-360, -90, 360, 90)  # Longitudes go on counting on a map that is turned across 180 degrees.
_GEOD = Geod(ellps="WGS84")


class Unfit(ValueError):
    """Error: a person's input cannot be accepted; the message gives the reason in their language."""


def outline_of(text: str, near: BaseGeometry | None = None) -> MultiPolygon:
    """Parse an area from GeoJSON, in degrees. near: an outline near which it must lie. Raises Unfit."""
    area = _area(text)
    if not area.is_valid:
        raise Unfit(_("The outline crosses itself or touches itself (%(where)s).") % {"where": explain_validity(area)})
    if area.is_empty or not WORLD.covers(area):
        raise Unfit(_("The outline is not on the map: give longitude and latitude in degrees."))
    area = split_at_date_line(area)
    if get_num_coordinates(area) > MAX_CORNERS:
        raise Unfit(_("The outline has more than %(most)s corners.") % {"most": MAX_CORNERS})
    if not MIN_M2 <= area_of(area) <= MAX_M2:
        raise Unfit(_("The outline must measure between 100 square metres and 2,000 square kilometres."))
    if near is not None and distance_m(area, near) > NEAR_M:
        raise Unfit(_("The outline is more than 5 kilometres from the alert."))
    return area


def distance_m(outline: BaseGeometry, other: BaseGeometry) -> float:
    """Return the distance, m, between two areas in degrees; 0 if they touch. Nearest points are found in degrees."""
    outline = join_halves(outline)
    here, there = nearest_points(outline, turn_near(other, outline.centroid.x))
    return float(_GEOD.inv(here.x, here.y, there.x, there.y)[2])


def _area(text: str) -> MultiPolygon:
    if len(text) > MAX_TEXT_LENGTH:
        raise Unfit(_("The outline has more than %(most)s corners.") % {"most": MAX_CORNERS})
    try:
        given = json.loads(text)
        if given["type"] == "FeatureCollection":
            (given,) = given["features"]
        found = shape(given["geometry"] if given["type"] == "Feature" else given)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, ShapelyError) as fault:
        raise Unfit(_("The outline is no GeoJSON of a polygon.")) from fault
    if isinstance(found, Polygon):
        found = MultiPolygon([found])
    if not isinstance(found, MultiPolygon):
        raise Unfit(_("The outline is no GeoJSON of a polygon."))
    return found

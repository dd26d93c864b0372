"""Coordinate reference systems of OGC API Features, Part 2, for the box of a request and features of an answer."""

import math
from typing import Any

import numpy as np

from ingest.projections import SEMI_MAJOR_M, web_mercator
from monitor.open_data.standards.queries import CRS84, level
from monitor.wording.refusals import BOX_REMEDY, Refusal, choice, finite_numbers

DEGREES = "http://www.opengis.net/def/crs/EPSG/0/4326"  # latitude before longitude
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
SYSTEMS = (CRS84, DEGREES, MERCATOR)
MERCATOR_DEGREES = 85.06  # nearer to the poles, coordinates grow without limit
DECIMALS_M = 2


def system_of(name: str, text: str) -> str:
    """Return the URI of a system given as URI, as EPSG:4326 or as [EPSG:4326]; CRS84 if empty. Raises Refusal."""
    short = {"CRS84": CRS84, "EPSG:4326": DEGREES, "EPSG:3857": MERCATOR}
    text = text.strip("[]")
    return choice(name, short.get(text, text), list(SYSTEMS)) or CRS84


def box_in_degrees(bbox: str, system: str) -> str:
    """Convert a parameter bbox to west,south,east,north in degrees. Raises Refusal."""
    if system == CRS84 or not bbox:
        return bbox
    edges = finite_numbers(level(bbox))
    if len(edges) != 4:
        raise Refusal("bbox is not four numbers", BOX_REMEDY)
    a, b, c, d = edges
    if system == DEGREES:
        return f"{b},{a},{d},{c}"
    longitudes = [max(-180.0, min(180.0, math.degrees(x / SEMI_MAJOR_M))) for x in (a, c)]
    latitudes = [math.degrees(math.atan(math.sinh(max(-9.0, min(9.0, y / SEMI_MAJOR_M))))) for y in (b, d)]
    return f"{longitudes[0]},{latitudes[0]},{longitudes[1]},{latitudes[1]}"


def projected(feature: dict[str, Any], system: str) -> dict[str, Any]:
    """Return a feature with its geometry in a system, with axes in the order that the system defines."""
    shape = feature["geometry"]
    if system == CRS84 or not shape:
        return feature
    return feature | {"geometry": shape | {"coordinates": _moved(shape["coordinates"], system)}}


def _moved(part: Any, system: str) -> Any:
    if not isinstance(part[0], int | float):
        return [_moved(one, system) for one in part]
    longitude, latitude = part[:2]
    if system == DEGREES:
        return [latitude, longitude]
    x, y = web_mercator(np.float64(longitude), np.clip(latitude, -MERCATOR_DEGREES, MERCATOR_DEGREES))
    return [round(float(x), DECIMALS_M), round(float(y), DECIMALS_M)]

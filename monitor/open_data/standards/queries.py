"""Query parameters of a collection: bbox, datetime, limit, filter, the previous page, and its own filters.

A request's box and an answer's features may be in another reference system (OGC API Features, Part 2).
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.http import QueryDict

from ground_motion.core.projections import SEMI_MAJOR_M, web_mercator
from monitor.maps.map.tile_geometry import MERCATOR_DEGREES
from monitor.open_data.standards import cql2
from monitor.wording.refusals import (
    BIGGEST_KEY,
    BOX_REMEDY,
    Refusal,
    area_of,
    choice,
    finite_numbers,
    moment,
    refuse_unknown,
    whole_number,
)

FEW = 100
COMMON = ("limit", "bbox", "datetime", "after", "filter", "filter-lang", "filter-crs")
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
DAY_OR_RFC_3339 = re.compile(rf"\d{{4}}-\d\d-\d\d|{RFC_3339.pattern}", re.ASCII)
BEGINNING, END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
DEGREES = "http://www.opengis.net/def/crs/EPSG/0/4326"  # latitude before longitude
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
SYSTEMS = (CRS84, DEGREES, MERCATOR)
DECIMALS_M = 2


class Filter(NamedTuple):
    """Query parameter of one collection. values: the allowed ones; if empty, any whole number is allowed."""

    description: str
    values: tuple[str, ...] = ()


class Period(NamedTuple):
    """Period from start to end, both included, UTC."""

    start: datetime
    end: datetime


class Query(NamedTuple):
    """Parameters of a query."""

    limit: int
    after: str  # key of the last feature of the previous page, empty for the first page
    area: GEOSGeometry | None  # EPSG:4326
    during: Period | None
    filters: Mapping[str, str]
    ids: frozenset[str] = frozenset()  # Identifiers of the wanted `Rows`; empty for all.
    tree: cql2.Tree = None  # A filter in CQL2; None for all rows


def read_query(
    parameters: QueryDict,
    filters: Mapping[str, Filter],
    most: int,
    few: int = FEW,
    moments: re.Pattern[str] = RFC_3339,
) -> Query:
    """Read a query. Raises Refusal.

    Args:
        parameters: those of the address.
        filters: the collection's own parameters.
        most: highest limit of features in an answer.
        few: the default limit.
        moments: the form of a moment, in capitals.
    """
    # A parameter that is not known is refused: a filter with a typing error would find everything.
    refuse_unknown(parameters, [*COMMON, *filters])
    bbox, condition = parameters.get("bbox", ""), parameters.get("filter", "")
    language = choice("filter-lang", parameters.get("filter-lang", ""), [*cql2.LANGUAGES]) or cql2.LANGUAGES[0]
    choice("filter-crs", parameters.get("filter-crs", ""), [CRS84])
    own = {name: value for name in filters if (value := parameters.get(name))}
    for name, text in own.items():
        known = filters[name].values
        own[name] = choice(name, text, list(known)) if known else str(whole_number(name, text, 0, BIGGEST_KEY))
    return Query(
        min(whole_number("limit", parameters.get("limit", str(few)), 1, 10**9), most),
        parameters.get("after", ""),
        area_of(level(bbox)) if bbox else None,
        period(parameters.get("datetime", ""), moments),
        own,
        tree=cql2.parsed(condition, language) if condition else None,
    )


def level(bbox: str) -> str:
    """Return the parameter bbox without heights, which it has if it consists of six numbers."""
    parts = bbox.split(",")
    return ",".join((*parts[:2], *parts[3:5])) if len(parts) == 6 else bbox


def period(text: str, moments: re.Pattern[str]) -> Period | None:
    """Parse a moment or 'first/last', of which one may be '..' or empty; a date means the whole day. Raises Refusal."""
    if not text:
        return None
    first, slash, last = text.partition("/")
    last = last if slash else first
    start, _ = _bounds(first, moments)
    _, end = _bounds(last, moments)
    if start > end or (start, end) == (BEGINNING, END):
        remedy = "Give datetime=2020-01-01T00:00:00Z/2024-12-31T23:59:59Z."
        raise Refusal(f"datetime is no period: {text[:80]!r}", remedy)
    return Period(start, end)


def _bounds(text: str, moments: re.Pattern[str]) -> tuple[datetime, datetime]:
    if text in ("", ".."):
        return BEGINNING, END
    at = moment("datetime", text, moments) or BEGINNING
    return at, at + timedelta(days=1, microseconds=-1) if len(text) == len("2024-12-31") else at


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
    longitudes = [max(-360.0, min(360.0, math.degrees(x / SEMI_MAJOR_M))) for x in (a, c)]
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
    x, y = web_mercator(np.asarray(longitude, np.float64), np.clip(latitude, -MERCATOR_DEGREES, MERCATOR_DEGREES))
    return [round(float(x), DECIMALS_M), round(float(y), DECIMALS_M)]

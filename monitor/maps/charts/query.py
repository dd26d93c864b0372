"""Parsing and checks of chart requests: points, area, line, period and reference. Degrees are EPSG:4326."""

import json
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.http import QueryDict
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from core.areas import MAX_VERTICES, area_of, wrap_longitude
from core.geos import geos
from monitor.maps.imaging.drawing import EARTH
from monitor.maps.map.layers import BY_NAME, Layer
from monitor.wording import regions
from monitor.wording.figures import decimal, whole
from monitor.wording.refusals import (
    Refusal,
    boxes,
    choice,
    day,
    finite_numbers,
    number_or_none,
    parts_of,
    values_of,
)
from monitor.wording.regions import Region

MAX_POINTS = 6  # lines that a reader can distinguish
MAX_AREA_KM2 = 100.0
MAX_REFERENCE_KM2 = 25.0
MAX_CORNERS = 20
MAX_LENGTH_KM = 100.0
WIDTHS_M = (20.0, 5000.0)
USUAL_WIDTH_M = 200.0
MAX_VIEW_DEGREES = 4.0
_SHAPES = (
    "Give {name}=west,south,east,north, or {name}=longitude,latitude,metres for a circle, or the corners of an area, "
    "{name}=longitude,latitude;longitude,latitude;…, in degrees."
)


class Period(NamedTuple):
    """First and last day of a period, both included; None: no limit on that side."""

    first: date | None
    last: date | None

    def holds(self, days: Sequence[date]) -> NDArray[np.bool_]:
        """Return for each day whether it lies in the period, (dates,)."""
        first, last = self.first or date.min, self.last or date.max
        return np.array([first <= one <= last for one in days], dtype=bool)


class PointName(NamedTuple):
    """Name of a point: the product's number and the point's identifier."""

    product_id: int
    pid: str


class SeriesQuery(NamedTuple):
    """Request for a chart of displacement series, of single points, of an area, or of both."""

    points: list[PointName]
    area: Region | None
    layer: Layer | None
    period: Period
    reference: Region | None


class Line(NamedTuple):
    """Line of a profile. corners: longitude and latitude of each; width_m: width of the strip around the line."""

    corners: list[tuple[float, float]]
    length_m: float
    width_m: float


class ProfileQuery(NamedTuple):
    """Request for a profile."""

    line: Line
    layer: Layer
    reference: Region | None


def series_query(asked: QueryDict) -> SeriesQuery:
    """Parse the parameters of a chart of series. Raises Refusal."""
    query = SeriesQuery(
        [_point(text) for text in values_of("point", asked.getlist("point"), MAX_POINTS)],
        named_area("area", asked.get("area", ""), MAX_AREA_KM2),
        _layer(asked),
        _period(asked),
        named_area("reference", asked.get("reference", ""), MAX_REFERENCE_KM2),
    )
    if not query.points and query.area is None:
        raise Refusal("no point and no area was asked for", "Give point=PRODUCT/POINT, or area=west,south,east,north.")
    return query


def profile_query(asked: QueryDict) -> ProfileQuery:
    """Parse the parameters of a profile. Raises Refusal."""
    line = line_query(asked.get("line", ""), asked.get("width", ""))
    reference = named_area("reference", asked.get("reference", ""), MAX_REFERENCE_KM2)
    return ProfileQuery(line, _layer_needed(asked), reference)


def line_query(corners: str, width: str) -> Line:
    """Parse the corners of a line and the width of the strip around it, metres. Raises Refusal."""
    remedy = "Give line=longitude,latitude;longitude,latitude in degrees, with at least two corners."
    line = _unroll([_position(part, "line", remedy) for part in parts_of("line", corners, MAX_CORNERS, ";")])
    if len(line) < 2:
        many = _("the line has %(number)s corners; 2 to %(most)s are allowed")
        raise Refusal(many % {"number": whole(len(line)), "most": whole(MAX_CORNERS)}, remedy)
    length_m = float(EARTH.line_length([x for x, _ in line], [y for _, y in line]))
    if not 50 <= length_m <= 1000 * MAX_LENGTH_KM:
        raise Refusal(
            _("the line is %(length)s km long") % {"length": decimal(length_m / 1000, 2)},
            _("Draw one of %(least)s to %(most)s km.") % {"least": decimal(0.05, 2), "most": whole(MAX_LENGTH_KM)},
        )
    text = width or str(USUAL_WIDTH_M)
    widths = finite_numbers(text)
    if len(widths) != 1:
        raise Refusal(f"width is no number: {text[:40]!r}", f"Give width={USUAL_WIDTH_M:g}.")
    (width_m,), (low, high) = widths, WIDTHS_M
    if not low <= width_m <= high:
        raise Refusal(
            _("the width is %(width)s m") % {"width": whole(width_m)},
            # Translators: width=20 and the like are written in an address, as they stand
            _("Give width=%(least)s to width=%(most)s, in metres.") % {"least": f"{low:.0f}", "most": f"{high:.0f}"},
        )
    return Line(line, length_m, width_m)


def view_query(asked: QueryDict) -> tuple[Layer, GEOSGeometry]:
    """Parse ?layer= and ?bbox= of the time slider; return the layer and the box. Raises Refusal."""
    parts = boxes(asked.get("bbox", ""))
    wide, (_west, south, _east, north) = sum(east - west for west, _south, east, _north in parts), parts[0]
    if max(wide, north - south) > MAX_VIEW_DEGREES:
        raise Refusal(
            _("the view is too wide to play it"),
            _("Zoom in until it is at most %(degrees)s degrees wide and high.") % {"degrees": whole(MAX_VIEW_DEGREES)},
        )
    return _layer_needed(asked), geos(regions.drawn(regions.rectangle(*parts[0][:2], *parts[-1][2:])).outline)


def period_query(asked: QueryDict) -> Period:
    """Parse ?from= and ?until=, of which at least one is required. Raises Refusal."""
    period = _period(asked)
    if period == Period(None, None):
        raise Refusal("no period was asked for", "Give from=2021-05-31, until=2023-05-31, or both.")
    return period


def position_query(asked: QueryDict) -> tuple[float, float]:
    """Parse ?at= into longitude and latitude, degrees. Raises Refusal."""
    return _position(asked.get("at", ""), "at", "Give at=longitude,latitude in degrees, for example at=9.18,48.78.")


def _point(text: str) -> PointName:
    product, slash, pid = text.partition("/")
    number = number_or_none(product)
    if slash and pid and number is not None:
        return PointName(number, pid)
    raise Refusal(f"point is no name of a point: {text[:40]!r}", "Give point=PRODUCT/POINT, for example point=12/pt7.")


def named_area(name: str, text: str, largest_km2: float) -> Region | None:
    """Parse parameter `name`: a box, circle or drawn area; None if empty. Raises Refusal, also above largest_km2."""
    if not text:
        return None
    parts = parts_of(name, text, MAX_VERTICES, ";")
    if len(parts) > 1:
        corners = [_position(part, name, _SHAPES.format(name=name)) for part in parts]
        ring = _unroll([*corners, corners[0]])
        region = regions.drawn(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    elif text.count(",") == 2:
        numbers = finite_numbers(text)
        if not numbers:
            raise Refusal(f"{name} holds no position: {text[:40]!r}", _SHAPES.format(name=name))
        longitude, latitude, distance_m = numbers
        region = regions.circle(longitude, latitude, distance_m)
    else:
        parts_of_box = boxes(text) if text.count(",") == 3 else []
        if not parts_of_box:
            raise Refusal(f"{name} is no area: {text[:40]!r}", _SHAPES.format(name=name))
        region = regions.drawn(regions.rectangle(*parts_of_box[0][:2], *parts_of_box[-1][2:]))
    size_km2 = area_of(region.outline) / 1e6
    if size_km2 > largest_km2:
        large = _("the reference is %(size)s km² large") if name == "reference" else _("the area is %(size)s km² large")
        raise Refusal(
            large % {"size": whole(size_km2)}, _("Choose one of at most %(most)s km².") % {"most": whole(largest_km2)}
        )
    return region


def _unroll(corners: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return corners with longitudes that run on beyond 180 where the way from one to the next crosses it."""
    longitudes = np.unwrap([longitude for longitude, _ in corners], period=360)
    return [(float(longitude), latitude) for longitude, (_, latitude) in zip(longitudes, corners, strict=True)]


def _position(text: str, name: str, remedy: str) -> tuple[float, float]:
    values = finite_numbers(text)
    if len(values) == 2 and abs(values[0]) <= 360 and -90 <= values[1] <= 90:
        return wrap_longitude(values[0]), values[1]
    raise Refusal(f"{name} holds no position: {text[:40]!r}", remedy)


def _layer(asked: QueryDict) -> Layer | None:
    return BY_NAME.get(choice("layer", asked.get("layer", ""), list(BY_NAME)))


def _layer_needed(asked: QueryDict) -> Layer:
    layer = _layer(asked)
    if layer is None:
        raise Refusal("no layer was named", f"Give layer=, one of {', '.join(BY_NAME)}.")
    return layer


def _period(asked: QueryDict) -> Period:
    first, last = (day(name, asked.get(name, "")) for name in ("from", "until"))
    if first and last and first >= last:
        # Translators: from= and until= are written in an address, as they stand
        raise Refusal(_("the period ends before it begins"), _("Give from= a day before until=."))
    return Period(first, last)

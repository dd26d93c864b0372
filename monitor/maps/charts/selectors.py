"""What charts are asked for: points, area, line, period and reference, parsed and checked; and queries for points.

Degrees are EPSG:4326. Queries are limited in rows and duration.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from ground_motion.core.areas import MAX_VERTICES, area_of, wrap_longitude
from ground_motion.core.projections import EARTH, transformer
from ground_motion.readers.records import Float32, Float64
from ingest.foundation.geos import geos
from ingest.models import MeasurementPoint, Product
from ingest.products import sampling
from ingest.products.encoding import unpack_against_datum
from ingest.products.partitions import POINTS, SERIES
from ingest.products.selectors import points_count_within, products_public
from monitor.maps.imaging.drawing import HALF_WORLD_M
from monitor.maps.map.layers import BY_NAME, Layer
from monitor.wording import regions
from monitor.wording.figures import decimal, whole
from monitor.wording.images import data_set_name
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

SECONDS = 4  # Time limit of one statement.
MAX_COUNTED = 50_000  # Areas with more points of one data set are refused.
_COLUMNS = """pid, ST_X(position), ST_Y(position), velocity_mm_yr::float8, coalesce(velocity_std_mm_yr::float8, 'NaN'),
    coalesce(temporal_coherence::float8, 'NaN')"""
MAX_POINTS = 6  # Readers can distinguish this many lines.
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
        period_query(asked, required=False),
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
    parts, remedy = parts_of(name, text, MAX_VERTICES, ";"), _SHAPES.format(name=name)
    if len(parts) > 1:
        corners = [_position(part, name, remedy) for part in parts]
        ring = _unroll([*corners, corners[0]])
        region = regions.drawn(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    elif text.count(",") == 2:
        numbers = finite_numbers(text)
        if not numbers:
            raise Refusal(f"{name} holds no position: {text[:40]!r}", remedy)
        longitude, latitude, distance_m = numbers
        region = regions.circle(longitude, latitude, distance_m)
    elif text.count(",") == 3 and (parts_of_box := boxes(text)):
        region = regions.drawn(regions.rectangle(*parts_of_box[0][:2], *parts_of_box[-1][2:]))
    else:
        raise Refusal(f"{name} is no area: {text[:40]!r}", remedy)
    size_km2 = area_of(region.outline) / 1e6
    if size_km2 > largest_km2:
        large = _("the reference is %(size)s km² large") if name == "reference" else _("the area is %(size)s km² large")
        smaller = _("Choose one of at most %(most)s km².") % {"most": whole(largest_km2)}
        raise Refusal(large % {"size": whole(size_km2)}, smaller)
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


def period_query(asked: QueryDict, required: bool = True) -> Period:
    """Parse ?from= and ?until=; required: at least one of them. Raises Refusal."""
    first, last = (day(name, asked.get(name, "")) for name in ("from", "until"))
    if first and last and first >= last:
        # Translators: from= and until= are written in an address, as they stand
        raise Refusal(_("the period ends before it begins"), _("Give from= a day before until=."))
    if required and not (first or last):
        raise Refusal("no period was asked for", "Give from=2021-05-31, until=2023-05-31, or both.")
    return Period(first, last)


class PointsIn(NamedTuple):
    """Points of a product in an area, all or an even sample: one value per point and column; positions in degrees."""

    product: Product
    n_points: int  # Number of points in the area.
    pids: list[str]
    longitude: Float64
    latitude: Float64
    velocity_mm_yr: Float64
    velocity_std_mm_yr: Float64
    temporal_coherence: Float64
    series_mm: Float32  # (n, dates), empty without series


@contextmanager
def bounded() -> Iterator[None]:
    """Limit each statement in the block to SECONDS; `monitor.web.middleware.AnswerBusy` answers if one is cancelled."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        yield


def products_over(*, area: GEOSGeometry, layer: Layer | None = None) -> QuerySet[Product]:
    """Return a layer's current products (default: all InSAR) whose footprint touches an area."""
    products = layer.products() if layer else products_public().filter(technique="insar")
    return products.filter(footprint__intersects=area).order_by("pk")


def points_exist(*, area: GEOSGeometry) -> bool:
    """Return whether a current InSAR product has a measurement point in an area."""
    keys = list(products_over(area=area).values_list("pk", flat=True))
    return MeasurementPoint.objects.filter(product__in=keys, tile_point__intersects=area).exists()


def points_in(*, product: Product, area: GEOSGeometry, most: int) -> PointsIn:
    """Return at most `most` points of a product in an area; of more, always the same even sample. Raises Refusal."""
    n_points = points_count_within(product=product, area=area)
    if n_points > MAX_COUNTED:
        raise Refusal(
            _("%(number)s points of %(data_set)s stand in this area")
            % {"number": whole(n_points), "data_set": data_set_name(product.name)},
            _("Choose a smaller one: at most %(most)s are read.") % {"most": whole(MAX_COUNTED)},
        )
    return _sample(product, area, n_points, most)


def points_in_view(*, product: Product, area: GEOSGeometry, most: int) -> PointsIn:
    """Return at most `most` points of a product in a view, evenly sampled; n_points is an estimate."""
    shared = product.footprint.intersection(area).area / (product.footprint.area or 1.0)
    return _sample(product, area, int(product.n_points * shared), most)


def _sample(product: Product, area: GEOSGeometry, n_points: int, most: int) -> PointsIn:
    share = sampling.share_leaving(n_points=n_points, most=most)
    series = f"JOIN {SERIES} USING (product_id, pid)" if product.has_series else ""
    sql = f"""
        SELECT {_COLUMNS} {", packed" if product.has_series else ""} FROM {POINTS} {series}
        WHERE product_id = %s AND {sampling.condition(share)}
          AND ST_Intersects(tile_point, ST_Transform(ST_GeomFromEWKB(%s), 3857))
        ORDER BY {sampling.ORDER} LIMIT %s"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [product.pk, bytes(area.ewkb), most])
        rows = cursor.fetchall()
    return _as_columns(product, rows, n_points, product.has_series)


def _as_columns(product: Product, rows: Sequence[Sequence[Any]], n_points: int, with_series: bool) -> PointsIn:
    """Return rows of _COLUMNS and, with_series, `packed` as columns."""
    longitude, latitude, rate, deviation, coherence = np.array([row[1:6] for row in rows], np.float64).reshape(-1, 5).T
    packed = np.empty((len(rows), 0), np.float32)
    if with_series:
        packed = unpack_against_datum([bytes(row[6]) for row in rows], product)
    pids, n_points = [row[0] for row in rows], max(n_points, len(rows))
    return PointsIn(product, n_points, pids, longitude, latitude, rate, deviation, coherence, packed)


def points_within(
    *, products: Sequence[Product], longitude: float, latitude: float, radius_m: float, with_series: bool = True
) -> list[PointsIn]:
    """Return the points of each product within a radius of at most some hundred metres, in one query."""
    x, y = transformer(4326, 3857).transform(longitude, latitude)
    half = 1.02 * radius_m / math.cos(math.radians(latitude))
    turns = [0.0] if abs(x) + half <= HALF_WORLD_M else [0.0, -math.copysign(2 * HALF_WORLD_M, x)]
    boxes = " OR ".join(
        f"tile_point && ST_MakeEnvelope({x + turn - half!r}, {y - half!r}, {x + turn + half!r}, {y + half!r}, 3857)"
        for turn in turns
    )
    keys = [product.pk for product in products]
    packed, join = (", packed" if with_series else ""), ""
    if with_series:
        join = f"LEFT JOIN {SERIES} AS s ON s.product_id = p.product_id AND s.pid = p.pid AND s.product_id = ANY(%s)"
    sql = f"""
        SELECT p.product_id, p.{_COLUMNS} {packed} FROM {POINTS} AS p {join}
        WHERE p.product_id = ANY(%s) AND ({boxes}) LIMIT {MAX_COUNTED}"""  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(sql, [keys, keys] if with_series else [keys])
        rows = cursor.fetchall()
    place = np.full(len(rows), longitude), np.full(len(rows), latitude)
    away_m = EARTH.inv(*place, [row[2] for row in rows], [row[3] for row in rows])[2] if rows else []
    of_product: dict[int, list[Sequence[Any]]] = defaultdict(list)
    for (key, *row), distance_m in zip(rows, away_m, strict=True):
        if distance_m <= radius_m:
            of_product[key].append(row)
    return [_as_columns(product, of_product[product.pk], 0, with_series and product.has_series) for product in products]

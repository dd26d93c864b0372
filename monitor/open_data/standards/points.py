"""The collection of measurement points: tens of millions of rows, product by product in the order of their ids."""

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib.gis.geos import GEOSGeometry, Polygon
from django.db.models import Q, QuerySet, Sum
from django.urls import reverse
from shapely import from_wkb, get_parts

from ingest.foundation.geos import DIGITS
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import point_get, points_behind, products_public, series_of
from monitor.maps.map.series import number, numbers
from monitor.maps.map.tile_geometry import MERCATOR_DEGREES
from monitor.open_data.api.schemas import PointSeries, ProductOut, ZeroOut
from monitor.open_data.standards.collections import (
    Collection,
    Extent,
    Feature,
    Part,
    extent_of,
    key_of,
    row_of,
    rows_matching,
)
from monitor.open_data.standards.cql2 import Condition, area_of
from monitor.open_data.standards.ground import PERIOD
from monitor.open_data.standards.queries import Filter, Query
from monitor.wording.datum import ZERO, zero_columns

SECONDS = 3.0  # A page ends after this time with what was found, perhaps nothing, and a link to continue.
FIGURES = {  # Figures, and their decimals.
    **dict.fromkeys(("velocity_mm_yr", "velocity_std_mm_yr", "height_m", "temporal_coherence", "rmse_mm"), 2),
    **dict.fromkeys(("los_east", "los_north", "los_up"), 4),
}


class Points(Collection):
    """Measurement points of the newest release of each data set."""

    name = "points"
    title = "Measurement points"
    description = (
        "Spots that reflect radar steadily, of the newest release of each data set. Velocities are in mm a year, sign: "
        "see component; uncertainties are one standard deviation; unknown is null. Velocities are relative to "
        "the zero of their data set."
    )
    filters = {"product": Filter("id of a data set")}
    queryables = {name: name for name in ("pid", *FIGURES)} | {"product": "product_id", "geometry": "tile_point"}
    most, few = 10_000, 1000  # The limits are high, because a GIS asks for page after page.
    shown: ClassVar[Sequence[str]] = ("product", "pid", "component", *FIGURES, *ZERO, "simulated")
    answers = (PointSeries, ProductOut, ZeroOut)

    def part(self, query: Query) -> Part:
        """Return a page of points, product by product."""
        key, dot, pid_behind = query.after.partition(".")
        product_behind = key_of(query.after, key if dot else "") if query.after else 0
        every = query.tree is None
        condition = Q() if every else Condition(self.every(), self.queryables).of(query.tree)
        if query.area is None:  # An area in the filter limits the points that are read, like a bbox.
            query = query._replace(area=area_of(query.tree))
        asked = query.filters.get("product")  # A data set that is named may be superseded.
        some = Product.objects.filter(points_deleted_at=None, pk=int(asked)) if asked else products_public()
        products = rows_matching(some, query, "footprint", PERIOD)
        found: list[Feature] = []
        ends_at, after = time.monotonic() + SECONDS, ""
        for product in products.filter(pk__gte=product_behind).order_by("pk"):
            rows = points_behind(
                product_id=product.pk,
                pid=pid_behind if product.pk == product_behind else "",
                boxes=_within_mercator(query.area) if query.area else [],
                most=query.limit + 1 - len(found),
                condition=condition,
            )
            found += self.features(product, rows)
            if len(found) > query.limit:
                break
            if time.monotonic() > ends_at:  # A filter that few points match reads whole data sets.
                after = f"{product.pk + 1}."  # The next data set begins here.
                break
        shown = found[: query.limit]
        anywhere = query.area is None
        matched = (products.aggregate(n=Sum("n_points"))["n"] or 0) if anywhere and every else None
        return Part(shown, shown[-1]["id"] if len(found) > query.limit else after, matched)

    def feature(self, ident: str) -> Feature | None:
        """Return the point with this key, 'product.pid'."""
        product_id, _, pid = ident.partition(".")
        product = row_of(Product.objects.filter(points_deleted_at=None), product_id)
        try:
            point = product and point_get(product_id=product.pk, pid=pid)
        except MeasurementPoint.DoesNotExist:
            point = None
        if not (product and point):
            return None
        position = {"longitude": point.position.x, "latitude": point.position.y}
        row = {"pid": pid} | position | {name: getattr(point, name) for name in FIGURES}
        (feature,) = self.features(product, [row])
        series = reverse("api-1:point", args=[product.pk, pid])
        return feature | {"links": [{"rel": "related", "href": series, "title": "How this point moved"}]}

    def features(self, product: Product, rows: Sequence[dict[str, Any]]) -> list[Feature]:
        """Return points of a data set as features. rows: as from `points_behind`."""
        zero = zero_columns(product.datum)
        return [point_feature(product, row, zero) for row in rows]

    def every(self) -> QuerySet[MeasurementPoint]:
        """Return the rows of all points."""
        return MeasurementPoint.objects.all()

    def extent(self) -> Extent:
        """Return the extent of all velocity fields with points."""
        return extent_of(products_public(), "footprint", PERIOD)


class Series(Points):
    """Measurement points with their displacements on each date."""

    name = "series"
    title = "Measurement points with their series"
    description = (
        "The same points, each with its displacements, mm, on the dates of its data set; null where nothing was "
        "measured. Ask for a box: a town has a million values."
    )
    most, few = 500, 50
    shown = (*Points.shown, "dates", "displacement_mm")

    def features(self, product: Product, rows: Sequence[dict[str, Any]]) -> list[Feature]:
        """Return points with their series."""
        found = super().features(product, rows)
        dates = [day.isoformat() for day in product.dates] if product.has_series else []
        series = series_of(product=product, pids=[row["pid"] for row in rows])
        for feature, displacement in zip(found, series, strict=True):
            feature["properties"] |= {"dates": dates, "displacement_mm": numbers(displacement, 2)}
        return found


def _within_mercator(area: GEOSGeometry) -> list[Polygon]:
    """Return the bounding box of each part of an area, cut at the latitude limits of Web Mercator."""
    boxes = []
    for west, south, east, north in (part.bounds for part in get_parts(from_wkb(bytes(area.wkb)))):
        boxes.append(Polygon.from_bbox((west, max(south, -MERCATOR_DEGREES), east, min(north, MERCATOR_DEGREES))))
        boxes[-1].srid = 4326
    return boxes


def point_feature(product: Product, row: dict[str, Any], zero: dict[str, object]) -> Feature:
    """Return a point as a feature. row: longitude, latitude, pid and figures; zero: as from `zero_columns`."""
    position = [round(row["longitude"], DIGITS), round(row["latitude"], DIGITS)]
    figures = {name: number(row[name], digits) for name, digits in FIGURES.items()}
    own = {"product": product.pk, "pid": row["pid"], "component": product.component}
    return {
        "type": "Feature",
        "id": f"{product.pk}.{row['pid']}",
        "geometry": {"type": "Point", "coordinates": position},
        "properties": own | figures | zero | {"simulated": product.simulated},
    }

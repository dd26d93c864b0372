"""Queries of the map's pages and tiles, and the configuration of the scripts that draw maps."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from math import cosh, log2, pi
from typing import Any, TypedDict

import numpy as np
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.utils.translation import get_language
from shapely import contains_xy, from_wkb

from detection.alerts.describe import field_of
from detection.kinds import FAMILIES, KINDS, Family
from detection.models import Alert, AlertMotion, Detection
from detection.rules.lifecycle import State
from detection.rules.passes import passes_of
from detection.selectors import alerts_public
from ground_motion.core.areas import box_around, box_of, join_halves, wrap_longitude
from ground_motion.core.errors import promised
from ground_motion.readers.records import Technique
from ingest.foundation.geos import geos
from ingest.models import Product, Scene, ScenePair
from ingest.models.products import DERIVED
from ingest.products import sampling
from ingest.products.partitions import POINTS
from ingest.products.pyramid import CELLS, FINEST_ZOOM
from ingest.products.pyramid import TABLE as PYRAMID
from ingest.products.releases import releases_newer_than
from ingest.products.selectors import AreaSeries, area_series, datums_by, product_points
from ml.models import Run
from ml.runs.provisional import ProvisionalMean, provisional_within
from ml.runs.selectors import products_of
from monitor.maps.imaging.charts import RATE_COLUMNS, Spread, spread_of
from monitor.maps.imaging.drawing import Bounds
from monitor.maps.map.layers import LAYERS, PERIOD_FROM_ZOOM, Layer
from monitor.maps.map.tile_geometry import read_tile, tile_box
from monitor.maps.rasters.answers import etag_of
from monitor.maps.rasters.catalogue import BoundsOf
from monitor.wording.datum import zero_of_several

ZOOM_OF_SINGLE_POINTS = FINEST_ZOOM + 1

MAX_POINTS_OF_TILE = 5000  # Enough points to cover a tile on the screen, about 200 kB.
MAX_AVERAGED = 16_384  # A tile shows means of about this many points of gridded products.
LATTICES = 64, 32  # Cells along a tile of means of all points, or of a sample, few enough that hardly any is empty.
ZOOM_OF_CELL = int(log2(CELLS))  # a cell of the pyramid is a whole tile at a zoom higher by this number
MAX_VIEW_DEG = 60.0  # A map of more degrees of longitude shows oceans rather than places.
SURROUNDINGS_M = 300_000.0  # Places too far apart for one view: the map shows this much around the first.
MAX_RATES = 50_000  # A histogram shows the rates of about this many points.
KEPT_S = 24 * 3600
TILE_VERSION = 3  # raise when tiles of the same products look different

_POINTS_OF_TILE = """
        SELECT product_id AS product, pid, (round(velocity_mm_yr * 10) / 10)::float4 AS v,
               (posting_m * %(scale)s)::float4 AS side, NULL::int AS n,
               ST_AsMVTGeom(tile_point, bounds.tile, 4096, 64) AS geometry
        FROM {table} JOIN ingest_product AS product ON product.id = product_id, bounds
        WHERE product_id = ANY(%(products)s) AND tile_point && ST_Expand(bounds.tile, %(margin)s)
        AND ({chosen}) AND {sample} ORDER BY {order} LIMIT %(most)s"""
# Means of gridded products on a lattice, because a sample of their cells would have holes.
_MEANS_OF_TILE = f"""
        SELECT NULL::int, NULL::text, (round(avg(velocity_mm_yr)::numeric, 1))::float4,
               GREATEST(max(posting_m) * %(scale)s, %(lattice)s)::float4, count(*)::int,
               ST_MakePoint((gx + 0.5) * 4096 / %(cells)s, (gy + 0.5) * 4096 / %(cells)s)
        FROM (SELECT velocity_mm_yr, posting_m,
                     LEAST(floor((ST_X(tile_point) - %(west)s) / %(lattice)s), %(cells)s - 1) AS gx,
                     LEAST(floor((%(north)s - ST_Y(tile_point)) / %(lattice)s), %(cells)s - 1) AS gy
              FROM {POINTS} JOIN ingest_product AS product ON product.id = product_id, bounds
              WHERE product_id = ANY(%(products)s) AND tile_point && bounds.tile AND posting_m > 0 AND {{sample}}
             ) AS cells
        GROUP BY gx, gy"""  # noqa: S608
_POINTS_TILE = """
    WITH bounds AS (SELECT ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS tile)
    SELECT ST_AsMVT(rows, 'points', 4096, 'geometry') FROM ({rows}) AS rows"""
# Layer of a tile that shows a sample; its one feature holds the number of all points.
SAMPLE_NOTE = """
    SELECT ST_AsMVT(rows, 'sample', 4096, 'geometry') FROM (
        SELECT %(n)s AS n, ST_MakePoint(2048, 2048) AS geometry) AS rows"""
_IS_SAMPLE = "EXISTS (SELECT 1 FROM ingest_product WHERE id = ANY(%(products)s) AND posting_m IS NULL)"
_COUNTS = f"""
    SELECT product_id, n FROM {PYRAMID}
    WHERE z = %s AND tile_x = %s AND tile_y = %s AND cell = %s AND product_id = ANY(%s)"""  # noqa: S608
_PYRAMID_TILE = f"""
    SELECT ST_AsMVT(cells, 'points', 4096, 'geometry') FROM (
        SELECT (round(sum(velocity_mm_yr * n) / sum(n) * 10) / 10)::float4 AS v, sum(n)::int AS n,
               CASE WHEN max(posting_m) * %(scale)s > %(cell)s THEN (max(posting_m) * %(scale)s)::float4 END AS side,
               ST_MakePoint((cell %% {CELLS} + 0.5) * {4096 // CELLS}, (cell / {CELLS} + 0.5) * {4096 // CELLS})
                   AS geometry
        FROM {PYRAMID} JOIN ingest_product AS product ON product.id = product_id
        WHERE z = %(z)s AND tile_x = %(x)s AND tile_y = %(y)s AND product_id = ANY(%(products)s)
        GROUP BY cell
    ) AS cells"""  # noqa: S608
WORLD_M = 2 * 20037508.342789244
URLS = {
    "tiles": "/tiles/points/{layer}/{z}/{x}/{y}.mvt",
    "my_house": "/reading/#my-house",
    "here": "/here/",
    "here_data": "/api/v1/here",
    "period_tiles": "/tiles/periods/{layer}/{z}/{x}/{y}.mvt",
    "series": "/api/points/{product}/{pid}/series/",
    "alerts": "/alerts.geojson",
    "list": "/alerts/",
    "rasters": "/rasters.json",
    "raster_tiles": "/tiles/rasters/{layer}/{group}/{z}/{x}/{y}.png",
    "places": "/places.json",
    "context": "/tiles/context/{kind}/{z}/{x}/{y}.mvt",
    "arrows": "/rasters/{group}/arrows.geojson",
    "glacier": "/glaciers/{glacier}/",
    "station": "/stations/{station}/",
    "chart_series": "/charts/series.{form}",
    "chart_profile": "/charts/profile.{form}",
    "chart_near": "/charts/near.json",
    "frames": "/charts/frames.json",
    "desk": "/workbench/",
}


def _with_zeros(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Return layers as JSON, whose description says what their speeds are against."""
    fields = Product.objects.current().filter(technique=Technique.INSAR)
    known = datums_by(fields, "component", "direction")
    rows = []
    for layer in layers:
        own = [
            datum
            for (component, direction), datum in known
            if layer.technique == Technique.INSAR
            and component == layer.component
            and layer.direction in (None, direction)
        ]
        row = layer.as_dict()
        rows.append(row | {"description": " ".join([row["description"], zero_of_several(own)]).strip()})
    return rows


WORDED = ("series", "alerts", "rasters", "here_data")  # public data with texts in the language that the address names


def layer_products(*, layer: Layer, tile: tuple[int, int, int] | None = None) -> list[int]:
    """Return the ids of a layer's products; with a tile (z, x, y), only of those that overlap it."""
    products = layer.products()
    if tile is not None:
        products = products.filter(footprint__intersects=tile_box(*tile))
    return list(products.order_by("id").values_list("id", flat=True))


def layers_available() -> list[Layer]:
    """Return the layers that have data; layers of one direction only if several directions have data."""
    known = set(Product.objects.current().values_list("component", "technique", "direction"))
    los_directions = {direction for component, technique, direction in known if component == "los"}
    kinds = {(component, technique) for component, technique, _ in known}
    shown = los_directions if len(los_directions) > 1 else set()
    return [
        layer
        for layer in LAYERS
        if (layer.direction in shown if layer.direction else (layer.component, layer.technique) in kinds)
    ]


def tile_fingerprint(*, layer: Layer, products: list[int], z: int, x: int, y: int, period: str = "") -> str:
    """Return a tile's ETag: points of its products change only when the datum of one of them moves."""
    moved = Product.objects.filter(pk__in=products).aggregate(last=Max("datum_moved_at"))
    return etag_of(TILE_VERSION, layer.name, period, z, x, y, sorted(products), moved["last"])


def points_tile(*, products: list[int], z: int, x: int, y: int) -> bytes:
    """Return a vector tile of the points of products; below ZOOM_OF_SINGLE_POINTS, of their means on a grid."""
    # A tile of more than MAX_POINTS_OF_TILE points shows an even sample, and a layer `sample` holds their number;
    # gridded products are shown as means on a lattice.
    n_points = 0
    if z >= ZOOM_OF_SINGLE_POINTS:
        counts = points_in_tile(products=products, z=z, x=x, y=y)
        products, n_points = list(counts), sum(counts.values())
        if not n_points:
            return b""
    return read_tile(*tile_query(products=products, z=z, x=x, y=y, n_points=n_points))


def tile_query(*, products: list[int], z: int, x: int, y: int, n_points: int = 0) -> tuple[str, dict[str, object]]:
    """Return the SQL of a tile and its parameters. n_points: points in the tile, which determine the share sampled."""
    values: dict[str, object] = {"z": z, "x": x, "y": y, "products": products}
    if z < ZOOM_OF_SINGLE_POINTS:
        return _PYRAMID_TILE, values | {"scale": map_scale(z, y), "cell": WORLD_M / 2**z / CELLS}
    values |= {"margin": WORLD_M / 2**z / 64, "most": 2 * MAX_POINTS_OF_TILE, "scale": map_scale(z, y)}
    points = partial(_POINTS_OF_TILE.format, table=POINTS, order=sampling.ORDER)
    if n_points <= MAX_POINTS_OF_TILE:
        return _POINTS_TILE.format(rows=points(chosen="true", sample="true")), values
    most = (MAX_POINTS_OF_TILE, MAX_AVERAGED)
    shown, averaged = (sampling.share_leaving(n_points=n_points, most=one) for one in most)
    scattered = points(chosen="posting_m IS NULL", sample=sampling.condition(shown))
    rows = f"({scattered}) UNION ALL ({_MEANS_OF_TILE.format(sample=sampling.condition(averaged))})"
    cells, side = LATTICES[averaged > 1], WORLD_M / 2**z
    values |= {"west": x * side - WORLD_M / 2, "north": WORLD_M / 2 - y * side, "n": n_points}
    values |= {"cells": cells, "lattice": side / cells}
    note = f"CASE WHEN {_IS_SAMPLE} THEN ({SAMPLE_NOTE}) ELSE '' END"
    return f"SELECT ({_POINTS_TILE.format(rows=rows)}) || {note}", values


def map_scale(z: int, y: int) -> float:
    """Return by how much the web map (EPSG:3857) enlarges lengths in the middle of a row of tiles."""
    return cosh(pi * (1 - (2 * y + 1) / 2**z))


def points_in_tile(*, products: list[int], z: int, x: int, y: int) -> dict[int, int]:
    """Return the number of points by product id, in a tile or in the smallest enclosing tile that is counted."""
    below = max(0, z - FINEST_ZOOM - ZOOM_OF_CELL)
    z, x, y = z - below - ZOOM_OF_CELL, x >> below, y >> below
    cell = (y % CELLS) * CELLS + x % CELLS
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [z, x // CELLS, y // CELLS, cell, products])
        return dict(cursor.fetchall())


def map_totals() -> dict[str, Any]:
    """Return the numbers of alerts, searched products, points and pairs, and the bounds at which the map opens.

    n_waiting: products that are loaded, and not searched yet.
    """
    loaded = Product.objects.current().exclude(level=DERIVED)
    scanned = Run.objects.filter(prediction__scan__isnull=False)
    insar = Q(technique=Technique.INSAR)  # only InSAR is searched for alerts and counted
    done = Q(insar, Exists(scanned.filter(Q(product=OuterRef("pk")) | Q(companions=OuterRef("pk")))))
    totals = loaded.aggregate(
        n=Count("id", filter=done), all=Count("id", filter=insar), points=Sum("n_points", filter=done)
    )
    moving = Count("pk", filter=~Q(state=State.FINISHED))
    alerts = alerts_public().aggregate(n_alerts=Count("pk"), n_moving=moving)
    shown = (
        (alerts_public(), "area"),
        (loaded.order_by("-n_points"), "footprint"),
        (Scene.objects.order_by("-id"), "footprint"),
    )
    bounds = next(filter(None, (_one_view(places, column) for places, column in shown)), None)
    pairs = ScenePair.objects.filter(Exists(scanned.filter(pair=OuterRef("pk"))))
    amounts = {"n_products": totals["n"], "n_points": totals["points"] or 0, "n_pairs": pairs.count()}
    amounts["n_waiting"] = totals["all"] - totals["n"]
    return amounts | alerts | {"bounds": list(bounds) if bounds else None}


def _one_view(places: QuerySet[Any], column: str) -> Bounds | None:
    """Return the bounds of places, or of the first one's surroundings if all are too far apart for one view."""
    bounds: Bounds | None = places.aggregate(bounds=BoundsOf(column))["bounds"]
    if bounds is None or 0 < (bounds[2] - bounds[0]) % 360 <= MAX_VIEW_DEG:  # 0 is the whole earth.
        return bounds
    near = geos(box_around(getattr(promised(places.first()), column), SURROUNDINGS_M))
    around: Bounds = places.filter(**{f"{column}__intersects": near}).aggregate(bounds=BoundsOf(column))["bounds"]
    return around


class ProductSeries(TypedDict):
    """Mean series of a product's points in an area, and what new passes added to it."""

    product: Product
    series: AreaSeries
    provisional: ProvisionalMean | None


def alert_series(*, alert: Alert) -> list[ProductSeries]:
    """Return product and mean series in an alert's area, for the newest release of each product where it was found.

    Where only new passes show it, it is the release that they prolong.
    """
    runs = Run.objects.filter(prediction__scan__detections__alert=alert, product__isnull=False).distinct()
    products: set[Product] = set()
    for product in (product for run in runs for product in products_of(run=run)):
        newest = releases_newer_than(product).filter(footprint__intersects=alert.area).order_by("newer_releases")
        products.add(newest.first() or product)
    if (seen := passes_of(alert)) and not products:
        products = set(Product.objects.filter(living=seen.series))
    by_product: list[ProductSeries] = []
    for product in sorted(products, key=lambda p: p.pk):
        series = area_series(product=product, area=alert.area)
        if series is not None:
            added = provisional_within(product=product, area=alert.area)
            by_product.append({"product": product, "series": series, "provisional": added})
    return by_product


def alert_motion(*, alert: Alert) -> AlertMotion | None:
    """Return the motion of an alert over time, with its product; None without a series."""
    return AlertMotion.objects.filter(alert=alert).select_related("product").first()


def rates_inside(*, alert: Alert, detections: Sequence[Detection]) -> tuple[Product, Spread] | None:
    """Return the first product of the detections with points in an alert, and their rates, mm/yr.

    The points, of very many an even sample, are read again when the alert or its detections have changed.
    """
    shown = {number: one for number, one in enumerate(detections) if one.scan.prediction.run.product}
    key = f"point-rates-{etag_of(alert.pk, alert.updated_at, *(one.pk for one in shown.values()))}"
    found: list[Any] = promised(cache.get_or_set(key, lambda: _first_with_points(alert, shown), KEPT_S))
    return (field_of(shown[found[0]]), Spread(*found[1:])) if found else None


def _first_with_points(alert: Alert, shown: Mapping[int, Detection]) -> list[Any]:
    """Return the number of the first detection with points in an alert, and the `Spread` of their rates, if any."""
    outline = from_wkb(bytes(alert.area.wkb))
    for number, detection in shown.items():
        product, bounds = field_of(detection), join_halves(outline).bounds
        points = product_points(product=product, area=geos(box_of(bounds)), most=MAX_RATES)
        rates = points.velocity_mm_yr
        inside = rates[contains_xy(outline, points.longitude, points.latitude) & np.isfinite(rates)]
        if inside.size:
            return [number, *spread_of(inside, RATE_COLUMNS)]
    return []


def urls() -> dict[str, str]:
    """Return the address templates of a map's data, in the active language."""
    language = get_language()
    own = () if language == settings.LANGUAGE_CODE else WORDED
    return URLS | {name: f"{URLS[name]}?language={language}" for name in own}


def map_config(bounds: Sequence[float] | None, component: str = "", direction: str = "") -> dict[str, object]:
    """Return the configuration of one map; it opens on a layer of the component, if possible of the same direction.

    bounds: west, south, east, north in degrees; direction: of the passes whose layer is preferred.
    """
    layers = layers_available()
    opens = sorted(layers, key=lambda one: (one.component != component, one.direction != direction))
    return {
        "layers": _with_zeros(layers),
        "default_layer": opens[0].name if opens else None,
        "bounds": bounds,
        "urls": urls(),
        "period_from_zoom": PERIOD_FROM_ZOOM,
        "kinds_of_points": FAMILIES[Family.VELOCITY],
        "marks": {kind: {"classes": row.mark.classes, "symbol": row.mark.symbol} for kind, row in KINDS.items()},
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
    }


def map_at(west: float, south: float, east: float, north: float) -> str:
    """Return the URL fragment that opens the map on a box (degrees) that fills about half of a desktop map's width."""
    east += 360 if east < west else 0  # The box crosses 180 degrees.
    zoom = max(2.0, min(14.0, math.log2(360 / max(east - west, 0.001))))
    return f"#{zoom:.1f}/{(south + north) / 2:.4f}/{wrap_longitude((west + east) / 2):.4f}"

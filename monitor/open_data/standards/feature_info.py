"""GetFeatureInfo of WMS 1.3.0: what a layer says at one pixel, with the figures of the API and of OGC API Features.

A velocity layer gives the measurement points near the pixel, the nearest first; other layers give the value of their
raster. All but radar images also give the alerts there, where more than one feature is asked for.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import Polygon
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from detection.selectors import alerts_public
from ingest.products.selectors import points_near
from monitor.maps.imaging.drawing import HALF_WORLD_M, Bounds
from monitor.maps.map.series import number
from monitor.maps.rasters.catalogue import RasterSource
from monitor.maps.rasters.layers import RasterLayer
from monitor.maps.rasters.tiles import layer_values
from monitor.maps.rasters.velocity import on_map
from monitor.open_data.standards.collections import Feature
from monitor.open_data.standards.ground import Alerts
from monitor.open_data.standards.points import point_feature
from monitor.wording.datum import zero_columns

FORMATS = ("application/json", "application/geo+json", "text/html", "text/plain")
MAX_FEATURES = 50
REACH_PX = 4  # A finger or a mouse is this exact.


class Click(NamedTuple):
    """Pixel of a layer that somebody clicked. pixel: its edges in the system `epsg`; most: limit of features."""

    layer: RasterLayer
    group: str
    epsg: int
    pixel: Bounds
    most: int


def features_at(click: Click, sources: Sequence[RasterSource]) -> list[Feature]:
    """Return what a layer says at a pixel; nothing where it is transparent. sources: its files there."""
    west, south, east, north = click.pixel
    across, down = on_map(click.epsg, np.array([west, (west + east) / 2, east]), np.array([north, (north + south) / 2]))
    x_m, y_m = float(across[1] % 1 * 2 - 1) * HALF_WORLD_M, float(1 - 2 * down[1]) * HALF_WORLD_M
    reach_m = REACH_PX * float(across[2] - across[0]) * 2 * HALF_WORLD_M
    here = Polygon.from_bbox((x_m - reach_m, y_m - reach_m, x_m + reach_m, y_m + reach_m))
    here.srid = 3857
    alerts = alerts_public().filter(area__intersects=here.transform(4326, clone=True)).order_by("-importance", "pk")
    moving = list(alerts[: click.most - 1]) if click.layer.task else []
    if fields := {source.product.pk: source.product for source in sources if source.product}:
        rows = points_near(products=[*fields], x_m=x_m, y_m=y_m, reach_m=reach_m, most=click.most - len(moving))
        zeros = {pk: zero_columns(product.datum) for pk, product in fields.items()}
        found = [point_feature(fields[pk], row, zeros[pk]) for row in rows for pk in [row["product_id"]]]
    else:
        found = _value_at(click, sources)
    return found + Alerts().features(moving) if found and moving else found


def _value_at(click: Click, sources: Sequence[RasterSource]) -> list[Feature]:
    """Return the value of a raster at a pixel; nothing where it is transparent."""
    values = layer_values(click.layer, sources, click.epsg, click.pixel, (1, 1))
    value = None if values is None else number(float(values[0, 0]), 3)
    if value is None:
        return []
    layer, meaning = click.layer, {"unit": str(click.layer.unit)}
    if layer.classes:
        meaning = {"meaning": str(layer.classes[round(value)])}
    own = {"layer": layer.name, "title": str(layer.label), "date": click.group, "value": value} | meaning
    return [{"type": "Feature", "id": f"{layer.name}.{click.group}", "geometry": None, "properties": own}]


def answer(request: HttpRequest, features: Sequence[Feature], media_type: str) -> HttpResponse:
    """Return features in one of FORMATS."""
    for feature in features:
        if url := feature["properties"].get("url"):
            feature["properties"] |= {"url": request.build_absolute_uri(url)}
    if media_type.startswith("application/"):
        return JsonResponse({"type": "FeatureCollection", "features": features}, content_type=media_type)
    page = f"open_data/standards/feature_info.{'html' if media_type == 'text/html' else 'txt'}"
    return HttpResponse(render_to_string(page, {"features": features}), content_type=f"{media_type}; charset=utf-8")

"""STAC catalogue: items and collections of velocity fields, alerts, radar images, and results of models."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.gis.geos import MultiPolygon
from django.db.models import BooleanField, Case, DateTimeField, F, Q, QuerySet, TextField, Value, When
from django.db.models.functions import Cast, Coalesce
from django.urls import reverse

from detection.models import Alert
from ground_motion.core.errors import promised
from ingest.foundation.geos import bbox, geojson
from ingest.models import Product, Scene
from ingest.products.selectors import last_date
from ml.models import ModelVersion, Prediction, Run
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.open_data.standards.collections import Feature, Rows
from monitor.open_data.standards.cql2 import Queryables
from monitor.open_data.standards.ground import OF_PRODUCTS, Alerts, Products, product_title
from monitor.open_data.standards.map_services import MAX_PX, PNG
from monitor.open_data.standards.queries import Filter, Query
from monitor.wording.datum import datum_body

STAC = "1.1.0"
VELOCITY_FIELDS, RADAR_IMAGES, PREDICTIONS = "velocity-fields", "radar-images", "predictions"
ALERTS = "alerts"
_SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
FILE, PROJECTION, SATELLITE = (_SCHEMA.format(name) for name in ("file/v2.1.0", "projection/v2.0.0", "sat/v1.0.0"))
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOJSON, JSON = "application/geo+json", "application/json"
PICTURE_PX = 512
SMALLEST_DEGREES = 1e-6  # Boxes are rounded to this, so that one of a single point may have no width.
SHA256 = "1220"  # A multihash begins so if a SHA-256 follows.
ITEM_OF_PRODUCT = (*OF_PRODUCTS, "n_dates", "attribution", "file_name", "file_sha256")
OF_SCENES = ("platform", "licence", "attribution", "polarisation", "backscatter", "file_sha256")
OF_MODELS = ("task", "method", "version", "weights_sha256")
SORTABLE = ("id", "datetime", "start_datetime", "end_datetime", "created")
LAST_DAY = Cast(last_date("dates"), DateTimeField())
FIRST_DAY = Cast(F("dates__0"), DateTimeField())
MOVED = (Cast("first_motion", DateTimeField()), Cast("last_motion", DateTimeField()))
AREA = Coalesce("run__product__footprint", "run__pair__footprint")
PERIOD = (
    Coalesce(Cast(F("run__product__dates__0"), DateTimeField()), "run__pair__reference__acquired_at"),
    Coalesce(Cast(last_date("run__product__dates"), DateTimeField()), "run__pair__secondary__acquired_at"),
)
_FLAGS = ("run__product__simulated", "run__pair__reference__simulated", "run__pair__secondary__simulated")
SIMULATED = Case(
    When(Q.create([(flag, True) for flag in _FLAGS], connector=Q.OR), then=True),
    default=False,
    output_field=BooleanField(),
)


def stamp(moment: date | datetime) -> str:
    """Format a moment, or the beginning of a day, by RFC 3339, UTC."""
    at = moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.combine(moment, time(), UTC)
    return at.isoformat().replace("+00:00", "Z")


def _item(row: Any, shape: Any, properties: dict[str, Any], **members: Any) -> Feature:
    return {
        "type": "Feature",
        "stac_version": STAC,
        "stac_extensions": [],
        "id": str(row.pk),
        "geometry": geojson(shape),
        "bbox": bbox(shape),
        "properties": properties,
        "links": [],
        "assets": {},
    } | members


def _titled(title: str, simulated: bool) -> dict[str, Any]:
    return {"title": f"Simulated: {title}" if simulated else title, "simulated": simulated}


def _between(first: date | datetime, last: date | datetime) -> dict[str, Any]:
    return {"datetime": None, "start_datetime": stamp(first), "end_datetime": stamp(last)}


def of_product(row: Product) -> Feature:
    """Return the item of a velocity field."""
    properties = {"created": stamp(row.loaded_at)} | {name: getattr(row, name) for name in ITEM_OF_PRODUCT}
    properties |= _titled(product_title(row), row.simulated) | _between(row.dates[0], row.dates[-1])
    properties["datum"] = datum_body(row.datum)
    points = f"{reverse('ogc:items', args=['points'])}?product={row.pk}"
    assets = {"points": {"href": points, "type": GEOJSON, "title": "Measurement points", "roles": ["data"]}}
    address = reverse("product-detail", args=[row.pk])
    page = {"rel": "alternate", "type": "text/html", "href": address, "title": "The page of this velocity field"}
    newer = [_related("successor-version", VELOCITY_FIELDS, row.superseded_by)] if row.superseded_by else []
    links = [page, *newer, *(_related("derived_from", VELOCITY_FIELDS, one) for one in row.derived_from.all())]
    return _item(row, row.footprint, properties, assets=assets if row.points_deleted_at is None else {}, links=links)


def of_alert(row: Alert, own: dict[str, Any]) -> Feature:
    """Return the item of an alert. own: its properties as a feature."""
    page = {"rel": "alternate", "type": "text/html", "href": own["url"], "title": "The page of this place"}
    href = reverse("ogc:item", args=[ALERTS, row.code])
    assets = {"feature": {"href": href, "type": GEOJSON, "title": "The same as a feature", "roles": ["data"]}}
    properties = own | _titled(f"{own['kind_label']}, {own['place']}", row.simulated)
    properties |= _between(row.first_motion, row.last_motion) | {"created": stamp(row.created_at)}
    return _item(row, row.area, properties, assets=assets, links=[page])


def of_scene(row: Scene) -> Feature:
    """Return the item of a radar image."""
    properties: dict[str, Any] = _titled(row.name, row.simulated) | {
        "datetime": stamp(promised(row.acquired_at)),
        "created": stamp(row.loaded_at),
        "gsd": row.posting_m,
        **{name: getattr(row, name) for name in OF_SCENES},
        "proj:code": f"EPSG:{row.epsg}",
        "proj:shape": [row.rows, row.cols],
        "proj:transform": row.grid,
    }
    orbit = {"sat:orbit_state": row.direction, "sat:relative_orbit": row.track}
    known_orbit = {name: value for name, value in orbit.items() if value}
    extensions = [PROJECTION, SATELLITE] if known_orbit else [PROJECTION]
    shown = _picture("radar", f"{promised(row.acquired_at):%Y-%m-%d}", promised(row.footprint)) if row.raster else None
    assets = {"picture": shown} if shown else {}
    return _item(row, row.footprint, properties | known_orbit, stac_extensions=extensions, assets=assets)


def of_prediction(row: Prediction) -> Feature:
    """Return the item of a model's result."""
    run, version = row.run, row.run.model_version
    if run.product is not None:
        between = _between(run.product.dates[0], run.product.dates[-1])
        seen = [run.product, *run.companions.all()]
        sources = [_related("derived_from", VELOCITY_FIELDS, one) for one in seen]
    else:
        pair = promised(run.pair)
        between = _between(promised(pair.reference.acquired_at), promised(pair.secondary.acquired_at))
        sources = [_related("derived_from", RADAR_IMAGES, image) for image in (pair.reference, pair.secondary)]
    seen_in = product_title(run.product) if run.product else run.input
    properties = _titled(f"{version.get_task_display()}: {seen_in}", run.input.simulated) | between
    properties["created"] = stamp(row.created_at)
    properties |= {name: getattr(version, name) for name in OF_MODELS} | {"statistics": row.statistics}
    raster = {
        "href": reverse("prediction-raster", args=[row.pk]),
        "type": COG,
        "title": "Cloud-Optimised GeoTIFF",
        "roles": ["data"],
        "file:checksum": f"{SHA256}{row.raster_sha256}",
    }
    shown = raster_group(row)
    assets = {"raster": raster} | ({"picture": _picture(*shown, run.input.footprint)} if shown else {})
    return _item(row, run.input.footprint, properties, stac_extensions=[FILE], links=sources, assets=assets)


def _picture(layer: str, group: str, shape: MultiPolygon) -> dict[str, Any]:
    """Return the picture that WMS draws of a date of a layer, on the ground of an item."""
    west, south, east, north = bbox(shape)
    east += 360 if east < west else 0
    height = min(MAX_PX, max(1, round(PICTURE_PX * (north - south) / max(east - west, SMALLEST_DEGREES))))
    asked = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": f"{layer}:{group}", "STYLES": ""}
    asked |= {
        "CRS": "CRS:84",
        "BBOX": f"{west},{south},{east},{north}",
        "WIDTH": f"{PICTURE_PX}",
        "HEIGHT": f"{height}",
    }
    href = f"{reverse('wms')}?{urlencode(asked | {'FORMAT': PNG, 'TRANSPARENT': 'TRUE'})}"
    return {
        "href": href,
        "type": PNG,
        "title": str(RASTER_LAYERS_BY_NAME[layer].label),
        "roles": ["overview", "visual"],
    }


def _related(rel: str, collection: str, row: Product | Scene) -> dict[str, Any]:
    address = reverse("stac:item", args=[collection, str(row.pk)])
    title = row.name if isinstance(row, Scene) else product_title(row)
    return {"rel": rel, "type": GEOJSON, "href": address, "title": title}


def _of_every_item(name: str, area: Any, first: Any, last: Any, created: str) -> dict[str, Any]:
    """Return the queryables that all collections share. datetime: the end, if an item covers a period."""
    ident, collection = Cast(F("pk"), TextField()), Value(name, TextField())
    moments = {"datetime": last, "start_datetime": first, "end_datetime": last, "created": created}
    return {"id": ident, "collection": collection, **moments, "geometry": area}


def _named(name: str) -> Filter:
    return Filter("the name once more, as some clients give it", (name,))


class VelocityFields(Products):
    """Velocity fields as STAC items."""

    feature_of = staticmethod(of_product)
    name = VELOCITY_FIELDS
    title = "Velocity fields"
    description = "Data sets of measurement points: velocities and, where there are any, series of displacements."
    filters = {"collections": _named(VELOCITY_FIELDS)}
    queryables: ClassVar[Queryables] = {name: name for name in OF_PRODUCTS} | _of_every_item(
        name, "footprint", FIRST_DAY, LAST_DAY, "loaded_at"
    )
    summarised = ("component", "level", "direction", "licence", "simulated")
    items = {"item_assets": {"points": {"type": GEOJSON, "roles": ["data"]}}}


class MovingPlaces(Alerts):
    """Public alerts as STAC items."""

    filters = Alerts.filters | {"collections": _named(ALERTS)}
    queryables: ClassVar[Queryables] = {**Alerts.queryables, **_of_every_item(ALERTS, "area", *MOVED, "created_at")}
    summarised = ("kind", "state", "severity", "component", "simulated")
    items = {"item_assets": {"feature": {"type": GEOJSON, "roles": ["data"]}}}

    def features(self, rows: Sequence[Alert]) -> list[Feature]:
        """Return the items of alerts, with the properties that they have as features."""
        return [of_alert(row, one["properties"]) for row, one in zip(rows, super().features(rows), strict=True)]

    def feature(self, ident: str) -> Feature | None:
        """Return the item with this key, which is no code."""
        return Rows.feature(self, ident)


class RadarImages(Rows):
    """Usable radar images as STAC items."""

    known, feature_of = staticmethod(Scene.objects.ready), staticmethod(of_scene)
    name = RADAR_IMAGES
    title = "Radar images"
    description = "Calibrated, map-projected radar images in one polarisation each; they are shown, not given out."
    filters = {"collections": _named(RADAR_IMAGES)}
    queryables = {name: name for name in ("platform", "polarisation", "backscatter", "licence", "simulated")} | {
        "gsd": "posting_m",
        "sat:orbit_state": "direction",
        "sat:relative_orbit": "track",
        **_of_every_item(name, "footprint", "acquired_at", "acquired_at", "loaded_at"),
    }
    summarised = ("platform", "polarisation", "backscatter", "licence", "simulated", "gsd", "sat:orbit_state")
    period = ("acquired_at", "acquired_at")


def _predictions() -> QuerySet[Prediction]:
    run = ("run__model_version", "run__product", "run__pair__reference", "run__pair__secondary")
    found = Prediction.objects.filter(run__state=Run.State.SUCCEEDED)
    return found.select_related(*run).prefetch_related("run__companions")


class Predictions(Rows):
    """Results of models as STAC items."""

    known, feature_of = staticmethod(_predictions), staticmethod(of_prediction)
    name = PREDICTIONS
    title = "Results of models"
    description = "Rasters that models made of velocity fields and of pairs of radar images, with their statistics."
    filters = {"collections": _named(name), "task": Filter("what was computed", tuple(ModelVersion.Task.values))}
    queryables = {name: f"run__model_version__{name}" for name in OF_MODELS} | {
        "simulated": SIMULATED,
        **_of_every_item(name, AREA, *PERIOD, "created_at"),
    }
    summarised = ("task", "method", "version", "simulated")
    period = PERIOD
    items = {"item_assets": {"raster": {"type": COG, "roles": ["data"]}}}

    def rows(self, query: Query) -> QuerySet[Prediction]:
        """Return the results that fit the query."""
        found: QuerySet[Prediction] = super().rows(query._replace(during=None))
        if query.during is None:  # the ends of a velocity field are days, those of a pair are moments
            return found
        start, end = query.during
        by_product = Q(run__product__dates__0__lte=end.date(), last__gte=start.date())
        by_pair = Q(run__pair__reference__acquired_at__lte=end, run__pair__secondary__acquired_at__gte=start)
        return found.alias(last=last_date("run__product__dates")).filter(by_product | by_pair)

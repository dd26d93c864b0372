"""Items of the STAC catalogue: a velocity field, a radar image, a result of a model."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.urls import reverse

from ingest.models import Product, Scene
from ml.models import Prediction
from monitor.maps.rasters.catalogue import raster_group
from monitor.maps.rasters.layers import RASTER_LAYERS_BY_NAME
from monitor.open_data.standards.collections import Feature, box, geojson

STAC = "1.1.0"
VELOCITY_FIELDS, RADAR_IMAGES, PREDICTIONS = "velocity-fields", "radar-images", "predictions"
_SCHEMA = "https://stac-extensions.github.io/{}/schema.json"
FILE, PROJECTION, SATELLITE = (_SCHEMA.format(name) for name in ("file/v2.1.0", "projection/v2.0.0", "sat/v1.0.0"))
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
GEOJSON, JSON = "application/geo+json", "application/json"
SHA256 = "1220"  # how a multihash says that a SHA-256 follows
OF_PRODUCTS = (
    "component",
    "level",
    "direction",
    "track",
    "release",
    "n_points",
    "n_dates",
    "licence",
    "attribution",
    "file_name",
    "file_sha256",
)
OF_SCENES = ("platform", "licence", "attribution", "polarisation", "backscatter", "file_sha256")


def at(moment: date | datetime | None) -> datetime:
    """Return a moment in UTC; for a day its beginning, for None the earliest date."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.combine(moment or date.min, time(), UTC)


def stamp(moment: date | datetime) -> str:
    """Format a moment by RFC 3339, UTC."""
    return at(moment).isoformat().replace("+00:00", "Z")


def _item(row: Any, shape: Any, properties: dict[str, Any], **members: Any) -> Feature:
    return {
        "type": "Feature",
        "stac_version": STAC,
        "stac_extensions": [],
        "id": str(row.pk),
        "geometry": geojson(shape),
        "bbox": box(shape),
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
    properties = (
        _titled(row.name, row.simulated)
        | _between(row.dates[0], row.dates[-1])
        | {
            "created": stamp(row.loaded_at),
            **{name: getattr(row, name) for name in OF_PRODUCTS},
        }
    )
    points = f"{reverse('ogc:items', args=['points'])}?product={row.pk}"
    assets = {"points": {"href": points, "type": GEOJSON, "title": "Measurement points", "roles": ["data"]}}
    page = {"rel": "alternate", "type": "text/html", "href": reverse("product-analysis", args=[row.pk])}
    newer = [_related("successor-version", VELOCITY_FIELDS, row.superseded_by_id)] if row.superseded_by_id else []
    return _item(
        row,
        row.footprint,
        properties,
        assets=assets if row.points_deleted_at is None else {},
        links=[page, *newer, *(_related("derived_from", VELOCITY_FIELDS, one.pk) for one in row.derived_from.all())],
    )


def of_scene(row: Scene) -> Feature:
    """Return the item of a radar image."""
    properties: dict[str, Any] = _titled(row.name, row.simulated) | {
        "datetime": stamp(row.acquired_at),
        "created": stamp(row.loaded_at),
        "gsd": row.posting_m,
        **{name: getattr(row, name) for name in OF_SCENES},
        "proj:code": f"EPSG:{row.epsg}",
        "proj:shape": [row.rows, row.cols],
        "proj:transform": row.grid,
    }
    orbit = {"sat:orbit_state": row.direction, "sat:relative_orbit": row.track}
    known_orbit = {name: value for name, value in orbit.items() if value}
    return _item(
        row,
        row.footprint,
        properties | known_orbit,
        stac_extensions=[PROJECTION, *([SATELLITE] if known_orbit else [])],
        assets={"tiles": _tiles("radar", row.acquired_at.date().isoformat())} if row.raster else {},
    )


def of_prediction(row: Prediction) -> Feature:
    """Return the item of a model's result."""
    run, version = row.run, row.run.model_version
    if run.product is not None:
        between = _between(run.product.dates[0], run.product.dates[-1])
        seen = [run.product, *run.companions.all()]
        sources = [_related("derived_from", VELOCITY_FIELDS, one.pk) for one in seen]
    else:
        between = _between(run.pair.reference.acquired_at, run.pair.secondary.acquired_at)
        images = (run.pair.reference_id, run.pair.secondary_id)
        sources = [_related("derived_from", RADAR_IMAGES, pk) for pk in images]
    properties = (
        _titled(f"{version.get_task_display()}: {run.input}", run.input.simulated)
        | between
        | {
            "created": stamp(row.created_at),
            **{name: getattr(version, name) for name in ("task", "method", "version", "weights_sha256")},
            "statistics": row.statistics,
        }
    )
    raster = {
        "href": reverse("prediction-raster", args=[row.pk]),
        "type": COG,
        "title": "Cloud-Optimised GeoTIFF",
        "roles": ["data"],
        "file:checksum": f"{SHA256}{row.raster_sha256}",
    }
    shown = raster_group(row)
    tiles = {"tiles": _tiles(*shown)} if shown else {}
    return _item(
        row, run.input.footprint, properties, stac_extensions=[FILE], links=sources, assets={"raster": raster} | tiles
    )


def _tiles(layer: str, group: str) -> dict[str, Any]:
    return {
        "href": reverse("tilejson-raster", args=[layer, group]),
        "type": JSON,
        "title": f"TileJSON: {RASTER_LAYERS_BY_NAME[layer].label}",
        "roles": ["visual"],
    }


def _related(rel: str, collection: str, pk: int) -> dict[str, Any]:
    return {"rel": rel, "type": GEOJSON, "href": reverse("stac:item", args=[collection, str(pk)])}

"""Catalogues and their OpenAPI descriptions: one of alerts for other sites' maps, one of data for analysts."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings

from monitor.open_data.standards.cql2 import CLASSES, LANGUAGES
from monitor.open_data.standards.ground import Alerts, Buildings, Glaciers, Products, Regions, Stations
from monitor.open_data.standards.points import Points, Series
from monitor.open_data.standards.queries import CRS84, FEW, SYSTEMS
from monitor.open_data.standards.search import MOST, PARAMETERS
from monitor.open_data.standards.stac import GEOJSON, JSON, STAC, MovingPlaces, Predictions, RadarImages, VelocityFields
from monitor.wording.refusals import PROBLEM

_PARTS = {"ogcapi-features-1": ("core", "geojson"), "ogcapi-features-3": ("queryables", "filter", "features-filter")}
_PARTS["cql2"] = CLASSES
SCHEMA_PARTS = ("schemas", "core-roles-features", "returnables-and-receivables")
OGC_CLASSES = tuple(
    f"http://www.opengis.net/spec/{part}/1.0/conf/{name}" for part, names in _PARTS.items() for name in names
)
FEATURE_CLASSES = (
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
    *(f"http://www.opengis.net/spec/ogcapi-features-5/1.0/conf/{name}" for name in SCHEMA_PARTS),
)
OF_GROUND = (Alerts(), Points(), Series(), Products(), Buildings(), Regions())
_SEARCH = ("item-search", *(f"item-search#{name}" for name in ("sort", "filter")))
STAC_CLASSES = tuple(
    f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "collections", "ogcapi-features", *_SEARCH)
)
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
SCHEMA = "application/schema+json"
TEXT, INTEGER = {"type": "string"}, {"type": "integer"}


def _list_of(items: dict[str, Any], **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items, **limits}


def _object(required: Sequence[str], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties} | ({"required": [*required]} if required else {})


ANY = _object(())
BOX = _list_of({"type": "number"}, minItems=4, maxItems=6)
LINKS = _list_of(_object(("rel", "href"), rel=TEXT, type=TEXT, href=TEXT, title=TEXT))
FEATURE = _object(
    ("type", "id", "geometry", "properties"),
    type=TEXT | {"enum": ["Feature"]},
    id=TEXT,
    geometry={"type": "object"},
    properties={"type": "object"},
    links=LINKS,
)
FEATURES = _object(
    ("type", "features", "links", "numberReturned"),
    type=TEXT | {"enum": ["FeatureCollection"]},
    features=_list_of(FEATURE),
    links=LINKS,
    numberReturned=INTEGER,
    numberMatched=INTEGER,
)
LISTED = _object(("links", "collections"), links=LINKS, collections=_list_of({"type": "object"}))
CONFORMANCE = _object(("conformsTo",), conformsTo=_list_of(TEXT))
LINKED = _object(("links",), links=LINKS)
FAULT = _object(("title", "status", "detail"), title=TEXT, status=INTEGER, detail=TEXT, error=TEXT, remedy=TEXT)
REFUSED = {"description": "What is wrong, and what to do", "content": {PROBLEM: {"schema": FAULT}}}


class Catalogue(NamedTuple):
    """Catalogue of collections. stac: version of STAC if it is a STAC catalogue, else empty."""

    name: str
    title: str
    description: str
    conforms_to: tuple[str, ...]
    collections: Mapping[str, Any]
    stac: str = ""


CATALOGUES = {
    "ogc": Catalogue(
        "ogc",
        f"{settings.SITE.name}: features",
        "Places where the ground moves, and the measurements that show it, by OGC API Features. Simulated data are "
        "marked: simulated is true.",
        (*OGC_CLASSES, *FEATURE_CLASSES),
        {one.name: one for one in (*OF_GROUND, Glaciers(), Stations())},
    ),
    "stac": Catalogue(
        "stac",
        f"{settings.SITE.name}: data",
        "The data behind the map by STAC: velocity fields, radar images, results of models, and alerts. Titles of "
        "simulated data begin with 'Simulated'.",
        (*STAC_CLASSES, *OGC_CLASSES),
        {one.name: one for one in (VelocityFields(), RadarImages(), Predictions(), MovingPlaces())},
        STAC,
    ),
}


def describe(catalogue: Catalogue, server: str) -> dict[str, Any]:
    """Return the OpenAPI description of a catalogue. server: address of the site, with its last slash."""
    paths = {
        "/": _get("landing", "Landing page", LINKED),
        "/conformance": _get("conformance", "Which standards are followed", CONFORMANCE),
        "/collections": _get("collections", "Collections", LISTED),
    }
    systems: list[dict[str, Any]] = [] if catalogue.stac else SYSTEM_PARAMETERS
    single = [{"name": "featureId", "in": "path", "required": True, "schema": TEXT}, *systems[:1]]
    for name, one in catalogue.collections.items():
        own, faults, many = f"/collections/{name}", ("400", "404"), _common(one.most, one.few)
        for key, each in one.filters.items():
            schema = TEXT | {"enum": [*each.values]} if each.values else INTEGER | {"minimum": 0}
            many.append(_parameter(key, each.description, schema))
        paths |= {
            own: _get(name, one.title, LINKED),
            **({} if catalogue.stac else {f"{own}/schema": _get(f"{name}-schema", one.title, ANY, [], SCHEMA)}),
            f"{own}/queryables": _get(f"{name}-queryables", one.title, ANY, [], SCHEMA),
            f"{own}/items": _get(f"{name}-items", one.description, FEATURES, many + systems, GEOJSON, faults[:1]),
            f"{own}/items/{{featureId}}": _get(f"{name}-item", one.title, FEATURE, single, GEOJSON, faults),
        }
    if catalogue.stac:
        wanted = [_parameter(name, words, TEXT) for name, words in PARAMETERS.items()]
        common = _common(MOST, FEW)
        paths["/queryables"] = _get("queryables", "Properties that filters may use", ANY, [], SCHEMA)
        paths["/search"] = _get("search", "Items of any collection", FEATURES, common + wanted, GEOJSON, ("400",))
    return {
        "openapi": "3.0.3",
        "info": {"title": catalogue.title, "version": "1", "description": catalogue.description},
        "servers": [{"url": f"{server}{catalogue.name}"}],
        "paths": paths,
        "components": {"parameters": {"limit": _common(MOST, FEW)[0]}},  # QGIS takes the size of its pages from this.
    }


def _get(
    ident: str,
    summary: str,
    schema: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    media_type: str = JSON,
    faults: tuple[str, ...] = (),
) -> dict[str, Any]:
    answers = {"200": {"description": summary, "content": {media_type: {"schema": schema}}}}
    responses = answers | dict.fromkeys(faults, REFUSED)
    return {"get": {"operationId": ident, "summary": summary, "parameters": parameters or [], "responses": responses}}


def _common(most: int, few: int) -> list[dict[str, Any]]:
    return [
        _parameter("limit", "how many at most", INTEGER | {"minimum": 1, "maximum": most, "default": few}),
        _parameter("bbox", "west,south,east,north in degrees", BOX) | {"style": "form", "explode": False},
        _parameter("datetime", "a moment, or first/last; .. is open", TEXT),
        _parameter("filter", "a condition in CQL2 on the properties that queryables lists", TEXT),
        _parameter("filter-lang", "language of the filter", TEXT | {"enum": [*LANGUAGES]}),
        _parameter("filter-crs", "system of the coordinates in the filter", TEXT | {"enum": [CRS84]}),
        _parameter("after", "where the next part begins: as in the link with rel=next", TEXT),
    ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


SYSTEM_PARAMETERS = [
    _parameter("crs", "system of the coordinates in the answer", TEXT | {"enum": [*SYSTEMS]}),
    _parameter("bbox-crs", "system of the coordinates in bbox", TEXT | {"enum": [*SYSTEMS]}),
]

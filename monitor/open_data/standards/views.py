"""Views of OGC API Features and STAC, shared by both catalogues; the address names the catalogue."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from monitor.open_data.standards.catalogues import CATALOGUES, FEATURE, OPENAPI, SCHEMA, Catalogue, describe
from monitor.open_data.standards.collections import Collection, Feature
from monitor.open_data.standards.queries import (
    CRS84,
    DAY_OR_RFC_3339,
    RFC_3339,
    SYSTEMS,
    box_in_degrees,
    projected,
    read_query,
    system_of,
)
from monitor.open_data.standards.search import parameters_of, posted
from monitor.open_data.standards.search import search as find
from monitor.open_data.standards.stac import GEOJSON, JSON, STAC, stamp
from monitor.wording.refusals import Missing, refusals_as_json

QUERYABLES = "http://www.opengis.net/def/rel/ogc/1.0/queryables"
SCHEMA_OF = "http://www.opengis.net/def/rel/ogc/1.0/schema"
WORLD = (-180.0, -90.0, 180.0, 90.0)  # Extent of a collection that holds nothing yet.
Document = dict[str, Any]


def routes(name: str) -> tuple[list[Any], str]:
    """Return the addresses of a catalogue, for `include`."""
    own, one = {"catalogue": CATALOGUES[name]}, "collections/<str:name>"
    views: list[tuple[str, Callable[..., HttpResponseBase], str]] = [
        ("", landing, "landing"),
        ("api", description, "description"),
        ("conformance", conformance, "conformance"),
        ("collections", collections, "collections"),
        (one, collection, "collection"),
        (f"{one}/queryables", queryables, "queryables"),
        (f"{one}/items", items, "items"),
        (f"{one}/items/<path:ident>", item, "item"),
    ]
    if is_stac := bool(CATALOGUES[name].stac):
        views.append(("queryables", queryables, "queryables-of-all"))
    else:
        views += [
            (f"{one}/schema", schema, "schema"),
            (f"{one}/schema/geojson", schema_of_geojson, "schema-of-geojson"),
        ]
    patterns = [path(route, require_safe(refusals_as_json(view)), own, name=called) for route, view, called in views]
    return patterns + ([path("search", search, own, name="search")] if is_stac else []), name


def landing(request: HttpRequest, catalogue: Catalogue) -> JsonResponse:
    """Return the landing page."""

    def link(rel: str, name: str, title: str, media_type: str = JSON, *parts: str) -> Document:
        return _link(rel, _address(request, catalogue, name, *parts), title, media_type)

    links = [
        _root(request, catalogue),
        link("self", "landing", catalogue.title),
        link("service-desc", "description", "What can be asked for", OPENAPI),
        _link("service-doc", request.build_absolute_uri(reverse("api-page")), "The same for people", "text/html"),
        link("conformance", "conformance", "Which standards it follows"),
        link("data", "collections", "Collections"),
    ]
    whole = {"title": catalogue.title, "description": catalogue.description, "links": links}
    if not catalogue.stac:
        return JsonResponse(whole)
    by_address = link("search", "search", "Items of any collection", GEOJSON)
    links += [by_address | {"method": method} for method in ("GET", "POST")]
    links.append(link(QUERYABLES, "queryables-of-all", "Properties that filters may use", SCHEMA))
    links += [link("child", "collection", one.title, JSON, name) for name, one in catalogue.collections.items()]
    stac = {"type": "Catalog", "stac_version": catalogue.stac, "id": "ground-motion-monitor"}
    return JsonResponse(stac | whole | {"conformsTo": catalogue.conforms_to})


def description(request: HttpRequest, catalogue: Catalogue) -> JsonResponse:
    """Return the OpenAPI description."""
    return JsonResponse(describe(catalogue, request.build_absolute_uri("/")), content_type=OPENAPI)


def conformance(request: HttpRequest, catalogue: Catalogue) -> JsonResponse:
    """Return the conformance classes of the catalogue."""
    return JsonResponse({"conformsTo": catalogue.conforms_to})


def collections(request: HttpRequest, catalogue: Catalogue) -> JsonResponse:
    """Return the collections."""
    links = [_root(request, catalogue), _link("self", _address(request, catalogue, "collections"), "Collections")]
    every = [_described(request, catalogue, one) for one in catalogue.collections.values()]
    return JsonResponse({"links": links, "collections": every})


def collection(request: HttpRequest, catalogue: Catalogue, name: str) -> JsonResponse:
    """Return one collection."""
    return JsonResponse(_described(request, catalogue, _collection(catalogue, name)))


def queryables(request: HttpRequest, catalogue: Catalogue, name: str = "") -> JsonResponse:
    """Return the properties that filters of a collection, or of all collections of a catalogue, may use."""
    chosen = [_collection(catalogue, name)] if name else [*catalogue.collections.values()]
    schemas = [one.schemas() for one in chosen]
    common = {key: schema for key, schema in schemas[0].items() if all(key in other for other in schemas)}
    return _schema(request, chosen[0].title if name else catalogue.title, common)


def schema(request: HttpRequest, catalogue: Catalogue, name: str) -> JsonResponse:
    """Return the types of a collection's properties (Part 5), which hold where the first values are null, too."""
    one = _collection(catalogue, name)
    own, place = one.properties(), {"x-ogc-role": "primary-geometry", "format": "geometry-any"}
    ident = own.pop("id", {"type": "string"}) | {"x-ogc-role": "id"}
    return _schema(request, one.title, {"id": ident, "geometry": place, **own})


def schema_of_geojson(request: HttpRequest, catalogue: Catalogue, name: str) -> JsonResponse:
    """Return the schema of a feature as GeoJSON, from which GDAL takes the types."""
    one = _collection(catalogue, name)
    # GDAL would read lists and objects as text by this schema; without one it finds them in the first features.
    known = {name: each for name, each in one.properties().items() if each["type"] not in {"array", "object"}}
    return _schema(request, one.title, FEATURE["properties"] | {"properties": {"type": "object", "properties": known}})


def _schema(request: HttpRequest, title: str, properties: Document) -> JsonResponse:
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": request.build_absolute_uri(request.path),
        "type": "object",
        "title": title,
        "properties": properties,
        "additionalProperties": False,
    }
    return JsonResponse(whole, content_type=SCHEMA)


def items(request: HttpRequest, catalogue: Catalogue, name: str) -> JsonResponse:
    """Return a page of features of a collection."""
    one = _collection(catalogue, name)
    asked, system = request.GET.copy(), CRS84
    if not catalogue.stac:
        system, of_box = (system_of(key, asked.pop(key, [""])[-1]) for key in ("crs", "bbox-crs"))
        asked["bbox"] = box_in_degrees(asked.get("bbox", ""), of_box)
    moments = RFC_3339 if catalogue.stac else DAY_OR_RFC_3339
    part = one.part(read_query(asked, one.filters, one.most, one.few, moments))
    links = [
        _root(request, catalogue),
        _link("self", request.build_absolute_uri(), "This page", GEOJSON),
        _link("collection", _address(request, catalogue, "collection", one.name), one.title),
    ]
    found = [(one, feature) for feature in part.features]
    matched = {} if part.matched is None else {"numberMatched": part.matched}
    page = _listed(request, catalogue, found, part.after, links) | matched
    page["features"] = [projected(feature, system) for feature in page["features"]]
    return JsonResponse(page, content_type=GEOJSON, headers=_stated(catalogue, system))


def item(request: HttpRequest, catalogue: Catalogue, name: str, ident: str) -> JsonResponse:
    """Return one feature."""
    one = _collection(catalogue, name)
    system = CRS84 if catalogue.stac else system_of("crs", request.GET.get("crs", ""))
    feature = one.feature(ident)
    if feature is None:
        raise Missing("There is no such feature.", f"Ask for some of {one.title[0].lower()}{one.title[1:]} first.")
    whole = _with_addresses(request, catalogue, one, feature, is_whole=True)
    return JsonResponse(projected(whole, system), content_type=GEOJSON, headers=_stated(catalogue, system))


@csrf_exempt  # The view changes nothing.
@require_http_methods(["GET", "HEAD", "POST"])
@refusals_as_json
def search(request: HttpRequest, catalogue: Catalogue) -> JsonResponse:
    """Return the items of a STAC catalogue that match the query in the URL or in a posted JSON body."""
    # The link to the next part of a posted search is also a POST.
    body = posted(request.body) if request.method == "POST" else None
    found = find(catalogue.collections, request.GET if body is None else parameters_of(body))
    after = found.after
    links = [_root(request, catalogue), _link("self", request.build_absolute_uri(), "This page", GEOJSON)]
    if body is not None and after:
        following = _link("next", request.build_absolute_uri(), "The next part", GEOJSON)
        links.append(following | {"method": "POST", "body": body | {"after": after}, "merge": False})
        after = ""
    page = _listed(request, catalogue, found.items, after, links) | {"numberMatched": found.matched}
    return JsonResponse(page, content_type=GEOJSON)


def _stated(catalogue: Catalogue, system: str) -> dict[str, str]:
    """Return the header that states the system of the coordinates (Part 2 of OGC API Features)."""
    return {} if catalogue.stac else {"Content-Crs": f"<{system}>"}


def _collection(catalogue: Catalogue, name: str) -> Collection:
    """Return the collection with this name. Raises Missing."""
    found: Collection | None = catalogue.collections.get(name)
    if found is not None:
        return found
    raise Missing("There is no such collection.", f"There are {', '.join(catalogue.collections)}.")


def _described(request: HttpRequest, catalogue: Catalogue, one: Collection) -> Document:
    own = _address(request, catalogue, "collection", one.name)
    links = [
        _root(request, catalogue),
        _link("parent", _address(request, catalogue, "landing"), catalogue.title),
        _link("self", own, one.title),
        _link("items", _address(request, catalogue, "items", one.name), f"Items of {one.title}", GEOJSON),
        _link(
            QUERYABLES, _address(request, catalogue, "queryables", one.name), "Properties that filters may use", SCHEMA
        ),
        _link("license", request.build_absolute_uri(reverse("product-list")), "Sources and licences", "text/html"),
    ]
    if not catalogue.stac:
        links += [
            _link(rel, _address(request, catalogue, view, one.name), "Types of the properties", SCHEMA)
            for rel, view in ((SCHEMA_OF, "schema"), ("describedby", "schema-of-geojson"))
        ]
    if catalogue.stac:
        return collection_body(one) | {"links": links, **one.items}
    return {**_body(one), "links": links, "itemType": "feature", "crs": [*SYSTEMS], "storageCrs": CRS84}


def _body(one: Collection) -> Document:
    extent = one.extent()
    interval = [stamp(at) if at else None for at in (extent.first, extent.last)]
    where = {"bbox": [extent.bounds or WORLD], "crs": CRS84}
    return {
        "id": one.name,
        "title": one.title,
        "description": one.description,
        "extent": {"spatial": where, "temporal": {"interval": [interval]}},
    }


def collection_body(one: Collection) -> Document:
    """Return a STAC collection without its links."""
    stac = {"type": "Collection", "stac_version": STAC, "stac_extensions": [], "license": "other"}
    return {**stac, **_body(one), "summaries": one.summaries()}


def _listed(
    request: HttpRequest,
    catalogue: Catalogue,
    found: Sequence[tuple[Collection, Feature]],
    after: str,
    links: list[Document],
) -> Document:
    if after:
        query = request.GET.copy()
        query["after"] = after
        following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        links = [*links, _link("next", following, "The next part", GEOJSON)]
    features = [_with_addresses(request, catalogue, one, feature) for one, feature in found]
    return {"type": "FeatureCollection", "numberReturned": len(features), "features": features, "links": links}


def _with_addresses(
    request: HttpRequest, catalogue: Catalogue, one: Collection, feature: Feature, is_whole: bool = False
) -> Feature:
    """Return a feature with absolute URLs; a STAC item and an answer of its own lead to root, self and collection."""
    properties = feature["properties"]
    if "url" in properties:
        feature = feature | {"properties": properties | {"url": request.build_absolute_uri(properties["url"])}}
    links = [link | {"href": request.build_absolute_uri(link["href"])} for link in feature.get("links", [])]
    if not (catalogue.stac or is_whole):
        return feature | {"links": links} if links else feature
    itself = _address(request, catalogue, "item", one.name, feature["id"])
    above = _link("collection", _address(request, catalogue, "collection", one.name), one.title)
    root = _root(request, catalogue)
    if not catalogue.stac:
        return feature | {"links": [root, _link("self", itself, "This feature", GEOJSON), above, *links]}
    own = _link("self", itself, properties["title"], GEOJSON)
    links = [root, own, above | {"rel": "parent"}, above, *links]
    assets = feature["assets"].items()
    absolute = {name: asset | {"href": request.build_absolute_uri(asset["href"])} for name, asset in assets}
    return feature | {"collection": one.name, "links": links, "assets": absolute}


def _root(request: HttpRequest, catalogue: Catalogue) -> Document:
    return _link("root", _address(request, catalogue, "landing"), catalogue.title)


def _address(request: HttpRequest, catalogue: Catalogue, name: str, *parts: str) -> str:
    return request.build_absolute_uri(reverse(f"{catalogue.name}:{name}", args=parts))


def _link(rel: str, href: str, title: str, media_type: str = JSON) -> Document:
    return {"rel": rel, "type": media_type, "href": href, "title": title}

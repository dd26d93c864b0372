"""What the addresses of a catalogue answer: landing page, collections, pages of features, one feature."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from monitor.open_data.standards.catalogues import OPENAPI, Catalogue
from monitor.open_data.standards.collections import Collection, Feature, Part
from monitor.open_data.standards.search import Found
from monitor.open_data.standards.stac_items import GEOJSON, JSON, stamp

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
WORLD = (-180.0, -90.0, 180.0, 90.0)  # of a collection that holds nothing yet
Document = dict[str, Any]


def landing(request: HttpRequest, catalogue: Catalogue) -> Document:
    """Return the landing page of a catalogue."""
    own = _address(request, catalogue, "landing")
    collections = _address(request, catalogue, "collections")
    links = [
        _link("root", own),
        _link("self", own),
        _link("service-desc", _address(request, catalogue, "description"), OPENAPI, "What can be asked for"),
        _link("service-doc", request.build_absolute_uri(reverse("api-page")), "text/html", "The same for people"),
        _link("conformance", _address(request, catalogue, "conformance"), JSON, "Which standards it follows"),
        _link("data", collections, JSON, "Collections"),
    ]
    whole = {"title": catalogue.title, "description": catalogue.description, "links": links}
    if not catalogue.stac:
        return whole
    by_address = _link("search", _address(request, catalogue, "search"), GEOJSON, "Items of any collection")
    links += [by_address | {"method": method} for method in ("GET", "POST")]
    links += [
        _link("child", _address(request, catalogue, "collection", name), JSON, one.title)
        for name, one in catalogue.collections.items()
    ]
    stac = {"type": "Catalog", "stac_version": catalogue.stac, "id": "ground-motion-monitor"}
    return stac | whole | {"conformsTo": catalogue.conforms_to}


def conformance(catalogue: Catalogue) -> Document:
    """Return the standards that a catalogue follows."""
    return {"conformsTo": catalogue.conforms_to}


def collections(request: HttpRequest, catalogue: Catalogue) -> Document:
    """Return all collections of a catalogue."""
    links = [_root(request, catalogue), _link("self", _address(request, catalogue, "collections"))]
    every = [collection(request, catalogue, one) for one in catalogue.collections.values()]
    return {"links": links, "collections": every}


def collection(request: HttpRequest, catalogue: Catalogue, one: Collection) -> Document:
    """Return the description of a collection."""
    own = _address(request, catalogue, "collection", one.name)
    links = [
        _root(request, catalogue),
        _link("parent", _address(request, catalogue, "landing")),
        _link("self", own),
        _link("items", _address(request, catalogue, "items", one.name), GEOJSON, one.title),
        _link("license", request.build_absolute_uri(reverse("product-list")), "text/html", "Sources and licences"),
    ]
    extent = one.extent()
    interval = [stamp(at) if at else None for at in (extent.first, extent.last)]
    where = {"bbox": [extent.bounds or WORLD], "crs": CRS84}
    whole = {
        "id": one.name,
        "title": one.title,
        "description": one.description,
        "extent": {"spatial": where, "temporal": {"interval": [interval]}},
        "links": links,
    }
    if catalogue.stac:
        stac = {"type": "Collection", "stac_version": catalogue.stac, "stac_extensions": [], "license": "other"}
        return stac | whole | one.items
    return whole | {"itemType": "feature", "crs": [CRS84]}


def page(request: HttpRequest, catalogue: Catalogue, one: Collection, part: Part) -> Document:
    """Return a page of features of a collection."""
    links = [
        _root(request, catalogue),
        _link("self", request.build_absolute_uri(), GEOJSON),
        _link("collection", _address(request, catalogue, "collection", one.name)),
    ]
    found = [(one, feature) for feature in part.features]
    matched = {} if part.matched is None else {"numberMatched": part.matched}
    return _listed(request, catalogue, found, part.after, links) | matched


def search_page(
    request: HttpRequest, catalogue: Catalogue, found: Found, after: str, body: Document | None = None
) -> Document:
    """Return found items. body: of a posted search, whose next part is asked for in the same way."""
    links = [_root(request, catalogue), _link("self", request.build_absolute_uri(), GEOJSON)]
    if body is None or not after:
        return _listed(request, catalogue, found, after, links)
    following = _link("next", request.build_absolute_uri(), GEOJSON, "The next part")
    links.append(following | {"method": "POST", "body": body | {"after": after}, "merge": False})
    return _listed(request, catalogue, found, "", links)


def _listed(request: HttpRequest, catalogue: Catalogue, found: Found, after: str, links: list[Document]) -> Document:
    if after:
        query = request.GET.copy()
        query["after"] = after
        following = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
        links = [*links, _link("next", following, GEOJSON, "The next part")]
    features = [_with_addresses(request, catalogue, one, feature) for one, feature in found]
    return {"type": "FeatureCollection", "numberReturned": len(features), "features": features, "links": links}


def item(request: HttpRequest, catalogue: Catalogue, one: Collection, feature: Feature) -> Document:
    """Return one feature."""
    whole = _with_addresses(request, catalogue, one, feature)
    if catalogue.stac:
        return whole
    links = [
        _root(request, catalogue),
        _link("self", _address(request, catalogue, "item", one.name, feature["id"]), GEOJSON),
        _link("collection", _address(request, catalogue, "collection", one.name)),
    ]
    return whole | {"links": links + whole.get("links", [])}


def _with_addresses(request: HttpRequest, catalogue: Catalogue, one: Collection, feature: Feature) -> Feature:
    """Return a feature whose addresses name the host; a STAC item also gets the links that it needs."""
    properties = feature["properties"]
    if "url" in properties:
        feature = feature | {"properties": properties | {"url": request.build_absolute_uri(properties["url"])}}
    links = [link | {"href": request.build_absolute_uri(link["href"])} for link in feature.get("links", [])]
    if not catalogue.stac:
        return feature | {"links": links} if links else feature
    own = _address(request, catalogue, "collection", one.name)
    links = [
        _root(request, catalogue),
        _link("self", _address(request, catalogue, "item", one.name, feature["id"]), GEOJSON),
        _link("parent", own),
        _link("collection", own),
        *links,
    ]
    assets = {
        name: asset | {"href": request.build_absolute_uri(asset["href"])} for name, asset in feature["assets"].items()
    }
    return feature | {"collection": one.name, "links": links, "assets": assets}


def _root(request: HttpRequest, catalogue: Catalogue) -> Document:
    return _link("root", _address(request, catalogue, "landing"))


def _address(request: HttpRequest, catalogue: Catalogue, name: str, *parts: str) -> str:
    return request.build_absolute_uri(reverse(f"{catalogue.name}:{name}", args=parts))


def _link(rel: str, href: str, media_type: str = JSON, title: str = "") -> Document:
    return {"rel": rel, "type": media_type, "href": href} | ({"title": title} if title else {})

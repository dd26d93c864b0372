"""OGC API Features and STAC: one set of views, for the catalogue that the address names."""

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from monitor.open_data.standards import documents
from monitor.open_data.standards.catalogues import CATALOGUES, OPENAPI, describe
from monitor.open_data.standards.collections import Collection
from monitor.open_data.standards.queries import read_query
from monitor.open_data.standards.search import parameters_of, posted
from monitor.open_data.standards.search import search as find
from monitor.open_data.standards.stac_items import GEOJSON
from monitor.wording.refusals import Missing, refusals_as_json


@require_safe
def landing(request: HttpRequest, catalogue: str) -> JsonResponse:
    """Return the landing page."""
    return JsonResponse(documents.landing(request, CATALOGUES[catalogue]))


@require_safe
def description(request: HttpRequest, catalogue: str) -> JsonResponse:
    """Return the OpenAPI description."""
    return JsonResponse(describe(CATALOGUES[catalogue], request.build_absolute_uri("/")), content_type=OPENAPI)


@require_safe
def conformance(request: HttpRequest, catalogue: str) -> JsonResponse:
    """Return the standards that are followed."""
    return JsonResponse(documents.conformance(CATALOGUES[catalogue]))


@require_safe
def collections(request: HttpRequest, catalogue: str) -> JsonResponse:
    """Return the collections."""
    return JsonResponse(documents.collections(request, CATALOGUES[catalogue]))


@require_safe
@refusals_as_json
def collection(request: HttpRequest, catalogue: str, name: str) -> JsonResponse:
    """Return one collection."""
    return JsonResponse(documents.collection(request, CATALOGUES[catalogue], _collection(catalogue, name)))


@require_safe
@refusals_as_json
def items(request: HttpRequest, catalogue: str, name: str) -> JsonResponse:
    """Return a page of features."""
    one = _collection(catalogue, name)
    part = one.part(read_query(request.GET, one.filters, one.most, one.few))
    return JsonResponse(documents.page(request, CATALOGUES[catalogue], one, part), content_type=GEOJSON)


@require_safe
@refusals_as_json
def item(request: HttpRequest, catalogue: str, name: str, ident: str) -> JsonResponse:
    """Return one feature."""
    one = _collection(catalogue, name)
    feature = one.feature(ident)
    if feature is None:
        raise Missing("There is no such feature.", f"Ask for some of {one.title[0].lower()}{one.title[1:]} first.")
    return JsonResponse(documents.item(request, CATALOGUES[catalogue], one, feature), content_type=GEOJSON)


@csrf_exempt  # it changes nothing
@require_http_methods(["GET", "HEAD", "POST"])
@refusals_as_json
def search(request: HttpRequest, catalogue: str) -> JsonResponse:
    """Return the items of a STAC catalogue that fit an address, or a JSON body."""
    chosen = CATALOGUES[catalogue]
    body = posted(request.body) if request.method == "POST" else None
    found, after = find(chosen.collections, request.GET if body is None else parameters_of(body))
    return JsonResponse(documents.search_page(request, chosen, found, after, body), content_type=GEOJSON)


def routes(catalogue: str) -> tuple[list[Any], str]:
    """Return the addresses of a catalogue, for `include`."""
    own = {"catalogue": catalogue}
    patterns = [
        path("", landing, own, name="landing"),
        path("api", description, own, name="description"),
        path("conformance", conformance, own, name="conformance"),
        path("collections", collections, own, name="collections"),
        path("collections/<str:name>", collection, own, name="collection"),
        path("collections/<str:name>/items", items, own, name="items"),
        path("collections/<str:name>/items/<path:ident>", item, own, name="item"),
    ]
    if CATALOGUES[catalogue].stac:
        patterns.append(path("search", search, own, name="search"))
    return patterns, catalogue


def _collection(catalogue: str, name: str) -> Collection:
    """Return the collection with this name. Raises Missing."""
    known = CATALOGUES[catalogue].collections
    if name in known:
        return known[name]
    raise Missing("There is no such collection.", f"There are {', '.join(known)}.")

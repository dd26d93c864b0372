"""Searching for a place: as a page that needs no JavaScript, and as data for the field on the map."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from monitor.maps.map.place_search import place_search


@require_safe
def place_list(request: HttpRequest) -> HttpResponse:
    """Show the answer of a search."""
    answer = place_search(request.GET.get("q", ""), addresses=True)
    return render(request, "maps/map/place_list.html", {"answer": answer, "searched": answer.text})


@require_safe
def places_json(request: HttpRequest) -> JsonResponse:
    """Answer a search as data."""
    addresses = request.GET.get("addresses") == "1"  # of a search that was sent, not of one that is being typed
    return JsonResponse(place_search(request.GET.get("q", ""), addresses=addresses).as_dict())

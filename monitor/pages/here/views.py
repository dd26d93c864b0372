"""Views of a house or street: the page about one place, and its report to print.

The place is in the address only: it is not stored, and caches may not keep the answers.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from shapely.geometry import mapping

from ground_motion.core.areas import disc
from monitor.maps.charts.here import Here, PlaceTrack, look, position_of, track_curves
from monitor.maps.charts.selectors import bounded
from monitor.maps.map.place_search import place_search
from monitor.maps.map.plans import place_plan
from monitor.maps.map.selectors import map_config, map_totals
from monitor.web.request_limits import CHARTS, costly
from monitor.wording.components import colour_caption, component_label
from monitor.wording.figures import mm_a_year, signed
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal


@costly(CHARTS)
@require_safe
@never_cache
def here_page(request: HttpRequest) -> HttpResponse:
    """Show what is known about the place at ?lat=&lon=, or of the name ?q=; without them, ask for a place."""
    if "lat" in request.GET or "lon" in request.GET:
        return _answer(request, "pages/here/here.html", request.GET.get("lat", ""), request.GET.get("lon", ""))
    found = place_search(request.GET.get("q", ""), addresses=True)
    asked = {"searched": found.text, "found": found}
    place = next((hit.at for hit in found.hits if hit.at), None)
    if place is None:
        return _ask(request, asked)
    return _answer(request, "pages/here/here.html", str(place[1]), str(place[0]), asked)


@costly(CHARTS)
@require_safe
@never_cache
def here_report(request: HttpRequest) -> HttpResponse:
    """Show what is known about the place at ?lat=&lon= as a sheet to print."""
    return _answer(request, "pages/here/report.html", request.GET.get("lat", ""), request.GET.get("lon", ""))


def _answer(
    request: HttpRequest, template: str, latitude: str, longitude: str, asked: Mapping[str, Any] | None = None
) -> HttpResponse:
    """Answer about a place, degrees as written. asked: the text that was searched, and what was found."""
    try:
        position = position_of(latitude, longitude)
        with bounded():
            context = here_context(look(*position))
    except Refusal as refusal:
        return _ask(request, {"refusal": refusal, **(asked or {})}, refusal.status)
    return render(request, template, {**context, **(asked or {})})


def _ask(request: HttpRequest, context: Mapping[str, Any], status: int = 200) -> HttpResponse:
    """Ask for a place, with the map of all that is measured."""
    context = {"map_config": map_config(map_totals()["bounds"]), **context}
    return render(request, "pages/here/here.html", context, status=status)


def here_context(here: Here) -> dict[str, Any]:
    """Return the context of the page about a place."""
    context = {
        "here": here,
        "permalink": f"{settings.PUBLIC_URL}{here.address}",
        "curves": track_curves(here),
        "tracks": [_track_row(track) for track in here.tracks],
        "credits": sorted({one.trace.product.attribution for one in here.tracks} - {""}),
        "simulated": here.simulated,
        "printed_on": timezone.now(),
    }
    config = map_config(None, here.tracks[0].rate.along if here.tracks else "")
    config["here"] = [here.longitude, here.latitude]
    if here.tracks:
        main = here.tracks[0]
        names = ("longitude", "latitude", "velocity_mm_yr")
        x, y, rates = (np.concatenate([getattr(part, name) for part in main.points]) for name in names)
        plan, full = place_plan(here.longitude, here.latitude, here.radius_m, (x, y, rates), here.simulated)
        context |= {"plan": plan, "plan_caption": colour_caption(main.rate.along, full)}
        config |= {"stretch_mm_yr": full, "around": mapping(disc(here.longitude, here.latitude, here.radius_m))}
    return context | {"map_config": config}


def _track_row(track: PlaceTrack) -> dict[str, Any]:
    product = track.trace.product
    return {
        "name": data_set_name(product.name),
        "component": component_label(product.component),
        "track": product.track,
        "n_points": track.trace.n_points,
        "rate": mm_a_year(signed(track.rate.value, sigma=track.rate.sigma)),
        "first": product.dates[0],
        "last": product.dates[-1],
        "changes": [change["sentence"] for change in track.changes],
    }

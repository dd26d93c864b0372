"""The map, with its list of alerts, and the page about what it shows."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from detection.selectors import alerts_public
from monitor import selectors
from monitor.cards import alert_card

URLS = {
    "tiles": "/tiles/points/{layer}/{z}/{x}/{y}.mvt",
    "series": "/api/points/{product}/{pid}/series/",
    "alerts": "/alerts.geojson",
}


def map_config() -> dict[str, object]:
    """What the map's script needs to know."""
    layers, totals = selectors.layers_available(), selectors.map_totals()
    return {
        "layers": [layer.as_dict() for layer in layers],
        "default_layer": layers[0].name if layers else None,
        "bounds": totals.bounds,
        "urls": URLS,
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
    }


def map_view(request: HttpRequest) -> HttpResponse:
    totals = selectors.map_totals()
    config = map_config()
    context = {
        "cards": [alert_card(alert) for alert in alerts_public()],
        "layers": selectors.layers_available(),
        "default_layer": config["default_layer"],
        "bounds": totals.bounds,
        "n_products": totals.n_products,
        "n_points": totals.n_points,
        "map_config": config,
        "states": selectors.state_choices(),
    }
    return render(request, "monitor/map.html", context)


def about(request: HttpRequest) -> HttpResponse:
    return render(request, "monitor/about.html")

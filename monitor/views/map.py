"""The map, with its list of alerts, and the page about what it shows."""

from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.selectors import alerts_public
from monitor import selectors
from monitor.cards import alert_card
from monitor.layers import Layer
from monitor.raster_layers import RASTER_LAYERS

URLS = {
    "tiles": "/tiles/points/{layer}/{z}/{x}/{y}.mvt",
    "series": "/api/points/{product}/{pid}/series/",
    "alerts": "/alerts.geojson",
    "rasters": "/rasters.json",
    "raster_tiles": "/tiles/rasters/{layer}/{group}/{z}/{x}/{y}.png",
    "arrows": "/rasters/{group}/arrows.geojson",
}


def map_config(layers: Sequence[Layer], bounds: list[float] | None) -> dict[str, object]:
    """What the map's script needs to know. bounds: west, south, east, north in degrees."""
    return {
        "layers": [layer.as_dict() for layer in layers],
        "default_layer": layers[0].name if layers else None,
        "bounds": bounds,
        "urls": URLS,
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
    }


@require_safe
def map_view(request: HttpRequest) -> HttpResponse:
    layers, totals = selectors.layers_available(), selectors.map_totals()
    config = map_config(layers, totals.bounds)
    context = {
        "cards": [alert_card(alert) for alert in alerts_public()],
        "layers": layers,
        "default_layer": config["default_layer"],
        "n_products": totals.n_products,
        "n_points": totals.n_points,
        "n_pairs": totals.n_pairs,
        "map_config": config,
    }
    return render(request, "monitor/map.html", context)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    return render(request, "monitor/about.html", {"raster_layers": RASTER_LAYERS})

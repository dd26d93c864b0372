"""Configuration of the scripts that draw maps."""

import math
from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import get_language

from core.areas import wrap_longitude
from detection.kinds import FAMILIES, KINDS, Family
from monitor.maps.map.layers import PERIOD_FROM_ZOOM
from monitor.maps.map.selectors import layers_available

URLS = {
    "tiles": "/tiles/points/{layer}/{z}/{x}/{y}.mvt",
    "my_house": "/reading/#my-house",
    "here": "/here/",
    "here_data": "/api/v1/here",
    "period_tiles": "/tiles/periods/{layer}/{z}/{x}/{y}.mvt",
    "series": "/api/points/{product}/{pid}/series/",
    "alerts": "/alerts.geojson",
    "list": "/alerts/",
    "rasters": "/rasters.json",
    "raster_tiles": "/tiles/rasters/{layer}/{group}/{z}/{x}/{y}.png",
    "places": "/places.json",
    "context": "/tiles/context/{kind}/{z}/{x}/{y}.mvt",
    "arrows": "/rasters/{group}/arrows.geojson",
    "glacier": "/glaciers/{glacier}/",
    "station": "/stations/{station}/",
    "chart_series": "/charts/series.{form}",
    "chart_profile": "/charts/profile.{form}",
    "chart_near": "/charts/near.json",
    "frames": "/charts/frames.json",
    "desk": "/workbench/",
}

WORDED = (
    "series",
    "alerts",
    "rasters",
    "here_data",
)  # public data whose texts are in the language that the address names


def urls() -> dict[str, str]:
    """Return the address templates of a map's data, in the active language."""
    language = get_language()
    if language == settings.LANGUAGE_CODE:
        return URLS
    return URLS | {name: f"{URLS[name]}?language={language}" for name in WORDED}


def map_config(bounds: Sequence[float] | None, component: str = "", direction: str = "") -> dict[str, object]:
    """Return the configuration of one map; it opens on a layer of the component, if possible of the same direction.

    bounds: west, south, east, north in degrees; direction: of the passes whose layer is preferred.
    """
    layers = layers_available()
    opens = sorted(layers, key=lambda one: (one.component != component, one.direction != direction))
    return {
        "layers": [layer.as_dict() for layer in layers],
        "default_layer": opens[0].name if opens else None,
        "bounds": bounds,
        "urls": urls(),
        "period_from_zoom": PERIOD_FROM_ZOOM,
        "kinds_of_points": FAMILIES[Family.VELOCITY],
        "marks": {kind: {"classes": row.mark.classes, "symbol": row.mark.symbol} for kind, row in KINDS.items()},
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
    }


def map_at(west: float, south: float, east: float, north: float) -> str:
    """Return the URL fragment that opens the map on a box (degrees) that fills about half of a desktop map's width."""
    east += 360 if east < west else 0  # across 180 degrees
    zoom = max(2.0, min(14.0, math.log2(360 / max(east - west, 0.001))))
    return f"#{zoom:.1f}/{(south + north) / 2:.4f}/{wrap_longitude((west + east) / 2):.4f}"

"""What the scripts of maps need to know."""

from collections.abc import Sequence

from django.conf import settings

from monitor.layers import Layer

URLS = {
    "tiles": "/tiles/points/{layer}/{z}/{x}/{y}.mvt",
    "series": "/api/points/{product}/{pid}/series/",
    "alerts": "/alerts.geojson",
    "rasters": "/rasters.json",
    "raster_tiles": "/tiles/rasters/{layer}/{group}/{z}/{x}/{y}.png",
    "places": "/places.json",
    "context": "/tiles/context/{kind}/{z}/{x}/{y}.mvt",
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

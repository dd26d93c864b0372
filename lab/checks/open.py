"""Check of open data: feed, GeoJSON, every list of the API, and a tile of every image layer."""

import json
import math
from typing import Any

from defusedxml.ElementTree import fromstring
from django.core.management.base import CommandError

from lab.checks.site import Site

ATOM = "{http://www.w3.org/2005/Atom}"
PNG = b"\x89PNG\r\n\x1a\n"
MAX_ZOOM, TILES_ACROSS = 14, 2


def check(site: Site) -> str:
    """Fetch all open data. Raises CommandError if a request fails or an answer cannot be parsed."""
    entries = fromstring(site.get("alerts.atom")).findall(f"{ATOM}entry")
    features = _json(site, "alerts.geojson")["features"]
    if len(entries) != min(len(features), 100):
        raise CommandError(f"the feed has {len(entries)} entries, the GeoJSON {len(features)} features")
    paths = _json(site, "api/v1/openapi.json")["paths"]
    lists = [
        path
        for path, each in paths.items()
        if "{" not in path and not any(one.get("required") for one in each["get"].get("parameters", []))
    ]
    for path in lists:
        _json(site, path)
    layers = _json(site, "rasters.json")["layers"]
    for layer in layers:
        _tile(site, layer)
    site.get("api/v1/")
    return f"{len(entries)} alerts in the feed, {len(lists)} lists for programs, {len(layers)} layers of images"


def _json(site: Site, path: str) -> Any:
    try:
        return json.loads(site.get(path))
    except ValueError as fault:
        raise CommandError(f"{path} is no JSON: {fault}") from fault


def _tile(site: Site, layer: dict[str, Any]) -> None:
    """Fetch the middle tile of a layer's newest date, at a zoom at which the date's image is about two tiles wide."""
    group = layer["groups"][-1]
    west, south, east, north = group["bounds"]
    zoom = max(5, min(MAX_ZOOM, int(math.log2(TILES_ACROSS * 360 / max(east - west, 1e-6)))))
    x = int((east + west + 360) / 720 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians((south + north) / 2))) / math.pi) / 2 * 2**zoom)
    path = f"tiles/rasters/{layer['name']}/{group['key']}/{zoom}/{x}/{y}.png"
    if not site.get(path).startswith(PNG):
        raise CommandError(f"{path} is no PNG")
    if layer["arrows"]:
        _json(site, f"rasters/{group['key']}/arrows.geojson?bbox={west},{south},{east},{north}")

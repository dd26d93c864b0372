"""Views of the map's raster layers: catalogue, tiles, and arrows."""

from functools import partial

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from ml.models import Prediction
from monitor.maps.imaging import drawing as rasters
from monitor.maps.imaging.drawing import Bounds
from monitor.maps.rasters import tiles as raster_tiles
from monitor.maps.rasters.answers import ranged_file, tile_or_404, unless_held
from monitor.maps.rasters.catalogue import DAY, RasterSource, group_on, raster_sources, rasters_available
from monitor.maps.rasters.layers import ARROW_LAYER, RASTER_LAYERS, RASTER_LAYERS_BY_NAME, VELOCITY, RasterLayer
from monitor.wording.refusals import boxes, only_parameters, refusals_as_json

MIN_ZOOM = 5  # A tile of a lower zoom would open hundreds of rasters.
MARGIN_DEG = 0.01  # A raster may extend one cell beyond its footprint in the database.
ARROW_DIGITS = {"speed_m_day": 4, "sigma_m_day": 4, "bearing_deg": 1}
CACHE = "public, max-age=300"


@require_safe
def catalogue(request: HttpRequest) -> JsonResponse:
    """Answer with the layers under the points of the map, with their dates and legends, as JSON."""
    shown = (layer for layer in RASTER_LAYERS if layer.task != VELOCITY)  # the map draws the points themselves
    layers = [
        layer.as_dict() | {"groups": [group.as_dict() for group in groups]}
        for layer, groups in rasters_available(shown)
    ]
    return JsonResponse({"min_zoom": MIN_ZOOM, "layers": layers}, headers={"Cache-Control": "public, max-age=30"})


@require_safe
@only_parameters()
def tile(request: HttpRequest, layer: str, group: str, z: int, x: int, y: int) -> HttpResponseBase:
    """Answer with a PNG tile of one date of a layer."""
    tile_or_404(z, x, y, layer in RASTER_LAYERS_BY_NAME)
    chosen = RASTER_LAYERS_BY_NAME[layer]
    # Other sites name a group by its day; a group of radar images has no other name.
    if chosen.task and DAY.fullmatch(group) and (dated := group_on(layer=chosen, day=group)):
        group = dated.key
    sources = _sources_or_404(chosen, group, rasters.tile_bounds_deg(z, x, y, MARGIN_DEG))
    sources = sources if z >= MIN_ZOOM else []
    etag = raster_tiles.fingerprint(chosen, sources, f"{group}/{z}/{x}/{y}")
    box, shape = rasters.tile_bounds_m(z, x, y), (rasters.TILE_PIXELS, rasters.TILE_PIXELS)
    tile = partial(raster_tiles.picture_png, chosen, sources, 3857, box, shape)
    return unless_held(request, etag, tile, "image/png", CACHE)


@require_safe
@refusals_as_json
def arrows(request: HttpRequest, group: str) -> JsonResponse:
    """Answer with about 400 arrows of the motion between two images in ?bbox=west,south,east,north, as GeoJSON."""
    drawn = [
        arrow
        for box in boxes(request.GET.get("bbox", ""))
        for arrow in raster_tiles.group_arrows(_sources_or_404(ARROW_LAYER, group, box), box)
    ]
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [round(arrow.longitude, 6), round(arrow.latitude, 6)]},
            "properties": {name: round(getattr(arrow, name), digits) for name, digits in ARROW_DIGITS.items()},
        }
        for arrow in drawn
    ]
    collection = {"type": "FeatureCollection", "features": features}
    return JsonResponse(collection, content_type="application/geo+json", headers={"Cache-Control": CACHE})


def _sources_or_404(layer: RasterLayer, group: str, bounds: Bounds) -> list[RasterSource]:
    sources = raster_sources(layer=layer, group=group, bounds=bounds)
    if sources is None:
        raise Http404("There is no such date.")
    return sources


@require_safe
def prediction_raster(request: HttpRequest, prediction: int) -> HttpResponseBase:
    """Answer with the Cloud-Optimised GeoTIFF of a prediction, or with a byte range of it."""
    row = get_object_or_404(Prediction, pk=prediction)
    return ranged_file(request, row.raster, row.raster_sha256, row.raster_bytes)

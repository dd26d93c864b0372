"""Vector tiles of points and of what is known of places."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from monitor.maps.map import selectors
from monitor.maps.map.context_tiles import BY_KIND, context_tile
from monitor.maps.map.layers import BY_NAME
from monitor.maps.rasters.tiles import is_tile
from monitor.wording.refusals import only_parameters


@require_safe
@only_parameters()
def points(request: HttpRequest, layer: str, z: int, x: int, y: int) -> HttpResponseBase:
    """Answer with a tile of points."""
    if layer not in BY_NAME or not is_tile(z, x, y):
        raise Http404("There is no such tile.")
    products = selectors.layer_products(layer=BY_NAME[layer], tile=(z, x, y))
    etag = selectors.tile_fingerprint(layer=BY_NAME[layer], products=products, z=z, x=x, y=y)
    response = get_conditional_response(request, etag=etag)
    if response is None:
        tile = selectors.points_tile(products=products, z=z, x=x, y=y)
        response = HttpResponse(tile, content_type="application/vnd.mapbox-vector-tile")
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=60"
    return response


@require_safe
@only_parameters()
def context(request: HttpRequest, kind: str, z: int, x: int, y: int) -> HttpResponse:
    """Answer with a tile of the surroundings."""
    if kind not in BY_KIND or not is_tile(z, x, y):
        raise Http404("There is no such tile.")
    tile = context_tile(overlay=BY_KIND[kind], z=z, x=x, y=y)
    response = HttpResponse(tile, content_type="application/vnd.mapbox-vector-tile")
    response["Cache-Control"] = "public, max-age=300"
    return response

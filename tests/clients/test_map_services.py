"""OWSLib reads the capabilities of WMS and WMTS, and gets pictures, legends and exceptions."""

from io import BytesIO

import pytest
from owslib.util import ServiceException
from owslib.wms import WebMapService
from owslib.wmts import WebMapTileService
from PIL import Image

from tests.makers.basemaps import tile_at

pytestmark = pytest.mark.django_db(transaction=True)
LAYER = "coherence:2021-12-13-12d"


def is_drawn(content: bytes) -> bool:
    return bool(Image.open(BytesIO(content)).convert("RGBA").getextrema()[3][1])


@pytest.mark.parametrize("system", ["EPSG:4326", "EPSG:3857", "CRS:84"])
def test_owslib_gets_a_map_in_every_system(live_server, pair_predictions, system):
    service = WebMapService(f"{live_server.url}/ogc/wms", version="1.3.0")
    layer = service[LAYER]
    assert layer.boundingBoxWGS84[0] == pytest.approx(-12.05, abs=0.1)
    bounds = next(edges for edges in layer.crs_list if edges[4] == system)[:4]
    image = service.getmap(
        layers=[LAYER],
        styles=["default"],
        srs=system,
        bbox=bounds,
        size=(200, 160),
        format="image/png",
        transparent=True,
    )
    assert is_drawn(image.read())
    assert set(layer.styles) == {"default"}
    with pytest.raises(ServiceException, match="There is no layer"):
        service.getmap(layers=["none"], srs=system, bbox=bounds, size=(9, 9), format="image/png")


def test_owslib_gets_a_tile(live_server, pair_predictions):
    service = WebMapTileService(f"{live_server.url}/ogc/wmts")
    assert LAYER in service.contents
    assert list(service.tilematrixsets) == ["GoogleMapsCompatible"]
    x, y = tile_at(-12.0, 47.0, 12)
    wanted = {"layer": LAYER, "tilematrixset": "GoogleMapsCompatible", "format": "image/png"}
    assert is_drawn(service.gettile(**wanted, tilematrix="12", row=y, column=x).read())
    with pytest.raises(ServiceException):
        service.gettile(**wanted, tilematrix="30", row=y, column=x)

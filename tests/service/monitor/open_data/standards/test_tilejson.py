"""TileJSON leads a map of others to every layer of tiles."""

from urllib.parse import urlsplit

import mapbox_vector_tile
import pytest
from django.contrib.gis.geos import MultiPolygon, Point
from jsonschema import Draft202012Validator

from ingest.models import ContextLayer, Mine, Place
from tests.makers.basemaps import tile_at

pytestmark = pytest.mark.django_db

ZOOM = {"type": "integer", "minimum": 0, "maximum": 30}
TEXT = {"type": "string"}
FIELDS = {"type": "object", "additionalProperties": TEXT}
PROPERTIES = {"id": TEXT, "fields": FIELDS, "description": TEXT, "minzoom": ZOOM, "maxzoom": ZOOM}
ADDRESSES = {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": "^https?://"}}
BOUNDS = {"type": "array", "minItems": 4, "maxItems": 4, "items": {"type": "number"}}
KEYS = {"tilejson": {"const": "3.0.0"}, "tiles": ADDRESSES, "bounds": BOUNDS, "scheme": {"enum": ["xyz", "tms"]}}
LAYERS = {"type": "array", "items": {"type": "object", "required": ["id", "fields"], "properties": PROPERTIES}}
KEYS |= {"vector_layers": LAYERS, "minzoom": ZOOM, "maxzoom": ZOOM}
KEYS |= dict.fromkeys(("attribution", "description", "legend", "name", "template"), TEXT)
# what TileJSON 3.0.0 says in section 3 of the keys that are used here
RULES = Draft202012Validator({"type": "object", "required": ["tilejson", "tiles"], "properties": KEYS})


def layers(client) -> dict[str, dict]:
    listed = client.get("/tilejson/").json()["layers"]
    return {one["tilejson"].removeprefix("http://testserver"): one for one in listed}


def tile_of(document: dict, z: int, x: int, y: int) -> str:
    assert document["tilejson"] == "3.0.0"
    assert document["minzoom"] <= z <= document["maxzoom"]
    (template,) = document["tiles"]
    return template.removeprefix("http://testserver").format(z=z, x=x, y=y)


def test_every_layer_is_listed_and_its_tiles_are_there(client, product, pair_predictions):
    listed = layers(client)
    assert "/tilejson/points/los.json" in listed
    assert len([address for address in listed if "/rasters/" in address]) > 3
    for address, entry in listed.items():
        document = client.get(address).json()
        assert document["name"] == entry["title"]
        answer = client.get(tile_of(document, 9, 238, 179))
        assert answer.status_code == 200
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert ("vector_layers" in document) == address.startswith("/tilejson/points/")
        simulated = "/rasters/" in address and "/velocity-" not in address  # The field is real, the pairs are not.
        assert ("Simulated" in document["description"]) == simulated


def test_fields_are_those_of_the_tiles_and_bounds_those_of_the_points(client, product):
    document = client.get("/tilejson/points/los.json").json()
    assert document["bounds"] == pytest.approx(product.footprint.extent, abs=1e-5)
    west, south, east, north = document["bounds"]
    x, y = tile_at((west + east) / 2, (south + north) / 2, 14)
    content = mapbox_vector_tile.decode(client.get(tile_of(document, 14, x, y)).content)
    fields = {one["id"]: set(one["fields"]) for one in document["vector_layers"]}
    assert content["points"]["features"][0]["properties"].keys() <= fields["points"]


def test_the_base_map_is_a_layer_too_once_something_of_it_is_loaded(client):
    assert "/tilejson/base/ground.json" not in layers(client)
    layer = ContextLayer.objects.create(kind="places", name="made", file_sha256="0" * 64, simulated=True)
    Place.objects.create(
        layer=layer, name="Madehausen", search_name="madehausen", population=200_000, position=Point(11, 47, srid=4326)
    )
    assert "/tilejson/base/ground.json" in layers(client)
    document = client.get("/tilejson/base/ground.json").json()
    content = mapbox_vector_tile.decode(client.get(tile_of(document, 6, 33, 22)).content)
    fields = {one["id"]: set(one["fields"]) for one in document["vector_layers"]}
    assert set(content["places"]["features"][0]["properties"]) == fields["places"]
    assert "Simulated" in document["description"]


def test_every_document_keeps_the_rules_of_tilejson(client, product, pair_predictions):
    layer = ContextLayer.objects.create(kind="mines", name="made", file_sha256="0" * 64)
    here = Point(11, 47, srid=4326)
    Mine.objects.create(layer=layer, position=here, outline=MultiPolygon(here.buffer(0.01), srid=4326))
    layer = ContextLayer.objects.create(kind="places", name="made", file_sha256="0" * 64)
    Place.objects.create(layer=layer, name="Hausen", search_name="hausen", population=9, position=here)
    documents = {address: client.get(address).json() for address in layers(client)}
    assert {address.split("/")[2] for address in documents} == {"points", "context", "rasters", "base"}
    for address, document in documents.items():
        RULES.validate(document)
        assert document["minzoom"] <= document["maxzoom"]
        is_raster = urlsplit(document["tiles"][0]).path.endswith(".png")
        assert ("vector_layers" in document) == (not is_raster), address
        for one in document.get("vector_layers", []):
            assert document["minzoom"] <= one["minzoom"] <= one["maxzoom"] <= document["maxzoom"]
        west, south, east, north = document.get("bounds", (-180, -85, 180, 85))
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90


@pytest.mark.parametrize("part", ["points/none", "context/none", "none/los", "rasters/radar/none", "rasters/none/x"])
def test_a_layer_that_is_not_there_is_not_found(client, part):
    missing = client.get(f"/tilejson/{part}.json")
    assert missing.status_code == 404
    assert missing.json()["remedy"] == "The layers are listed at /tilejson/."

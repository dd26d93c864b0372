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


def tile(client, document: dict, z: int, x: int, y: int):
    assert document["minzoom"] <= z <= document["maxzoom"]
    (template,) = document["tiles"]
    answer = client.get(template.removeprefix("http://testserver").format(z=z, x=x, y=y))
    assert (answer.status_code, answer["Access-Control-Allow-Origin"]) == (200, "*")
    return answer


def test_every_layer_is_listed_with_a_document_that_keeps_the_rules_and_its_tiles_are_there(
    client, product, pair_predictions
):
    assert "/tilejson/base/ground.json" not in layers(client)  # until something of it is loaded
    layer = ContextLayer.objects.create(kind="mines", name="made", file_sha256="0" * 64)
    here = Point(11, 47, srid=4326)
    Mine.objects.create(layer=layer, position=here, outline=MultiPolygon(here.buffer(0.01), srid=4326))
    layer = ContextLayer.objects.create(kind="places", name="made", file_sha256="0" * 64, simulated=True)
    place = {"name": "Madehausen", "search_name": "madehausen", "population": 200_000, "position": here}
    Place.objects.create(layer=layer, **place)
    listed = layers(client)
    kinds = [address.split("/")[2] for address in listed]
    assert set(kinds) == {"points", "context", "rasters", "base"}
    assert kinds.count("rasters") > 3
    for address, entry in listed.items():
        document = client.get(address).json()
        RULES.validate(document)
        assert document["name"] == entry["title"]
        assert document["minzoom"] <= document["maxzoom"]
        tile(client, document, 9, 238, 179)
        is_raster = urlsplit(document["tiles"][0]).path.endswith(".png")
        assert ("vector_layers" in document) == (not is_raster), address
        for one in document.get("vector_layers", []):
            assert document["minzoom"] <= one["minzoom"] <= one["maxzoom"] <= document["maxzoom"]
        west, south, east, north = document.get("bounds", (-180, -85, 180, 85))
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
        # The field and the mine are real, the pairs and the places are not.
        simulated = "/base/" in address or (is_raster and "/velocity-" not in address)
        assert ("Simulated" in document["description"]) == simulated, address


def test_fields_are_those_of_the_tiles_and_bounds_those_of_the_points(client, product):
    layer = ContextLayer.objects.create(kind="places", name="made", file_sha256="0" * 64)
    at = Point(11, 47, srid=4326)
    Place.objects.create(layer=layer, name="Hausen", search_name="hausen", population=200_000, position=at)
    document = client.get("/tilejson/points/los.json").json()
    assert document["bounds"] == pytest.approx(product.footprint.extent, abs=1e-5)
    west, south, east, north = document["bounds"]
    where = {"points": (14, *tile_at((west + east) / 2, (south + north) / 2, 14)), "places": (6, 33, 22)}
    for name, address in (("points", "points/los"), ("places", "base/ground")):
        document = client.get(f"/tilejson/{address}.json").json()
        content = mapbox_vector_tile.decode(tile(client, document, *where[name]).content)
        fields = {one["id"]: set(one["fields"]) for one in document["vector_layers"]}
        assert content[name]["features"][0]["properties"].keys() <= fields[name]


def test_a_layer_that_is_not_there_is_not_found(client):
    for part in ("points/none", "context/none", "none/los", "rasters/radar/none", "rasters/none/x"):
        missing = client.get(f"/tilejson/{part}.json")
        assert missing.status_code == 404, part
        assert missing.json()["remedy"] == "The layers are listed at /tilejson/."

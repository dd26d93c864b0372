"""What lies under the maps: the ground that is loaded, its relief, and a base map in one file."""

import io
import re
from functools import cache

import mapbox_vector_tile
import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image
from pmtiles.reader import Reader
from shapely import Point, get_coordinates, get_parts
from shapely.geometry import shape

from ingest.context.services import context_load
from monitor.maps.basemap.ground import world_tile
from monitor.maps.basemap.views import fault_of
from monitor.operations.health.condition import Wrong
from monitor.operations.health.site_checks import base_map
from tests.makers import basemaps

pytestmark = pytest.mark.django_db
WEST, NORTH = 10.0, 50.0
LINE = {"type": "LineString", "coordinates": [[WEST, NORTH], [WEST + 0.05, NORTH - 0.03]]}
SQUARE = {"type": "Polygon", "coordinates": [[[10.0, 49.9], [10.2, 49.9], [10.2, 50.1], [10.0, 50.1], [10.0, 49.9]]]}


def ground_at(client, z: int) -> dict:
    """Return the ground tile around 10.02° E, 49.99° N, decoded."""
    x, y = basemaps.tile_at(10.02, 49.99, z)
    return mapbox_vector_tile.decode(client.get(f"/tiles/ground/{z}/{x}/{y}.mvt").content)


def test_what_is_loaded_is_drawn_from_its_zoom_on(client, load_context):
    assert client.get("/basemap.json").json() == {"ground": None, "heights": None, "archive": None}
    load_context("roads", LINE, highway="primary")
    load_context("railways", LINE, railway="rail")
    load_context("rivers", LINE, waterway="stream", name="Hart")
    load_context("lakes", SQUARE, natural="water", name="Mere")
    assert set(ground_at(client, 7)) == {"lakes"}
    assert set(ground_at(client, 8)) == {"lakes", "roads"}
    assert set(ground_at(client, 9)) == {"lakes", "roads", "railways"}
    near = ground_at(client, 12)
    assert {name: layer["features"][0]["properties"] for name, layer in near.items()} == {
        "lakes": {"name": "Mere", "simulated": False},
        "roads": {"line_class": "main", "tunnel": False, "simulated": False},
        "railways": {"tunnel": False, "simulated": False},
        "rivers": {"name": "Hart", "water_class": "stream", "simulated": False},
    }
    assert ground_at(client, 12)["roads"]["features"][0]["geometry"]["type"] == "LineString"


def test_land_is_drawn_for_a_simulated_country_alone_and_a_new_layer_changes_the_address(client, load_context):
    load_context("regions", SQUARE, name="Realia", level=0)
    before = client.get("/basemap.json").json()["ground"]
    assert "land" not in ground_at(client, 6)
    load_context("regions", SQUARE, simulated=True, name="Velmark", level=0)
    assert [one["properties"]["name"] for one in ground_at(client, 6)["land"]["features"]] == ["Velmark"]
    assert client.get("/basemap.json").json()["ground"] != before


def test_only_under_the_address_of_what_is_loaded_a_tile_is_kept_for_a_day(client, load_context):
    def life(address: str) -> str:
        return client.get(address)["Cache-Control"].partition("max-age=")[2]

    load_context("lakes", SQUARE, natural="water")
    known = client.get("/basemap.json").json()["ground"].format(z=3, x=4, y=2)
    assert (life(known), life(known.partition("?")[0]), life(f"{known}0")) == ("86400", "60", "60")
    load_context("roads", LINE, highway="primary")
    assert life(known) == "60"


def test_heights_come_back_out_of_the_colours_of_their_tile(client, tmp_path):
    heights = np.tile(np.linspace(100.0, 500.0, 400, dtype=np.float32), (400, 1))
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "height": 400, "width": 400, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "dem.tif", "w", transform=Affine(0.001, 0, 10, 0, -0.001, 50), **profile) as raster:
        raster.write(heights, 1)
    context_load(path=tmp_path / "dem.tif")
    described = client.get("/basemap.json").json()["heights"]
    assert (described["minzoom"], described["maxzoom"]) == (6, 10)
    x, y = basemaps.tile_at(10.2, 49.8, 10)
    answer = client.get(described["tiles"].format(z=10, x=x, y=y))
    red, green, blue, opacity = np.moveaxis(np.asarray(Image.open(io.BytesIO(answer.content))).astype(float), -1, 0)
    metres = red * 256 + green + blue / 256 - 32768
    assert (opacity == 255).all()
    column = np.arange(256)
    longitude = (x + (column + 0.5) / 256) / 2**10 * 360 - 180
    inside = (longitude > 10.001) & (longitude < 10.399)
    expected = 100 + ((longitude - 10) * 1000 - 0.5) * 400 / 399
    # a cell, as the nearest of a warped grid is taken, and half a step
    np.testing.assert_allclose(metres[128][inside], expected[inside], atol=1.6)
    assert (metres[:, longitude < 9.999] == 0).all()
    assert client.get(described["tiles"].format(z=5, x=0, y=0)).status_code == 404


@pytest.mark.parametrize("schema", basemaps.SCHEMAS)
def test_a_reader_gets_the_tiles_of_the_archive_by_ranges(client, settings, tmp_path, monkeypatch, schema):
    path = basemaps.archive(tmp_path / "world.pmtiles", schema)
    settings.BASEMAP_ARCHIVE = str(path)
    assert client.get("/basemap.json").json()["archive"] == "/basemap.pmtiles"
    asked = []

    def ranged(offset: int, length: int) -> bytes:
        answer = client.get("/basemap.pmtiles", HTTP_RANGE=f"bytes={offset}-{offset + length - 1}")
        assert answer.status_code == 206
        asked.append(answer["Content-Range"])
        return answer.content

    reader = Reader(ranged)
    assert reader.get(0, 0, 0)
    assert {one["id"] for one in reader.metadata()["vector_layers"]} == {*basemaps.SCHEMAS[schema]}
    size = path.stat().st_size
    assert all(part.endswith(f"/{size}") for part in asked)
    beyond = client.get("/basemap.pmtiles", HTTP_RANGE=f"bytes={size}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{size}")
    assert client.get("/basemap.pmtiles").content == path.read_bytes()
    # Of a large archive, each answer is a short part.
    monkeypatch.setattr("monitor.maps.basemap.views.MAX_ARCHIVE_BYTES", 100)
    whole = path.read_bytes()
    answer = client.get("/basemap.pmtiles", HTTP_RANGE="bytes=5-")
    assert (answer.status_code, answer.content) == (206, whole[5:105])
    assert answer["Content-Range"] == f"bytes 5-104/{len(whole)}"
    refused = client.get("/basemap.pmtiles")
    assert (refused.status_code, refused.content) == (403, b"Ask for ranges of at most 100 bytes.")
    assert client.head("/basemap.pmtiles")["Content-Length"] == str(len(whole))


def overwritten(at: int, by: bytes):
    return lambda data: data[:at] + by + data[at + len(by) :]


DAMAGES = [
    (lambda data: data[:-1], "cut off: 1 bytes are missing"),
    (lambda data: data[:100], "ends within its header"),
    (overwritten(127, b"\0" * 20), "its directory or its metadata cannot be read"),
    (lambda data: overwritten(int.from_bytes(data[24:32], "little"), b"\0" * 20)(data), "its metadata cannot be read"),
    (overwritten(99, b"\2"), "no vector tiles"),  # images
    (overwritten(98, b"\4"), "packed otherwise than by gzip"),  # by Zstandard
    (lambda data: b"\x89PNG....", "no PMTiles archive"),
    (lambda data: b"PMTiles\x02", "version 2"),
]


def test_a_damaged_base_map_is_named_by_the_doctor_and_maps_do_without_it(client, settings, tmp_path, monkeypatch):
    path = basemaps.country(tmp_path / "country.pmtiles", finest=8)
    assert not fault_of(path)
    settings.BASEMAP_ARCHIVE, whole = str(path), path.read_bytes()
    for damage, fault in DAMAGES:
        path.write_bytes(damage(whole))
        with pytest.raises(Wrong, match=re.escape(str(path))) as said:
            base_map()
        assert fault in str(said.value)
        assert "\n" not in str(said.value)
        assert client.get("/basemap.json").json()["archive"] is None
        assert client.get("/basemap.pmtiles").status_code == 404
    monkeypatch.setitem(basemaps.SCHEMAS, "other", ("fields",))
    assert "neither those of Protomaps" in fault_of(basemaps.archive(tmp_path / "other.pmtiles", "other"))
    assert "there is no such file" in fault_of(tmp_path / "none.pmtiles")


decoded = cache(mapbox_vector_tile.decode)  # To decode a tile of the whole world takes half a second.


def world_at(client, longitude: float, latitude: float, z: int) -> tuple[dict, Point]:
    """Return the layers of the tile around a place, and the place in it."""
    across = (longitude + 180) / 360 * 2**z
    down = (1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * 2**z
    layers = decoded(client.get(f"/tiles/world/{z}/{int(across)}/{int(down)}.mvt").content)
    return layers, Point(across % 1 * 4096, (1 - down % 1) * 4096)  # of this reader, upward


LAND = [(8.5, 47.4), (25, 68), (-178, 66.5), (179, 67), (-110, 60), (0, -84), (160, -80), (179.9, -85), (-179.9, -85)]
LAND += [(134, -25)]
SEA = [(-40, 40), (0, 0), (-160, 0), (179.9, 45), (-179.9, 45), (5, 55.5), (51, 41)]


@pytest.mark.parametrize("z", [1, 6])
def test_what_is_land_and_what_is_sea(client, z):
    for corner in (*LAND, *SEA):
        layers, place = world_at(client, *corner, z)
        land = layers.get("land", {"features": []})["features"]
        assert any(shape(one["geometry"]).contains(place) for one in land) == (corner in LAND), corner


def test_a_tile_of_the_world_asks_the_database_nothing_and_fits_the_format(client, django_assert_num_queries):
    world_tile.cache_clear()
    with django_assert_num_queries(0):
        layers, _ = world_at(client, 8.5, 47.4, 5)
    assert set(layers) == {"land", "borders", "coast", "countries"}
    assert {(layer["version"], layer["extent"]) for layer in layers.values()} == {(2, 4096)}
    corners = np.concatenate([get_coordinates(shape(one["geometry"])) for one in layers["land"]["features"]])
    assert corners.min() >= -64
    assert corners.max() <= 4096 + 64
    assert all(shape(one["geometry"]).is_valid for one in layers["land"]["features"])
    country = next(one for one in layers["countries"]["features"] if one["properties"]["name"] == "Switzerland")
    assert country["properties"]["size"] == pytest.approx(3.3, abs=0.4)
    assert country["geometry"]["type"] == "Point"


def test_no_line_crosses_the_whole_map(client):
    for quarter in ((-90, 45), (90, 45), (-90, -45), (90, -45)):
        tile, _ = world_at(client, *quarter, 1)
        for one in tile["coast"]["features"] + tile["borders"]["features"]:
            line = np.concatenate([np.diff(part.coords, axis=0) for part in get_parts(shape(one["geometry"]))])
            assert np.abs(line).max() < 800

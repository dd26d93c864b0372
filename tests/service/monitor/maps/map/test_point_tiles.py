"""Tiles of points stay small wherever points are dense, and say so; with every zoom more of them are shown."""

import math

import mapbox_vector_tile
import pytest
from django.db import connection

from ingest.models import MeasurementPoint, Product
from ingest.products import sampling
from ingest.products.services import product_delete
from lab.speed.simulated import load_towns
from monitor.maps.map import selectors
from monitor.maps.map.layers import BY_NAME
from monitor.maps.map.tile_geometry import tile_cursor
from tests.makers.basemaps import tile_at

pytestmark = pytest.mark.django_db
MANY = 60_000


def points_of(tile: bytes) -> dict[str, list]:
    return {name: layer["features"] for name, layer in mapbox_vector_tile.decode(tile).items()}


def inside(features: list) -> set[str]:
    """Ids of the points in the tile itself, without its margin."""
    return {
        one["properties"]["pid"]
        for one in features
        if all(0 <= coordinate < 4096 for coordinate in one["geometry"]["coordinates"])
    }


@pytest.fixture
def towns(filled_once) -> Product:
    filled_once("towns", lambda: load_towns(points=MANY))
    return Product.objects.get()


def test_a_dense_tile_holds_a_sample_and_says_of_how_many(client, towns):
    first = MeasurementPoint.objects.filter(product=towns).order_by("pid")[0].position
    for z in (10, 11, 12, 13):
        x, y = tile_at(first.x, first.y, z)
        tile = client.get(f"/tiles/points/los/{z}/{x}/{y}.mvt").content
        layers = points_of(tile)
        n_points = selectors.points_in_tile(products=[towns.pk], z=z, x=x, y=y)[towns.pk]
        assert len(tile) < 500_000
        assert len(layers["points"]) <= 1.1 * selectors.MAX_POINTS_OF_TILE
        assert not any("side" in one["properties"] for one in layers["points"])  # scattered points have no size
        if n_points > selectors.MAX_POINTS_OF_TILE:
            assert layers["sample"][0]["properties"]["n"] == n_points
            assert len(layers["points"]) > selectors.MAX_POINTS_OF_TILE / 5
        else:
            assert "sample" not in layers
            assert len(layers["points"]) >= n_points
        assert client.get(f"/tiles/points/los/{z}/{x}/{y}.mvt").content == tile


def test_a_point_that_is_shown_stays_when_one_zooms_in_until_all_are_shown(client, towns):
    x, y = _densest(towns, 10)
    seen: set[str] = set()
    for z in range(10, 18):
        layers = points_of(client.get(f"/tiles/points/los/{z}/{x}/{y}.mvt").content)
        here = inside(layers["points"])
        kept = MeasurementPoint.objects.filter(product=towns, pid__in=seen)
        below = {one.pid for one in kept if tile_at(one.position.x, one.position.y, z) == (x, y)}
        assert below <= here
        seen, n_points = here, selectors.points_in_tile(products=[towns.pk], z=z, x=x, y=y)[towns.pk]
        if z < 17:
            centre = MeasurementPoint.objects.get(product=towns, pid=min(here)).position
            x, y = tile_at(centre.x, centre.y, z + 1)
    assert "sample" not in layers
    assert n_points < selectors.MAX_POINTS_OF_TILE


def _densest(product, z: int) -> tuple[int, int]:
    """Return the tile at a zoom with the most points."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tile_x * 128 + cell %% 128, tile_y * 128 + cell / 128 FROM ingest_pyramidcell"
            " WHERE product_id = %s AND z = %s ORDER BY n DESC LIMIT 1",
            [product.pk, z - 7],
        )
        return cursor.fetchone()


def test_a_tile_is_of_the_products_that_reach_into_it_and_is_not_sent_again_while_they_are_the_same(client):
    here, far = load_towns(points=2_000), load_towns(points=2_000, track=2, shift=(3.0, 0.0))
    x, y = tile_at(7.0, 51.5, 8)
    assert selectors.layer_products(layer=BY_NAME["los"], tile=(8, x, y)) == [here.pk]
    assert selectors.layer_products(layer=BY_NAME["los"], tile=(5, x >> 3, y >> 3)) == [here.pk, far.pk]
    address = f"/tiles/points/los/8/{x}/{y}.mvt"
    held = {"If-None-Match": client.get(address)["ETag"]}
    product_delete(product=far)
    assert client.get(address, headers=held).status_code == 304
    product_delete(product=here)
    again = client.get(address, headers=held)
    assert (again.status_code, again.content) == (200, b"")


def test_a_cell_of_a_grid_is_as_large_as_its_ground_and_a_dense_tile_shows_means_without_holes(client, towns):
    Product.objects.filter(pk=towns.pk).update(posting_m=450.0)
    first = MeasurementPoint.objects.filter(product=towns).order_by("pid")[0].position
    side = 450 / math.cos(math.radians(first.y))  # in metres of the web map
    for z, wanted in ((7, None), (9, side), (15, side)):  # at zoom 7 the means are of 2.4 km
        x, y = tile_at(first.x, first.y, z)
        layers = points_of(client.get(f"/tiles/points/los/{z}/{x}/{y}.mvt").content)
        assert layers["points"]
        for one in layers["points"]:
            assert one["properties"].get("side") == (wanted and pytest.approx(wanted, rel=0.01))
    x, y = _densest(towns, 10)
    layers = points_of(client.get(f"/tiles/points/los/10/{x}/{y}.mvt").content)
    assert "sample" not in layers
    assert len(layers["points"]) <= selectors.LATTICES[0] ** 2
    assert all("pid" not in one["properties"] for one in layers["points"])
    n_points = selectors.points_in_tile(products=[towns.pk], z=10, x=x, y=y)[towns.pk]
    shown = sum(one["properties"]["n"] for one in layers["points"])
    share = sampling.share_leaving(n_points=n_points, most=selectors.MAX_AVERAGED)
    assert shown * share == pytest.approx(n_points, rel=0.1)
    lattice_m = selectors.WORLD_M / 2**10 / selectors.LATTICES[share > 1]
    sides = {one["properties"]["side"] for one in layers["points"]}
    assert [*sides] == [pytest.approx(max(lattice_m, 450 * selectors.map_scale(10, y)))], "neither smaller than a cell"


TILES = ["points/los/{}.mvt", "periods/los/{}.mvt", "context/buildings/{}.mvt", "rasters/velocity/2024/{}.png"]
TILES += ["ground/{}.mvt", "world/{}.mvt", "heights/{}.png"]


def test_a_tile_has_no_copies_under_parameters_that_mean_nothing(client):
    for tile in TILES:
        answer = client.get(f"/tiles/{tile.format('5/16/10')}?copy=1")
        assert answer.status_code == 400, tile
        assert "copy" in answer.json()["error"]
        assert "Cache-Control" not in answer
    # An error says that people and programs get other words.
    address = "/tiles/points/nothing/5/16/10.mvt"
    page, words = client.get(address, headers={"Accept": "text/html"}), client.get(address)
    assert (page.status_code, words.status_code) == (404, 404)
    assert page["Content-Type"] != words["Content-Type"]
    assert all("Accept" in answer["Vary"].split(", ") for answer in (page, words))


def test_a_tile_is_made_by_one_process_of_the_database(db):
    with tile_cursor() as cursor:
        cursor.execute("SHOW max_parallel_workers_per_gather")
        assert cursor.fetchone() == ("0",)

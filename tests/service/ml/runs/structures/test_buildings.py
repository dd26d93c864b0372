"""Ledgers of buildings: footprints and the points of a product become rows, once, and again for newer footprints."""

import json

import numpy as np
import pytest
from affine import Affine
from pyproj import Transformer
from shapely import box
from shapely.geometry import mapping, shape

from ground_motion.core.areas import box_of
from ground_motion.core.geometry import project_geometry
from ground_motion.methods.structures.footprints import candidates_of
from ground_motion.readers.context.records import ContextKind
from ingest.context.services import context_load, layer_delete
from ingest.foundation.geos import geos
from ingest.models import Building, ContextLayer
from ingest.products.selectors import points_batches
from ingest.products.services import product_load
from ml.models import BuildingLedger, BuildingMotion
from ml.runs.structures.buildings import ledger_make, ledgers_due
from ml.tasks import make_ledgers
from monitor.wording.cards.buildings import building_words, town_words
from tests.makers.generic import COMMERCIAL, csv_text
from tests.makers.living import DECLARED

EPSG = 32633
EAST, NORTH = 500_000.0, 5_540_000.0
HALLS = [(0, 0, 60, 30), (140, 0, 200, 30), (280, 0, 340, 30)]  # metres; the middle one sinks by itself
SINKING_MM_YR = -12.0
GROUND_M, RISE, ROOF_M, GEOID_M = 300.0, 0.1, 12.0, 46.5  # elevation at x = 0 and its slope; heights begin elsewhere
GRID = Affine(10, 0, EAST - 300, 0, -10, NORTH + 400)  # of elevation


@pytest.fixture
def product(db, tmp_path):
    rng = np.random.default_rng(5)
    x, y, rate = [rng.uniform(-60, 400, 80)], [rng.uniform(-60, 90, 80)], [np.zeros(80)]
    for number, (west, south, east, north) in enumerate(HALLS):
        x.append(rng.uniform(west, east, 20))
        y.append(rng.uniform(south, north, 20))
        rate.append(np.full(20, SINKING_MM_YR if number == 1 else 0.0))
    x, y, rate = map(np.concatenate, (x, y, rate))
    roofs = np.where(np.arange(x.size) < 80, 0.0, ROOF_M)
    place = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(
        EAST + x + rng.normal(0, 8, x.size), NORTH + y + rng.normal(0, 8, x.size)
    )
    table = {
        COMMERCIAL["id"]: [f"P{number}" for number in range(x.size)],
        COMMERCIAL["lon"]: place[0].round(7).tolist(),
        COMMERCIAL["lat"]: place[1].round(7).tolist(),
        "HEIGHT": (GROUND_M + RISE * x + GEOID_M + roofs + rng.normal(0, 1.5, x.size)).round(2).tolist(),
        COMMERCIAL["velocity"]: (rate + rng.normal(0, 0.6, x.size)).round(2).tolist(),
        "D20200101": [0.0] * x.size,
        "D20250101": (5 * rate).round(2).tolist(),
    }
    path = tmp_path / "town.csv"
    path.write_text(csv_text(table))
    return product_load(path=path, submission=DECLARED)


def write(folder, *geometries):
    """Write buildings as GeoJSON, of the same name each time, so that newer ones replace those before."""
    features = [{"type": "Feature", "properties": {"building": "yes"}, "geometry": part} for part in geometries]
    path = folder / "buildings.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def house(west, south, east, north):
    return mapping(project_geometry(box(EAST + west, NORTH + south, EAST + east, NORTH + north), EPSG, 4326))


@pytest.fixture
def footprints(tmp_path):
    """Return a file of the halls, a house far from any point, and one that is a point only."""
    point = {"type": "Point", "coordinates": [15.001, 50.0]}
    return write(tmp_path, *(house(*hall) for hall in HALLS), house(380, 500, 390, 510), point)


def load(path) -> ContextLayer:
    return context_load(path=path, kind=ContextKind.BUILDINGS, replace=True)


def test_the_ledger_tells_the_hall_that_sinks_from_its_neighbours(product, footprints):
    load(footprints)
    assert Building.objects.filter(outline=None).count() == 1
    make_ledgers()
    ledger = BuildingLedger.objects.get()
    assert (ledger.product, ledger.n_buildings, ledger.n_known) == (product, 4, 3)
    west, middle, east = BuildingMotion.objects.order_by("building_id")
    assert middle.rate_low < SINKING_MM_YR + 3
    assert middle.deviation_high < -5
    assert (middle.damage, middle.moves_alone) == (3, True)
    for beside in (west, east):
        assert beside.rate_low < 0 < beside.rate_high
        assert beside.damage in (0, 1)


@pytest.fixture
def asked(monkeypatch) -> list[np.ndarray]:
    """The heights above ground with which candidates were asked for."""
    made = []
    monkeypatch.setattr(
        "ml.runs.structures.buildings.candidates_of", lambda *given: made.append(given[-1]) or candidates_of(*given)
    )
    return made


def test_heights_above_loaded_elevation_tell_roofs_from_ground(product, footprints, make_dem, asked):
    load(footprints)
    ledger_make(product=product)
    assert np.isnan(asked[-1]).all(), "no elevation is loaded"
    slope = np.tile(GROUND_M + RISE * (10 * np.arange(120) - 295), (80, 1))
    context_load(path=make_dem(slope, crs=f"EPSG:{EPSG}", transform=GRID), kind=ContextKind.ELEVATION)
    assert list(ledgers_due()) == [product], "it knows more now"
    ledger_make(product=product)
    everywhere = {"area": product.footprint, "with_series": False}
    pids = [pid for batch in points_batches(product=product, **everywhere) for pid in batch.pids]
    on_roof = np.array([int(pid.removeprefix("P")) >= 80 for pid in pids])
    assert np.median(asked[-1][~on_roof]) == pytest.approx(0, abs=1.0)
    assert np.median(asked[-1][on_roof]) == pytest.approx(ROOF_M, abs=1.0)


def test_heights_that_disagree_with_the_elevation_are_not_used(product, footprints, make_dem, asked):
    load(footprints)
    other = np.random.default_rng(1).normal(GROUND_M, 40, (80, 120))
    context_load(path=make_dem(other, crs=f"EPSG:{EPSG}", transform=GRID), kind=ContextKind.ELEVATION)
    ledger_make(product=product)
    assert np.isnan(asked[-1]).all()


def test_it_is_made_once_and_again_when_newer_footprints_of_the_same_ground_come(product, footprints, tmp_path):
    assert not ledgers_due().exists()
    load(footprints)
    assert list(ledgers_due()) == [product]
    first = ledger_make(product=product)
    assert not ledgers_due().exists()
    load(write(tmp_path, house(*HALLS[0])))
    assert list(ledgers_due()) == [product]
    again = ledger_make(product=product)
    assert BuildingLedger.objects.get() == again != first
    layer = load(write(tmp_path, *(house(*hall) for hall in HALLS)))
    ContextLayer.objects.update(simulated=True)
    assert not ledgers_due().exists()
    ContextLayer.objects.update(simulated=False)
    ledger_make(product=product)
    assert BuildingMotion.objects.exists()
    layer_delete(layer=layer)
    assert not BuildingMotion.objects.exists()


def test_my_house_the_interface_and_an_area_tell_of_it(client, product, footprints):
    load(footprints)
    ledger_make(product=product)
    longitude, latitude = shape(house(*HALLS[1])).centroid.coords[0]
    page = client.get(f"/here/?lat={latitude}&lon={longitude}").content.decode()
    assert "The building here" in page
    assert "away from the satellite" in page.partition("The building here")[2]
    told = client.get(f"/api/v1/here?lat={latitude}&lon={longitude}").json()["building"]
    assert "damage since 2020 would be" in " ".join(told)
    around = f"{longitude - 0.001},{latitude - 0.001},{longitude + 0.001},{latitude + 0.001}"
    (row,) = client.get(f"/api/v1/buildings?bbox={around}").json()["items"]
    assert row["rate_low"] < row["rate_mm_yr"] < row["rate_high"] < 0
    assert row["sentences"] == told[:-1]
    area = geos(box_of((longitude - 0.01, latitude - 0.01, longitude + 0.01, latitude + 0.01)))
    assert town_words(area=area, simulated=False)[0].startswith("There are enough measurement points on 3 of 4")


def test_a_building_without_points_and_a_place_without_building_say_so(client, product, footprints):
    load(footprints)
    ledger_make(product=product)
    lonely = shape(house(380, 500, 390, 510)).centroid
    told = building_words(longitude=lonely.x, latitude=lonely.y)
    assert told == ["A building stands here, but too few measurement points are on it to say how it moves."]
    assert building_words(longitude=lonely.x + 0.01, latitude=lonely.y) == []

"""One product, one alert and one pair of images on both sides of 180 degrees, through every output."""

import json
import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.urls import reverse
from PIL import Image

from detection.models import Alert
from detection.reviews.queue import alerts_near
from ground_motion.readers.records import Declaration, Submission
from ingest.models import Product, ScenePair
from ingest.products.services import product_load
from monitor.maps.imaging.plans import WIDTH
from monitor.maps.map.place_search import place_search
from monitor.maps.map.plans import card_shapes
from monitor.open_data.cap.services import NAMESPACE, message_issue
from tests.makers import generic
from tests.makers import pairs as made_pairs
from tests.makers.basemaps import tile_at
from tests.service.monitor.open_data.standards.test_stac import faults as stac_faults
from tests.service.monitor.test_security_matrix import addresses

pytestmark = pytest.mark.django_db
LATITUDE, SIDE = -16.8, 36  # points a side, 50 m apart
STEP = 0.00045


@pytest.fixture
def product(tmp_path) -> Product:
    """Load a table of points of which one half lies east, the other west of 180 degrees."""
    x = 180 + STEP * (np.arange(SIDE) - SIDE / 2 + 0.5)
    longitude, latitude = (axis.ravel() for axis in np.meshgrid((x + 180) % 360 - 180, LATITUDE - 180 + x))
    table = {"CODE": [f"P{n}" for n in range(x.size**2)], "LON": longitude, "LAT": latitude}
    table |= {"VEL": np.full(x.size**2, -12.5)}
    path = tmp_path / "points.csv"
    path.write_text(generic.csv_text({name: list(values) for name, values in table.items()}))
    declared = Declaration(unit="mm/yr", positive="toward", period=(date(2020, 1, 1), date(2024, 1, 1)))
    return product_load(path=path, submission=Submission(declared=declared))


@pytest.fixture
def alert(make_alert) -> Alert:
    """Return an alert of a square of 0.02 degrees that 180 degrees cuts in two."""
    halves = [Polygon.from_bbox((179.99, -16.81, 180, -16.79)), Polygon.from_bbox((-180, -16.81, -179.99, -16.79))]
    return make_alert(area=MultiPolygon(halves, srid=4326))


@pytest.fixture
def pair(monkeypatch) -> ScenePair:
    """Return a pair of images with their results, in zone 60 and across 180 degrees."""
    for name, value in {"EPSG": 32760, "LONGITUDE": 180.0, "LATITUDE": LATITUDE, "WRITTEN": {}}.items():
        monkeypatch.setattr(made_pairs, name, value)
    return made_pairs.make_dates()[0].run.pair


def walked(body: Any) -> Iterator[tuple[str, Any]]:
    """Yield every member of a JSON document with its name, at any depth."""
    for name, value in body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ():
        yield str(name), value
        yield from walked(value)


def is_narrow(west: float, east: float) -> bool:
    return -180 <= west <= 180 and -180 <= east <= 180 and (east - west) % 360 < 0.1


def positions(coordinates: Any) -> Iterator[list[list[float]]]:
    """Yield the positions of each ring, line or point of a GeoJSON geometry."""
    if coordinates and isinstance(coordinates[0], int | float):
        yield [coordinates]
    elif coordinates and isinstance(coordinates[0][0], int | float):
        yield coordinates
    else:
        for part in coordinates:
            yield from positions(part)


def faults_of(body: Any) -> list[str]:
    """Return the geometries and boxes of a JSON document that do not lie in one piece at 180 degrees."""
    wrong = []
    for name, value in walked({"whole": body}):
        if isinstance(value, dict) and isinstance(value.get("coordinates"), list):
            for ring in positions(value["coordinates"]):
                edges = min(x for x, *_ in ring), max(x for x, *_ in ring)
                if not (is_narrow(*edges) and edges[1] - edges[0] < 0.1):
                    wrong.append(f"geometry from {edges[0]} to {edges[1]}")
        is_box = name in ("bbox", "bounds") and isinstance(value, list) and len(value) == 4
        if is_box and isinstance(value[0], float) and not is_narrow(value[0], value[2]):
            wrong.append(f"{name} {value}")
    return wrong


def parameters(product: Product, alert: Alert, pair: ScenePair) -> dict[str, object]:
    known = {"code": alert.code, "product": product.pk, "product_id": product.pk, "pid": "P0", "pair": pair.pk}
    run = pair.runs.first()
    known |= {"pair_id": pair.pk, "prediction": run.prediction.pk, "run": run.pk, "image": "ratio"}
    return known | {"layer": "coherence", "group": "2021-12-13-12d", "form": "json", "source": "points"}


SOME = {  # name of an address: values that only it needs, and its query
    "api-1:here": ({}, "lat=-16.8&lon=180"),
    "here": ({}, "lat=-16.8&lon=-180"),
    "here-report": ({}, "lat=-16.8&lon=180"),
    "chart-near": ({}, "at=180,-16.8"),
    "chart-series": ({}, "area=179.992,-16.808,-179.992,-16.792"),
    "chart-profile": ({}, "line=179.995,-16.8;-179.995,-16.8&layer=los"),
    "chart-frames": ({}, "layer=los&bbox=179.992,-16.808,-179.992,-16.792"),
    "raster-arrows": ({}, "bbox=179.992,-16.808,-179.992,-16.792"),
    "stac:search": ({}, "bbox=179.992,-16.808,-179.992,-16.792"),
    "alert-picture": ({"name": "score"}, ""),
    "tilejson-points": ({"layer": "los"}, ""),
}
COLLECTIONS = {"ogc": ("alerts", "points", "products"), "stac": ("velocity-fields", "radar-images", "predictions")}


def outputs(product: Product, alert: Alert, pair: ScenePair) -> Iterator[str]:
    """Yield every address that can be read without a signed link or a place of its own in a table."""
    known = parameters(product, alert, pair)
    for name, wanted in addresses():
        own, query = SOME.get(name, ({}, ""))
        chosen = [own]
        if name.split(":")[0] in COLLECTIONS and "name" in wanted:
            chosen = [{"name": one} for one in COLLECTIONS[name.split(":")[0]]]
        for values in chosen:
            if wanted <= {*known, *values}:
                path = reverse(name, kwargs={one: (known | values)[one] for one in wanted})
                yield f"{path}?{query}" if query else path


def test_every_output_shows_ground_on_both_sides_of_180_in_one_piece(operator, product, alert, pair):
    read, wrong = 0, {}
    for address in outputs(product, alert, pair):
        answer = operator.get(address, headers={"accept": "application/json, */*"})
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert answer.status_code < 500, (address, content[:500])
        if "json" not in answer.headers.get("Content-Type", ""):
            continue
        read += answer.status_code == 200
        if found := faults_of(json.loads(content)):
            wrong[address] = found
    assert read > 30
    assert not wrong


INSIDE = ("179.992,-16.81,-179.992,-16.79", "179.992,-16.81,180.008,-16.79", "-180.008,-16.81,-179.992,-16.79")
BESIDE = ("-179.9,-17,179.9,-16", "10,-17,20,-16", "170,-17,179.9,-16")


LISTS = ["/alerts.geojson?", "/api/v1/alerts?", "/api/v1/pairs?"]
LISTS += [f"/ogc/collections/{name}/items?" for name in COLLECTIONS["ogc"]]
LISTS += [f"/stac/search?collections={name}&" for name in COLLECTIONS["stac"]]


def test_a_box_across_180_finds_what_lies_there_and_one_beside_it_does_not(client, product, alert, pair):
    def found(box: str) -> int:
        body = client.get(f"{path}bbox={box}").json()
        return len(body["features"] if "features" in body else body["items"])

    for path in LISTS:
        assert all(found(box) for box in INSIDE), path
        assert not any(found(box) for box in BESIDE), path


def test_collections_state_the_box_across_180_and_items_are_valid(client, product, pair):
    for name in ("velocity-fields", "radar-images", "predictions"):
        document = client.get(f"/stac/collections/{name}").json()
        assert not stac_faults(document)
        ((west, _, east, _),) = document["extent"]["spatial"]["bbox"]
        assert west == pytest.approx(180, abs=0.05)
        assert east == pytest.approx(-180, abs=0.05)
        for item in client.get(f"/stac/collections/{name}/items").json()["features"]:
            assert not stac_faults(item)
            assert item["geometry"]["type"] == "MultiPolygon"
            assert len(item["geometry"]["coordinates"]) == 2


ASKED = {"SERVICE": "WMS", "VERSION": "1.3.0", "REQUEST": "GetMap", "LAYERS": "coherence:2021-12-13-12d", "STYLES": ""}
ASKED |= {"FORMAT": "image/png", "WIDTH": 64, "HEIGHT": 64, "TRANSPARENT": "TRUE"}


BOXES = {
    "179.995,-16.805,180.005,-16.795": "CRS:84",
    "179.995,-16.805,-179.995,-16.795": "CRS:84",
    "-180.005,-16.805,-179.995,-16.795": "CRS:84",
    "-16.805,179.995,-16.795,-179.995": "EPSG:4326",
    "20036951.75,-1899200,20038064.94,-1898050": "EPSG:3857",
}


def test_a_map_service_draws_both_sides_of_180(client, pair):
    for box, system in BOXES.items():
        answer = client.get("/ogc/wms", ASKED | {"CRS": system, "BBOX": box})
        assert answer.status_code == 200, answer.content
        opacity = np.array(Image.open(BytesIO(answer.content)).convert("RGBA"))[..., 3]
        assert (opacity == 255).all(), box


def test_velocities_are_drawn_on_both_sides_of_180(client, product):
    for pixels in (32, 256):
        half = {"CRS": "CRS:84", "LAYERS": "velocity-los", "WIDTH": pixels, "HEIGHT": pixels}
        answer = client.get("/ogc/wms", ASKED | half | {"BBOX": "179.994,-16.806,180.006,-16.794"})
        opacity = np.array(Image.open(BytesIO(answer.content)).convert("RGBA"))[..., 3]
        assert (opacity[:, : pixels // 2] > 0).mean() > 0.1
        assert (opacity[:, pixels // 2 :] > 0).mean() > 0.1


def test_map_services_say_where_images_across_180_lie(client, pair):
    space = "{http://www.opengis.net/wms}"
    capabilities = ElementTree.fromstring(client.get("/ogc/wms?SERVICE=WMS&REQUEST=GetCapabilities").content)
    boxes = capabilities.findall(f".//{space}EX_GeographicBoundingBox")
    assert boxes
    for box in boxes:
        west, east = (float(box.findtext(f"{space}{side}BoundLongitude")) for side in ("west", "east"))
        assert is_narrow(west, east)
        assert west > east
    for box in capabilities.findall(f".//{space}BoundingBox"):
        assert float(box.get("minx")) < float(box.get("maxx"))
        assert float(box.get("miny")) < float(box.get("maxy"))
    tiles = client.get("/tilejson/rasters/coherence/2021-12-13-12d.json").json()
    assert tiles["bounds"][0] == -180
    assert tiles["bounds"][2] == 180


def test_tiles_on_both_edges_of_the_map_show_their_part(client, product, alert, pair):
    column, row = 2**12 - 1, tile_at(179.99, LATITUDE, 12)[1]
    for x in (0, column):
        picture = client.get(f"/tiles/rasters/coherence/2021-12-13-12d/12/{x}/{row}.png").content
        opacity = np.array(Image.open(BytesIO(picture)).convert("RGBA"))[..., 3]
        assert (opacity > 0).any()
        assert not (opacity > 0).all()
        assert client.get(f"/tiles/points/los/12/{x}/{row}.mvt").content


def test_a_cap_message_has_a_polygon_on_each_side(alert):
    root = ElementTree.fromstring(message_issue(transition=alert.transitions.get()).xml)
    area = root.find(f"{{{NAMESPACE}}}info/{{{NAMESPACE}}}area")
    polygons = [one.text.split() for one in area.findall(f"{{{NAMESPACE}}}polygon")]
    sides = [{float(corner.split(",")[1]) > 0 for corner in polygon} for polygon in polygons]
    assert sides == [{True}, {False}]


def test_a_place_at_180_is_found_however_its_longitude_is_written(client, product, alert):
    for longitude in ("180", "-180", "180.0001", "-180.0001", "179.9999", "-179.9999"):
        body = client.get(f"/api/v1/here?lat={LATITUDE}&lon={longitude}").json()
        assert body["tracks"][0]["n_points"] >= 4  # These are the two nearest on each side.
        assert body["alerts"][0]["distance_m"] == 0
        assert client.get(f"/here/?lat={LATITUDE}&lon={longitude}").status_code == 200


@pytest.mark.parametrize(("typed", "longitude"), [("19, 281", -79.0), ("19, -339.2", 20.8), ("19, 180", 180.0)])
def test_longitudes_that_count_on_are_wrapped_where_people_type_them(typed, longitude):
    (hit,) = place_search(typed).hits
    assert hit.at == (longitude, 19.0)
    assert all(abs(edge) <= 180 for edge in hit.bounds)


def test_a_resident_at_180_hears_of_the_alert_from_either_side(make_subscription, alert):
    for longitude in (179.98, -179.98, 180.02):
        region = make_subscription(longitude=longitude, latitude=LATITUDE).region
        assert region.intersects(alert.area)
        assert region.num_geom == 2


def test_charts_and_lists_reach_over_180(client, operator, product, alert, make_alert):
    profile = client.get("/charts/profile.json?line=179.995,-16.8;-179.995,-16.8&layer=los").json()
    assert profile["length_m"] == pytest.approx(1065, abs=10)
    assert profile["n_points"] > 30
    series = client.get("/charts/near.json?at=-180,-16.8")
    assert series.status_code == 200
    near = make_alert(longitude=-179.95, latitude=LATITUDE)
    assert [one.pk for one in alerts_near(alert=alert)] == [near.pk]
    assert alerts_near(alert=near)[0].away_m == pytest.approx(3200, abs=200)


def test_an_alert_is_drawn_whole_on_its_maps(client, operator, product, alert):
    page = client.get(alert.get_absolute_url()).content.decode()
    config = json.loads(re.search(r'id="map-config"[^>]*>(.*?)</script>', page)[1])
    west, _, east, _ = config["bounds"]
    assert is_narrow(west, east)
    frame, _, (outline,) = card_shapes(alert)
    x = [float(x) for x in re.findall(r"[ML]([-\d.]+) ", outline.d)]
    assert 0 < min(x) < max(x) < WIDTH
    assert outline.d.count("M") == 1  # one ring, without a seam at 180
    assert frame.width_km < 10

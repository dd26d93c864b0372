"""Coordinate reference systems of OGC API Features, Part 2: EPSG:4326 has its latitude first."""

from itertools import pairwise

import pytest
from pyproj import Transformer

from tests.service.monitor.open_data.standards.test_features import ALERTS, POINTS, answer, every_page

pytestmark = pytest.mark.django_db
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEGREES, MERCATOR = (f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in (4326, 3857))


def test_coordinates_come_in_the_system_asked_for_and_the_answer_states_it(client, alert, product):
    longitude, latitude = answer(client, f"{POINTS}?limit=1")["features"][0]["geometry"]["coordinates"]
    moved = Transformer.from_crs(4326, 3857, always_xy=True).transform(longitude, latitude)
    expected = {
        "": (longitude, latitude),
        CRS84: (longitude, latitude),
        DEGREES: (latitude, longitude),
        MERCATOR: moved,
    }
    for system, position in expected.items():
        page = client.get(POINTS, {"limit": 1} | ({"crs": system} if system else {}))
        assert page["Content-Crs"] == f"<{system or CRS84}>"
        (point,) = page.json()["features"]
        assert point["geometry"]["coordinates"] == pytest.approx(position, abs=0.01 if system == MERCATOR else 1e-9)
        one = client.get(f"{POINTS}/{point['id']}", {"crs": system} if system else {})
        assert one["Content-Crs"] == page["Content-Crs"]
        assert one.json()["geometry"] == point["geometry"]
    ring = answer(client, f"{ALERTS}?crs={DEGREES}")["features"][0]["geometry"]["coordinates"][0][0]
    assert all(46 < latitude < 48 and -13 < longitude < -11 for latitude, longitude in ring)


def test_a_box_is_read_in_its_own_system(client, alert):
    to_metres = Transformer.from_crs(4326, 3857, always_xy=True).transform
    here = [*to_metres(-13, 46), *to_metres(-11, 48)]
    boxes = {CRS84: "-13,46,-11,48", DEGREES: "46,-13,48,-11", MERCATOR: ",".join(map(str, here))}
    for system, box in boxes.items():
        found = answer(client, f"{ALERTS}?bbox={box}&bbox-crs={system}")
        assert [one["id"] for one in found["features"]] == [alert.code], system
        away = ",".join(str(float(edge) + (4e5 if system == MERCATOR else 3.0)) for edge in box.split(","))
        assert answer(client, f"{ALERTS}?bbox={away}&bbox-crs={system}")["features"] == []
    whole_world = "-20037508.34,-20037508.34,20037508.34,20037508.34"
    assert answer(client, f"{ALERTS}?bbox={whole_world}&bbox-crs={MERCATOR}")["numberReturned"] == 1


def test_further_pages_keep_the_system_and_collections_list_all_of_them(client, product):
    pages = every_page(client, f"{POINTS}?limit=5&crs={MERCATOR}&bbox-crs={CRS84}&bbox=-180,-90,180,90")
    assert [len(page) for page in pages] == [5, 5, 2]
    assert all(abs(one["geometry"]["coordinates"][0]) > 1000 for page in pages for one in page)
    assert all(first[0]["id"] < second[0]["id"] for first, second in pairwise(pages))
    for one in answer(client, "/ogc/collections")["collections"]:
        assert one["crs"] == [CRS84, DEGREES, MERCATOR]
        assert one["storageCrs"] == CRS84
    assert (
        "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in answer(client, "/ogc/conformance")["conformsTo"]
    )


@pytest.mark.parametrize("query", ["crs=EPSG:31467", "bbox-crs=x&bbox=1,2,3,4", f"bbox-crs={MERCATOR}&bbox=nan,0,1,1"])
def test_a_system_that_is_not_offered_is_refused(client, query):
    assert client.get(f"{ALERTS}?{query}").status_code == 400
    assert client.get(f"/stac/collections/predictions/items?crs={DEGREES}").status_code == 400

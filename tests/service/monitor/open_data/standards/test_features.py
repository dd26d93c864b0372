"""OGC API Features: what a GIS asks for, page by page, and nothing that is not public."""

from datetime import date
from itertools import pairwise
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator
from pyproj import Transformer

from detection.models import Alert, GlacierMotion
from ingest.foundation.geos import geojson
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import points_behind
from ingest.products.services import product_load
from monitor.open_data.standards import points
from tests.makers import glaciers as made_glaciers
from tests.makers.buildings import make_building
from tests.makers.regions import make_region
from tests.makers.stations import make_station

pytestmark = pytest.mark.django_db
ALERTS, POINTS, PRODUCTS = (f"/ogc/collections/{name}/items" for name in ("alerts", "points", "products"))


def answer(client, address: str) -> dict:
    response = client.get(address)
    assert response.status_code == 200, response.content
    assert response["Access-Control-Allow-Origin"] == "*"
    return response.json()


def hrefs(document: dict) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def local(address: str) -> str:
    parts = urlsplit(address)
    assert parts.netloc == "testserver"
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def every_page(client, address: str) -> list[list[dict]]:
    pages = []
    while address:
        page = answer(client, address)
        assert page["numberReturned"] == len(page["features"])
        pages.append(page["features"])
        address = local(hrefs(page)["next"]) if "next" in hrefs(page) else ""
    return pages


@pytest.mark.parametrize("catalogue", ["ogc", "stac"])
def test_every_link_of_an_empty_service_leads_somewhere(client, catalogue):
    home = answer(client, f"/{catalogue}/")
    listed = answer(client, local(hrefs(home)["data"]))["collections"]
    for document in (home, *listed):
        for link in document["links"]:
            found = client.get(local(link["href"]))
            assert found.status_code == 200, link
            assert found["Content-Type"].split(";")[0] == link["type"].split(";")[0], link
    classes = answer(client, local(hrefs(home)["conformance"]))["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in classes
    assert all(answer(client, local(hrefs(one)["items"]))["features"] == [] for one in listed)


def test_alerts_have_their_figures_and_are_filtered_and_rejected_and_merged_ones_come_only_on_request(
    client, make_alert
):
    sinking = make_alert()
    rising = make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0, last_motion=date(2021, 1, 1))
    rejected, merged = (make_alert(state=state) for state in ("rejected", "merged"))
    whole = answer(client, ALERTS)
    assert [one["id"] for one in whole["features"]] == [sinking.code, rising.code]
    assert whole["numberMatched"] == 2
    properties = whole["features"][0]["properties"]
    assert properties["rate_mm_yr"] == pytest.approx(-14.0)
    assert properties["url"] == f"http://testserver/alerts/{sinking.code}/"
    assert properties["simulated"] is False

    def codes(query: str) -> list[str]:
        return [one["id"] for one in answer(client, f"{ALERTS}?{query}")["features"]]

    assert codes("kind=uplift") == codes("bbox=4,46,6,48") == codes("bbox=4,46,-100,6,48,100") == [rising.code]
    assert codes("bbox=170,46,-11,48") == [sinking.code]
    assert codes("datetime=2022-06-01T00:00:00Z/..") == [sinking.code]
    assert codes("datetime=2020-06-01") == [sinking.code, rising.code]
    assert codes("datetime=../2019-12-31") == []
    assert codes("state=rejected") == [rejected.code]
    assert answer(client, f"{ALERTS}/{merged.code.lower()}")["properties"]["state"] == "merged"


def test_pages_hold_every_alert_once_though_one_is_added_meanwhile(client, make_alert):
    codes = [make_alert(longitude=number).code for number in range(7)]
    first = answer(client, f"{ALERTS}?limit=3&kind=subsidence")
    assert first["numberMatched"] == 7
    late = make_alert()
    following = every_page(client, local(hrefs(first)["next"]))
    assert [len(page) for page in following] == [3, 2]
    assert [one["id"] for page in [first["features"], *following] for one in page] == [*codes, late.code]


@pytest.fixture
def two_tracks(make_egms) -> list[Product]:
    names = ("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip", "EGMS_L2b_044_0229_IW1_VV_2020_2024_1.zip")
    return [product_load(path=make_egms(name=name, velocity_mm_yr=-3.0 * number)) for number, name in enumerate(names)]


def test_points_are_paged_by_their_key_through_all_products(client, two_tracks):
    with CaptureQueriesContext(connection) as asked:
        pages = every_page(client, f"{POINTS}?limit=5")
    assert [len(page) for page in pages] == [5, 5, 5, 5, 4]
    found = [(one["properties"]["product"], one["properties"]["pid"]) for page in pages for one in page]
    assert found == list(MeasurementPoint.objects.order_by("product_id", "pid").values_list("product_id", "pid"))
    assert not any("OFFSET" in one["sql"] for one in asked.captured_queries)
    assert answer(client, POINTS)["numberMatched"] == 24
    # A page of points reads the index behind its key, and no row more.
    wanted = {"product_id": two_tracks[0].pk, "pid": "pt00000003", "boxes": [], "most": 4}
    with CaptureQueriesContext(connection) as asked:
        assert [row["pid"] for row in points_behind(**wanted)] == [f"pt{index:08d}" for index in range(4, 8)]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a dozen rows would be read whole
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked.captured_queries[-1]['sql']}")
        (plan,) = cursor.fetchone()
    node = plan[0]["Plan"]
    # The subplan of the filter reads the withdrawn products, once; the points are read by the other nodes.
    while children := [one for one in node.get("Plans", ()) if one["Parent Relationship"] != "SubPlan"]:
        assert node["Node Type"] != "Sort"
        (node,) = children
    assert node["Node Type"] == "Index Scan"
    assert node["Relation Name"].startswith("ingest_measurementpoint")
    assert "pid" in node["Index Cond"]
    assert node["Actual Rows"] == 4


def test_points_lead_to_their_series_and_those_of_a_superseded_release_come_only_by_its_id(client, two_tracks):
    old, product = two_tracks
    point = answer(client, f"{POINTS}?product={product.pk}&limit=1")["features"][0]
    assert point["geometry"]["type"] == "Point"
    assert point["properties"]["velocity_mm_yr"] == pytest.approx(-3.0)
    assert point["properties"]["component"] == "los"
    one = answer(client, f"{POINTS}/{point['id']}")
    assert {**one, "links": 0} == {**point, "links": 0}
    assert answer(client, local(hrefs(one)["related"]))["pid"] == point["properties"]["pid"]
    Product.objects.update(loaded_by="somebody-at-the-survey")
    Product.objects.filter(pk=old.pk).update(superseded_by=product)
    assert {one["properties"]["product"] for one in answer(client, POINTS)["features"]} == {product.pk}
    assert answer(client, f"{POINTS}?product={old.pk}")["numberReturned"] == 12
    assert answer(client, PRODUCTS)["numberReturned"] == 2
    for address in (POINTS, PRODUCTS, "/stac/collections/velocity-fields/items"):
        assert b"somebody-at-the-survey" not in client.get(address).content


def test_points_of_a_box_of_the_whole_earth_and_of_none(client, two_tracks, monkeypatch):
    longitude, latitude = answer(client, POINTS)["features"][5]["geometry"]["coordinates"]
    box = f"{longitude - 1e-4},{latitude - 1e-4},{longitude + 1e-4},{latitude + 1e-4}"
    here = answer(client, f"{POINTS}?bbox={box}")
    assert [one["properties"]["pid"] for one in here["features"]] == ["pt00000005"] * 2
    assert "numberMatched" not in here
    assert answer(client, f"{POINTS}?bbox=-180,-90,180,90")["numberReturned"] == 24
    assert answer(client, f"{POINTS}?bbox=0,0,1,1")["numberReturned"] == 0
    assert answer(client, f"{POINTS}?datetime=1999-01-01")["numberReturned"] == 0
    monkeypatch.setattr(points, "SECONDS", 0.0)  # a filter without a match ends its page in time, with a link to go on
    assert [len(page) for page in every_page(client, f"{POINTS}?filter=velocity_mm_yr>9000")] == [0, 0, 0]


def test_an_area_in_a_filter_is_read_by_the_index_as_a_box_is(client, two_tracks):
    def found(condition: str) -> tuple[list[str], list[str]]:
        """Return the points found, and the queries of points."""
        with CaptureQueriesContext(connection) as asked:
            features = answer(client, f"{POINTS}?{urlencode({'filter': condition})}")["features"]
        queries = [one["sql"] for one in asked.captured_queries if 'FROM "ingest_measurementpoint"' in one["sql"]]
        return [one["properties"]["pid"] for one in features], queries

    longitude, latitude = answer(client, POINTS)["features"][5]["geometry"]["coordinates"]
    corners = f"{longitude - 1e-4:.5f}, {latitude - 1e-4:.5f}, {longitude + 1e-4:.5f}, {latitude + 1e-4:.5f}"
    for more in ("", " AND velocity_mm_yr < 100"):
        pids, queries = found(f"S_INTERSECTS(geometry, BBOX({corners})){more}")
        assert (pids, len(queries)) == (["pt00000005"] * 2, 2)
        assert all('"tile_point" && ' in sql for sql in queries)
    assert found("S_WITHIN(geometry, BBOX(0, 0, 1, 1))") == ([], [])


def test_stations_have_their_period_and_lead_to_their_page(client):
    station, benchmark = make_station(), make_station("BM7", (5.0, 46.0), "levelling")
    address = "/ogc/collections/stations/items"
    (only,) = answer(client, f"{address}?technique=levelling")["features"]
    assert only["id"] == str(benchmark.pk)
    (found,) = answer(client, f"{address}?bbox=13,38,14,39&datetime=2019-01-01/..")["features"]
    properties = found["properties"]
    assert (properties["code"], properties["n_dates"], properties["first_date"]) == ("MADE", 61, "2018-01-01")
    assert found["geometry"]["coordinates"] == [13.19, 38.71]
    assert properties["url"].endswith(f"/stations/{station.pk}/")
    assert answer(client, f"{address}?filter=first_date%3EDATE('2019-01-01')")["numberMatched"] == 0
    assert answer(client, f"{address}/{station.pk}")["properties"] == properties


def test_glaciers_are_those_of_the_pages(client):
    glacier = made_glaciers.make_glacier()
    motion = GlacierMotion.objects.create(glacier=glacier)
    address = "/ogc/collections/glaciers/items"
    assert answer(client, address)["features"] == []
    GlacierMotion.objects.filter(pk=motion.pk).update(
        speed_m_day=0.5, usual_m_day=0.5, sigma_m_day=0.1, last_day=date(2024, 1, 1), state="steady"
    )
    (one,) = answer(client, f"{address}?bbox=-12.1,46.9,-11.9,47.1")["features"]
    assert (one["id"], one["properties"]["speed_m_day"], one["properties"]["simulated"]) == ("MADE-1", 0.5, True)
    assert client.get(local(one["properties"]["url"])).status_code == client.get(f"{address}/MADE-1").status_code == 200


def test_buildings_regions_and_series_are_features(client, two_tracks, make_alert):
    old, product = two_tracks
    longitude, latitude = answer(client, f"{POINTS}?product={product.pk}")["features"][5]["geometry"]["coordinates"]
    motion = make_building(product, (longitude, latitude))
    box = f"bbox={longitude - 1e-3},{latitude - 1e-3},{longitude + 1e-3},{latitude + 1e-3}"
    (house,) = answer(client, f"/ogc/collections/buildings/items?{box}&filter=damage>1")["features"]
    assert house["properties"]["product"] == product.pk
    (same,) = answer(client, f"/api/v1/buildings?{box}")["items"]
    figures = ("rate_mm_yr", "rate_low", "rate_high", "damage")
    assert [house["properties"][name] for name in figures] == [same[name] for name in figures]
    assert house["geometry"] == {"type": "Polygon", "coordinates": geojson(motion.building.outline)["coordinates"]}
    assert answer(client, "/ogc/collections/buildings/items?product=" + str(old.pk))["features"] == []
    make_alert(longitude, latitude)
    make_alert(longitude, latitude, state="rejected")
    make_region(bounds=(longitude - 1, latitude - 1, longitude + 1, latitude + 1))
    (region,) = answer(client, f"/ogc/collections/regions/items?{box}&level=1&filter=alerts=1")["features"]
    assert (region["id"], region["properties"]["name"]) == ("westshore", "Westshore")
    assert client.get(local(region["properties"]["url"])).status_code == 200
    assert answer(client, "/ogc/collections/regions/items/westshore")["properties"] == region["properties"]
    (one,) = answer(client, f"/ogc/collections/series/items?{box}&product={product.pk}&filter=pid='pt00000005'")[
        "features"
    ]
    api = answer(client, f"/api/v1/products/{product.pk}/points/pt00000005/series")
    assert {name: one["properties"][name] for name in ("dates", "displacement_mm")} == {
        name: api[name] for name in ("dates", "displacement_mm")
    }
    assert answer(client, f"/ogc/collections/series/items/{one['id']}")["properties"] == one["properties"]
    assert answer(client, f"{PRODUCTS}/{product.pk}")["properties"]["title"].startswith(
        "Velocity along the line of sig"
    )


def test_a_schema_has_the_type_of_each_property_also_of_those_that_are_null(client, two_tracks, make_alert):
    make_alert()
    make_building(two_tracks[0], (13.19, 38.7))
    make_region()
    make_station()
    motion = GlacierMotion.objects.create(glacier=made_glaciers.make_glacier())
    GlacierMotion.objects.filter(pk=motion.pk).update(speed_m_day=0.5, sigma_m_day=0.1, state="steady")
    nulls = set()
    for one in answer(client, "/ogc/collections")["collections"]:
        schema = answer(client, local(hrefs(one)["http://www.opengis.net/def/rel/ogc/1.0/schema"]))
        as_geojson = answer(client, local(hrefs(one)["describedby"]))
        Draft202012Validator.check_schema(schema)
        types, feature = schema["properties"], answer(client, local(hrefs(one)["items"]))["features"][0]
        assert [*types] == [*dict.fromkeys(["id", "geometry", *feature["properties"]])]
        assert [name for name, each in types.items() if not isinstance(each.get("type"), str)] == ["geometry"]
        known = {name: value for name, value in feature["properties"].items() if value is not None}
        nulls |= feature["properties"].keys() - known.keys()
        Draft202012Validator(schema).validate(known)
        Draft202012Validator(as_geojson).validate({"links": []} | feature | {"properties": known})
    assert "peak_high_mm_yr" in nulls


NONSENSE = ["limit=0", "limit=-1", "limit=x", "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=nan,0,1,1", "datetime=yesterday"]
NONSENSE += ["datetime=2024-01-02/2024-01-01", "datetime=../..", "after=%00", "after=x", "kind=none", "colour=red"]
NONSENSE += ["product=1"]


def test_what_makes_no_sense_is_a_problem_with_its_remedy(client):
    for query in NONSENSE:
        refused = client.get(f"{ALERTS}?{query}")
        assert refused.status_code == 400, query
        assert refused["Content-Type"] == "application/problem+json"
        assert {"type", "title", "status", "detail", "error", "remedy"} == set(refused.json())


def test_a_box_may_be_a_point_or_a_line(client, alert, product):
    for box in ("-12,47,-12,47", "-13,47,-11,47", "-12,46,-12,48", "-12.01,47.01,-12.01,47.01"):
        for address in (f"{ALERTS}?bbox={box}", f"/alerts.geojson?bbox={box}", f"/api/v1/alerts?bbox={box}"):
            found = answer(client, address)
            assert len(found.get("features", found.get("items"))) == 1, address
    assert answer(client, f"{ALERTS}?bbox=-12,47,0,-12,47,9")["numberReturned"] == 1  # with heights
    for box in ("0,0,0,0", "-11.9,47,-11.9,47", "180,-90,-180,90", "-12,48,-12,49"):
        assert answer(client, f"{ALERTS}?bbox={box}")["numberReturned"] == 0
    point = answer(client, f"{POINTS}?limit=1")["features"][0]
    longitude, latitude = point["geometry"]["coordinates"]
    found = answer(client, f"{POINTS}?bbox={longitude},{latitude},{longitude},{latitude}")["features"]
    assert [one["id"] for one in found] == [point["id"]]
    assert client.get(f"{ALERTS}?bbox=1,2,1,1").status_code == 400


def test_what_has_not_changed_is_not_sent_again_and_other_sites_may_ask(client, alert):
    first = client.get(ALERTS)
    assert client.get(ALERTS, headers={"If-None-Match": first["ETag"]}).status_code == 304
    Alert.objects.update(rate_mm_yr=-20.0)
    assert client.get(ALERTS, headers={"If-None-Match": first["ETag"]}).status_code == 200
    asked = client.options(ALERTS, headers={"Origin": "https://example.org", "Access-Control-Request-Method": "GET"})
    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "*")
    assert client.post(ALERTS).status_code == 405
    assert client.post(ALERTS)["Allow"] == "GET, HEAD"


CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
DEGREES, MERCATOR = (f"http://www.opengis.net/def/crs/EPSG/0/{code}" for code in (4326, 3857))


def test_coordinates_come_in_the_system_asked_for_and_the_answer_states_it(client, alert, product):
    longitude, latitude = answer(client, f"{POINTS}?limit=1")["features"][0]["geometry"]["coordinates"]
    moved = Transformer.from_crs(4326, 3857, always_xy=True).transform(longitude, latitude)
    expected = dict.fromkeys(("", CRS84), (longitude, latitude)) | {DEGREES: (latitude, longitude), MERCATOR: moved}
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


def test_further_pages_keep_the_system_and_collections_list_all_of_them_and_state_where_and_when(client, product):
    pages = every_page(client, f"{POINTS}?limit=5&crs={MERCATOR}&bbox-crs={CRS84}&bbox=-180,-90,180,90")
    assert [len(page) for page in pages] == [5, 5, 2]
    assert all(abs(one["geometry"]["coordinates"][0]) > 1000 for page in pages for one in page)
    assert all(first[0]["id"] < second[0]["id"] for first, second in pairwise(pages))
    listed = {one["id"]: one for one in answer(client, "/ogc/collections")["collections"]}
    assert [*listed] == ["alerts", "points", "series", "products", "buildings", "regions", "glaciers", "stations"]
    assert all((one["crs"], one["storageCrs"]) == ([CRS84, DEGREES, MERCATOR], CRS84) for one in listed.values())
    west, south, east, north = listed["points"]["extent"]["spatial"]["bbox"][0]
    assert 13 < west < east < 14
    assert 38 < south <= north < 39
    period = [f"{day.isoformat()}T00:00:00Z" for day in (product.dates[0], product.dates[-1])]
    assert listed["products"]["extent"]["temporal"]["interval"] == [period]
    classes = answer(client, "/ogc/conformance")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs" in classes


def test_a_system_that_is_not_offered_is_refused(client):
    for query in ("crs=EPSG:31467", "bbox-crs=x&bbox=1,2,3,4", f"bbox-crs={MERCATOR}&bbox=nan,0,1,1"):
        assert client.get(f"{ALERTS}?{query}").status_code == 400, query
    assert client.get(f"/stac/collections/predictions/items?crs={DEGREES}").status_code == 400

"""OGC API Features: what a GIS asks for, page by page, and nothing that is not public."""

from datetime import date
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from detection.models import Alert, GlacierMotion
from ingest.models import MeasurementPoint, Product
from ingest.products.selectors import points_behind
from ingest.products.services import product_load
from monitor.open_data.standards import points
from tests.makers import glaciers as made_glaciers
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


def test_collections_state_where_and_when(client, make_egms):
    product_load(path=make_egms())
    listed = {one["id"]: one for one in answer(client, "/ogc/collections")["collections"]}
    assert list(listed) == ["alerts", "points", "products", "glaciers", "stations"]
    west, south, east, north = listed["points"]["extent"]["spatial"]["bbox"][0]
    assert 13 < west < east < 14
    assert 38 < south <= north < 39
    product = Product.objects.get()
    assert listed["products"]["extent"]["temporal"]["interval"] == [
        [f"{day.isoformat()}T00:00:00Z" for day in (product.dates[0], product.dates[-1])]
    ]


def test_alerts_have_their_figures_and_are_filtered(client, make_alert):
    sinking = make_alert()
    rising = make_alert(longitude=5.0, kind="uplift", rate_mm_yr=9.0, last_motion=date(2021, 1, 1))
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


def test_rejected_and_merged_alerts_come_only_on_request(client, make_alert):
    rejected, merged, shown = (make_alert(state=state) for state in ("rejected", "merged", "first"))
    assert [one["id"] for one in answer(client, ALERTS)["features"]] == [shown.code]
    assert [one["id"] for one in answer(client, f"{ALERTS}?state=rejected")["features"]] == [rejected.code]
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


def test_a_page_of_points_reads_the_index_behind_its_key_and_no_row_more(two_tracks):
    wanted = {"product_id": two_tracks[0].pk, "pid": "pt00000003", "boxes": [], "most": 4}
    with CaptureQueriesContext(connection) as asked:
        assert [row["pid"] for row in points_behind(**wanted)] == [f"pt{index:08d}" for index in range(4, 8)]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # a dozen rows would be read whole
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked.captured_queries[-1]['sql']}")
        (plan,) = cursor.fetchone()
    node = plan[0]["Plan"]
    while "Plans" in node:
        assert node["Node Type"] != "Sort"
        node = node["Plans"][0]
    assert node["Node Type"] == "Index Scan"
    assert "pid" in node["Index Cond"]
    assert node["Actual Rows"] == 4


def test_points_have_units_in_their_names_and_lead_to_their_series(client, two_tracks):
    product = two_tracks[1]
    point = answer(client, f"{POINTS}?product={product.pk}&limit=1")["features"][0]
    assert point["geometry"]["type"] == "Point"
    assert point["properties"]["velocity_mm_yr"] == pytest.approx(-3.0)
    assert point["properties"]["component"] == "los"
    one = answer(client, f"{POINTS}/{point['id']}")
    assert {**one, "links": 0} == {**point, "links": 0}
    assert answer(client, local(hrefs(one)["related"]))["pid"] == point["properties"]["pid"]


def test_a_filter_without_a_match_ends_its_page_in_time_with_a_link_to_go_on(client, two_tracks, monkeypatch):
    monkeypatch.setattr(points, "SECONDS", 0.0)
    pages = every_page(client, "/ogc/collections/points/items?filter=velocity_mm_yr>9000")
    assert [len(page) for page in pages] == [0] * (len(two_tracks) + 1)


def test_points_of_a_box_and_of_the_whole_earth(client, two_tracks):
    longitude, latitude = answer(client, POINTS)["features"][5]["geometry"]["coordinates"]
    box = f"{longitude - 1e-4},{latitude - 1e-4},{longitude + 1e-4},{latitude + 1e-4}"
    here = answer(client, f"{POINTS}?bbox={box}")
    assert [one["properties"]["pid"] for one in here["features"]] == ["pt00000005"] * 2
    assert "numberMatched" not in here
    assert answer(client, f"{POINTS}?bbox=-180,-90,180,90")["numberReturned"] == 24
    assert answer(client, f"{POINTS}?bbox=0,0,1,1")["numberReturned"] == 0
    assert answer(client, f"{POINTS}?datetime=1999-01-01")["numberReturned"] == 0


@pytest.mark.parametrize("more", ["", " AND velocity_mm_yr < 100"])
def test_an_area_in_a_filter_is_read_by_the_index_as_a_box_is(client, two_tracks, more):
    longitude, latitude = answer(client, POINTS)["features"][5]["geometry"]["coordinates"]
    corners = f"{longitude - 1e-4:.5f}, {latitude - 1e-4:.5f}, {longitude + 1e-4:.5f}, {latitude + 1e-4:.5f}"
    condition = f"S_INTERSECTS(geometry, BBOX({corners})){more}"
    with CaptureQueriesContext(connection) as asked:
        found = answer(client, f"{POINTS}?{urlencode({'filter': condition})}")["features"]
    assert [one["properties"]["pid"] for one in found] == ["pt00000005"] * 2
    of_points = [one["sql"] for one in asked.captured_queries if 'FROM "ingest_measurementpoint"' in one["sql"]]
    assert len(of_points) == 2
    assert all('"tile_point" && ' in sql for sql in of_points)
    elsewhere = urlencode({"filter": "S_WITHIN(geometry, BBOX(0, 0, 1, 1))"})
    with CaptureQueriesContext(connection) as asked:
        assert not answer(client, f"{POINTS}?{elsewhere}")["features"]
    assert not any('FROM "ingest_measurementpoint"' in one["sql"] for one in asked.captured_queries)


def test_points_of_a_superseded_release_come_only_by_its_id(client, two_tracks):
    old, new = two_tracks
    Product.objects.filter(pk=old.pk).update(superseded_by=new)
    assert {one["properties"]["product"] for one in answer(client, POINTS)["features"]} == {new.pk}
    assert answer(client, f"{POINTS}?product={old.pk}")["numberReturned"] == 12
    assert answer(client, PRODUCTS)["numberReturned"] == 2


def test_who_loaded_a_file_is_in_no_answer(client, two_tracks):
    Product.objects.update(loaded_by="somebody-at-the-survey")
    for address in (POINTS, PRODUCTS, "/stac/collections/velocity-fields/items"):
        assert b"somebody-at-the-survey" not in client.get(address).content


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


NONSENSE = ["limit=0", "limit=-1", "limit=x", "bbox=1,2,3", "bbox=1,2,3,4,5", "bbox=nan,0,1,1", "datetime=yesterday"]
NONSENSE += ["datetime=2024-01-02/2024-01-01", "datetime=../..", "after=%00", "after=x", "kind=none", "colour=red"]
NONSENSE += ["product=1"]


@pytest.mark.parametrize("query", NONSENSE)
def test_what_makes_no_sense_is_a_problem_with_its_remedy(client, query):
    refused = client.get(f"{ALERTS}?{query}")
    assert refused.status_code == 400
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

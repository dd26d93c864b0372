"""What feed readers and maps of others get."""

import json
import re
from datetime import date, timedelta
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from django.contrib.gis.geos import MultiPolygon, Point
from django.utils import timezone
from django.utils.http import http_date

from detection.models import Alert
from monitor.open_data.feeds import alerts
from monitor.tasks import issue_cap_messages
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
ATOM, GEORSS = "{http://www.w3.org/2005/Atom}", "{http://www.georss.org/georss}"


@pytest.fixture
def three(make_alert) -> list[Alert]:
    """Return simulated alerts: two of sinking and one of rising ground."""
    kinds = ("subsidence", "subsidence", "uplift")
    return [make_alert(longitude=-12 + n / 10, kind=kind, simulated=True) for n, kind in enumerate(kinds)]


def entries(client, query: str = "", **headers: str) -> list[Element]:
    answer = client.get(f"/alerts.atom{query}", headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    return fromstring(answer.content).findall(f"{ATOM}entry")


def test_every_entry_has_what_atom_asks_for_and_says_what_moves(client, three):
    listed = entries(client)
    assert len(listed) == Alert.objects.count()
    for entry in listed:
        assert entry.findtext(f"{ATOM}id").startswith("urn:uuid:")
        assert entry.findtext(f"{ATOM}title").startswith("Simulated: ")
        assert entry.findtext(f"{ATOM}summary").startswith("The ground here ")
        assert re.fullmatch(r"http://testserver/alerts/\w+/", entry.find(f"{ATOM}link").get("href"))
        schemes = {one.get("scheme").partition("#")[2]: one.get("term") for one in entry.findall(f"{ATOM}category")}
        assert set(schemes) == {"kind", "state", "severity"}
        assert schemes["state"] in {"first", "provisional"}
        numbers = [float(one) for one in entry.findtext(f"{GEORSS}polygon").split()]
        assert len(numbers) >= 8
        assert numbers[:2] == numbers[-2:]  # closed
        assert all(46 < latitude < 48 for latitude in numbers[::2])
        assert all(-13 < longitude < -11 for longitude in numbers[1::2])
    before = {entry.findtext(f"{ATOM}id") for entry in listed}
    Alert.objects.update(simulated=False, state="confirmed")
    assert not any("Simulated" in entry.findtext(f"{ATOM}title") for entry in entries(client))
    again = entries(client, host="localhost")
    assert {entry.findtext(f"{ATOM}id") for entry in again} == before  # Ids stay after changes and on another host.
    Alert.objects.filter(pk=three[0].pk).update(state="rejected")
    assert len(entries(client)) == 2
    assert len(entries(client, "?state=rejected")) == 1


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@pytest.mark.parametrize("address", ["/alerts.atom", "/alerts.atom?region=westshore", "/cap.atom"])
@pytest.mark.parametrize("n_alerts", [0, 3])
def test_feeds_keep_the_rules_of_rfc_4287(client, make_alert, address, n_alerts):
    make_region()
    for _ in range(n_alerts):
        make_alert()
    issue_cap_messages()
    atom = fromstring(client.get(address).content)
    listed = atom.findall(f"{ATOM}entry")
    assert atom.tag == f"{ATOM}feed"
    assert len(listed) == n_alerts
    assert atom.findtext(f"{ATOM}author/{ATOM}name")
    (itself,) = [link.get("href") for link in atom.findall(f"{ATOM}link") if link.get("rel") == "self"]
    assert itself == f"http://testserver{address}"
    for one in (atom, *listed):
        for name in ("id", "title", "updated"):
            assert len(one.findall(f"{ATOM}{name}")) == 1
        for name in ("published", "summary", "subtitle", "rights", "content"):
            assert len(one.findall(f"{ATOM}{name}")) <= 1
        assert urlsplit(one.findtext(f"{ATOM}id")).scheme
        for name in ("updated", "published"):
            assert all(RFC_3339.fullmatch(moment.text) for moment in one.findall(f"{ATOM}{name}"))
        assert all(category.get("term") for category in one.findall(f"{ATOM}category"))
        alternates = [link for link in one.findall(f"{ATOM}link") if link.get("rel", "alternate") == "alternate"]
        assert alternates
        assert len({(link.get("type"), link.get("hreflang")) for link in alternates}) == len(alternates)
        assert all(urlsplit(link.get("href")).scheme for link in one.findall(f"{ATOM}link"))
    names = [one.findtext(f"{ATOM}id") for one in (atom, *listed)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("address", ["/alerts.atom", "/alerts.geojson"])
def test_any_page_may_read_the_feeds_and_nobody_may_write(client, three, address):
    first = client.get(address)
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in first
    assert b"application/cap+xml" not in first.content
    assert client.post(address).status_code == 405
    assert "Access-Control-Allow-Origin" not in client.get("/alerts/")
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    later = http_date((timezone.now() + timedelta(hours=1)).timestamp())
    assert client.get(address, headers={"If-Modified-Since": later}).status_code == 304
    issue_cap_messages()
    second = client.get(address, headers={"If-None-Match": first["ETag"]})
    assert second.status_code == 200
    assert (b"application/cap+xml" in second.content) == (address == "/alerts.atom")
    Alert.objects.first().save()
    assert client.get(address, headers={"If-None-Match": second["ETag"]}).status_code == 200


def geojson_codes(client, query: str) -> set[str]:
    answer = client.get(f"/alerts.geojson?{query}")
    assert answer.status_code == 200
    return {feature["properties"]["code"] for feature in json.loads(answer.content)["features"]}


def many_alerts(n: int) -> list[Alert]:
    """Alerts with outlines of some hundred corners, as detectors make them."""
    ring = Point(-12.0, 47.0, srid=4326).buffer(0.02, quadsegs=60)
    figures = {"state": "first", "severity": "moderate", "component": "up", "area_m2": 3e6, "rate_mm_yr": -14.0}
    figures |= {"first_motion": date(2020, 1, 3), "last_motion": date(2024, 12, 25), "rate_sigma_mm_yr": 1.0}
    figures |= {"area": MultiPolygon(ring, srid=4326), "simulated": False}
    kinds = ["subsidence", "uplift", "uplift"] * (n // 3 + 1)
    return Alert.objects.bulk_create(Alert(kind=kinds[at], peak_rate_mm_yr=-15.0 - at, **figures) for at in range(n))


def test_every_answer_of_the_geojson_is_small_and_together_they_hold_every_alert_once(client, monkeypatch):
    assert alerts.MAX_FEATURES == 500
    monkeypatch.setattr(alerts, "MAX_FEATURES", 50)
    many_alerts(123)
    for query, n, sizes in (("", 123, [50, 50, 23]), ("?kind=uplift&limit=45", 82, [45, 37])):
        address, pages = f"/alerts.geojson{query}", []
        while address:
            answer = client.get(address)
            assert len(answer.content) < 500_000
            body = json.loads(answer.content)
            assert body["numberMatched"] == n
            pages.append([one["properties"] for one in body["features"]])
            address = body.get("next")
        assert [len(page) for page in pages] == sizes
        assert len({one["code"] for page in pages for one in page}) == n
        assert {one["kind"] for one in pages[-1]} <= ({"uplift"} if query else {"uplift", "subsidence"})


def test_pages_list_some_alerts_and_lead_to_all_of_them(client):
    every = many_alerts(230)
    map_page = client.get("/").content.decode()
    assert map_page.count("data-alert-code=") == 100
    assert "The 100 most important are listed here." in map_page
    assert re.search(r'id="count">230 places<', map_page)
    listed: list[str] = []
    for page in (1, 2, 3):
        content = client.get(f"/alerts/?page={page}").content.decode()
        assert "230" in content
        listed += [alert.code for alert in every if f"/alerts/{alert.code}/" in content]
    assert sorted(listed) == sorted(alert.code for alert in every)
    assert "Next" not in client.get("/alerts/?page=3").content.decode()
    assert "kind=uplift&amp;page=2" in client.get("/alerts/?kind=uplift").content.decode()


def test_filters_of_the_geojson(client, three):
    everything, rising = {alert.code for alert in three}, three[2]
    wanted = dict.fromkeys(["", "bbox=-13,46,-11,48", "bbox=170,-90,-11,90"], everything)
    wanted |= {query: set() for query in ("state=confirmed", "bbox=5,46,11,48", "updated_since=2999-01-01")}
    wanted |= {"kind=uplift": {rising.code}, "updated_since=2001-01-01T00:00:00Z": everything}
    assert {query: geojson_codes(client, query) for query in wanted} == wanted
    assert rising.code in geojson_codes(client, f"bbox={','.join(map(str, rising.area.extent))}")


NONSENSE = ["kind=<script>", "kind=%00", "state=%00", "severity=9", "bbox=1,2,3", "bbox=nan,1,2,3", "bbox=1e999,0,1,1"]
NONSENSE += ["bbox=1,1,1,1,1", "bbox=0,5,9,1", "updated_since=yesterday", "updated_since=0001-01-01T00:00:00%2B23:59"]
NONSENSE += ["updated_since=%00"]
PARTS = ["limit=0", "limit=501", "limit=x", "limit=-1", "offset=-1", "offset=9999999"]


@pytest.mark.parametrize(("address", "queries"), [("/alerts.atom", NONSENSE), ("/alerts.geojson", NONSENSE + PARTS)])
def test_a_filter_that_makes_no_sense_is_refused_with_its_remedy(client, address, queries):
    for query in queries:
        answer = client.get(f"{address}?{query}")
        assert answer.status_code == 400, query
        assert answer["Content-Type"] == "application/problem+json"
        assert set(answer.json()) == {"type", "title", "status", "detail", "error", "remedy"}
        assert query not in PARTS or "whole number" in answer.json()["error"]


def test_the_list_of_the_map_is_computed_once_for_each_state_of_the_alerts(
    client, three, django_assert_max_num_queries
):
    def features(language: str = "en") -> list[dict]:
        answer = client.get(f"/alerts.geojson?language={language}")
        return [one["properties"] for one in json.loads(answer.content)["features"]]

    assert len(features()) == 3
    with django_assert_max_num_queries(3):
        assert len(features()) == 3
    assert features("de")[0]["kind_label"] != features()[0]["kind_label"]
    three[0].severity = "strong"
    three[0].save()
    assert [one["severity"] for one in features() if one["code"] == three[0].code] == ["strong"]
    Alert.objects.filter(pk=three[1].pk).delete()
    assert len(features()) == 2


@pytest.mark.parametrize("name", ["alerts.atom", "cap.atom", "alerts.ics"])
def test_feeds_of_a_subscription_answer_with_their_successor(client, name):
    answer = client.get(f"/feeds/secret/{name}")
    assert answer.status_code == 410
    assert "/alerts.atom?bbox=" in answer.content.decode()

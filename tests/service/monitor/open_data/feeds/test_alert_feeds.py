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
from monitor.tasks import issue_cap_messages
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
ATOM, GEORSS = "{http://www.w3.org/2005/Atom}", "{http://www.georss.org/georss}"


@pytest.fixture
def three(make_alert) -> list[Alert]:
    """Return simulated alerts: two of sinking and one of rising ground."""
    kinds = ("subsidence", "subsidence", "uplift")
    return [make_alert(longitude=-12 + n / 10, kind=kind, simulated=True) for n, kind in enumerate(kinds)]


def feed(client, query: str = "") -> Element:
    answer = client.get(f"/alerts.atom{query}")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/atom+xml; charset=utf-8"
    return fromstring(answer.content)


def entries(client, query: str = "") -> list[Element]:
    return feed(client, query).findall(f"{ATOM}entry")


def ids(client, query: str = "") -> list[str]:
    return [entry.findtext(f"{ATOM}id") for entry in entries(client, query)]


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
    Alert.objects.update(simulated=False)
    assert not any("Simulated" in entry.findtext(f"{ATOM}title") for entry in entries(client))


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


def test_the_outline_is_closed_and_gives_latitude_first(client, three):
    numbers = [float(one) for one in entries(client)[0].findtext(f"{GEORSS}polygon").split()]
    assert len(numbers) >= 8
    assert numbers[:2] == numbers[-2:]
    assert all(46 < latitude < 48 for latitude in numbers[::2])
    assert all(-13 < longitude < -11 for longitude in numbers[1::2])


def test_an_entry_keeps_its_id_while_it_changes_and_whatever_the_host(client, three):
    before = set(ids(client))
    assert len(before) == Alert.objects.count()
    for alert in Alert.objects.all():
        alert.state = "confirmed"
        alert.save()
    assert set(ids(client)) == before
    again = fromstring(client.get("/alerts.atom", headers={"host": "localhost"}).content)
    assert {entry.findtext(f"{ATOM}id") for entry in again.findall(f"{ATOM}entry")} == before


def test_rejected_alerts_leave_the_feed(client, three):
    alert = Alert.objects.first()
    Alert.objects.filter(pk=alert.pk).update(state="rejected")
    assert len(entries(client)) == Alert.objects.count() - 1
    assert len(entries(client, "?state=rejected")) == 1


@pytest.mark.parametrize("address", ["/alerts.atom", "/alerts.geojson"])
def test_what_has_not_changed_is_not_sent_again(client, three, address):
    first = client.get(address)
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    later = http_date((timezone.now() + timedelta(hours=1)).timestamp())
    assert client.get(address, headers={"If-Modified-Since": later}).status_code == 304
    Alert.objects.first().save()
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_a_message_issued_after_its_step_reaches_readers_who_have_the_feed_already(client, three):
    first = client.get("/alerts.atom")
    assert b"application/cap+xml" not in first.content
    issue_cap_messages()
    again = client.get("/alerts.atom", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert b"application/cap+xml" in again.content


@pytest.mark.parametrize("address", ["/alerts.atom", "/alerts.geojson"])
def test_any_page_may_read_the_feeds_and_nobody_may_write(client, three, address):
    assert client.get(address)["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in client.get(address)
    assert client.post(address).status_code == 405
    assert "Access-Control-Allow-Origin" not in client.get("/alerts/")


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


def test_every_answer_of_the_geojson_is_small_and_together_they_hold_every_alert_once(client):
    many_alerts(1203)
    address, seen, answers = "/alerts.geojson", [], 0
    while address:
        answer = client.get(address)
        assert len(answer.content) < 5_000_000
        body, answers = json.loads(answer.content), answers + 1
        assert len(body["features"]) <= 500
        assert body["numberMatched"] == 1203
        seen += [feature["properties"]["code"] for feature in body["features"]]
        address = body.get("next")
    assert answers == 3
    assert len(seen) == len(set(seen)) == 1203


def test_further_alerts_keep_the_filters_and_the_number_of_an_answer(client):
    many_alerts(30)
    body = json.loads(client.get("/alerts.geojson?kind=uplift&limit=12").content)
    following = json.loads(client.get(body["next"]).content)
    assert (len(body["features"]), len(following["features"])) == (12, 8)
    assert {one["properties"]["kind"] for one in following["features"]} == {"uplift"}
    assert "next" not in following


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=-1", "offset=-1", "offset=9999999"])
def test_another_part_than_there_is_is_refused(client, query):
    answer = client.get(f"/alerts.geojson?{query}")
    assert answer.status_code == 400
    assert "whole number" in answer.json()["error"]


def test_pages_list_some_alerts_and_lead_to_all_of_them(client):
    alerts = many_alerts(230)
    map_page = client.get("/").content.decode()
    assert map_page.count("data-alert-code=") == 100
    assert "The 100 most important are listed here." in map_page
    assert re.search(r'id="count">230 places<', map_page)
    listed: list[str] = []
    for page in (1, 2, 3):
        content = client.get(f"/alerts/?page={page}").content.decode()
        assert "230" in content
        listed += [alert.code for alert in alerts if f"/alerts/{alert.code}/" in content]
    assert sorted(listed) == sorted(alert.code for alert in alerts)
    assert "Next" not in client.get("/alerts/?page=3").content.decode()
    assert "kind=uplift&amp;page=2" in client.get("/alerts/?kind=uplift").content.decode()


def test_filters_of_the_geojson(client, three):
    everything = {alert.code for alert in Alert.objects.all()}
    rising = {alert.code for alert in Alert.objects.filter(kind="uplift")}
    assert geojson_codes(client, "") == everything
    assert geojson_codes(client, "kind=uplift") == rising
    assert geojson_codes(client, "state=confirmed") == set()
    assert geojson_codes(client, "bbox=-13,46,-11,48") == everything
    assert geojson_codes(client, "bbox=5,46,11,48") == set()
    assert geojson_codes(client, "bbox=170,-90,-11,90") == everything
    assert geojson_codes(client, "updated_since=2999-01-01") == set()
    assert geojson_codes(client, "updated_since=2001-01-01T00:00:00Z") == everything
    alert = Alert.objects.get(kind="uplift")
    west, south, east, north = alert.area.extent
    assert alert.code in geojson_codes(client, f"bbox={west},{south},{east},{north}")


NONSENSE = ["kind=<script>", "kind=%00", "state=%00", "severity=9", "bbox=1,2,3", "bbox=nan,1,2,3", "bbox=1e999,0,1,1"]
NONSENSE += ["bbox=1,1,1,1,1", "bbox=0,5,9,1", "updated_since=yesterday", "updated_since=0001-01-01T00:00:00%2B23:59"]
NONSENSE += ["updated_since=%00"]


@pytest.mark.parametrize("address", ["/alerts.atom", "/alerts.geojson"])
@pytest.mark.parametrize("query", NONSENSE)
def test_a_filter_that_makes_no_sense_is_refused_with_its_remedy(client, address, query):
    answer = client.get(f"{address}?{query}")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "error", "remedy"}


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

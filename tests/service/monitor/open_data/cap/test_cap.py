"""Messages are valid by the schema of OASIS, follow an alert's life once, and stay as they were issued."""

from pathlib import Path

import feedparser
import pytest
import xmlschema
from defusedxml.ElementTree import fromstring
from django.conf import settings
from django.contrib.gis.geos import MultiPolygon, Polygon

from detection.models import Alert, AlertTransition
from monitor.models.messages import CapMessage
from monitor.tasks import issue_cap_messages
from monitor.wording.cards.cards import alert_card
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
SCHEMA = Path(__file__).resolve().parents[4] / "data" / "CAP-v1.2.xsd"


@pytest.fixture(scope="session")
def oasis() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(SCHEMA)


def step(alert: Alert, state: str, reason: str = "made") -> None:
    AlertTransition.objects.create(alert=alert, from_state=alert.state, to_state=state, reason=reason)
    alert.state = state
    alert.save()
    issue_cap_messages()


def texts(client, address: str) -> dict[str, str]:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/cap+xml; charset=utf-8"
    message = fromstring(answer.content)
    for translation in message.findall(f"{CAP}info")[1:]:  # English comes first
        message.remove(translation)
    return {element.tag.removeprefix(CAP): element.text for element in message.iter()}


def test_a_life_is_alert_update_and_cancel_and_begins_anew(client, alert, oasis):
    issue_cap_messages()
    for state in ("provisional", "provisional", "finished", "first", "rejected"):
        step(alert, state)
    issued = list(CapMessage.objects.order_by("pk"))
    assert [one.message_type for one in issued] == ["Alert", "Update", "Update", "Cancel", "Alert", "Cancel"]
    for one in issued:
        assert oasis.is_valid(one.xml), list(oasis.iter_errors(one.xml))
    named = [[part.split(",")[1] for part in one.references.split()] for one in issued]
    ids = [one.identifier for one in issued]
    assert named == [[], ids[:1], ids[:2], ids[:3], [], ids[4:5]]
    sent = fromstring(issued[0].xml).findtext(f"{CAP}sent")
    assert issued[1].references == f"localhost,{ids[0]},{sent}"
    assert texts(client, f"/cap/{alert.code}.xml")["identifier"] == ids[-1]
    assert texts(client, f"/cap/{ids[0]}.xml")["msgType"] == "Alert"


def test_a_message_says_what_the_page_says_and_that_it_is_no_warning(client, make_alert, oasis):
    alert = make_alert(state="confirmed", severity="strong")
    issue_cap_messages()
    words = texts(client, f"/cap/{alert.code}.xml")
    assert words["description"].startswith(alert_card(alert).sentence)
    assert {"category": "Geo", "status": "Actual", "scope": "Public", "certainty": "Observed"}.items() <= words.items()
    assert (words["severity"], words["urgency"]) == ("Moderate", "Unknown")
    assert "not an emergency warning" in words["note"]
    assert len(words["note"].splitlines()) == len(settings.LANGUAGES)
    latitude, longitude = (float(part) for part in words["polygon"].split()[0].split(","))
    assert 46 < latitude < 48
    assert -13 < longitude < -11
    assert words["polygon"].split()[0] == words["polygon"].split()[-1]
    before = client.get(f"/cap/{alert.code}.xml").content  # what is issued never changes, and is not issued twice
    Alert.objects.update(rate_mm_yr=-99.0)
    issue_cap_messages()
    assert client.get(f"/cap/{alert.code}.xml").content == before
    assert CapMessage.objects.count() == 1


def test_simulated_alerts_are_tests_and_keep_the_schema_whatever_the_name(client, make_alert, oasis, monkeypatch):
    monkeypatch.setattr(
        "monitor.wording.cards.cards.alert_places", lambda alerts: [("Niederdorf <&> \x0b", None)] * len(alerts)
    )
    alert = make_alert(simulated=True)
    issue_cap_messages()
    words = texts(client, f"/cap/{alert.code}.xml")
    assert words["status"] == "Test"
    assert words["headline"].startswith("Simulated: ")
    assert oasis.is_valid(CapMessage.objects.get().xml)


def test_what_was_never_issued_is_not_taken_back_and_older_steps_are_not_made_up(client, make_alert):
    gone, old = make_alert(), make_alert()
    for state in ("provisional", "confirmed"):
        AlertTransition.objects.create(alert=old, from_state=old.state, to_state=state, reason="made")
        old.state = state
        old.save()
    AlertTransition.objects.create(alert=gone, from_state="first", to_state="rejected", reason="made")
    issue_cap_messages()
    assert [(one.alert, one.message_type) for one in CapMessage.objects.all()] == [(old, "Alert")]
    assert client.get(f"/cap/{gone.code}.xml").status_code == 404


def test_the_feed_of_messages_is_valid_and_holds_cancels(client, make_alert):
    here, elsewhere = make_alert(), make_alert(longitude=40.0)
    make_region()
    issue_cap_messages()
    step(here, "rejected")
    feed = feedparser.parse(client.get("/cap.atom").content)
    assert not feed.bozo
    assert [one.title.split(":")[0] for one in feed.entries] == ["Cancel", "Alert", "Alert"]
    assert client.get(feed.entries[0].link.removeprefix("http://testserver")).status_code == 200
    assert len(feedparser.parse(client.get("/cap.atom?bbox=39,46,41,48").content).entries) == 1
    assert client.get("/cap.atom?bbox=1").status_code == 400
    triangle = make_region(name="Corner")  # whose box, and not whose outline, holds the place
    triangle.outline = MultiPolygon(Polygon(((-12.1, 46.9), (-11.9, 46.9), (-12.1, 46.91), (-12.1, 46.9)), srid=4326))
    triangle.save()
    of = {name: feedparser.parse(client.get(f"/cap.atom?region={name}").content) for name in ("corner", "westshore")}
    assert {name: len(found.entries) for name, found in of.items()} == {"corner": 0, "westshore": 2}
    assert client.get("/cap.atom?region=nowhere").status_code == 400
    of_alerts = feedparser.parse(client.get("/alerts.atom").content)
    assert not of_alerts.bozo
    assert of_alerts.feed.id != feed.feed.id
    types = {link.type: link.href for link in of_alerts.entries[0].links if "type" in link}
    assert types["application/cap+xml"] == f"http://testserver/cap/{elsewhere.code}.xml"


def test_a_message_that_is_not_there_is_a_problem(client):
    for name in ("ZZZZ", "nonsense!", "ABCD-0000", "A-%00", "x" * 3000):
        missing = client.get(f"/cap/{name}.xml")
        assert (missing.status_code, missing["Content-Type"]) == (404, "application/problem+json"), name

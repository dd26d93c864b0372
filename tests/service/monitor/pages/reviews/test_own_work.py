"""Visits on site as plain forms; and what everybody reads of an alert that a person drew."""

from datetime import date, timedelta
from xml.etree.ElementTree import fromstring

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from detection.models import CaseFile, FieldVisit
from monitor.models.messages import OutgoingMessage
from monitor.notifications.rounds import messages_send
from monitor.open_data.cap.services import message_issue, transitions_due
from monitor.pages.reviews.visits import visits_remind
from monitor.wording.cards.cards import what_happened
from tests.makers.people import words
from tests.makers.reviews import drawn_alert

pytestmark = pytest.mark.django_db


def today(days: int = 0) -> str:
    return (timezone.now().date() + timedelta(days=days)).isoformat()


def test_everybody_reads_that_a_person_reported_it_and_nobody_reads_a_figure(operator, anna, client):
    area = MultiPolygon(Polygon.from_bbox((7.0, 51.0, 7.01, 51.01)), srid=4326)
    alert = drawn_alert(anna, area, seen_on=date(2026, 5, 3), kind="landslide", severity="strong")
    assert operator.get(f"/review/{alert.code}/").status_code == 200
    page = client.get(alert.get_absolute_url())
    read = words(page)
    assert "A specialist reported that the ground moves here; it was seen on 3 May 2026." in read
    assert "Cracks in the &lt;road&gt;." in read
    assert "People who live or work there have reported the motion." in read
    for invented in ("computer detected", "mm/year", "latest run", "How the ground moved", "anna"):
        assert invented not in read
    assert "Risse." in words(client.get(alert.get_absolute_url(), headers={"Accept-Language": "de"}))
    assert "reported by a specialist" in words(client.get("/alerts/"))
    assert client.get(f"{alert.get_absolute_url()}report/").status_code == 200
    feature = client.get("/alerts.geojson").json()["features"][0]["properties"]
    assert (feature["source"], feature["rate_label"]) == ("person", "reported by a specialist")
    row = client.get(f"/api/v1/alerts/{alert.code}").json()
    assert (row["source"], row["rate_mm_yr"], row["motion"]) == ("person", None, None)
    assert "A specialist reported" in client.get("/alerts.atom").content.decode()
    assert what_happened(alert.transitions.get()) == "A specialist reported this place in your region."
    (due,) = transitions_due()
    xml = message_issue(transition=due).xml
    assert fromstring(xml).findtext("{*}note").startswith("Reported by a specialist; satellite measurements do not")
    assert "<value>person</value>" in xml
    assert "Cracks in the &lt;road&gt;." in xml


def test_a_visit_is_planned_reminded_of_reported_and_becomes_a_verdict(operator, anna, make_alert, mailoutbox):
    alert = make_alert(longitude=1.0, state="first")
    page = f"/review/{alert.code}/"
    plan = {"verdict": "field-visit", "reason_code": "visit", "expected_state": "first", "remind": "on"}
    assert operator.post(page, plan | {"visit_day": today(-1)}).status_code == 400
    assert operator.post(page, plan | {"visit_day": today(), "visitor": str(anna.pk)}).status_code == 302
    assert "A visit on site is planned" in words(Client().get(alert.get_absolute_url()))
    visit = FieldVisit.objects.get()
    with translation.override("fr"):
        Client().force_login(anna)
    with translation.override("de"):
        assert (visits_remind(), visits_remind()) == (1, 0)
    messages_send(seconds=5)
    assert OutgoingMessage.objects.get(kind="visits").language == "fr"  # in which she last signed in
    assert OutgoingMessage.objects.get(kind="visits").state == "sent"
    assert f"/review/{alert.code}/" in mailoutbox[0].body
    assert mailoutbox[0].to == ["anna@example.org"]
    assert "visit due" in words(operator.get("/review/?visit=due"))
    assert "Report what was seen" in words(operator.get(page))
    report = {"visit": visit.pk, "expected_state": "first", "note": "Cracks."}
    assert operator.post(f"{page}visit/", report | {"result": "x"}).status_code == 400
    photo = SimpleUploadedFile("a.pdf", b"%PDF-1.7 of a crack")
    done = operator.post(f"{page}visit/", report | {"result": "seen:judge", "files": [photo]}, follow=True)
    alert.refresh_from_db()
    assert alert.state == "confirmed"
    assert CaseFile.objects.get().note.text == "Cracks."
    assert "Visit on site: Traces of motion were seen" in words(done)
    assert operator.post(f"{page}visit/", report | {"result": "seen"}).status_code == 409

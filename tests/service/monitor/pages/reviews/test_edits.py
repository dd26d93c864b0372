"""The form that changes an alert: what the public page, the feed and CAP make of it, and who may open what."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from detection.models import Alert, CaseFile
from monitor.models.messages import CapMessage
from monitor.open_data.cap.services import message_issue, transitions_due
from tests.makers.people import account, signed_in

pytestmark = pytest.mark.django_db


def outline(alert: Alert) -> str:
    west, south, east, north = alert.area.extent
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}})


def form(alert: Alert, **changes) -> dict[str, str]:
    plain = {"kind": alert.kind, "severity": alert.severity, "outline_is": "same", "announce": "on"}
    return plain | {"expected_state": alert.state, "expected_edit": "0"} | changes


def test_what_an_operator_changes_stands_on_the_page_in_the_feed_and_in_cap(operator, alert, client):
    for step in transitions_due():
        message_issue(transition=step)
    wanted = form(
        alert, kind="landslide", outline_is="drawn", outline=outline(alert), text_en="Old quarry <b>.", text_de="Bruch."
    )
    answer = operator.post(f"/review/{alert.code}/edit/", wanted)
    assert answer.status_code == 302, answer.content.decode()
    assert "Changed by hand" in operator.get(f"/review/{alert.code}/").content.decode()
    for step in transitions_due():
        message_issue(transition=step)
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "Old quarry &lt;b&gt;." in page
    assert "Sliding slope" in page
    assert "anna" not in page
    assert "Bruch." in client.get(alert.get_absolute_url(), headers={"Accept-Language": "de"}).content.decode()
    features = client.get("/alerts.geojson").json()["features"]
    shown = next(one for one in features if one["id"] == alert.pk)
    assert len(shown["geometry"]["coordinates"][0][0]) == 5
    cap = CapMessage.objects.filter(alert=alert).first()
    assert cap.message_type == "Update"
    assert "Old quarry" in cap.xml
    assert "Bruch." in cap.xml
    assert cap.xml.count("<polygon>") == 4  # one in each language
    edit = alert.edits.get()
    assert operator.post(f"/review/{alert.code}/edit/undo/", {"edit": edit.pk}).status_code == 302
    assert "Old quarry" not in client.get(alert.get_absolute_url()).content.decode()


def test_what_cannot_be_taken_comes_back_with_a_reason_and_what_was_written(operator, alert):
    wanted = form(alert, outline_is="drawn", outline='{"type": "Point"}', text_fr="Une carrière.")
    answer = operator.post(f"/review/{alert.code}/edit/", wanted)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "no GeoJSON of a polygon" in page
    assert "Une carrière." in page
    assert operator.post(f"/review/{alert.code}/edit/", form(alert, kind="unheard-of")).status_code == 400
    late = operator.post(f"/review/{alert.code}/edit/", form(alert, expected_edit="7"))
    assert late.status_code == 409
    assert not alert.edits.exists()


def test_files_of_notes_are_for_operators_and_never_open_in_the_site(operator, alert):
    file = SimpleUploadedFile("plan.html", b"%PDF-1.7 of a plan", "text/html")
    page = f"/review/{alert.code}/"
    assert operator.post(f"{page}notes/", {"note": "Seen by A.", "files": [file]}).status_code == 302
    kept = CaseFile.objects.get()
    answer = operator.get(f"{page}files/{kept.pk}/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="plan.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/pdf"
    assert Client().get(f"{page}files/{kept.pk}/").status_code == 302
    assert signed_in(account("carl")).get(f"{page}files/{kept.pk}/").status_code == 403
    assert "Seen by A." not in Client().get(alert.get_absolute_url()).content.decode()

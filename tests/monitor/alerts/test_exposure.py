"""What stands on an alert reaches its severity, its page, its mails, the lists and the interface for programs."""

import json

import pytest
from django.core.management import call_command
from django.template.loader import render_to_string

from detection.models import Alert, AlertExposure
from detection.selectors import alerts_public
from ingest.context.services import context_load, layer_delete
from ingest.models import ContextLayer
from ingest.readers.context.records import ContextKind
from monitor.cards.cards import alert_card


@pytest.fixture
def minor(watched_region, tmp_path) -> Alert:
    """An alert of low importance with 60 buildings on it, just loaded; the other alerts have none."""
    alert = Alert.objects.filter(severity="minor").first() or pytest.fail("the region has no minor alert")
    inside = alert.area.point_on_surface
    points = [{"type": "Point", "coordinates": [inside.x + 1e-7 * n, inside.y]} for n in range(60)]
    features = [{"type": "Feature", "properties": {"building": "yes"}, "geometry": point} for point in points]
    path = tmp_path / "houses.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    context_load(path=path, kind=ContextKind.BUILDINGS, simulated=True, attribution="Simulated data")
    return alert


def test_buildings_raise_an_alert_and_are_shown_wherever_it_is(minor, client):
    page = client.get(minor.get_absolute_url()).content.decode()
    assert "What stands here" not in page  # never counted with a layer
    call_command("exposure")
    call_command("exposure")
    minor.refresh_from_db()
    assert minor.severity == "moderate"
    assert AlertExposure.objects.get(alert=minor).buildings == 60
    sentence = "About 60 buildings stand on this ground."
    page = client.get(minor.get_absolute_url()).content.decode()
    assert sentence in page
    assert page.count("not known here") == 4  # roads of two classes, railways, people
    assert "houses (buildings, Simulated data), loaded" in page
    answer = client.get(f"/api/v1/alerts/{minor.code}").json()["exposure"]
    assert (answer["buildings"], answer["people"]) == (60, None)
    assert [source["name"] for source in answer["sources"]] == ["houses"]
    mail = {"card": alert_card(minor), "what_happened": "", "alert_url": ""}
    assert sentence in render_to_string("mail/alert.txt", mail)
    assert sentence in render_to_string("mail/_card.html", mail)
    moderate = [alert.pk for alert in alerts_public() if alert.severity == "moderate"]
    assert moderate[0] == minor.pk
    of_others = [one.buildings for one in AlertExposure.objects.exclude(alert=minor)]
    assert set(of_others) <= {0, None}


def test_without_the_layer_nothing_is_said_and_nothing_raised(minor, client):
    call_command("exposure")
    layer_delete(layer=ContextLayer.objects.get(kind=ContextKind.BUILDINGS))
    call_command("exposure")
    minor.refresh_from_db()
    assert minor.severity == "minor"
    assert AlertExposure.objects.get(alert=minor).buildings is None
    assert alert_card(minor).exposure_sentence == ""
    assert "What stands here" not in client.get(minor.get_absolute_url()).content.decode()

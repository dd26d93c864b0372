"""What stands on an alert and beside it reaches its severity, its cause, its page, its mails and lists."""

import pytest
from django.core.management import call_command
from django.template.loader import render_to_string

from detection.kinds import Kind
from detection.models import Alert, AlertCause, AlertExposure
from detection.selectors import alerts_public
from ingest.context.services import layer_delete
from ingest.models import ContextLayer
from ingest.readers.context.records import ContextKind
from monitor.wording.cards.cards import alert_card
from tests.ingest.context.conftest import square
from tests.waiting import reread


@pytest.fixture
def hamlet(watched_region, load_context) -> Alert:
    """Return a small alert that moves by 20 mm a year, with 60 buildings; the other alerts have none."""
    alert = Alert.objects.filter(area_m2__lt=9e5).first() or pytest.fail("the region has no small alert")
    alert.detections.update(peak_rate_mm_yr=-20.0, rate_sigma_mm_yr=1.0)
    inside = alert.area.point_on_surface
    points = [{"type": "Point", "coordinates": [inside.x + 1e-7 * n, inside.y]} for n in range(60)]
    load_context("buildings", points, simulated=True, building="yes")
    return alert


def test_buildings_raise_an_alert_and_are_shown_wherever_it_is(hamlet, client):
    page = client.get(hamlet.get_absolute_url()).content.decode()
    assert "What stands here" not in page  # never counted with a layer
    call_command("surroundings")
    call_command("surroundings")
    assert reread(hamlet).severity == "strong"
    assert AlertExposure.objects.get(alert=hamlet).buildings == 60
    sentence = "About 60 buildings stand on this ground."
    page = client.get(hamlet.get_absolute_url()).content.decode()
    assert sentence in page
    assert page.count("not known here") == 4  # roads of two classes, railways, people
    assert "buildings-True (buildings), loaded" in page
    answer = client.get(f"/api/v1/alerts/{hamlet.code}").json()["exposure"]
    assert (answer["buildings"], answer["people"]) == (60, None)
    assert [source["name"] for source in answer["sources"]] == ["buildings-True"]
    mail = {"card": alert_card(hamlet), "what_happened": "", "alert_url": ""}
    assert sentence in render_to_string("notifications/mail/alert.txt", mail)
    assert sentence in render_to_string("notifications/mail/alert.html", mail)
    assert alerts_public().first() == hamlet
    of_others = [one.buildings for one in AlertExposure.objects.exclude(alert=hamlet)]
    assert set(of_others) <= {0, None}


def test_without_the_layer_nothing_is_said_and_nothing_raised(hamlet, client):
    call_command("surroundings")
    layer_delete(layer=ContextLayer.objects.get(kind=ContextKind.BUILDINGS))
    call_command("surroundings")
    assert reread(hamlet).severity == "moderate"
    assert AlertExposure.objects.get(alert=hamlet).buildings is None
    assert alert_card(hamlet).exposure_sentence == ""
    assert "What stands here" not in client.get(hamlet.get_absolute_url()).content.decode()


DOUBTFUL = {"mining_subsidence": 0.45, "groundwater_subsidence": 0.15, "fill_or_quarry": 0.2}
DOUBTFUL |= {"landslide": 0.15, "uplift": 0.05}


def test_a_mine_beside_it_makes_a_doubtful_cause_sure_and_is_named(watched_region, load_context, client):
    alert = Alert.objects.filter(kind=Kind.SUBSIDENCE, extent="local").first()
    alert.detections.update(class_shares=DOUBTFUL)
    call_command("surroundings")
    assert (reread(alert).kind, alert.class_shares) == (Kind.SUBSIDENCE, DOUBTFUL)
    assert AlertCause.objects.get(alert=alert).terms == []
    inside = alert.area.point_on_surface
    outline = {"type": "Polygon", "coordinates": [square(inside.x, inside.y, 0.01)]}
    load_context("mines", outline, simulated=True, name="Old Pit", state="active")
    call_command("surroundings")
    assert reread(alert).kind == Kind.MINING
    assert alert.class_shares["mining_subsidence"] > 0.6
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "It lies inside a known mine that is listed as active. That speaks for: mining, fill or a quarry." in page
    assert AlertCause.objects.get(alert=alert).network_shares == DOUBTFUL

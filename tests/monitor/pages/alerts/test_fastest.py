"""A sinking city is one alert: wherever its rate is said, it is that of its fastest place."""

import json
import re
from importlib import import_module

import pytest
from django.apps import apps

from detection.models import Alert, Detection
from monitor.maps.map.layers import LAYERS
from monitor.notifications.mail import letters
from monitor.open_data.cap.services import message_issue
from monitor.wording.cards.cards import alert_card, alert_title

pytestmark = pytest.mark.django_db

CITY = {"rate_mm_yr": -9.0, "rate_sigma_mm_yr": 2.0, "peak_rate_mm_yr": -75.2, "peak_low_mm_yr": -65.0}
CITY |= {"peak_high_mm_yr": -84.0, "n_fast_places": 4, "area_m2": 957e6}
LABEL = "sinking up to 75 mm/year in 4 places; 9 around them"


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_page_list_report_and_map_say_the_fastest(client, make_alert):
    alert = make_alert(**CITY)
    url = alert.get_absolute_url()
    for address in (url, "/alerts/", f"{url}report/"):
        words = words_of(client.get(address).content.decode())
        assert re.search(r"↓ up to 75 (± 12 )?mm a year (sinking )?in 4 places; 9 around them", words), address
    first_screen = words_of(client.get(url).content.decode().split("What you can do")[0])
    assert "The fastest part sank by up to 75 mm a year (9 around it) between 2020 and 2024." in first_screen
    (feature,) = client.get("/alerts.geojson").json()["features"]
    assert feature["properties"]["rate_label"] == LABEL
    assert feature["properties"]["sentence"].startswith("The fastest part sank by about 75 mm a year")


def test_mails_and_warnings_say_the_fastest(make_alert, make_subscription):
    alert = make_alert(**CITY)
    card, first = alert_card(alert), alert.transitions.get()
    assert LABEL in alert_title(card)
    assert card.figure == "↓ up to 75 ± 12 mm a year between 2020 and 2024; in 4 places; 9 around them"
    draft = letters.alert_draft(card=card, picture=letters.map_part(alert, card), transition=first, unseen="")
    mail = letters.to_reader(draft, key="k", subscriptions=[make_subscription()])
    assert card.figure in mail.body
    assert LABEL in message_issue(transition=first).headline


def test_nested_outlines_have_a_key_on_the_map_of_their_alert(client, watched_region):
    alert = Alert.objects.exclude(detections__places=[]).first()
    page = client.get(alert.get_absolute_url()).content.decode()
    key = re.search(r'<ul class="drawn-key map-key.*?</ul>', page, re.DOTALL)[0]
    assert [name for name in ("key-area", "key-half", "key-core") if name not in key] == []
    Detection.objects.update(places=[])
    assert "map-key" not in client.get(alert.get_absolute_url()).content.decode()


def test_the_map_of_an_alert_opens_on_points_that_measure_what_its_rate_is(client, make_alert, monkeypatch):
    """Where tracks are loaded, too, the map of what a vertical product shows had not one point on it."""
    monkeypatch.setattr("monitor.maps.map.config.layers_available", lambda: list(LAYERS))

    def opens(**figures) -> str:
        page = client.get(make_alert(**figures).get_absolute_url()).content.decode()
        return json.loads(re.search(r'id="map-config"[^>]*>(.*?)</script>', page)[1])["default_layer"]

    assert opens(component="up") == "vertical"
    assert opens(component="los") == "los"
    assert opens(component="east") == "east"
    assert opens(component="") == "los"


def test_an_upgrade_counts_the_fast_places_of_the_alerts_that_there_are(watched_region):
    alert, other = Alert.objects.filter(extent="local", rate_mm_yr__isnull=False)[:2]
    main = alert.detections.filter(peak_rate_mm_yr=alert.peak_rate_mm_yr)
    places = [{"peak_low_mm_yr": factor * alert.rate_mm_yr} for factor in (5, 3, 1.5)]
    main.update(places=places, rate_mm_yr=alert.rate_mm_yr)
    other.detections.update(places=[])
    Alert.objects.update(n_fast_places=0)
    import_module("detection.migrations.0004_fast_places").count(apps, None)
    counted = dict(Alert.objects.values_list("pk", "n_fast_places"))
    assert (counted[alert.pk], counted[other.pk]) == (2, 0)

"""The report of an alert, kinds that a network names, what stands there; its rate is that of its fastest place."""

import json
import re
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command
from django.template.loader import render_to_string
from django.urls import reverse

from detection.kinds import KINDS, Kind
from detection.models import Alert, AlertCause, AlertExposure, AlertMotion, Detection
from detection.rules.lifecycle import State
from detection.selectors import OF_PLACES, alerts_public, detections_shown, steepest_tilts
from ground_motion.readers.context.records import ContextKind
from ingest.context.services import layer_delete
from ingest.models import ContextLayer, DisplacementSeries
from monitor.maps.map.layers import LAYERS
from monitor.notifications.mail import letters
from monitor.open_data.cap.services import message_issue
from monitor.pages.alerts.motion import places_block
from monitor.wording.cards.cards import alert_card, alert_cards, alert_title
from monitor.wording.points import tilt_sentence
from tests.service.ingest.context.conftest import square as ring_around
from tests.waiting import reread

pytestmark = pytest.mark.django_db
SHAPES = {"Polygon", "MultiPolygon"}


def test_an_area_without_a_series_shows_how_many_points_move_how_fast(client, watched_region):
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    with_series = client.get(f"/alerts/{alert.code}/").content.decode()
    AlertMotion.objects.all().delete()
    DisplacementSeries.objects.all().delete()
    page = client.get(f"/alerts/{alert.code}/").content.decode()
    assert "drawn-chart--histogram" in page
    assert "drawn-chart--histogram" not in with_series
    assert 'id="play"' in with_series
    assert 'id="play"' not in page, "a button without anything to play"
    assert re.search(r"Half of these points lie between −[\d.]+ and −?[\d.]+ mm a year.", page)
    rows = re.findall(
        r'<tr><td class="number">(.*?)</td><td class="number">.*?</td><td class="number">(\d+)</td>', page
    )
    assert f"Number of points ({sum(int(n) for _low, n in rows)})" in page
    assert "drawn-chart--histogram" in client.get(f"/alerts/{alert.code}/report/").content.decode()


def test_a_report_has_the_sentence_map_series_method_hashes_and_address(client, watched_region, settings):
    settings.PUBLIC_URL = "https://motion.example.org"
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    page = client.get(f"/alerts/{alert.code}/report/").content.decode()
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    detection, *_ = detections_shown(alert=alert)
    assert alert_card(alert).sentence in words
    assert "Simulated data." in words
    assert f"https://motion.example.org/alerts/{alert.code}/" in words
    assert detection.scan.prediction.raster_sha256 in words
    assert detection.scan.prediction.run.input_sha256 in words
    assert "Limits" in words
    assert page.count('<svg class="plan"') == 1
    assert '<svg class="drawn-chart drawn-chart--series"' in page
    assert re.search(r'<img src="/alerts/\w+/detections/\d+/points-1.png"', page)
    assert "<script" not in page
    assert f"/alerts/{alert.code}/report/" in client.get(alert.get_absolute_url()).content.decode()


def test_the_page_says_what_it_may_be_and_how_likely_that_is(client, make_alert):
    shares = {"mining_subsidence": 0.7, "groundwater_subsidence": 0.3}
    alert = make_alert(kind="mining-subsidence", class_shares=shares)
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "Sinking ground, likely mining" in page
    assert "Most likely cause: mining (7 in 10), pumped groundwater (3 in 10)." in page
    by_sign = make_alert(kind="subsidence").get_absolute_url()
    assert "Possible cause" not in client.get(by_sign).content.decode()
    report = client.get(f"{by_sign}report/").content.decode()  # of an alert without any run
    assert '<svg class="plan"' in report
    assert "Simulated data." not in report


def test_every_state_has_a_mark_and_every_kind_a_row_of_legend_and_about_page(client):
    style = (Path(settings.BASE_DIR) / "static/css/mark.css").read_text()
    assert [state for state in set(State) - {State.FIRST} if f".mark--{state}" not in style] == []
    legend, about = (client.get(reverse(name)).content.decode() for name in ("map", "about"))
    for row in KINDS.values():
        assert f"<li>{row.short}</li>" in legend
        assert f'<li class="mark {row.mark.classes}"' in legend
        assert str(row.meaning) in about


TILT = {"tilt_mm_m_yr": 0.043, "tilt_low_mm_m_yr": 0.031, "tilt_high_mm_m_yr": 0.06}


def square(side: float) -> dict:
    return {"type": "Polygon", "coordinates": [[[0, 0], [side, 0], [side, side], [0, side], [0, 0]]]}


def detection(peak: float, **more) -> SimpleNamespace:
    place = {"peak_rate_mm_yr": peak, "peak_low_mm_yr": 0.8 * peak, "peak_high_mm_yr": 1.2 * peak}
    place |= {"motion": square(0.01), "half": square(0.006), "core": square(0.003), **more}
    return SimpleNamespace(peak_rate_mm_yr=peak, places=[place])


def test_the_fastest_detection_gives_rows_and_outlines():
    block = places_block([detection(-10.0), detection(-30.0, **TILT)])
    assert block.rows == [{"rate": "30 mm a year", "between": "24 to 36", "half": "44 hectares", "core": "11 hectares"}]
    assert [one["properties"]["level"] for one in block.outlines["features"]] == ["half", "core"]
    assert "ten metres long moves about 0.4 mm a year more than the other (probably 0.3 to 0.6)" in block.tilt
    assert places_block([SimpleNamespace(peak_rate_mm_yr=-5.0, places=[])]) is None
    assert places_block([detection(-10.0)]).tilt == ""
    assert "both ends of a building move alike" in tilt_sentence({**TILT, "tilt_mm_m_yr": 0.003})


def test_the_steepest_tilt_of_an_alert_is_that_of_the_detection_that_gave_its_rates(watched_region):
    alerts = list(Alert.objects.all())
    for one in Detection.objects.all():
        Detection.objects.filter(pk=one.pk).update(places=[{**TILT, "tilt_mm_m_yr": 0.3 + one.pk}, TILT, {}])
    tilts = steepest_tilts(alerts=alerts)
    assert tilts
    for alert in alerts:
        own = alert.detections.filter(peak_rate_mm_yr=alert.peak_rate_mm_yr).values_list("pk", flat=True)
        assert tilts[alert.pk][0] - 0.3 in own
        assert tilts[alert.pk][1:] == tuple(TILT[name] for name in OF_PLACES[1:])
    Detection.objects.update(places=[dict.fromkeys(OF_PLACES, 0.5)])
    card = alert_cards(alerts[:1])[0]
    assert "one end of a house ten metres long would move by about 5.0 mm a year" in card.tilt_sentence
    assert card.tilt_sentence in card.sentences
    alerts[0].state = "finished"
    assert alert_cards(alerts[:1])[0].tilt_sentence == ""


@pytest.fixture
def hamlet(watched_region, load_context) -> Alert:
    """Return a small alert that moves by 20 mm a year, with 60 buildings; the other alerts have none."""
    alert = Alert.objects.filter(area_m2__lt=9e5).first() or pytest.fail("the region has no small alert")
    figures = {"peak_rate_mm_yr": -20.0, "peak_low_mm_yr": None, "peak_high_mm_yr": None, "rate_sigma_mm_yr": 1.0}
    for rows in (alert.detections, Alert.objects.filter(pk=alert.pk)):
        rows.update(**figures)
    AlertMotion.objects.filter(alert=alert).delete()  # its series shows that it speeds up
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
    assert "Buildings: about 60" in re.sub(r"\s+", " ", page)
    assert page.count("not known here") == 5  # roads of two classes, railways, people, and people at a glance
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
    layer_delete(layer=ContextLayer.objects.get(kind=ContextKind.BUILDINGS))
    call_command("surroundings")
    assert reread(hamlet).severity == "moderate"
    assert AlertExposure.objects.get(alert=hamlet).buildings is None
    assert alert_card(hamlet).exposure_sentence == ""
    assert "What stands here" not in client.get(hamlet.get_absolute_url()).content.decode()


DOUBTFUL = {"mining_subsidence": 0.55, "groundwater_subsidence": 0.15, "fill_or_quarry": 0.1}
DOUBTFUL |= {"landslide": 0.15, "uplift": 0.05}


def test_a_mine_beside_it_makes_a_doubtful_cause_sure_and_is_named(watched_region, load_context, client):
    alert = Alert.objects.filter(kind=Kind.SUBSIDENCE, extent="local").first()
    alert.detections.update(class_shares=DOUBTFUL)
    call_command("surroundings")
    assert (reread(alert).kind, alert.class_shares) == (Kind.SUBSIDENCE, DOUBTFUL)
    assert AlertCause.objects.get(alert=alert).terms == []
    inside = alert.area.point_on_surface
    outline = {"type": "Polygon", "coordinates": [ring_around(inside.x, inside.y, 0.01)]}
    load_context("mines", outline, simulated=True, name="Old Pit", state="active")
    call_command("surroundings")
    assert reread(alert).kind == Kind.MINING
    assert alert.class_shares["mining_subsidence"] > 0.7
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "It lies inside a known mine that is listed as active. Evidence for: mining, fill or a quarry." in page
    assert AlertCause.objects.get(alert=alert).network_shares == DOUBTFUL


CITY = {"rate_mm_yr": -9.0, "rate_sigma_mm_yr": 2.0, "peak_rate_mm_yr": -75.2, "peak_low_mm_yr": -65.0}
CITY |= {"peak_high_mm_yr": -84.0, "n_fast_places": 4, "area_m2": 957e6}
LABEL = "sinking 75 mm/year in the fastest part"


def words_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_every_output_says_the_fastest(client, make_alert, make_subscription):
    alert = make_alert(**CITY)
    url = alert.get_absolute_url()
    for address in (url, "/alerts/", f"{url}report/"):
        words = words_of(client.get(address).content.decode())
        beside = "" if address == "/alerts/" else r" ?;? 9.0 ± 4.0 on average"
        assert re.search(rf"↓ 75 ± 12 mm a year in the fastest part{beside}", words), address
    first_screen = words_of(client.get(url).content.decode().split("What you can do")[0])
    assert "The fastest part sank by about 75 mm a year between 2020 and 2024." in first_screen
    (feature,) = client.get("/alerts.geojson").json()["features"]
    assert feature["properties"]["rate_label"] == LABEL
    assert feature["properties"]["sentence"].startswith("The fastest part sank by about 75 mm a year")
    card, first = alert_card(alert), alert.transitions.get()
    assert LABEL in alert_title(card)
    assert card.figure == "↓ 75 ± 12 mm a year in the fastest part between 2020 and 2024; 9.0 ± 4.0 on average"
    to = {"key": "k", "subscriptions": [make_subscription()]}
    mail = letters.alert_mail(**to, card=card, picture=letters.map_part(alert, card), transition=first, unseen="")
    assert card.figure in mail.body
    assert LABEL in message_issue(transition=first).headline


def test_nested_outlines_have_a_key_on_the_map_of_their_alert(client, watched_region):
    alert = Alert.objects.exclude(detections__places=[]).first()
    page = client.get(alert.get_absolute_url()).content.decode()
    key = re.search(r'<ul class="drawn-key map-key.*?</ul>', page, re.DOTALL)[0]
    assert [name for name in ("key-area", "key-half", "key-core") if name not in key] == []
    assert "key-before" not in key, "it is as it was found"
    Alert.objects.filter(pk=alert.pk).update(area=MultiPolygon(Polygon.from_bbox(alert.area.extent), srid=4326))
    grown = client.get(alert.get_absolute_url()).content.decode()
    assert "key-before" in grown
    assert json.loads(re.search(r'id="first-outline"[^>]*>(.*?)</script>', grown)[1])["geometry"]["type"] in SHAPES
    Alert.objects.filter(pk=alert.pk).update(area=alert.area)
    Detection.objects.update(places=[])
    assert "map-key" not in client.get(alert.get_absolute_url()).content.decode()


def test_the_map_of_an_alert_opens_on_points_and_colours_that_measure_what_its_rate_is(
    client, make_alert, watched_region, monkeypatch
):
    """Where tracks are loaded, too, the map of what a vertical product shows had not one point on it."""
    monkeypatch.setattr("monitor.maps.map.selectors.layers_available", lambda: list(LAYERS))

    def config(alert: Alert) -> dict:
        page = client.get(alert.get_absolute_url()).content.decode()
        return json.loads(re.search(r'id="map-config"[^>]*>(.*?)</script>', page)[1])

    for component, layer in (("up", "vertical"), ("los", "los"), ("east", "east"), ("", "los")):
        assert config(make_alert(component=component))["default_layer"] == layer


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

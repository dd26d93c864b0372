"""When a place is seen next, what that would show, and what the last look did not: pages, API and calendars."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from icalendar import Calendar

from detection.models import AlertMotion, Detection, Scan
from detection.rules.lifecycle import as_json
from detection.rules.passes import Passes
from detection.search.patches import CHANGE, MOTION
from ingest.scenes.next_pass import CYCLE
from ml.models import Prediction
from tests.makers import pairs as made_pairs
from tests.makers.looks import catalogued
from tests.makers.people import words as text
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
NOW = datetime(2026, 2, 20, 9, 30, tzinfo=UTC)
LAST = datetime(2026, 2, 19, 18, 5, 30, tzinfo=UTC)
SENTENCE = "Next look from space: around Tuesday 3 March, 18:05 UTC (track 37, ascending, Sentinel-1A)."


@pytest.fixture(autouse=True)
def today(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: NOW)


def motion_of(alert, product, noise_mm: float = 2.1) -> None:
    """Give an alert a series of a product, with this error of one date."""
    rates = {"trend": "steady", "rate_mm_yr": -14.0, "rate_sigma_mm_yr": 1.0, "season_mm": 0.0}
    series = {"dates": ["2024-01-05", "2025-01-11"], "displacement_mm": [0.0, -14.0], "fit_mm": [0.0, -14.0]}
    fit = series | {"changes": [], "noise_mm": noise_mm}
    AlertMotion.objects.create(alert=alert, product=product, n_dates=60, fit=fit, basis="made", **rates)


def searched(sigma_px: float = 0.04, last: datetime = LAST) -> Prediction:
    """Two images twelve days apart, in which nothing was found: offsets, and the change of coherence."""
    reference, secondary = (made_pairs.make_scene(at) for at in (last - CYCLE, last))
    pair = made_pairs.make_pair(reference, secondary)
    still = made_pairs.full(0.0)
    offsets = made_pairs.make_prediction(pair, "offsets", made_pairs.offsets_of(still, still, sigma_px))
    change = made_pairs.make_prediction(pair, "coherence-change", {"change_sigma": still})
    for prediction, thresholds in ((offsets, MOTION), (change, CHANGE)):
        Scan.objects.create(prediction=prediction, thresholds=thresholds._asdict())
    return offsets


def page_of(client, alert, language: str = "en") -> str:
    return text(client.get(alert.get_absolute_url(), headers={"accept-language": language}))


def test_an_alert_says_when_it_is_seen_next_and_by_what(client, alert):
    catalogued(LAST)
    assert SENTENCE in page_of(client, alert)
    clock = re.search(r'<time class="clock" datetime="([^"]+)">', client.get(alert.get_absolute_url()).content.decode())
    assert datetime.fromisoformat(clock[1]) == (LAST + CYCLE).replace(second=0)


def test_a_place_that_is_never_imaged_or_not_followed_says_nothing_of_looks(client, alert, make_alert):
    make_region("Westshore")
    catalogued(LAST, box=(70, 10, 71, 11))
    for address in (alert.get_absolute_url(), "/regions/westshore/"):
        page = text(client.get(address))
        assert "look from space" not in page
        assert "Looks from space" not in page
        assert "Looks as a calendar" not in page
    catalogued(LAST, box=make_alert(longitude=20.0).area.extent)
    for other in (alert, *(make_alert(state=state, longitude=20.0) for state in ("rejected", "merged"))):
        assert client.get(f"/api/v1/alerts/{other.code}").json()["looks"] == []


def test_two_satellites_on_two_tracks_are_all_told_and_the_first_is_shown(client, alert):
    catalogued(LAST)
    catalogued(LAST - 6 * DAY, platform="S1D")
    catalogued(LAST - 2 * DAY, platform="NISAR", track=110, direction="descending")
    ahead = client.get(f"/api/v1/alerts/{alert.code}").json()["looks"]
    assert [(look["platform"], look["track"]) for look in ahead] == [("S1D", 37), ("NISAR", 110), ("S1A", 37)]
    assert "around Wednesday 25 February, 18:05 UTC (track 37, ascending, Sentinel-1D)." in page_of(client, alert)
    assert "(track 110, descending, NISAR)" in ahead[1]["sentence"]


def test_a_pass_that_is_seldom_used_may_be_seen_and_a_satellite_that_ended_is_not_expected(client, alert):
    catalogued(LAST - 7 * CYCLE, platform="S1B")
    assert "from space" not in page_of(client, alert)
    catalogued(LAST - 2 * CYCLE)
    assert "May be seen from space around Tuesday 3 March, 18:05 UTC" in page_of(client, alert)


def test_of_a_series_of_its_own_track_it_would_show_two_errors_of_a_difference(client, alert, product):
    motion_of(alert, product)
    catalogued(LAST, track=product.track + 1)
    assert "would show" not in page_of(client, alert)
    catalogued(LAST - DAY, track=product.track)
    assert "It would show motion of more than about 6 mm since the last one." in page_of(client, alert)
    look, _other = client.get(f"/api/v1/alerts/{alert.code}").json()["looks"]
    assert look["motion_m"] == pytest.approx(2 * 2**0.5 * 2.1e-3)


def test_of_pairs_of_its_track_it_would_show_metres_and_changed_surface(client, alert):
    searched()
    catalogued(LAST, track=901)
    shown = "It would show motion of more than about 2.5 m and a change of the surface over more than 32 hectares"
    assert shown in page_of(client, alert)


def test_after_a_look_it_says_what_would_have_been_seen_unless_that_was_news_or_is_known(client, alert, make_alert):
    offsets = searched(sigma_px=0.1)
    nothing = "Looked on 19 February 2026: nothing new. Motion of more than about 6.0 m or a change of the surface over"
    assert nothing in page_of(client, alert)
    assert client.get(f"/api/v1/alerts/{alert.code}").json()["looked"].startswith(nothing)
    assert "Looked on" not in page_of(client, make_alert(last_motion=LAST.date())), "it has newer data"
    told = as_json(Passes(1, LAST.date() - 30 * DAY, LAST.date(), -5.0, -30.0, 2.0, False, -30.0))
    assert "Looked on" not in page_of(client, make_alert(passes=told)), "new passes have told of it"
    found = {"kind": "moving-ground", "score": 1.0, "n_points": 9, "area": alert.area, "area_m2": alert.area_m2}
    Detection.objects.create(scan=offsets.scan, alert=alert, **found)
    assert client.get(f"/api/v1/alerts/{alert.code}").json()["looked"] == "", "it found the alert"


def test_where_the_rasters_are_gone_the_page_says_when_and_not_what(client, alert):
    offsets = searched()
    catalogued(LAST, track=901)
    for prediction in Prediction.objects.all():
        prediction.raster.storage.delete(prediction.raster.name)
    page = page_of(client, alert)
    assert "Next look from space" in page
    assert "would" not in page.partition("Next look from space")[2].partition("What residents report")[0]
    assert offsets.pk


def test_a_region_and_a_house_say_it_too(client, product):
    catalogued(LAST)
    make_region("Westshore")
    assert SENTENCE in text(client.get("/regions/westshore/"))
    catalogued(LAST, box=product.footprint.extent)
    longitude, latitude = product.footprint.point_on_surface.coords
    assert SENTENCE in text(client.get(f"/here/?lat={latitude}&lon={longitude}"))
    (look,) = client.get(f"/api/v1/here?lat={latitude}&lon={longitude}").json()["looks"]
    assert look["sentence"] == SENTENCE


def test_it_is_said_in_the_language_of_the_reader(client, alert):
    catalogued(LAST)
    sentence = "Nächster Blick aus dem All: etwa Dienstag, 3. März, 18:05 UTC (Bahn 37, aufsteigend, Sentinel-1A)."
    assert sentence in page_of(client, alert, "de").replace("\u00a0", " ")


def events(client, address: str) -> list:
    answer = client.get(address)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert max(map(len, answer.content.split(b"\r\n"))) <= 75
    return list(Calendar.from_ical(answer.content).walk("VEVENT"))


def test_a_calendar_has_an_event_for_every_look(client, alert):
    catalogued(LAST)
    address = f"{alert.get_absolute_url()}looks.ics"
    (before,) = events(client, address)
    catalogued(LAST - 2 * CYCLE - DAY, track=110)
    seldom, look = events(client, address)
    assert look["DTSTART"].dt == (LAST + CYCLE).replace(second=0)
    assert look["DTSTAMP"].dt == LAST.replace(second=0)
    assert (look["STATUS"], seldom["STATUS"]) == ("CONFIRMED", "TENTATIVE")
    assert look["DESCRIPTION"] == SENTENCE
    assert look["CLASS"] == "PUBLIC"
    assert look["URL"].endswith(alert.get_absolute_url())
    catalogued(LAST + timedelta(seconds=40), n=1)
    _seldom, after = events(client, address)
    assert before["DTSTART"].dt != after["DTSTART"].dt, "later images move it by a minute"
    assert before["UID"] == after["UID"]


def test_calendars_of_regions_are_public_and_hold_no_reader(client, alert):
    make_region("Westshore")
    empty = Calendar.from_ical(client.get("/regions/westshore/looks.ics").content)
    assert list(empty.walk("VEVENT")) == []
    assert empty["DESCRIPTION"].startswith("Each pass of a satellite over this place becomes an event")
    catalogued(LAST)
    (look,) = events(client, "/regions/westshore/looks.ics")
    assert look["SUMMARY"] == "Look from space: Westshore"
    assert client.get("/regions/nowhere/looks.ics").status_code == 404
    assert client.get("/alerts/ZZZZ/looks.ics").status_code == 404
    answer = client.get("/regions/westshore/looks.ics")
    assert "public" in answer["Cache-Control"]
    assert not answer.cookies


def test_looks_cost_a_page_few_queries(client, alert, django_assert_num_queries, django_assert_max_num_queries):
    from monitor.wording.cards.looks import looks_at_alert, looks_at_place

    searched()
    catalogued(LAST, track=901)
    with django_assert_max_num_queries(4):  # its series, searches, images, and whether the last look was news
        looks_at_alert(alert)
    with django_assert_num_queries(1):
        looks_at_place(alert.area)

"""Addresses come from a geocoder by this server's own question: seldom, remembered, and never while one types."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from ingest.sources.client.geocoder import kind_of
from monitor.operations.health.condition import Wrong
from monitor.operations.health.site_checks import geocoder
from tests.ingest.sources import replay

pytestmark = pytest.mark.django_db
TYPED = "Hauptstraße 5 Aldwick"
HOUSE = {"display_name": "5, Hauptstraße, Aldwick, Westshore, 12345, Atlantis", "lon": "-12.0012", "lat": "47.0034"}
HOUSE |= {"boundingbox": ["47.00335", "47.00345", "-12.00125", "-12.00115"]}
STREET = {"display_name": "<b>Hauptstraße</b>, Aldwick, Atlantis", "lon": "-12.0", "lat": "47.0"}
STREET |= {"boundingbox": ["46.9", "47.1", "-12.1", "-11.9"]}
NOMINATIM = [HOUSE, STREET]  # as Nominatim 4 answers with format=jsonv2
FOUND = {"street": "Hauptstraße", "housenumber": "5", "postcode": "12345", "city": "Aldwick", "country": "Atlantis"}
FEATURE = {"geometry": {"type": "Point", "coordinates": [-12.0012, 47.0034]}, "properties": FOUND}
PHOTON = {"type": "FeatureCollection", "features": [FEATURE]}


@pytest.fixture
def server(settings):
    """Run an allowed geocoder on this machine; every test begins without memory of an earlier one."""
    cache.clear()
    with replay.running() as running:
        running.answers["/search"] = lambda request: (NOMINATIM, {})
        running.answers["/api"] = lambda request: (PHOTON, {})
        settings.OUTBOUND_HOSTS = [running.address]
        settings.GEOCODER_URL, settings.GEOCODER_SECONDS = f"{running.address}/search", 0
        yield running


def ask(typed: str = TYPED, **wanted) -> dict:
    return Client().get("/places.json", {"q": typed, "addresses": "1", **wanted}).json()


def test_an_address_is_found_when_enter_is_pressed_and_not_while_it_is_typed(server):
    typing = Client().get("/places.json", {"q": TYPED}).json()
    assert typing["hits"] == []
    assert "Press Enter to search for an address at 127.0.0.1" in typing["note"]
    assert server.requests == []
    answer = ask()
    house, street = answer["hits"]
    assert (house["name"], house["detail"]) == ("5, Hauptstraße", "Aldwick, Westshore, 12345, Atlantis")
    assert house["bounds"] == [-12.0042, 47.0004, -11.9982, 47.0064]  # 300 m around it
    assert street["bounds"] == [-12.1, 46.9, -11.9, 47.1]
    assert "© OpenStreetMap contributors" in answer["note"]
    (request,) = server.requests
    assert parse_qs(urlsplit(request.path).query)["q"] == [TYPED]
    assert re.fullmatch(r"ground-motion-monitor \(\+http.+\)", request.headers["User-Agent"])
    assert not {"Cookie", "Referer", "X-Forwarded-For"} & set(request.headers)


def test_the_same_question_is_asked_once_a_day(server):
    assert ask() == ask()
    assert ask(TYPED.upper())["hits"] == ask()["hits"]
    assert len(server.requests) == 1


def test_one_question_a_second_for_all_visitors_together(server, settings):
    settings.GEOCODER_SECONDS = 30
    assert ask()["hits"]
    assert "Try again in a few seconds" in ask("Another street 7")["note"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("typed", ["Mexico", "47.0, -12.0", "ab"])
def test_what_is_known_here_is_asked_of_nobody(server, typed):
    ask(typed)
    assert server.requests == []


@pytest.mark.parametrize("begin", ["", "photon+"])
def test_photon_is_known_by_its_address(server, settings, begin):
    settings.GEOCODER_URL = f"{begin}{server.address}/api"
    (hit,) = ask()["hits"]
    assert (hit["name"], hit["detail"]) == ("Hauptstraße 5", "12345 Aldwick, Atlantis")
    assert [kind_of(f"https://{host}.example.org/") for host in ("photon", "nominatim")] == ["photon", "nominatim"]
    assert kind_of("nominatim+https://maps.example.org/find") == "nominatim"


def test_the_page_without_scripts_finds_it_too_and_stays_text(server):
    page = Client().get("/places/", {"q": TYPED}).content.decode()
    assert "5, Hauptstraße" in page
    assert "&lt;b&gt;Hauptstraße" in page
    assert "<b>Hauptstraße" not in page
    assert "© OpenStreetMap contributors" in page


@pytest.mark.parametrize(
    "answer",
    [
        replay.status(429),
        replay.status(200),
        replay.redirect("http://127.0.0.1:9/elsewhere"),
        lambda handler, data: handler.send(200, b'{"a": 1}'),
        lambda handler, data: handler.send(200, b'[{"display_name": "x", "lon": "nan", "lat": "0"}]'),
    ],
)
def test_a_geocoder_that_fails_is_left_alone_for_a_while_and_the_search_says_so(server, answer):
    server.answers.clear()
    server.always["/search"] = answer
    for typed in (TYPED, "Another street 7"):
        assert ask(typed)["note"] == "The search for addresses does not answer at the moment."
    assert len(server.requests) == 1


def test_a_host_that_is_not_listed_is_not_contacted_and_the_doctor_says_why(server, settings):
    assert geocoder() == "nominatim at 127.0.0.1"
    settings.OUTBOUND_HOSTS = []
    assert "does not answer" in ask("Another street 7")["note"]
    with pytest.raises(Wrong, match="OUTBOUND_HOSTS"):
        geocoder()
    settings.GEOCODER_URL = "https://example.org/find"
    with pytest.raises(Wrong, match="GEOCODER_URL: it ends with /search"):
        geocoder()
    assert len(server.requests) == 1


def test_the_page_about_the_service_says_who_learns_what(settings):
    assert "nominatim.example.org" not in Client().get("/about/").content.decode()
    settings.GEOCODER_URL = "https://nominatim.example.org/search"
    assert "sends the words to nominatim.example.org" in re.sub(r"\s+", " ", Client().get("/about/").content.decode())

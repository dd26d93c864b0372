"""A reader gets the page in a language of theirs, and no copy of it reaches somebody who reads another."""

import pytest
from django.conf import settings
from django.test import Client

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


@pytest.fixture
def client(db) -> Client:
    return Client()


def language(answer) -> str:
    return answer["Content-Language"]


def test_a_page_follows_the_browser(client):
    assert language(client.get("/about/")) == "en"
    assert language(client.get("/about/", headers=GERMAN)) == "de"
    assert language(client.get("/about/", headers={"Accept-Language": "ja"})) == "en"


def test_a_choice_wins_over_the_browser_and_the_address_over_both(client):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    assert language(client.get("/about/", headers=GERMAN)) == "fr"
    assert language(client.get("/about/?language=es", headers=GERMAN)) == "es"
    assert language(client.get("/about/?language=klingon", headers=GERMAN)) == "fr"
    assert language(client.get("/about/", headers=GERMAN)) == "fr"  # the address stands for one request


def test_copies_of_a_page_are_kept_apart(client):
    varies = client.get("/about/")["Vary"]
    assert {"Accept-Language", "Cookie"} <= set(varies.split(", "))
    assert "Accept-Language" not in client.get("/about/?language=de").get("Vary", "")


@pytest.mark.parametrize("path", ["/alerts.geojson", "/alerts.atom", "/api/v1/alerts", "/tiles/ground/0/0/0.mvt"])
def test_public_data_follow_their_address_only(client, path):
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    answer = client.get(path, headers=GERMAN)
    assert answer.get("Content-Language", "en") == "en"
    assert "Accept-Language" not in answer.get("Vary", "")


def test_a_choice_is_kept_in_a_cookie_that_grants_nothing(client):
    answer = Client(enforce_csrf_checks=True).post("/language/", {"language": "de", "next": "/about/?a=1#limits"})
    assert answer["Location"] == "/about/?a=1#limits"
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == ("de", "Lax", True)


def test_a_choice_leads_nowhere_else(client):
    answer = client.post("/language/", {"language": "de", "next": "https://elsewhere.example/"})
    assert answer["Location"] == "/"
    assert settings.LANGUAGE_COOKIE_NAME not in client.post("/language/", {"language": "xx"}).cookies
    assert client.get("/language/").status_code == 405


def test_where_an_address_leads_on_to_the_language_goes_along(client, product):
    answer = client.get(f"/products/{product.pk}/?language=es")
    assert answer["Location"] == f"/workbench/?on={product.pk}&language=es"
    assert "language" not in client.get(f"/products/{product.pk}/")["Location"]

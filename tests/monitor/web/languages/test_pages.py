"""What a page says of its language, and how a reader changes it."""

import re

import pytest
from django.test import Client
from django.utils import translation

from monitor.web.tags import saying

pytestmark = pytest.mark.django_db


def page(path: str, language: str = "en") -> str:
    return Client().get(path, headers={"Accept-Language": language}).content.decode()


@pytest.mark.parametrize("path", ["/", "/about/", "/alerts/", "/regions/", "/subscribe/", "/nothing/", "/api/v1/"])
def test_a_page_says_which_language_it_speaks(path):
    assert '<html lang="en">' in page(path)
    assert '<html lang="de">' in page(path, "de")


def test_a_page_names_itself_in_the_other_languages():
    text = page("/alerts/?kind=rising&language=fr")
    assert re.findall(r'hreflang="(\w+)" href="([^"]+)"', text) == [
        (code, f"/alerts/?kind=rising&amp;language={code}") for code in ("en", "de", "fr", "es")
    ]


def test_a_reader_chooses_by_the_name_of_their_language_and_stays_on_the_page():
    text = page("/alerts/?kind=rising&language=fr")
    form = re.search(r'<form class="languages".*?</form>', text, re.DOTALL)[0]
    assert 'name="next" value="/alerts/?kind=rising"' in form
    assert re.findall(r'lang="(\w+)"[^>]*>(\w+)<', form) == [
        ("en", "English"), ("de", "Deutsch"), ("fr", "Français"), ("es", "Español"),
    ]  # fmt: skip
    assert re.search(r'value="fr"[^>]*aria-current="true"', form)


def test_only_pages_in_another_language_load_words():
    assert "/words/" not in page("/")
    assert "/words/de/" in page("/", "de")


def test_french_puts_a_space_before_a_colon():
    assert saying("Landslide", "Aldwick") == "Landslide: Aldwick"
    with translation.override("fr"):
        assert saying("Landslide", "Aldwick") == "Landslide\N{NO-BREAK SPACE}: Aldwick"

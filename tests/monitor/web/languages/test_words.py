"""The words of the scripts: one small file for each language, kept by the browser until it changes."""

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from monitor.web.languages.tags import words_address
from monitor.web.languages.views import words_version


def address(language: str) -> str:
    with translation.override(language):
        return words_address()


@pytest.mark.parametrize("language", [code for code, _ in settings.LANGUAGES if code != "en"])
def test_words_are_a_script_in_the_language_of_their_address(language):
    answer = Client().get(address(language), headers={"Accept-Language": "ja"})
    assert answer["Content-Type"].startswith("text/javascript")
    assert "immutable" in answer["Cache-Control"]
    assert "Accept-Language" not in answer.get("Vary", "")
    assert "eval(" not in answer.content.decode()
    again = Client().get(address(language), headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


@pytest.mark.django_db
def test_a_page_of_another_version_gets_todays_words_for_a_minute():
    answer = Client().get("/words/de/0123456789ab.js")
    assert (answer.status_code, answer["Cache-Control"]) == (200, "public, max-age=60")
    assert Client().get("/words/xx/0123456789ab.js").status_code == 404


def test_another_catalogue_has_another_address(tmp_path, settings):
    before = words_version("de")
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "djangojs.mo").write_bytes(b"another")
    settings.LOCALE_PATHS = [tmp_path]
    words_version.cache_clear()
    try:
        assert words_version("de") != before
    finally:
        words_version.cache_clear()

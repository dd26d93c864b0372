"""What a page says of its language, how a reader changes it, the words of the scripts, and points in numbers."""

import json
import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from detection.models import Alert
from ingest.models import Product
from monitor.web.languages import words_version
from monitor.web.tags import saying, words_address
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db


def page(path: str, language: str = "en") -> str:
    return Client().get(path, headers={"Accept-Language": language}).content.decode()


@pytest.mark.parametrize("path", ["/", "/about/", "/alerts/", "/regions/", "/subscribe/", "/nothing/", "/api/v1/"])
def test_a_page_says_which_language_it_speaks(path):
    assert '<html lang="en">' in page(path)
    assert '<html lang="de">' in page(path, "de")


def test_a_page_names_itself_in_the_other_languages():
    text = page("/alerts/?kind=rising&language=fr")
    assert re.findall(r'hreflang="(\w+)"\s+href="([^"]+)"', text) == [
        (code, f"http://testserver/alerts/?kind=rising&amp;language={code}") for code in ("en", "de", "fr", "es")
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


GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}


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
    answer = client.get(f"/workbench/{product.pk}/?language=es")
    assert answer["Location"] == f"/workbench/?on={product.pk}&language=es"
    assert "language" not in client.get(f"/workbench/{product.pk}/")["Location"]


COMMA = re.compile(r"\d,\d")
NUMBERS = re.compile(r"^[-\d.,\s]+$")
# attributes that hold text for people, or lists that programs write with commas
FOR_PEOPLE = {"alt", "title", "aria-label", "content", "placeholder", "lang", "data-label"}
LISTS = {"points", "viewbox", "d", "transform", "sizes", "srcset"}
SHAPES = {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "dx", "dy", "stroke-width"}


class Reader(HTMLParser):
    """Collects what is wrong."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.island = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.island = "json" if values.get("type") == "application/json" else ""
        for name, value in values.items():
            if name in FOR_PEOPLE or not COMMA.search(value):
                continue
            single = name in SHAPES or name == "style" or name.startswith("data-")
            is_number = name == "value" and (values.get("type") in ("number", "range") or tag in ("meter", "progress"))
            if (single and NUMBERS.match(value)) or is_number or name == "style":
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in LISTS and not self.is_list(name, value):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "action") and re.search(r"[=/#]-?\d+,\d+(?=[&/#]|$)", value):
                self.wrong.append(f"<{tag} {name}={value!r}>")

    @staticmethod
    def is_list(name: str, value: str) -> bool:
        """'1.5,2 3,4.25': pairs, of which no part is half a number. A decimal comma leaves three parts, or none."""
        if name == "points":
            return all(re.fullmatch(r"-?[\d.]+,-?[\d.]+", pair) for pair in value.split())
        return "," not in re.sub(r"translate\([^)]*\)|rotate\([^)]*\)|[A-Za-z]?-?[\d.]+,-?[\d.]+", "", value)

    def handle_data(self, data: str) -> None:
        if self.island:
            json.loads(data)
            self.island = ""


def wrong_numbers(page: str) -> list[str]:
    reader = Reader()
    reader.feed(page)
    return reader.wrong


def test_the_test_sees_a_comma_where_none_may_be():
    assert wrong_numbers('<i style="width: 12,5%"></i>')
    assert wrong_numbers('<i data-rate="12,5"></i>')
    assert wrong_numbers('<rect x="1,5">')
    assert wrong_numbers('<polyline points="1,5,2,5 3,1,4">')
    assert wrong_numbers('<a href="/?lat=46,9">')
    assert wrong_numbers('<input type="number" value="2,5">')
    assert not wrong_numbers('<polyline points="1.5,2 3,4"><a href="/?bbox=1.5,2,3,4" title="2,5 km">')


@pytest.fixture
def addresses(watched_region, pair_predictions) -> list[str]:
    make_region("Westshore", simulated=True)
    alerts = [f"/alerts/{alert.code}/" for alert in Alert.objects.all()[:6]]
    made = ["/", "/about/", "/reading/", "/alerts/", "/record/", "/glaciers/", "/products/", "/api/v1/", *alerts]
    made += [f"{path}report/" for path in alerts]
    made += ["/regions/", "/regions/westshore/", "/regions/westshore/report/", "/embed/regions/westshore/"]
    made += [f"/products/{product.pk}/" for product in Product.objects.all()[:2]]
    made += ["/subscribe/?lat=46.5&lon=-12.25", "/subscribe/?bbox=-12.5,46.5,-12.25,46.75", "/places/?q=west"]
    return made


def test_programs_read_decimal_points_on_every_german_page(addresses):
    wrong, seen = {}, 0
    for path in addresses:
        answer = Client().get(path, headers={"Accept-Language": "de"})
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            page, seen = answer.content.decode(), seen + 1
            if found := wrong_numbers(page):
                wrong[path] = found[:5]
    assert seen > 15
    assert wrong == {}

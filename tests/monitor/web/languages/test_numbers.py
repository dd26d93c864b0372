"""What programs read on a page has a decimal point, whatever the language of the page: the browser, a map, a link."""

import json
import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from detection.models import Alert
from ingest.models import Product
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
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

"""A municipality in a browser: it puts the widget on its own site and prints reports."""

import re

import pytest
from playwright.sync_api import expect

from detection.models import Alert
from ingest.models import AdministrativeRegion, ContextLayer, Product
from tests.makers.echo import Quiet, serving
from tests.makers.regions import make_region
from tests.service.e2e.browsers import fits, fits_any_window


@pytest.fixture
def town_site():
    """Another site, on another port: it serves whatever HTML it is given."""

    class Site(Quiet):
        def do_GET(self):
            self.answer(200, f"<!doctype html><title>Town</title>{server.line}".encode(), Content_Type="text/html")

    with serving(Site) as server:
        yield server


def test_a_town_frames_its_region_and_prints_a_report(page, live_server, sinking, town_site):
    region = make_region("Mid Isle", (-12.2, 46.8, -11.8, 47.2), simulated=True)
    page.goto(f"/regions/{region.slug}/")
    assert fits_any_window(page)
    town_site.line = page.locator(".copy-line").text_content()
    page.goto(f"http://127.0.0.1:{town_site.server_port}/")
    widget = page.frame_locator("iframe")
    expect(widget.get_by_role("group", name=re.compile("Map: Mid Isle"))).to_be_visible()
    widget.get_by_role("link", name=re.compile("Sinking ground")).last.click()
    expect(page).to_have_url(re.compile(rf"{live_server.url}/alerts/\w+/$"))
    page.goto(f"/alerts/{sinking.code}/report/")
    assert fits_any_window(page)
    assert 1 <= n_pages(page) <= 2


@pytest.fixture
def longest_alert(sinking, django_user_model) -> Alert:
    """An alert of the region with every list as long as none will be."""
    alert, detection = sinking, sinking.detections.first()
    detection.reasons = [one | {"product": f"{one['product']} {n}"} for n in range(20) for one in detection.reasons]
    detection.save()
    for _ in range(12):
        detection.pk = None
        detection.save()
    expert = django_user_model.objects.create_user("expert")
    note = "The houses on the slope crack from the ground up, and so does the road above them. " * 12
    for verdict, reason in (("confirm", "plausible"), *[("field-visit", "field-visit")] * 4):
        step = alert.transitions.create(from_state=alert.state, to_state="confirmed", reason="judged")
        said = {"verdict": verdict, "reason_code": reason, "public_note": note[:1000], "reviewer": expert}
        alert.reviews.create(transition=step if verdict == "confirm" else None, **said)
    Alert.objects.filter(pk=alert.pk).update(state="confirmed")
    return alert


@pytest.fixture
def fullest_region(watched_region, make_alert) -> AdministrativeRegion:
    """A region with two hundred alerts and a long name, and a credit in every second file of its service."""
    for n in range(200):
        make_alert(-12.3 + n % 20 * 0.03, 46.8 + n // 20 * 0.04, simulated=True)
    for n in range(30):
        ContextLayer.objects.create(
            kind="mines", name=f"mines {n}", file_sha256=f"{n:064d}", attribution=f"© Survey of Mines and Quarries {n}"
        )
    name = "Verwaltungsgemeinschaft of Saint-Georges-de-Montclard-sur-Isle and the Upper Westshore"
    return make_region(name, (-12.4, 46.7, -11.6, 47.3), simulated=True)


def test_the_longest_reports_print_on_two_pages_in_german_too(open_page, longest_alert, fullest_region):
    Product.objects.update(datum_source="file", datum_n=0)  # One more sentence: nothing confirms the zero.
    page = open_page("desktop", locale="de-DE")
    for address in (f"/alerts/{longest_alert.code}/report/", f"/regions/{fullest_region.slug}/report/"):
        page.goto(address)
        expect(page.get_by_text(re.compile("… \\d+ weitere")).first).to_be_visible()
        assert 1 <= n_pages(page) <= 2, address


def n_pages(page) -> int:
    """On how many sheets of A4 a page prints."""
    return len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True)))


def test_on_a_phone_two_figures_of_a_table_stand_beside_each_other(open_page, make_alert):
    make_alert()
    region, page = make_region(), open_page("phone")
    page.goto(f"/regions/{region.slug}/")
    cells = page.locator(".stacks--pairs tbody td").all()
    tops = [cell.bounding_box()["y"] for cell in cells]
    assert len(tops) == 4
    assert tops[0] == tops[1] < tops[2] == tops[3]
    assert fits(page)

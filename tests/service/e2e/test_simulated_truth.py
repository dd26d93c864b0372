"""The switch that shows what was simulated: hidden until it is pressed, by keyboard too; an alert's page compares."""

import re

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from playwright.sync_api import expect

from ingest.models import SimulatedTruth
from tests.service.e2e.browsers import wait_for_map


@pytest.fixture
def alert(make_alert):
    outline = MultiPolygon(Polygon.from_bbox((-12.02, 46.98, -11.98, 47.02)), srid=4326)
    words = {"title": "Pumped ground", "description": "sinks by up to 19 mm a year", "kind": "groundwater_subsidence"}
    figures = {"rate_mm_yr": -19.0, "rate_along": "up", "size_m": 4800.0}
    SimulatedTruth.objects.create(outline=outline, **words, **figures)
    return make_alert(simulated=True)


def test_nothing_is_shown_of_the_truth_until_the_switch_is_pressed_or_a_page_folds_it_out(open_page, alert):
    page = open_page("phone")
    urls = []
    page.on("request", lambda sent: urls.append(sent.url) if "/tiles/context/truth/" in sent.url else None)
    page.goto("/#11/47/-12")
    open_legend(page)
    switch = page.get_by_role("switch", name="Show what was simulated")
    expect(switch).not_to_be_checked()
    assert urls == []
    with page.expect_response(lambda answer: "/tiles/context/truth/" in answer.url):
        switch.focus()
        page.keyboard.press("Space")
    expect(switch).to_be_checked()
    expect(page).to_have_url(re.compile("context=truth"))
    page.reload()
    open_legend(page)
    expect(switch).to_be_checked()
    page.goto(f"/alerts/{alert.code}/")
    put_in = page.get_by_text("sinks by up to 19 mm a year")
    expect(put_in).to_be_hidden()
    page.locator("summary", has_text="What was simulated here").focus()
    page.keyboard.press("Enter")
    expect(put_in).to_be_visible()


def open_legend(page) -> None:
    """Open the legend, which is one line on a phone."""
    wait_for_map(page)
    page.locator("#legend > details > summary").click()

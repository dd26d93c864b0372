"""A resident in a browser: opens the map, finds an alert, reads its sentence; clicks a point, sees its series."""

import re

from playwright.sync_api import Route, expect

from ingest.models import MeasurementPoint
from tests.service.e2e.browsers import wait_for_map


def test_a_visitor_opens_the_map_clicks_an_alert_and_reads_its_sentence(open_page, sinking):
    page = open_page("phone")
    page.goto("/")
    expect(page.locator(f"[data-alert-code='{sinking.code}']").first).to_contain_text("Sinking ground")
    wait_for_map(page)
    marker = page.locator(f"[data-alert-marker='{sinking.code}']")
    expect(marker).to_be_visible()
    marker.dispatch_event("click")
    verdict = page.locator("#panel .verdict")
    expect(verdict).to_contain_text(re.compile(r"The (ground here|fastest part) sank by about [\d.]+ mm a year"))
    page.locator("#panel").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(f"/alerts/{sinking.code}/$"))
    expect(page.locator("h1")).to_have_text("Sinking ground, cause unknown")
    expect(page.locator(".verdict")).to_contain_text("The fastest part sank")
    page.locator("#moved summary").first.click()
    expect(page.locator("#series canvas").first).to_be_visible()


def test_charts_that_come_late_move_nothing_that_stands_below_them(page, sinking):
    held: list[Route] = []
    page.route("**/series.json", lambda route: held.append(route))
    page.goto(sinking.get_absolute_url(), wait_until="load")
    wait_for_map(page)
    with page.expect_request("**/series.json"):
        page.locator("#moved summary").first.click()
    expect(page.locator("#motion .waiting")).to_have_count(0)
    places = page.locator("#series .waiting").count()
    assert places >= 2
    before = page.locator("#series").bounding_box()
    held[0].continue_()
    expect(page.locator("#series .uplot")).to_have_count(places)
    assert page.locator("#series").bounding_box() == before


def test_a_click_on_a_point_draws_its_series_and_says_what_it_means(page, live_server, watched_region):
    point = MeasurementPoint.objects.filter(velocity_mm_yr__lt=-12).first()
    page.goto(f"{live_server.url}/#16/{point.position.y:.6f}/{point.position.x:.6f}")
    wait_for_map(page)
    box = page.locator("#map").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#panel .verdict")).to_contain_text(re.compile(r"This point moved .* mm a year"))
    expect(page.locator("#panel canvas").first).to_be_visible()
    page.get_by_role("link", name="A moving point is on my house: what now?").click()
    expect(page.locator("#my-house")).to_be_in_viewport()

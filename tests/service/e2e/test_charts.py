"""Several points on one chart, the mean of an area and a profile: by pointer and by keyboard, and taken away."""

import csv
import re

from playwright.sync_api import Page, expect

from ingest.models import MeasurementPoint, Product
from tests.service.e2e.browsers import downloaded, fits, wait_for_map


def press(page: Page, button: str, key: str = "Enter") -> None:
    """By keyboard."""
    if button in ("Compare", "Area", "Profile"):
        page.locator(".more-tools > summary").press("Enter")
    page.get_by_role("button", name=button, exact=True).focus()
    page.keyboard.press(key)


def test_a_visitor_compares_four_points_an_area_and_a_profile(open_page, live_server, watched_region):
    page = open_page("phone", reduced_motion="no-preference")  # With reduced motion nothing is played.
    sinking = MeasurementPoint.objects.filter(velocity_mm_yr__lt=-12).first()
    others = MeasurementPoint.objects.filter(product=Product.objects.last(), velocity_mm_yr__gt=-1)[:3]
    chosen = "&".join(f"compare={one.product_id}/{one.pid}" for one in (sinking, *others))
    tiles: list[str] = []
    page.on("requestfinished", lambda sent: tiles.append(sent.url) if "from=2021-01-01" in sent.url else None)
    page.goto(f"{live_server.url}/?{chosen}#14/{sinking.position.y:.5f}/{sinking.position.x:.5f}")
    verdict = page.locator("#panel .verdict")
    expect(verdict).to_contain_text("Line 1 moved away from the satellite")
    expect(page.locator("#panel canvas")).to_be_visible()
    expect(page.locator("#panel table.rates tbody tr")).to_have_count(4)
    rows = list(csv.DictReader(downloaded(page, "CSV").read_text().splitlines()))
    assert {row["line"] for row in rows} == {"1", "2", "3", "4"}
    assert "<circle" in downloaded(page, "SVG", "button").read_text()
    page.get_by_label("From", exact=True).fill("2021-01-01")
    expect(page).to_have_url(re.compile("from=2021-01-01"))
    expect(verdict).to_contain_text("between January 2021")
    period = page.locator("[data-legend=period]")
    expect(period).to_be_visible()
    for _ in range(3):  # all points are in view: on a phone that is too far out for rates of the period
        if "Zoom in" in period.inner_text():
            press(page, "Zoom in")
            wait_for_map(page)
    expect(period).to_have_text("Colours show the rates since 1 Jan 2021.")
    wait_for_map(page)
    assert any("/tiles/periods/los/" in tile for tile in tiles), tiles
    press(page, "Remove line 4")
    expect(page.locator("#panel table.rates tbody tr")).to_have_count(3)
    press(page, "Make line 2 the reference")
    expect(page.locator("#panel table.rates caption")).to_contain_text("Relative to 100 m around")
    assert fits(page)
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("compare=|reference="))
    expect(period).to_be_hidden()

    wait_for_map(page)
    press(page, "Area")
    press(page, "Middle of the map")
    press(page, "Show the mean of this area")
    expect(page.locator("#panel table.rates")).to_contain_text(re.compile(r"mean of [\d,]+ points"))
    expect(page).to_have_url(re.compile("area="))
    press(page, "Profile")
    press(page, "Across the map, west to east")
    press(page, "Show the profile")
    expect(verdict).to_contain_text(re.compile(r"\d points stand within 100 m of the line, which is .* long"))
    expect(page.get_by_role("heading", name="How it grew")).to_be_visible()
    assert len(downloaded(page, "CSV").read_text().splitlines()) > 5
    assert fits(page)
    page.keyboard.press("Escape")

    press(page, "Time")
    slider = page.get_by_role("slider", name="Date of the displacement")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("2023"))
    slider.press("Home")
    expect(page).to_have_url(re.compile("time=2019"))
    press(page, "Play through the dates")
    expect(slider).not_to_have_value("0")
    press(page, "Pause through the dates", "Space")
    assert fits(page)

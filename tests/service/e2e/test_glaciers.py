"""A visitor reads how the glaciers move: the list, one with its series and surge, and the way there from the map."""

import csv
import re

import pytest
from playwright.sync_api import expect

from detection.models import Alert, GlacierMotion
from tests.makers import pairs as made_pairs
from tests.makers.glaciers import follow, make_glacier, make_motion, make_offsets
from tests.makers.watching import search_all
from tests.service.e2e.browsers import downloaded, fits, fits_any_window, wait_for_map

QUIET, SURGE = [0.4] * 9, [1.4, 2.2, 2.6]


@pytest.fixture
def surging(transactional_db) -> GlacierMotion:
    """A glacier that rests for nine pairs from 1 January 2020 on and surges in the three from 18 April on."""
    make_glacier()
    make_offsets([*QUIET, *SURGE])
    return follow()


def test_from_the_list_to_a_surge_its_series_and_figures_the_map_and_back(page, surging):
    page.goto("/glaciers/")
    row = page.get_by_role("row", name="Made Glacier")
    expect(row).to_contain_text("surging")
    expect(row).to_contain_text(re.compile(r"2\.[56] ± 0\.1 metres a day"))
    expect(row).to_contain_text("24 May 2020")
    assert fits_any_window(page)
    row.get_by_role("link", name="Made Glacier").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Made Glacier")
    expect(page.locator(".verdict")).to_contain_text(re.compile(r"^This glacier is surging: .* 2\.[56] ± 0\.1 metres"))
    surges = page.get_by_role("region", name="Surges")
    expect(surges).to_contain_text(re.compile(r"\b(1[0-9]|2[0-9]|30) April 2020 ± \d+ days?"))
    expect(surges).to_contain_text("not over yet")
    point_at_series(page, -24, r"2020: 2\.[56]\d m a day")
    point_at_series(page, 60, r"2020: 0\.[34]\d m a day")
    figures = page.get_by_role("region", name="Speeds, track 901 ascending")
    expect(figures).to_be_hidden()
    page.get_by_text("The figures as a table").focus()
    page.keyboard.press("Enter")
    rows = figures.get_by_role("row")
    expect(rows).to_have_count(1 + len(QUIET + SURGE))
    expect(rows.nth(1)).to_contain_text(re.compile(r"12 May 2020\s*24 May 2020\s*2\.[56] ± 0\.1 metres a day"))
    expect(rows.last).to_contain_text(re.compile(r"1 Jan 2020\s*13 Jan 2020\s*(3[5-9]|4[0-5]) ± \d+ centimetres a day"))
    assert fits_any_window(page)
    series = csv.DictReader(downloaded(page, "Download the series (CSV)").read_text().splitlines())
    speeds = [float(row["speed_m_day"]) for row in series]
    assert speeds == pytest.approx([*QUIET, *SURGE], abs=0.06)
    page.get_by_role("link", name="Show speed and arrows on the map").click()
    wait_for_map(page)
    expect(page.locator("#legend")).to_contain_text("Speed of fast motion, 24 May 2020")
    press_ice(page)
    expect(page.locator(".maplibregl-popup, #panel .verdict")).to_contain_text(re.compile(r"2\.\d ± 0\.\d m"))
    page.get_by_role("link", name="How it moves, pair by pair").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Made Glacier")


def test_a_glacier_on_the_map_leads_to_its_page_if_it_has_one(page, transactional_db):
    make_motion()
    page.goto(f"/?context=glaciers#13/{made_pairs.LATITUDE}/{made_pairs.LONGITUDE}")
    wait_for_map(page)
    press_ice(page)
    link = page.get_by_role("link", name="How it moves, pair by pair")
    expect(link).to_have_attribute("href", "/glaciers/MADE-1/")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("60 ± 10 centimetres a day")


def point_at_series(page, right_px: int, words: str) -> None:
    """Move the pointer over the series, so far from its left edge or, below zero, its right one; words are shown."""
    plot = page.locator("[data-series] canvas")
    expect(plot).to_be_visible()
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + right_px % box["width"], box["y"] + box["height"] / 2)
    expect(page.locator("[data-series] .readout")).to_contain_text(re.compile(words))


def press_ice(page) -> None:
    """Press the made glacier, a little above the middle of the map, where its alert's mark stands."""
    box = page.locator("#map canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 70)


def test_ground_without_an_outline_has_its_series_on_the_page_of_its_alert(open_page, transactional_db):
    page = open_page("phone")
    make_offsets([1.5, 2.0, 2.5])
    search_all()
    page.goto(Alert.objects.get(kind="moving-ground").get_absolute_url())
    page.locator("#moved summary").first.click()
    point_at_series(page, -24, r"31 Jan 2020: 2\.[45]\d m a day")
    assert fits(page)

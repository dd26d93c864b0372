"""A resident looks for a village with the keyboard on the map; test_here does without JavaScript."""

import re

import pytest
from playwright.sync_api import expect

from tests.service.e2e.browsers import villages, wait_for_map
from tests.service.ingest.sources import replay


@pytest.fixture
def two_villages(tmp_path, transactional_db):
    villages(tmp_path, "Aldwick,47.01,-12,2300", "Aldwickham,46.5,-11,10")


def test_a_village_is_found_with_the_keyboard_and_the_map_goes_there(open_page, make_alert, two_villages):
    page, _ = open_page("phone"), make_alert()
    page.goto("/")
    wait_for_map(page)
    field = page.get_by_role("combobox", name="Search a place")
    field.press_sequentially("aldw")
    options = page.get_by_role("listbox", name="Places found").get_by_role("option")
    expect(options).to_have_count(2)
    expect(field).to_have_attribute("aria-expanded", "true")
    names = options.first.evaluate("option => getComputedStyle(option).paddingLeft")
    assert names != "0px"
    field.press("ArrowDown")
    field.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", options.nth(1).get_attribute("id"))
    field.press("Enter")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("Aldwickham")
    expect(page).to_have_url(re.compile(r"#[\d.]+/46\.5\d*/-1[01]"))
    field.fill("aldw")
    expect(options).to_have_count(2)
    field.press("Escape")
    expect(options.first).to_be_hidden()


def test_an_address_is_asked_for_by_the_server_when_enter_is_pressed(open_page, live_server, settings):
    with replay.running() as geocoder:
        row = {"display_name": "5, Hauptstraße, Aldwick", "lon": "-12", "lat": "47"}
        geocoder.answers["/search"] = lambda request: ([row], {})
        settings.OUTBOUND_HOSTS, settings.GEOCODER_URL = [geocoder.address], f"{geocoder.address}/search"
        page = open_page("desktop", reduced_motion="no-preference")  # The map flies to the address.
        page.goto("/")
        field = page.get_by_role("combobox", name="Search a place")
        field.press_sequentially("hauptstr 5")
        expect(page.locator("#search-note")).to_contain_text("Press Enter to search for an address")
        assert geocoder.requests == []
        field.press("Enter")
        expect(page.get_by_role("option", name="5, Hauptstraße")).to_be_visible()
        expect(page.locator("#search-note")).to_contain_text("© OpenStreetMap contributors")
        field.press("Enter")
        expect(page).to_have_url(re.compile(r"#[\d.]+/47(\.0\d*)?/-12"))
        assert ["ground-motion" in sent.headers["User-Agent"] for sent in geocoder.requests] == [True]

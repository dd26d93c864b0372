"""An operator reports an event: place and date in, the results of the pair that spans it and its files out."""

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from playwright.sync_api import Page, expect

from tests.makers import pairs as made_pairs
from tests.service.e2e.browsers import READY_MS, SIZES, fits, fits_any_window, sign_in, wait_for_map

PLACE = f"{made_pairs.LATITUDE}, {made_pairs.LONGITUDE}"


def open_events(page: Page) -> None:
    """From the queue to the events, as an operator goes."""
    sign_in(page)
    page.get_by_role("link", name="Events").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Something happened")


def report(page: Page, **fields: str) -> None:
    page.get_by_role("combobox").select_option(label="Landslide")
    page.get_by_label("Where: a place").fill(fields.get("place", PLACE))
    page.get_by_label("Day (UTC)").fill(fields.get("day", "2021-12-08"))
    page.get_by_label("Search radius, km").fill(fields.get("radius", "2"))
    page.get_by_label("Its name, if it has one").fill("Made slide")
    page.get_by_role("button", name="Find the pairs that span it").click()


def test_a_place_and_a_date_bring_what_the_pair_across_it_shows_and_its_files(page, operator, pair_predictions):
    open_events(page)
    assert fits_any_window(page)
    report(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Landslide: Made slide")
    pair = page.get_by_role("region", name="Radar images of 1 and 13 December 2021, 12 days apart")
    expect(pair).to_contain_text("by about 28 m (± 2.0 m) to the north-east")  # two pixels of 10 m right and up
    expect(pair).to_contain_text("the two images match to 80 % or better on half of the ground")
    for picture in pair.get_by_role("img").all():
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 0
    assert fits_any_window(page)
    bands, links = {}, page.get_by_role("link", name="Download (GeoTIFF)")
    expect(links).to_have_count(2)
    for link in links.all():
        with page.expect_download() as download:
            link.click()
        with rasterio.open(Path(download.value.path())) as raster:
            bands |= dict(zip(raster.descriptions, raster.read(), strict=True))
    assert np.nanmax(bands["dx_px"]) == made_pairs.MOVED_PX[0]
    assert np.nanmedian(bands["coherence"]) == pytest.approx(0.8)
    page.get_by_role("link", name="Show the place on the map").click()
    wait_for_map(page)
    expect(page).to_have_url(re.compile(r"#[\d.]+/47(\.\d+)?/-12(\.\d+)?$|#[\d.]+/46\.99\d*/-1[12]\.\d+$"))


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(browser, live_server, operator):
    context = browser.new_context(viewport=SIZES["desktop"], base_url=live_server.url)
    context.set_default_timeout(READY_MS)
    page = context.new_page()  # not one of `open_page`: the answer that says what is wrong is a 422
    open_events(page)
    report(page, place="Nowhere at all", radius="0")
    expect(page.get_by_role("alert")).to_contain_text("see the marked fields")
    expect(page.get_by_text("No place of this name is known.")).to_be_visible()
    expect(page.get_by_text("Type a distance between 0.5 and 200 km.")).to_be_visible()
    expect(page.get_by_label("Its name, if it has one")).to_have_value("Made slide")
    expect(page.get_by_label("Where: a place")).to_have_accessible_description(re.compile("No place of this name"))
    assert fits_any_window(page)
    context.close()


def test_while_no_pair_spans_it_the_page_says_what_is_waited_for_and_the_list_keeps_it(open_page, operator):
    page = open_page("phone")
    open_events(page)
    expect(page.get_by_text("No event reported yet.")).to_be_visible()
    report(page)
    expect(page.locator(".verdict")).to_have_text("No radar image of this place is loaded.")
    page.get_by_role("link", name="All events").click()
    row = page.get_by_role("row", name="Landslide: Made slide")
    expect(row).to_contain_text("on 8 December 2021")
    expect(row).to_contain_text("no pair spans it yet")
    assert fits(page)

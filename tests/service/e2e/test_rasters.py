"""A visitor lays an image over the map, moves its date, and reads what the colours and arrows say."""

import re

from playwright.sync_api import expect

from detection.models import Alert
from detection.selectors import detections_current
from ground_motion.statistics.comparison import Verdict
from tests.makers import pairs as made_pairs
from tests.makers.releases import release_before
from tests.service.e2e.browsers import fits_any_window, wait_for_map

HERE = f"#14/{made_pairs.LATITUDE}/{made_pairs.LONGITUDE}"


def test_a_visitor_lays_coherence_over_the_map_and_moves_its_date(open_page, live_server, pair_predictions):
    urls: list[str] = []
    page = open_page("phone", reduced_motion="no-preference")  # With reduced motion nothing is played.
    page.on("request", lambda sent: urls.append(sent.url))
    page.goto(live_server.url + "/" + HERE)
    wait_for_map(page)
    assert not any("/tiles/rasters/" in url for url in urls)
    page.locator("#legend > details > summary").click()
    with page.expect_request(re.compile("/tiles/rasters/coherence/2021-12-25-12d/")):
        page.get_by_label("Images").select_option(label="Coherence")
    legend = page.locator("#legend")
    expect(legend).to_contain_text("stayed the same")
    expect(legend).to_contain_text("25 Dec 2021 (12 days since 13 Dec 2021)")
    with page.expect_request(re.compile("/tiles/rasters/coherence/2021-12-13-12d/")):
        page.get_by_role("button", name="Earlier image").click()
    expect(legend).to_contain_text("13 Dec 2021 (12 days since 1 Dec 2021), simulated")
    slider = page.get_by_role("slider", name="Date of the image")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("13 Dec 2021"))
    expect(page.get_by_role("button", name="Earlier image")).to_be_disabled()
    slider.press("ArrowRight")
    expect(legend).to_contain_text("25 Dec 2021")
    slider.press("ArrowLeft")
    page.get_by_role("button", name="Play through the dates").press("Enter")
    expect(legend).to_contain_text("25 Dec 2021")
    expect(page.get_by_role("button", name="Play through the dates")).to_be_visible()  # it stops at the end
    slider.press("ArrowLeft")
    page.get_by_role("slider", name="Opacity").press("End")
    expect(page).to_have_url(re.compile(r"raster=coherence&date=2021-12-13-12d&opacity=100"))
    page.get_by_label("Images").select_option(label="None")
    expect(page.locator("[data-image=legend]")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("raster="))


def test_the_address_brings_the_image_back_and_arrows_say_how_fast(page, live_server, pair_predictions):
    with page.expect_response(re.compile(r"/rasters/2021-12-13-12d/arrows\.geojson\?bbox=")) as arrows:
        page.goto(f"{live_server.url}/?raster=speed&date=2021-12-13-12d{HERE}")
    assert len(arrows.value.json()["features"]) > 10
    wait_for_map(page)
    expect(page.locator("#legend")).to_contain_text("Speed of fast motion, 13 Dec 2021")
    box = page.locator("#map").bounding_box()
    readout = page.locator(".readout-here")
    for step in range(0, 60, 6):  # somewhere near the middle the pointer meets an arrow
        page.mouse.move(box["x"] + box["width"] / 2 - 30 + step, box["y"] + box["height"] / 3 + step)
        wait_for_map(page)  # a frame with the arrows in it
        if "m a day" in (readout.text_content() or ""):
            break
    expect(readout).to_contain_text("2.4 ± 0.2 m a day toward the north-east")


def test_where_no_image_exists_nothing_is_offered(page, live_server):
    page.goto(live_server.url)
    wait_for_map(page)
    expect(page.locator("[data-image=section]")).to_be_hidden()
    expect(page.locator("#legend")).to_be_hidden()


def test_a_visitor_sees_what_is_confirmed_how_sure_and_when(page, live_server, transactional_db):
    made_pairs.make_confirmed()
    with page.expect_response(re.compile("/tiles/rasters/confirmed-change/2021-12-25-24d/")) as tile:
        page.goto(f"{live_server.url}/?raster=confirmed-change{HERE}")
    assert tile.value.headers["content-type"] == "image/png"
    wait_for_map(page)
    legend = page.locator("#legend")
    expect(legend).to_contain_text("nearly certain")
    expect(legend).to_contain_text("% sure, at least")
    expect(page.get_by_role("slider", name="Date of the image")).to_be_hidden()  # only one date has a confirmed change
    legend.locator("> details > summary").click()
    with page.expect_request(re.compile("/tiles/rasters/change-onset/2021-12-25-24d/")):
        page.get_by_label("Images").select_option(label="When it changed")
    expect(legend).to_contain_text("just appeared")
    expect(legend).to_contain_text("days earlier")
    expect(legend).to_contain_text("25 Dec 2021 (24 days since 1 Dec 2021)")
    assert fits_any_window(page)


def test_what_has_changed_since_the_last_release_is_a_layer_and_stands_on_the_page(page, live_server, watched_region):
    alert = Alert.objects.filter(extent="local", state="provisional").order_by("id").first()
    product = detections_current(alert=alert)[0].scan.prediction.run.product
    release_before(product, alert.area, Verdict.FASTER, -4.0)
    page.goto(f"{live_server.url}/alerts/{alert.code}/#moved")
    section = page.locator("#moved")
    expect(section).to_contain_text("100 % of this ground moves faster, by 4.0 ± 1.2 mm a year.")
    assert fits_any_window(page)
    section.get_by_role("link", name="Show it on the main map").click()
    wait_for_map(page)
    legend = page.locator("#legend")
    expect(legend.locator("[data-image=classes] li")).to_have_text(
        ["unchanged", "slower", "points vanished", "faster", "new motion"]
    )
    expect(legend).to_contain_text("compared with 2018–2022, version 1")
    expect(legend.locator("[data-image=bar]")).to_be_hidden()
    assert fits_any_window(page)

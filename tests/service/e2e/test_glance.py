"""The first screen of an alert answers where, how much, since when, how sure, what stands there, and what now."""

import re
from datetime import date
from io import BytesIO
from itertools import product

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from detection.kinds import Kind
from detection.models import Alert, AlertMotion
from detection.rules.lifecycle import Source, State
from ingest.models import DisplacementSeries, Product
from tests.makers.watching import watch
from tests.service.e2e.browsers import SIZES, TABLETS, out_of_window, wait_for_map

PARTS = ("kind", "state", "map", "figure", "curve", "marks", "sentence", "now")
COLOURED, MIN_COLOURED = 20, 0.12  # difference of a pixel's channels, and share of such pixels
NO_RATES = {"component": "", "rate_mm_yr": None, "peak_rate_mm_yr": None, "rate_sigma_mm_yr": None}
SPEEDS = {"speed_m_day": 1.4, "speed_sigma_m_day": 0.1, "bearing_deg": 118.0, "usual_speed_m_day": 0.2}
ONSET = {"onset": date(2023, 9, 20), "onset_sigma_days": 4.0}
MATCHES = {"coherence_before": 0.74, "coherence_after": 0.35, "change_sigma": -4.9}
FAMILIES = {
    Kind.GROUNDWATER: {"class_shares": {"groundwater_subsidence": 0.82}},
    Kind.LANDSLIDE: {"component": "los", "class_shares": {"landslide": 0.9}},
    Kind.SURFACE_CHANGE: NO_RATES | MATCHES,
    Kind.MOVING_GROUND: NO_RATES | SPEEDS,
    Kind.GLACIER_SURGE: NO_RATES | SPEEDS | ONSET,
}


def on_first_screen(page: Page, alert: Alert, *sizes: dict[str, int]) -> list[str]:
    """Return what of an alert's first screen is missing, empty, or out of the window of some sizes, or of its own."""
    page.goto(alert.get_absolute_url(), wait_until="load")
    faults = []
    for size in sizes or (page.viewport_size,):
        page.set_viewport_size(size)
        faults += [f"{alert.kind}, {alert.state}: {fault}" for fault in out_of_window(page, PARTS)]
    return faults


def test_every_family_and_state_fits_the_first_screen(page, make_alert):
    made = [make_alert(kind=kind, simulated=True, **figures) for kind, figures in FAMILIES.items()]
    made += [make_alert(kind="fill-or-quarry", state=state, simulated=True) for state in State]
    drawn = {"source": Source.PERSON, **NO_RATES, "simulated": True}
    made.append(make_alert(kind="landslide", **drawn))
    assert [fault for alert in made for fault in on_first_screen(page, alert, *SIZES.values())] == []


def test_the_simulated_region_answers_at_a_glance_on_tablets_in_german_too(open_page, watched_region):
    german, page = open_page("desktop", locale="de-DE"), open_page("desktop")
    for seen, sizes in ((german, TABLETS), (page, SIZES.values())):
        assert [fault for alert in Alert.objects.all() for fault in on_first_screen(seen, alert, *sizes)] == []
    expect(page.locator("[data-glance=curve] svg")).to_be_visible()
    expect(page.locator("[data-glance=figure]")).to_contain_text(re.compile(r"± [\d.]+\s+mm a year"))


def faults_without_a_series(page: Page, alert: Alert) -> list[str]:
    """Return what an alert of gridded data without a series lacks on its first screen: histogram, key, cells."""
    faults = on_first_screen(page, alert)
    wait_for_map(page)
    expect(page.locator("[data-glance=curve] .drawn-chart--histogram")).to_be_visible()
    expect(page.get_by_role("button", name="How it moved")).to_have_count(0)
    key = page.locator(".map-key")
    expect(key).to_contain_text("fastest part")
    expect(key).to_be_in_viewport(ratio=1)
    picture = np.asarray(Image.open(BytesIO(page.locator("#small-map").screenshot())).convert("RGB")).astype(int)
    middle = picture[picture.shape[0] // 4 : -picture.shape[0] // 4, picture.shape[1] // 4 : -picture.shape[1] // 4]
    coloured = float((np.ptp(middle, axis=-1) > COLOURED).mean())  # land, water and still cells are nearly grey
    return faults if coloured > MIN_COLOURED else [*faults, f"{alert.code}: {coloured:.0%} of the map is coloured"]


def test_coarse_cells_without_a_series_answer_at_a_glance(open_page, sinking):
    AlertMotion.objects.all().delete()
    DisplacementSeries.objects.all().delete()
    Product.objects.update(posting_m=100.0)
    for size in SIZES:
        assert faults_without_a_series(open_page(size, sharp=True), sinking) == []


@pytest.mark.long
@pytest.mark.realdata
def test_a_real_field_answers_at_a_glance(open_page, real_data, own_rasters):
    watch(real_data / "velocity_real" / "campi_flegrei_licsbas")
    rising = Alert.objects.order_by("-peak_rate_mm_yr").first()
    assert rising.peak_rate_mm_yr > 50
    others, page = Alert.objects.exclude(pk=rising.pk), open_page("desktop")
    assert [fault for alert in others for fault in on_first_screen(page, alert, *SIZES.values())] == []
    for size, scheme in product(SIZES, ("light", "dark")):
        assert faults_without_a_series(open_page(size, sharp=True, color_scheme=scheme), rising) == []


def test_a_long_figure_stays_within_its_card(page, make_alert):
    make_alert(kind=Kind.SURFACE_CHANGE, **NO_RATES | MATCHES)
    for width in (1440, 768, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/alerts/")
        assert page.locator(".card").evaluate("(card) => card.scrollWidth <= card.clientWidth"), width


def test_paper_has_marks_and_keys_and_no_blank_map(page, make_alert):
    page.goto(make_alert().get_absolute_url())
    wait_for_map(page)
    page.emulate_media(media="print")
    expect(page.locator("#small-map")).to_be_hidden()
    assert page.locator(".mark").first.evaluate("(mark) => getComputedStyle(mark).printColorAdjust") == "exact"


def test_the_outline_fills_the_low_map_of_a_phone(open_page, make_alert):
    page, alert = open_page("phone"), make_alert()
    page.goto(alert.get_absolute_url())
    wait_for_map(page)
    scale, box = page.locator(".maplibregl-ctrl-scale"), page.locator("#small-map").bounding_box()
    length, unit = scale.inner_text().split()
    metres_per_pixel = float(length) * {"m": 1, "km": 1000}[unit] / scale.bounding_box()["width"]
    _, south, _, north = alert.area.extent
    assert (north - south) * 111_320 / metres_per_pixel > 0.6 * box["height"]


def test_four_questions_are_answered_in_two_actions(open_page, sinking):
    page = open_page("phone")
    page.goto(sinking.get_absolute_url())
    wait_for_map(page)
    page.get_by_role("button", name="Zoom in").click()  # is my street inside? the map shows it, nearer
    expect(page.locator("#small-map canvas")).to_be_in_viewport()
    trend = re.compile("steady|faster|slower|at rest|turned round")  # is it getting faster? no action
    expect(page.locator("[data-glance=marks]")).to_contain_text(trend)
    page.locator("[data-glance=state]").click()  # who has checked it?
    expect(page.locator("#history")).to_be_in_viewport()
    expect(page.locator(".meanings")).to_contain_text("No specialist has confirmed it yet.")
    page.goto(sinking.get_absolute_url())
    page.get_by_role("link", name="What you can do").click()  # whom do I call?
    advice = page.get_by_role("region", name="What you can do")
    expect(advice).to_contain_text("tell your municipality or the geological survey")
    expect(advice).to_be_in_viewport()


def test_the_slider_plays_how_the_points_moved_and_a_line_runs_along_the_curve(page, sinking):
    page.goto(sinking.get_absolute_url())
    wait_for_map(page)
    page.get_by_role("button", name="How it moved").click()
    line = page.locator(".glance-curve .now")
    expect(line).to_have_count(1)
    before = line.get_attribute("d")
    page.get_by_role("slider", name="Date of the displacement").press("ArrowLeft")
    expect(line).not_to_have_attribute("d", before)
    page.get_by_role("button", name="Close the slider").click()
    expect(line).to_have_count(0)
    expect(page.get_by_role("button", name="How it moved")).to_be_focused()

"""On a tablet, pages in German fit, whose words are long, and the header stays on one line where there is room."""

import re

from playwright.sync_api import expect

from detection.models import Alert
from tests.makers.people import PASSWORD
from tests.service.e2e.browsers import TABLETS, fits, sign_in, wait_for_map

PAGES = ("/alerts/", "/alerts/?view=table", "/about/", "/reading/", "/subscribe/", "/products/", "/regions/", "/")
OVERLAPS = """() => {
  const seen = (one) => one.checkVisibility() && one.getClientRects().length;
  const parts = ".site-header a, .site-header button, .page h1, .page .buttons a, .legend, .map-pane .maplibregl-ctrl";
  const shown = [...document.querySelectorAll(parts)].filter(seen);
  const boxes = shown.map((one) => [one.textContent.trim() || one.className, one.getBoundingClientRect()]);
  const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  return boxes.flatMap(([name, a], i) => boxes.slice(i + 1).filter(([, b]) => over(a, b)).map(([of]) => [name, of]));
}"""


def test_pages_fit_and_nothing_overlaps(open_page, watched_region):
    page = open_page("desktop", locale="de-DE")
    alert = Alert.objects.order_by("id").first()
    faults = []
    for address in (*PAGES, alert.get_absolute_url()):
        page.goto(address)
        if address == "/":
            wait_for_map(page)
        for size in TABLETS:
            page.set_viewport_size(size)
            height = page.locator(".site-header").bounding_box()["height"]
            if not fits(page) or height > 60 or page.evaluate(OVERLAPS):
                faults.append((address, size["width"], height, page.evaluate(OVERLAPS)))
    assert faults == []


def test_the_header_of_operators_is_one_line_from_1024_pixels_on(page, operator):
    sign_in(page, to="/jobs/")
    for width in (1440, 1100, 1024):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.locator(".site-header").bounding_box()["height"] < 80, width


def test_the_header_of_operators_fits_a_phone(open_page, operator):
    page = open_page("phone", locale="de-DE")
    page.goto("/login/?next=/review/reports/")
    page.locator("#id_username").fill("anna")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main form button").first.click()
    expect(page).to_have_url(re.compile("/review/reports/$"))
    assert fits(page)
    assert page.evaluate(OVERLAPS) == []

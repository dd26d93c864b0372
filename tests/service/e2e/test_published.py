"""The site as files: with no service behind them, map, lists, alert, My house and a product work in a browser."""

import re
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from detection.models import Alert
from ingest.models import MeasurementPoint
from ingest.products.selectors import point_series
from monitor.open_data.publish import services, tiles
from monitor.open_data.publish.targets import Folder
from tests.makers.echo import file_server
from tests.service.e2e.browsers import SIZES, fits, wait_for_map

SERVICE = "http://service.example"  # It is away: a request to it fails the test.
MAX_CLICK_BYTES, MAX_CLICK_MS = 1_000_000, 300
SERIES_MS = """() => {
  const read = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/series/"));
  return Math.max(...read.map((one) => one.responseEnd)) - Math.min(...read.map((one) => one.startTime));
}"""


@pytest.fixture
def nation(watched_region, tmp_path, settings, monkeypatch) -> Iterator[ThreadingHTTPServer]:
    """Return a server of the files of the simulated region."""
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = SERVICE, ["service.example"]
    monkeypatch.setattr(tiles, "WORLD_ZOOM", 2)
    services.publish(Folder(location=tmp_path / "nation"))
    with file_server(tmp_path / "nation") as server:
        yield server


def press_middle(page: Page, selector: str) -> None:
    box = page.locator(selector).bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_with_files_alone_every_page_works_at_both_widths(open_page, nation):
    point = MeasurementPoint.objects.select_related("product").first()
    alert = Alert.objects.filter(kind="subsidence").first()
    place, took_ms = alert.area.point_on_surface, []
    for size in SIZES:
        page = open_page(size, base_url=nation.url)
        page.goto(f"/#16/{point.position.y:.6f}/{point.position.x:.6f}")
        wait_for_map(page)
        nation.sent = 0
        press_middle(page, "#map")
        expect(page.locator("#panel .plot canvas")).to_be_visible()
        took_ms.append(page.evaluate(SERIES_MS))
        assert nation.sent < MAX_CLICK_BYTES
        page.get_by_text("The figures as a table").click()
        series, cells = point_series(point=point), page.locator("#panel tbody td")
        expect(cells).to_have_count(len(series))
        shown = [None if one == "–" else float(one.replace("−", "-")) for one in cells.all_inner_texts()]
        zero = next(value for value in series if value == value)
        assert shown == pytest.approx([None if value != value else value - zero for value in series], abs=0.11)
        page.reload()  # The address bar leads to the point again.
        expect(page.locator("#panel .plot canvas")).to_be_visible()

        page.goto(f"/?alert={alert.code}")
        page.locator("#panel").get_by_role("link", name="all details").click()
        wait_for_map(page)
        page.locator("#moved > summary").click()
        expect(page.locator("#series .plot canvas").first).to_be_visible()
        told = page.get_by_role("link", name="Tell me", exact=True)
        assert told.get_attribute("href") == f"{SERVICE}/alerts/{alert.code}/#tell-me"
        assert fits(page)
        page.get_by_role("link", name="Deutsch").click()
        expect(page.locator("html")).to_have_attribute("lang", "de")
        page.get_by_role("link", name="Meldungen", exact=True).click()
        expect(page).to_have_url(f"{nation.url}/de/alerts/")
        assert page.locator("[data-alert-code]").count() == Alert.objects.count()
        assert fits(page)

        page.goto("/here/")
        wait_for_map(page)
        page.goto(f"/here/?lat={place.y:.4f}&lon={place.x:.4f}")
        expect(page.locator("#here-files .plot canvas")).to_be_visible()
        expect(page.locator(f'#here-files [data-alert-code="{alert.code}"]')).to_be_visible()
        whole = page.locator("#here-files").get_by_role("link", name="How the ground moves around here")
        assert whole.get_attribute("href") == f"{SERVICE}/here/?lat={place.y:.4f}&lon={place.x:.4f}"
        page.get_by_label("Search a place").fill("Aldwick")
        expect(page.locator("#search-note")).to_contain_text("needs the service")
        assert fits(page)

        page.get_by_role("link", name="Data", exact=True).click()
        page.get_by_role("link", name=re.compile("^Open.*Simulated velocity")).first.click()
        expect(page.locator("h1")).to_contain_text("Simulated velocity field")
        assert fits(page)
        page.get_by_role("link", name="this page there").focus()
    assert min(took_ms) < MAX_CLICK_MS, took_ms

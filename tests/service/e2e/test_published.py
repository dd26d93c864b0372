"""The site as files: with no service behind them, map, lists, alert, My house and a product work in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from ingest.models import MeasurementPoint
from ingest.products.selectors import point_series
from monitor.open_data.publish import services, tiles
from monitor.open_data.publish.targets import Folder
from tests.makers.echo import file_server
from tests.service.e2e.browsers import SIZES, fits, wait_for_map

MAX_CLICK_BYTES, MAX_CLICK_SECONDS = 1_000_000, 0.3
SERVICE = "http://service.example"


@pytest.fixture
def nation(watched_region, tmp_path, settings, monkeypatch) -> Iterator:
    """A server of the files of the simulated region; the service that made them has another address, and is away."""
    settings.PUBLIC_URL = SERVICE
    settings.ALLOWED_HOSTS = ["service.example"]
    monkeypatch.setattr(tiles, "WORLD_ZOOM", 2)
    services.publish(Folder(location=tmp_path / "nation"))
    with file_server(tmp_path / "nation") as server:
        yield server


def near(point: MeasurementPoint) -> str:
    return f"#16/{point.position.y:.6f}/{point.position.x:.6f}"


@pytest.mark.parametrize("size", SIZES)
def test_a_point_on_the_map_shows_its_series_by_few_bytes_and_at_once(open_page, nation, size):
    page = open_page(size, base_url=nation.url)
    point = MeasurementPoint.objects.select_related("product").filter(product__component="los").first()
    page.goto(f"/{near(point)}")
    wait_for_map(page)
    expect(page.locator(".published a")).to_have_attribute("href", f"{SERVICE}/")
    box = page.locator("#map canvas").bounding_box()
    nation.sent, nation.asked[:] = 0, []
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#panel .plot canvas")).to_be_visible()
    assert fits(page)
    shown = page.locator("#panel table tbody tr")
    page.get_by_text("The figures as a table").click()
    series = point_series(point=point)
    expect(shown).to_have_count(len(series))
    assert nation.sent < MAX_CLICK_BYTES
    assert {path.split("/")[1] for path in nation.asked} <= {"series", "static"}

"""An alert on both sides of 180 degrees: the map opens on it, draws it in one piece and zooms to it."""

from io import BytesIO

import numpy as np
import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from PIL import Image
from playwright.sync_api import expect

from tests.service.e2e.browsers import wait_for_map

HALVES = (179.99, -16.81, 180.0, -16.79), (-180.0, -16.81, -179.99, -16.79)
IN_VIEW = """code => {
    const mark = document.querySelector(`[data-alert-marker="${code}"]`).getBoundingClientRect();
    return mark.left > 0 && mark.right < innerWidth && mark.top > 0 && mark.bottom < innerHeight;
}"""


@pytest.fixture
def alert(make_alert):
    return make_alert(area=MultiPolygon([Polygon.from_bbox(half) for half in HALVES], srid=4326))


def place(page) -> tuple[float, float, float]:
    """Return zoom, latitude and longitude of the map, as its address states them."""
    page.wait_for_function("location.hash.split('/').length >= 3")
    return tuple(float(part) for part in page.evaluate("location.hash.slice(1).split('/')")[:3])


def test_the_map_opens_on_an_alert_across_180_and_zooms_to_it(page, alert):
    page.goto("/")
    wait_for_map(page)
    zoom, latitude, longitude = place(page)
    assert zoom > 9
    assert latitude == pytest.approx(-16.8, abs=0.1)
    assert abs(longitude) == pytest.approx(180, abs=0.1)
    expect(page.locator(f"[data-alert-marker='{alert.code}']")).to_be_visible()
    page.goto(f"/?bbox=0,0,20,20&alert={alert.code}")
    wait_for_map(page)
    page.wait_for_function("+location.hash.slice(1).split('/')[0] > 9")
    assert abs(place(page)[2]) == pytest.approx(180, abs=0.1)
    page.wait_for_function(IN_VIEW, arg=alert.code)


def test_the_page_of_an_alert_across_180_draws_one_outline(open_page, alert):
    """Of the two halves no edge is drawn along 180 degrees: those pixels have the colour of the ground beside them."""
    page = open_page("desktop", sharp=True)
    page.goto(alert.get_absolute_url())
    wait_for_map(page)
    canvas = page.locator(".maplibregl-canvas").first
    picture = np.array(Image.open(BytesIO(canvas.screenshot())).convert("L")).astype(float)
    rows, cols = picture.shape
    middle = picture[rows // 3 : rows // 2, cols // 2 - 20 : cols // 2 + 20]
    dark = np.median(middle, axis=0) < 90
    assert not dark.any()

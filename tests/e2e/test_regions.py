"""A municipality in a browser: it puts the widget on its own site and prints the report of an alert."""

import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from playwright.sync_api import expect

from detection.models import Alert
from tests.e2e.browsers import fits
from tests.makers.regions import make_region

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def town_site():
    """Another site, on another port: it serves whatever HTML it is given."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/" else 204)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            if self.path == "/":
                self.wfile.write(f"<!doctype html><title>Town</title>{server.line}".encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Site)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_town_frames_its_region_and_prints_a_report(page, live_server, watched_region, town_site):
    region = make_region("Mid Isle", (-12.2, 46.8, -11.8, 47.2), simulated=True)
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    page.goto(f"{live_server.url}/regions/{region.slug}/")
    assert fits(page)
    town_site.line = page.locator(".copy-line").text_content()
    page.goto(f"http://127.0.0.1:{town_site.server_port}/")
    widget = page.frame_locator("iframe")
    expect(widget.get_by_role("group", name=re.compile("Map: Mid Isle"))).to_be_visible()
    widget.get_by_role("link", name=re.compile("Sinking ground")).last.click()
    expect(page).to_have_url(re.compile(rf"{live_server.url}/alerts/\w+/$"))
    page.goto(f"{live_server.url}/alerts/{alert.code}/report/")
    assert fits(page)
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4", prefer_css_page_size=True))
    assert 1 <= len(pages) <= 2

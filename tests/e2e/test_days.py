"""A day of a mayor: from the front page, by clicking only, without a dead end."""

import re

import pytest
from playwright.sync_api import Page, expect

from detection.models import Alert
from ingest.context.services import context_load
from ingest.readers.context.records import ContextKind
from tests.e2e.browsers import fits, link_in
from tests.e2e.test_subscribe import deliver

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def press(page: Page, name: str | re.Pattern, within: str = "body") -> None:
    """Click the first link of this name, and check that the page it leads to is no error and fits the window."""
    with page.expect_navigation() as led:
        page.locator(within).get_by_role("link", name=name).first.click()
    assert led.value is None or led.value.ok, f"{name}: {page.url}"  # None: another place on the same page
    assert fits(page), page.url


def test_a_mayor_finds_the_place_asks_for_mails_and_prints_the_answer_for_a_house(
    page, live_server, settings, mail_server, watched_region, tmp_path
):
    settings.PUBLIC_URL = live_server.url
    alert = Alert.objects.filter(kind="subsidence").order_by("peak_rate_mm_yr").first()
    table = tmp_path / "villages.csv"
    middle = alert.area.centroid
    table.write_text(f"name,latitude,longitude,population\nAldwick,{middle.y},{middle.x},2300\n")
    context_load(path=table, kind=ContextKind.PLACES)
    page.goto("/")
    press(page, "Alerts", ".site-nav")
    press(page, re.compile("Sinking ground"), f"[data-alert-code='{alert.code}']")
    press(page, "Tell me when this changes")
    page.get_by_label("Your e-mail address").fill("mayor@example.org")
    page.locator(".tell-me-box button").click()
    expect(page.locator("h1")).to_have_text("Check your mailbox")
    deliver()
    page.goto(link_in(mail_server.received[-1], "subscribe/confirm"))
    page.get_by_role("button", name="Yes, send me these mails").click()
    expect(page.locator("h1")).to_have_text("You will hear from us")
    press(page, "Ground Motion Monitor")
    press(page, "My house or street")
    page.locator("main").get_by_label("Search a place").fill("aldwick")
    page.locator("main").get_by_role("button", name="Search").click()
    press(page, "how the ground moves there")
    expect(page.locator(".verdict")).to_contain_text("mm a year")
    press(page, "Report to print")
    expect(page.locator("h1")).to_have_text("How the ground moves here")

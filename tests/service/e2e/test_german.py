"""A reader chooses a language at the foot of the map, and reads clock times of their own."""

import re

from playwright.sync_api import expect

from tests.service.e2e.browsers import wait_for_map


def test_a_choice_at_the_foot_of_the_map_stays_and_keeps_the_view(open_page, make_alert):
    make_alert()
    page = open_page("phone", locale="de-DE")
    page.goto("/#8/47/-12")
    wait_for_map(page)
    assert page.evaluate("document.querySelector('script[src*=\"/words/de/\"]') !== null && 'gettext' in django")
    page.get_by_role("button", name="Français").click()
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    expect(page).to_have_url(re.compile(r"/#8/47/-12$"))
    page.goto("/about/")
    expect(page.locator("html")).to_have_attribute("lang", "fr")
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.locator('script[src*="/words/"]').count() == 0


def test_clock_times_are_the_readers(open_page):
    page = open_page("desktop", locale="de-DE", timezone_id="America/Caracas")
    page.goto("/about/")
    page.evaluate(
        """() => {
          const time = document.createElement("time");
          Object.assign(time, { className: "clock", dateTime: "2026-03-01T02:30:00+00:00", textContent: "x UTC" });
          document.body.append(time);
          const script = document.querySelector("script[src*='times.js']");
          const again = document.createElement("script");
          again.src = script.src;
          document.head.append(again);
        }"""
    )
    expect(page.locator("time.clock").last).to_have_text(re.compile(r"28\. Feb\. 2026.*22:30"))

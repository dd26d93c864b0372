"""A German mayor's whole visit: the map, a place, an alert, its report, the region, a subscription, two mails."""

import re

import pytest
from playwright.sync_api import Page, expect

from detection.alerts.services import alert_transition
from detection.models import Alert
from detection.rules.lifecycle import State
from monitor.models.subscriptions import Subscription
from tests.makers.regions import make_region
from tests.service.e2e.browsers import deliver, link_in, villages, wait_for_map

ENGLISH = re.compile(
    r"\b(the|and|of|is|are|with|this|that|from|for|not|which|where|when|has|have|been|it|its|you|your|by|to|or|no|at"
    r"|than|what|how|about|ground|motion|place|places|sinking|rising|mm a year)\b",
    re.IGNORECASE,
)
NAMES = re.compile(
    r"Ground Motion Monitor|Natural Earth|Mid Isle|Aldwick|English|E-Mail|\S*[_/@=]\S*|\b[A-Z0-9]{4}\b|© .*"
    r"|Digital Ground Motion|European Ground Motion Service|Kansas"
)
MONTHS = "Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember"
GERMAN_DAY = re.compile(rf"\d{{1,2}}\. ({MONTHS})")
POINT = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,2}(?![\d.])(?=\s?(°|mm|cm|m\b|km|Millimeter|Meter|%))")


def english_in(text: str) -> list[str]:
    """Lines with a word that German does not have, names left out."""
    return [line for line in text.splitlines() if ENGLISH.search(NAMES.sub("", line))]


def read(page: Page) -> list[str]:
    """What a page says that is not German."""
    expect(page.locator("html")).to_have_attribute("lang", "de")
    shown = page.locator("body").inner_text()
    labels = page.locator("[aria-label], [title], [placeholder]").evaluate_all(
        "all => all.map((one) => ['aria-label', 'title', 'placeholder'].map((name) => one.getAttribute(name) ?? ''))"
    )
    text = "\n".join([page.title(), shown, *(label for three in labels for label in three)])
    points = [line for line in text.splitlines() if POINT.search(line)]
    return [f"{page.url}: {line}" for line in english_in(text) + points]


def read_mail(message) -> list[str]:
    text = re.sub(r"https?://\S+", "", message.get_body(("plain",)).get_content())
    return [f"mail: {line}" for line in [*english_in(message["Subject"]), *english_in(text)]]


@pytest.fixture
def country(sinking, tmp_path, settings, live_server) -> Alert:
    """The simulated region with a village and an administrative region; an alert that sinks."""
    settings.PUBLIC_URL = live_server.url
    villages(tmp_path, "Aldwick,47.01,-12,2300")
    make_region("Mid Isle", (-12.2, 46.8, -11.8, 47.2), simulated=True)
    return sinking


@pytest.mark.long
def test_a_german_mayor_reads_everything_in_german(open_page, country, mail_server):
    page, other = open_page("desktop", locale="de-DE", timezone_id="Europe/Berlin"), []
    page.goto("/")
    wait_for_map(page)
    field = page.get_by_role("combobox").first
    field.press_sequentially("aldw")
    expect(page.get_by_role("listbox").get_by_role("option")).to_have_count(1)
    field.press("ArrowDown")
    field.press("Enter")
    expect(page).to_have_url(re.compile(r"#[\d.]+/47\.0\d*/-1[12]"))
    other += read(page)

    page.goto(f"/alerts/{country.code}/")
    wait_for_map(page)
    page.locator("#moved summary").first.click()
    expect(page.locator("#motion svg, #motion canvas, #series canvas").first).to_be_visible()
    alert = page.locator("main").inner_text()
    assert re.search(r"\d,\d", alert)
    assert GERMAN_DAY.search(alert)
    other += read(page)
    for path in (f"alerts/{country.code}/report/", "alerts/", "regions/", "regions/mid-isle/", "reading/", "about/"):
        page.goto(f"/{path}")
        other += read(page)

    middle = country.area.point_on_surface
    page.goto(f"/subscribe/?lat={middle.y:.4f}&lon={middle.x:.4f}")
    wait_for_map(page)
    expect(page.locator("#preview")).to_contain_text(re.compile(r"\w+ .*\."))
    other += read(page)
    page.locator("#email").fill("rathaus@example.org")
    page.locator("form.subscribe button[type=submit]").last.click()
    expect(page).to_have_url(re.compile("/subscribe/sent/"))
    other += read(page)
    deliver()
    (question,) = mail_server.received
    page.goto(link_in(question, "subscribe/confirm"))
    other += read(page)
    page.locator("main form button").first.click()
    expect(page.locator("main form button")).to_have_count(0)
    wanted = Subscription.objects.get()
    assert (wanted.language, wanted.time_zone) == ("de", "Europe/Berlin")

    alert_transition(alert=country, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    deliver()
    _, news = mail_server.received
    assert [question["Content-Language"], news["Content-Language"]] == ["de", "de"]
    other += [*read_mail(question), *read_mail(news)]
    page.goto(link_in(news, "subscriptions"))
    other += read(page)
    assert not other, "\n".join(dict.fromkeys(other))


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

"""A resident in a browser: chooses a place, confirms by mail, hears of an alert, unsubscribes, hears no more."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from detection.lifecycle import State
from detection.services import alert_transition
from monitor import tasks
from monitor.mailing import sending
from monitor.models import Subscription

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
READY_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser) -> Iterator:
    """Opens pages that fail the test when a script fails, a file is missing, or another host is asked."""
    contexts, faults = [], []

    def open_one(width: int, height: int, **options) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda sent: None if local(sent.url) else faults.append(f"foreign: {sent.url}"))
        page.on("response", lambda got: faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


def local(url: str) -> bool:
    return bool(re.match(r"(http://(localhost|127\.0\.0\.1)[:/]|blob:|data:)", url))


def wait_for_map(page: Page) -> None:
    for _ in range(READY_MS // 200):
        if page.evaluate("window.__mapReady === true"):
            return
        page.wait_for_timeout(200)
    pytest.fail("the map did not get ready")


def draw_around(page: Page) -> None:
    """Click four corners around the middle of the map, and the first one again."""
    page.get_by_text("An area that I draw").click()
    expect(page.locator("#draw-again")).to_be_visible()
    box = page.locator("#region-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for right, down in ((-90, -70), (90, -70), (90, 70), (-90, 70), (-90, -70)):
        page.mouse.move(x + right, y + down)
        page.wait_for_timeout(150)  # the tool tells a click from a double click and a drag by time
        page.mouse.click(x + right, y + down)
        page.wait_for_timeout(350)
    expect(page.locator("#drawn")).not_to_have_value("")


def link_in(message, name: str) -> str:
    return re.search(rf"https?://\S+/{name}/\S+", message.get_body(("plain",)).get_content())[0]


def deliver() -> None:
    tasks.announce_transitions()
    sending.mails_send()


@pytest.fixture
def reachable(settings, live_server):
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def subscribe_and_hear(page: Page, url: str, mail_server, alert) -> None:
    """From the filled form to silence."""
    expect(page.locator("#preview")).to_contain_text("In the last two years this would have sent you one mail.")
    page.get_by_label("Your e-mail address").fill("resident@example.org")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("h1")).to_have_text("Look into your mailbox")
    deliver()
    (question,) = mail_server.received
    page.goto(link_in(question, "subscribe/confirm"))
    page.get_by_role("button", name="Yes, send me these mails").click()
    expect(page.locator("h1")).to_have_text("You will hear from us")

    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    deliver()
    _, news = mail_server.received
    assert news["To"] == "resident@example.org"
    page.goto(link_in(news, "alerts"))
    expect(page.locator("h1")).to_have_text("Sinking ground")
    page.goto(news["List-Unsubscribe"].strip(" <>"))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator("h1")).to_have_text("You are unsubscribed")

    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    deliver()
    assert len(mail_server.received) == 2


def test_at_a_desk_an_area_is_drawn_and_its_owner_hears_of_it(open_page, reachable, mail_server, make_alert):
    alert, page = make_alert(), open_page(1440, 900)
    page.goto(f"{reachable}/subscribe/")
    wait_for_map(page)
    draw_around(page)
    subscribe_and_hear(page, reachable, mail_server, alert)
    assert Subscription.objects.get().label.startswith("a drawn area of ")


def test_on_a_phone_a_tap_and_a_distance_are_enough(open_page, reachable, mail_server, make_alert):
    alert, page = make_alert(), open_page(390, 844, has_touch=True)
    page.goto(f"{reachable}/subscribe/")
    wait_for_map(page)
    page.locator("#region-map canvas").tap()
    expect(page.locator("#latitude")).not_to_have_value("")
    page.get_by_text("My neighbourhood (800 m)").click()
    subscribe_and_hear(page, reachable, mail_server, alert)
    assert Subscription.objects.get().label == "800 m around 47.00° N 12.00° W"


def test_the_view_of_the_map_becomes_an_area(open_page, reachable, make_alert):
    make_alert()
    page = open_page(1440, 900)
    page.goto(reachable)
    wait_for_map(page)
    page.get_by_role("link", name="Mail me about this view of the map").click()
    wait_for_map(page)
    expect(page.get_by_label("An area that I draw")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("A drawn area of")


def test_without_javascript_a_typed_place_is_enough(open_page, reachable, mail_server, make_alert):
    page = open_page(1440, 900, java_script_enabled=False)
    page.goto(f"{reachable}/subscribe/")
    assert not page.get_by_text("An area that I draw").is_visible()
    page.get_by_label("Latitude").fill("47,0")
    page.get_by_label("Longitude").fill("-12,0")
    page.get_by_label("Your e-mail address").fill("resident@example.org")
    page.get_by_role("button", name="Subscribe").click()
    expect(page.locator("h1")).to_have_text("Look into your mailbox")
    assert Subscription.objects.get().label == "2 km around 47.00° N 12.00° W"

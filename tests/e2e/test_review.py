"""An operator in a browser rejects an alert with a note, and everybody reads it; by mouse, by keys, without scripts."""

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from playwright.sync_api import Browser, Page, expect, sync_playwright

from detection.models import Alert, AuditEntry
from monitor.roles import OPERATORS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

FLAGS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
PASSWORD = "a long enough pass phrase"
READY_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def operator(watched_region):
    user = get_user_model().objects.create_user("anna", password=PASSWORD)
    user.groups.add(Group.objects.get(name=OPERATORS))
    return user


@pytest.fixture
def open_page(browser, live_server) -> Iterator:
    """Pages that fail the test when a script fails, a file is missing, or another host is asked."""
    contexts, faults = [], []

    def make(size: str, **options) -> Page:
        contexts.append(browser.new_context(viewport=SIZES[size], base_url=live_server.url, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: faults.append(f"script: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("response", lambda got: faults.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        page.on("request", lambda sent: faults.append(f"foreign: {sent.url}") if foreign(sent.url) else None)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


def foreign(url: str) -> bool:
    return not re.match(r"(http://(localhost|127\.0\.0\.1)[:/]|blob:|data:)", url)


def wait_for_map(page: Page) -> None:
    for _ in range(READY_MS // 200):
        if page.evaluate("window.__mapReady === true"):
            return
        page.wait_for_timeout(200)
    pytest.fail("the map did not get ready")


def sign_in(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Name").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/review/$"))


def first_case(page: Page) -> str:
    return page.locator("[data-case]").first.get_attribute("data-case")


@pytest.mark.parametrize("size", SIZES)
def test_an_operator_rejects_an_alert_with_a_note_and_the_public_reads_it(open_page, operator, size):
    page = open_page(size)
    sign_in(page)
    code = first_case(page)
    page.get_by_role("link", name="Open the first case").click()
    expect(page).to_have_url(re.compile(f"/review/{code}/$"))
    wait_for_map(page)
    form = page.locator("details[data-key=n]")
    form.locator("summary").click()
    form.get_by_label("Vegetation or snow").check()
    form.get_by_label("Public note").fill("Deep snow until May.")
    form.get_by_role("button", name="Record as not motion").click()
    expect(page).to_have_url(re.compile(rf"/review/\w+/\?after={code}$"))
    expect(page.locator(".recorded")).to_contain_text(f"{code} recorded: vegetation or snow")
    wait_for_map(page)
    wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide

    visitor = open_page(size)
    visitor.goto(f"/alerts/{code}/")
    expect(visitor.locator(".said")).to_contain_text("Deep snow until May.")
    expect(visitor.locator(".badge").first).to_have_text("not motion")
    expect(visitor.get_by_text("anna")).to_have_count(0)
    wait_for_map(visitor)
    expect(visitor.locator("#series canvas").first).to_be_visible(timeout=READY_MS)


def test_a_case_is_answered_and_taken_back_by_keys_alone(open_page, operator):
    page = open_page("desktop")
    sign_in(page)
    wait_for_map(page)
    code = first_case(page)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(f"/review/{code}/$"))
    wait_for_map(page)
    page.keyboard.press("c")
    page.keyboard.press("2")
    note = page.locator("details[data-key=c] [name=public_note]")
    expect(note).to_be_focused()
    expect(note).to_have_attribute("placeholder", re.compile("Measurements of another kind"))
    page.keyboard.type("njcu: letters in a note are letters.")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile(f"after={code}$"))
    wait_for_map(page)
    assert Alert.objects.get(state="confirmed").code == code
    page.keyboard.press("u")
    expect(page).to_have_url(re.compile(f"/review/{code}/$"))
    expect(page.locator(".recorded")).to_contain_text("Taken back")
    assert not Alert.objects.filter(state="confirmed").exists()
    assert [entry.action for entry in AuditEntry.objects.all()] == ["review.taken-back", "review.confirm"]
    wait_for_map(page)


def test_the_queue_works_without_javascript(open_page, operator):
    page = open_page("desktop", java_script_enabled=False)
    sign_in(page)
    code = first_case(page)
    page.locator("[data-case] a").first.click()
    form = page.locator("details[data-key=f]")
    form.locator("summary").click()
    form.get_by_label("Public note").fill("We go there in June.")
    form.get_by_role("button", name="Plan a visit").click()
    expect(page.locator(".recorded")).to_contain_text(code)
    page.goto(f"/alerts/{code}/")
    expect(page.locator(".said")).to_contain_text("We go there in June.")

"""An operator takes a case along to a visit: it opens without a network, and what is written there is sent once."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Page, expect

from detection.models import Alert, CaseNote, FieldVisit
from detection.reviews.visits import Plan, visit_plan, visit_report
from monitor.web.guards import OPERATORS
from tests.makers.people import account
from tests.service.e2e.browsers import SIZES, sign_in, sign_out

CACHES = "caches.keys().then((names) => names.filter((name) => name.startsWith('visits-')).length)"

IS_KEPT = "(path) => caches.match(path).then(Boolean)"
AGE = """async ([path, days]) => {
    const name = (await caches.keys()).find((name) => name.startsWith("visits-"));
    const [cache, date] = [await caches.open(name), new Date(Date.now() - days * 86400000).toUTCString()];
    const page = await (await cache.match(path)).text();
    await cache.put(path, new Response(page, { headers: { "content-type": "text/html; charset=utf-8", date } }));
}"""


@pytest.fixture
def visited(make_alert, operator) -> Alert:
    """An alert that anna will visit today."""
    alert = make_alert(state="first")
    today = Plan(day=timezone.now().date(), visitor=operator, remind=False)
    visit_plan(alert=alert, plan=today, by=operator, expected_state="first")
    return alert


@pytest.fixture
def phone(browser, live_server) -> Iterator[Page]:
    """A phone of which a missing network is no fault."""
    context = browser.new_context(viewport=SIZES["phone"], base_url=live_server.url)
    yield context.new_page()
    context.close()


def keep(page: Page, alert: Alert) -> None:
    sign_in(page, to=f"/review/{alert.code}/")
    page.get_by_role("link", name="Take the case along").click()
    page.get_by_role("button", name="Keep on this device").click()
    expect(page.locator("#kept-state")).to_contain_text("is kept on this device")


def write(page: Page, text: str) -> None:
    page.get_by_label("Traces of motion were seen", exact=True).check()
    page.get_by_label("Note").fill(text)
    Image.new("RGB", (8, 8)).save(photo := BytesIO(), "PNG")
    file = {"name": "crack.png", "mimeType": "image/png", "buffer": photo.getvalue()}
    page.get_by_label("Photos and documents").set_input_files(file)
    page.get_by_role("button", name="Record the visit").click()


def test_a_kept_case_opens_without_a_network_and_what_is_written_is_sent_once(phone, visited):
    keep(phone, visited)
    phone.context.set_offline(True)
    phone.goto(f"/review/{visited.code}/visit/")
    expect(phone.locator(".plan")).to_be_visible()
    assert phone.evaluate("getComputedStyle(document.querySelector('.visit-pictures')).display") == "grid"
    write(phone, "A crack in the wall.")
    expect(phone.locator("#waiting")).to_contain_text("A crack in the wall. · crack.png")
    phone.reload()
    expect(phone.locator("#waiting")).to_contain_text("Waits for a network")
    assert not CaseNote.objects.exists()
    phone.context.set_offline(False)
    expect(phone.locator("#kept-state")).to_contain_text("was recorded")
    expect(phone.locator("#waiting li")).to_have_count(0)
    note = CaseNote.objects.get()
    assert (note.text, note.files.get().name) == ("A crack in the wall.", "crack.png")
    assert FieldVisit.objects.get().result == "seen"
    phone.reload()
    expect(phone.get_by_role("heading", name="Private note")).to_be_visible()
    assert CaseNote.objects.count() == 1


def test_what_is_refused_stays_on_the_device_and_can_become_a_private_note(phone, visited, operator):
    keep(phone, visited)
    phone.context.set_offline(True)
    phone.reload()
    write(phone, "Nobody was there before me.")
    expect(phone.locator("#waiting li")).to_have_count(1)
    visit_report(visit=FieldVisit.objects.get(), by=account("ben", OPERATORS), result="nothing")
    phone.context.set_offline(False)
    expect(phone.locator("#waiting")).to_contain_text("Somebody else has changed this alert")
    phone.reload()
    phone.get_by_role("button", name="Send as a private note instead").click()
    expect(phone.locator("#waiting li")).to_have_count(0)
    assert CaseNote.objects.get().text == "Nobody was there before me."


def test_a_kept_case_is_forgotten_after_thirty_days_but_never_what_was_written(phone, visited):
    page = f"/review/{visited.code}/visit/"
    keep(phone, visited)
    phone.evaluate(AGE, [page, 29])
    phone.reload()
    expect(phone.locator("#kept-state")).to_contain_text("is kept on this device")
    expect(phone.locator("#unsent")).to_be_hidden()
    phone.evaluate(AGE, [page, 31])
    phone.goto(f"/review/{visited.code}/")
    phone.wait_for_function(f"async (path) => !(await ({IS_KEPT})(path))", arg=page)
    phone.goto(page)
    phone.get_by_role("button", name="Keep on this device").click()
    expect(phone.locator("#kept-state")).to_contain_text("is kept on this device")
    phone.context.set_offline(True)
    phone.reload()
    write(phone, "The house leans.")
    expect(phone.locator("#waiting li")).to_have_count(1)
    phone.evaluate(AGE, [page, 31])
    phone.reload()
    expect(phone.locator("#kept-state")).to_contain_text("is removed once what you wrote is sent")
    visit_report(visit=FieldVisit.objects.get(), by=account("ben", OPERATORS), result="nothing")
    phone.goto("about:blank")
    phone.context.set_offline(False)
    phone.goto(f"/review/{visited.code}/")
    phone.get_by_role("link", name="Not sent yet").click()
    phone.get_by_role("button", name="Send as a private note instead").click()
    expect(phone.locator("#waiting li")).to_have_count(0)
    expect(phone.locator("#unsent")).to_be_hidden()
    assert CaseNote.objects.get().text == "The house leans."
    assert not phone.evaluate(IS_KEPT, page)


def test_signing_out_and_another_person_remove_what_was_kept(phone, visited):
    keep(phone, visited)
    assert phone.evaluate(CACHES) == 1
    sign_out(phone)
    assert phone.evaluate(CACHES) == 0
    keep(phone, visited)
    phone.context.clear_cookies()
    account("ben", OPERATORS)
    sign_in(phone, name="ben")
    phone.wait_for_function(f"{CACHES}.then((n) => n === 0)")


def test_signed_out_nothing_is_kept_and_a_browser_that_refuses_its_cache_can_sign_out(phone, visited):
    sign_in(phone, to=f"/review/{visited.code}/visit/")
    phone.evaluate("void (caches.delete = () => Promise.reject(new Error('refused')))")
    sign_out(phone)
    sign_in(phone, to=f"/review/{visited.code}/visit/")
    phone.context.clear_cookies()
    phone.get_by_role("button", name="Keep on this device").click()
    expect(phone.locator("#kept-state")).to_contain_text("You are no longer signed in.")
    expect(phone.locator("#forget")).to_be_hidden()

"""An operator in a browser rejects an alert with a note, and everybody reads it; by mouse, by keys, without scripts."""

import json
import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from detection.models import Alert, AuditEntry
from monitor.open_data.cap.services import message_issue, transitions_due
from monitor.web.guards import OPERATORS, PUBLISHERS
from tests.makers.glaciers import watch_moving_ground
from tests.makers.people import account
from tests.service.e2e.browsers import TABLETS, fits, out_of_window, sign_in, wait_for_map

PARTS = ("map", "pictures", "figure", "curve", "verdict")


@pytest.fixture
def operator(watched_region) -> User:
    return account("anna", OPERATORS)


def first_case(page: Page) -> str:
    return page.locator("[data-case]").first.get_attribute("data-case")


def test_an_operator_rejects_an_alert_with_a_note_and_the_public_reads_it(open_page, operator):
    page = open_page("phone")
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
    assert fits(page)

    visitor = open_page("phone")
    visitor.goto(f"/alerts/{code}/")
    expect(visitor.locator(".review-notes")).to_contain_text("Deep snow until May.")
    expect(visitor.locator(".badge").first).to_have_text("not motion")
    expect(visitor.get_by_text("anna")).to_have_count(0)
    wait_for_map(visitor)
    visitor.locator("#moved summary").first.click()
    expect(visitor.locator("#series canvas").first).to_be_visible()


def verdict_faults(page: Page, alert: Alert, parts: tuple[str, ...]) -> list[str]:
    """Return what of a case does not fit the window, with each of its verdicts open in turn."""
    page.goto(f"/review/{alert.code}/")
    wait_for_map(page)
    faults = out_of_window(page, parts)
    for summary in page.locator("details[name=verdict] summary").all():
        summary.click()
        button = page.locator("details[name=verdict][open] button[type=submit]")
        expect(button).to_be_in_viewport(ratio=1)
        faults += out_of_window(page, parts)
    return [f"{alert.kind}: {fault}" for fault in faults]


def test_a_case_shows_map_pictures_curve_and_every_verdict_on_one_screen_and_opens_at_its_top_on_a_tablet(
    page, operator
):
    sign_in(page)
    code = first_case(page)
    page.set_extra_http_headers({"Accept-Language": "de"})  # German has the longest words.
    for kind in ("subsidence", "unknown"):
        assert verdict_faults(page, Alert.objects.filter(kind=kind).first(), PARTS) == []
    page.locator(".case-pictures button").first.click()
    expect(page.locator(".case-pictures figure").first).to_be_in_viewport(ratio=1)
    for size in TABLETS:
        page.set_viewport_size(size)
        page.goto(f"/review/{code}/")
        wait_for_map(page)
        for part in ("h1", "#layer", "[data-glance=curve]", "details[name=verdict]:last-of-type summary"):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
        assert fits(page)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # a picture lies nowhere
def test_both_images_of_a_pair_are_beside_the_map(page, transactional_db):
    account("anna", OPERATORS)
    sign_in(page)
    assert verdict_faults(page, watch_moving_ground(), (*PARTS, "swipe")) == []


def test_on_a_phone_the_verdicts_stay_in_reach_however_far_a_case_is_scrolled(open_page, operator):
    page = open_page("phone")
    sign_in(page)
    page.goto(f"/review/{first_case(page)}/")
    wait_for_map(page)
    for place in ("h1", "#evidence", "#trail", "#queue li:last-child"):
        page.locator(place).scroll_into_view_if_needed()
        for summary in page.locator("details[name=verdict] summary").all():
            expect(summary).to_be_in_viewport(ratio=1)
    assert fits(page)


def test_two_operators_share_the_queue_by_keys_alone(open_page, operator):
    account("ben", OPERATORS)
    page, other = open_page("desktop"), open_page("desktop", has_touch=True)
    other.set_viewport_size({"width": 1024, "height": 768})  # a tablet in the field
    sign_in(page)
    wait_for_map(page)
    page.evaluate("window.samePage = true")
    code = first_case(page)
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(f"/review/{code}/$"))
    wait_for_map(page)

    sign_in(other, name="ben")
    wait_for_map(other)
    expect(other.locator(f"[data-case='{code}'] .held")).to_contain_text("anna")
    other.keyboard.press("j")
    expect(other.locator(".case .fault")).to_contain_text("anna has held this case")
    expect(other.locator("details[name=verdict]")).to_have_count(0)
    assert fits(other)

    page.keyboard.press("j")
    expect(page.locator("[data-selected]")).not_to_have_attribute("data-case", code)
    page.keyboard.press("k")
    expect(page.locator("[data-selected]")).to_have_attribute("data-case", code)
    page.go_back()
    expect(page.locator("[data-selected]")).not_to_have_attribute("data-case", code)
    page.go_forward()
    expect(page.locator("[data-selected]")).to_have_attribute("data-case", code)
    assert page.evaluate("window.samePage"), "the page was loaded anew"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("duplicate of another alert")
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    expect(page.locator("#layer")).to_be_focused()
    page.locator("h1").focus()
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
    assert [entry.action for entry in AuditEntry.objects.all()] == ["review.taken-back", "review.confirm"]
    wait_for_map(page)
    page.keyboard.press("x")
    expect(page).to_have_url(re.compile("/review/$"))
    wait_for_map(page)
    page.get_by_role("link", name="Table").click()
    expect(page.locator("#case-table")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator(f"#case-table [data-case='{code}'] a")).to_be_focused()
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile(f"/review/{code}/.view=table$"))
    expect(page.locator("details[data-key=c]")).to_have_attribute("open", "")
    page.locator("h1").focus()
    page.keyboard.press("x")
    expect(page.locator("#case-table")).to_be_visible()
    other.get_by_role("link", name="Try to take it now").click()
    expect(other.locator("#claim")).to_contain_text("You hold this case")


def draw(page: Page) -> None:
    """A triangle in the middle of the map."""
    page.locator("#edit-map").scroll_into_view_if_needed()
    box = page.locator("#edit-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for right, down in ((-90, -60), (90, -60), (90, 60), (-90, -60)):
        page.mouse.move(x + right, y + down)
        page.mouse.click(x + right, y + down)
    expect(page.locator("[name=outline]")).not_to_have_value("")


def test_an_operator_draws_the_outline_anew_a_second_person_publishes_and_page_and_cap_show_it(
    open_page, operator, settings
):
    settings.SECOND_PERSON_FROM = "minor"
    account("ben", PUBLISHERS)
    page, other = open_page("desktop"), open_page("desktop")
    sign_in(page)
    code = first_case(page)
    page.goto(f"/review/{code}/edit/")
    wait_for_map(page)
    page.get_by_label("Drawn or written anew").check()
    expect(page.locator("#draw-again")).to_be_enabled()
    page.locator("#draw-again").click()
    draw(page)
    page.get_by_label("English").fill("An old quarry was filled here.")
    page.get_by_role("button", name="Change the alert").click()
    expect(page).to_have_url(re.compile(f"/review/{code}/$"))
    expect(page.locator("#trail + ol li").first).to_contain_text("Proposed to change it")  # the text alone
    expect(page.locator("#trail + ol li").nth(1)).to_contain_text("A specialist has changed its outline")
    for step in transitions_due():
        message_issue(transition=step)
    page.goto(f"/review/{code}/")
    wait_for_map(page)
    sign_in(other, name="ben")
    expect(other.locator(f"[data-case='{code}'] .held")).to_contain_text("anna")
    page.keyboard.press("c")
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".recorded")).to_contain_text("It waits for a second person")

    other.goto("/review/")
    other.get_by_role("link", name="1 case waits for a second person").click()
    other.locator(f"[data-case='{code}'] a").click()
    expect(other.locator("#proposal + p")).to_contain_text("anna proposed to confirm this alert")
    wait_for_map(other)
    other.keyboard.press("p")
    other.keyboard.press("Control+Enter")
    expect(other.locator(".recorded")).to_contain_text(f"{code} is published")
    for step in transitions_due():
        message_issue(transition=step)

    visitor = open_page("phone")
    visitor.goto(f"/alerts/{code}/")
    expect(visitor.get_by_text("An old quarry was filled here.")).to_be_visible()
    feature = json.loads(visitor.locator("#alert-area").text_content())
    assert [len(ring) for part in feature["geometry"]["coordinates"] for ring in part] == [4]
    message = visitor.request.get(f"/cap/{code}.xml").text()
    assert "An old quarry was filled here." in message
    assert "<msgType>Update</msgType>" in message
    assert "A specialist has looked at this and agrees" in message

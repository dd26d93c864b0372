"""Three people in a browser: one founds an organisation, two join, one leaves, and the others go on hearing."""

import pytest
from playwright.sync_api import Page, expect

from detection.alerts.services import alert_transition
from detection.rules.lifecycle import State
from monitor.subscribers.subscriptions import tokens
from tests.service.e2e.browsers import link_in
from tests.service.e2e.test_subscribe import deliver, draw_around

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def join(page: Page, letter) -> None:
    page.goto(link_in(letter, "subscribe/join"))
    page.get_by_role("button", name="Yes, I join").click()
    expect(page.locator("h1")).to_have_text("You belong to Aldwick Waterworks")


def test_an_organisation_of_three(open_page, live_server, settings, mail_server, make_alert, make_subscription):
    settings.PUBLIC_URL = live_server.url
    own = make_subscription("owner@example.org", longitude=-13.0)
    alert, page = make_alert(), open_page("desktop")
    page.goto(f"{live_server.url}/subscriptions/{tokens.manage_token(own.pk)}/")
    page.get_by_role("link", name="Organisations").click()
    page.get_by_label("Its name").fill("Aldwick Waterworks")
    page.get_by_role("button", name="Found it").click()
    page.get_by_role("link", name="Add a place for all").click()
    draw_around(page)
    expect(page.locator("#preview")).to_contain_text("A drawn area of")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("mails come to you")).to_be_visible()
    for name in ("anna", "ben"):
        page.get_by_label("E-mail address of somebody to invite").fill(f"{name}@example.org")
        page.get_by_role("button", name="Send the invitation").click()
        expect(page.get_by_role("status")).to_contain_text("The invitation is on its way.")
    deliver()
    for letter in mail_server.received[-2:]:
        join(page, letter)

    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    deliver()
    assert sorted(letter["To"] for letter in mail_server.received[2:]) == [
        f"{name}@example.org" for name in ("anna", "ben", "owner")
    ]
    (of_ben,) = (letter for letter in mail_server.received[2:] if letter["To"] == "ben@example.org")
    page.goto(link_in(of_ben, "subscriptions"))
    page.get_by_role("link", name="organisation", exact=True).click()
    page.get_by_role("link", name="Aldwick Waterworks").click()
    expect(page.get_by_text("anna@example.org")).to_have_count(0)
    page.get_by_role("button", name="Leave this organisation").click()
    expect(page.locator("h1")).to_have_text("Your subscriptions")

    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    deliver()
    assert sorted(letter["To"] for letter in mail_server.received[5:]) == ["anna@example.org", "owner@example.org"]

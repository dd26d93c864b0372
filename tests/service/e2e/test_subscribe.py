"""A resident in a browser: chooses a place, confirms by mail, hears of an alert, unsubscribes, hears no more."""

import re

import pytest
from django.utils import translation
from playwright.sync_api import Page, expect

from detection.alerts.services import alert_transition
from detection.rules.lifecycle import State
from lab.samples.alerts import step
from monitor.models.subscriptions import Subscription
from monitor.notifications.mail import letters
from monitor.notifications.mail.letters import AlertNews, RegionNews
from monitor.subscribers.subscriptions import tokens
from monitor.wording.cards.cards import alert_cards
from tests.service.e2e.browsers import deliver, fits, link_in, subscribe, villages, wait_for_map


def draw_around(page: Page) -> None:
    """Click four corners around the middle of the map, and the first one again."""
    page.get_by_text("Drawn area").click()
    expect(page.locator("#draw-again")).to_be_enabled()  # by then the map hears clicks as corners
    box = page.locator("#region-map").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for right, down in ((-90, -70), (90, -70), (90, 70), (-90, 70), (-90, -70)):
        page.mouse.move(x + right, y + down)
        page.mouse.click(x + right, y + down)
    expect(page.locator("#drawn")).not_to_have_value("")


@pytest.fixture
def reachable(settings, live_server):
    settings.PUBLIC_URL = live_server.url
    return live_server.url


def subscribe_as_resident(page: Page, mail_server) -> None:
    expect(page.locator("#preview")).to_contain_text("In the last 2 years this would have sent you one mail.")
    subscribe(page, mail_server, "resident@example.org")
    assert len(mail_server.received) == 1


def hear_and_leave(page: Page, mail_server, alert) -> None:
    """News, an update, one click, and silence."""
    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    deliver()
    alert_transition(alert=alert, to=State.CONFIRMED, reason="seen in the field", actor="operator")
    deliver()
    _, news, update = mail_server.received
    assert (news["To"], update["To"]) == ("resident@example.org", "resident@example.org")
    page.goto(link_in(news, "alerts"))
    expect(page.locator("h1")).to_have_text("Sinking ground, cause unknown")
    page.goto(update["List-Unsubscribe"].strip(" <>"))
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.locator("h1")).to_have_text("You are unsubscribed")

    alert_transition(alert=alert, to=State.FINISHED, reason="at rest", actor="operator")
    deliver()
    assert len(mail_server.received) == 3


def test_at_a_desk_an_area_is_drawn_and_its_owner_hears_of_it(open_page, reachable, mail_server, make_alert):
    alert, page = make_alert(), open_page("desktop")
    page.goto(f"{reachable}/subscribe/")
    wait_for_map(page)
    draw_around(page)
    subscribe_as_resident(page, mail_server)
    hear_and_leave(page, mail_server, alert)
    assert Subscription.objects.get().label.startswith("a drawn area of ")


def test_on_a_phone_a_town_is_searched_and_mail_and_webhook_hear_of_it(
    open_page, reachable, mail_server, receiver, make_alert, tmp_path
):
    alert, page = make_alert(), open_page("phone", has_touch=True)
    villages(tmp_path, "Aldwick,47.005,-12,2300", "Aldwick,46.2,-11,90")
    page.goto(f"{reachable}/subscribe/")
    wait_for_map(page)
    page.locator("#region-map canvas").tap()
    expect(page.locator("#latitude")).not_to_have_value("")
    page.get_by_label("Place or address").fill("aldwick")
    page.keyboard.press("Enter")
    page.get_by_label("Aldwick 2,300 inhabitants").check()
    expect(page.locator("#latitude")).to_have_value("47.00500")
    page.get_by_text("Neighbourhood (800 m)").click()
    subscribe_as_resident(page, mail_server)

    page.goto(f"{reachable}/subscriptions/{tokens.manage_token(Subscription.objects.get().pk)}/")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_label("Address of your server").fill(f"{receiver.url}/program")
    page.get_by_role("button", name="Add a webhook").click()
    expect(page.get_by_text("It is shown only now")).to_be_visible()
    deliver()
    assert [path for path, _, _ in receiver.received] == ["/program"]  # The test comes before any news.

    hear_and_leave(page, mail_server, alert)
    assert [path for path, _, _ in receiver.received[1:]] == ["/program", "/program"]
    assert Subscription.objects.get().label == "800 m around Aldwick"


def test_the_view_of_the_map_becomes_an_area(page, reachable, make_alert):
    make_alert()
    page.goto(reachable)
    wait_for_map(page)
    page.get_by_text("Filter and more").click()
    page.get_by_role("link", name="Mail me about this view of the map").click()
    expect(page).to_have_url(re.compile("/subscribe/"))
    wait_for_map(page)
    expect(page.get_by_label("Drawn area")).to_be_checked()
    expect(page.locator("#preview")).to_contain_text("A drawn area of")


def test_a_digest_of_ten_alerts_takes_four_screens_of_a_phone_in_german_too(open_page, make_alert, make_subscription):
    alerts = [make_alert(longitude=-12 + n / 10, peak_rate_mm_yr=-30.0) for n in range(10)]
    with translation.override("de"):
        news = [
            AlertNews(card, (step(alert, "", "first"),))
            for alert, card in zip(alerts, alert_cards(alerts), strict=True)
        ]
        places = [RegionNews(make_subscription(), news, "")]
        to = {"key": "k", "subscriptions": [places[0].subscription]}
        mail = letters.digest_mail(**to, places=places, draw=letters.card_part)
    html = mail.alternatives[0].content
    assert html.count("cid:") >= len(alerts)
    page = open_page("phone")
    page.set_content(re.sub(r'"cid:[^"]+"', '"data:,"', html))
    assert fits(page)
    assert page.evaluate("document.documentElement.scrollHeight") < 3500

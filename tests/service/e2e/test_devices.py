"""A subscriber lets a phone show messages. The browser is real; the push service of its maker is a receiver here."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from monitor.subscribers.subscriptions import tokens
from tests.service.e2e.browsers import CHROMIUM, FLAGS, deliver, push_service
from tests.service.monitor.notifications.push.test_push import read
from tests.waiting import wait_until

SHOWN = """async () => {
  const [one] = await (await navigator.serviceWorker.ready).getNotifications();
  return one && { title: one.title, body: one.body, tag: one.tag, data: one.data };
}"""


@pytest.fixture
def browser(chromium) -> Iterator[Browser]:
    """Start the whole Chromium, because the one without windows shows no messages."""
    with chromium.launch(executable_path=CHROMIUM, args=FLAGS) as started:
        yield started


def notified(page: Page, url: str, body: bytes) -> dict:
    """Hand a message to the page's service worker, as the browser does, and return what it shows."""
    page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    browser, found = page.context.new_cdp_session(page), []
    browser.on("ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"]))
    browser.send("ServiceWorker.enable")
    wait_until(lambda: found or page.wait_for_timeout(20))  # events arrive only while Playwright waits
    message = {"origin": url, "registrationId": found[0]["registrationId"], "data": body.decode()}
    browser.send("ServiceWorker.deliverPushMessage", message)
    return page.wait_for_function(SHOWN).json_value()


def test_a_phone_shows_messages_after_a_click_and_until_it_is_removed(
    open_page, live_server, receiver, push_key, make_alert, make_subscription
):
    ways = f"{live_server.url}/subscriptions/{tokens.manage_token(make_subscription().pk)}/ways/"
    refused = open_page("phone")
    refused.goto(ways)
    refused.get_by_role("button", name="Show messages on this device").click()
    expect(refused.locator("#device-answer")).to_contain_text("allow")
    iphone = open_page("phone")
    iphone.add_init_script("delete window.PushManager; navigator.standalone = false")  # Safari outside an app
    iphone.goto(ways)
    expect(iphone.locator("#device-answer")).to_contain_text("home screen")

    page = open_page("phone", permissions=["notifications"])
    page.add_init_script(push_service(push_key, f"{receiver.url}/phone"))
    page.goto(ways)
    page.get_by_role("button", name="Show messages on this device").click()
    expect(page.get_by_text("waiting for its first answer")).to_be_visible()
    deliver()  # a test: before the device has taken it, no news go there
    alert = make_alert()
    deliver()
    test, news = (read(body) for _, _, body in receiver.received)
    assert json.loads(test)["body"] == "Messages of this site reach this device."
    shown = notified(page, live_server.url, news)
    assert shown["title"].startswith("Sinking ground")
    assert (shown["tag"], shown["data"]) == (alert.code, f"/alerts/{alert.code}/")
    page.reload()
    expect(page.get_by_text("working")).to_be_visible()
    expect(page.get_by_text("this device", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Show messages on this device")).to_be_hidden()
    page.locator("#devices").get_by_role("button", name="Remove").click()
    expect(page.locator("[data-device]")).to_have_count(0)

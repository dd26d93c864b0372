"""A resident reports cracks from an alert's page; an operator accepts them; the alert's page counts them."""

from playwright.sync_api import Page, expect

from tests.service.e2e.browsers import deliver, fits, link_in, sign_in, wait_for_map


def fill(page: Page) -> None:
    page.get_by_label("Cracks in a wall").check()
    page.get_by_label("Seen on").fill("2026-05-03")
    page.get_by_label("What it looks like").fill("Two steps in the cellar wall.")
    page.get_by_label("Your e-mail address").fill("resident@example.org")
    page.get_by_role("button", name="Send the report").click()
    expect(page.locator("h1")).to_have_text("Check your mailbox")


def test_a_report_goes_from_an_alert_to_the_operator_and_back_to_the_alert(
    page, open_page, operator, make_alert, mail_server, settings, live_server
):
    settings.PUBLIC_URL = live_server.url
    alert = make_alert()
    page.goto(alert.get_absolute_url())
    page.locator("#residents").get_by_role("link", name="Report what you see").click()
    expect(page.get_by_label("Where:")).to_have_value("47.0000, -12.0000")
    wait_for_map(page)
    page.locator("#report-map").click(position={"x": 120, "y": 120})
    expect(page.get_by_label("Where:")).not_to_have_value("47.0000, -12.0000")
    assert fits(page)
    fill(page)
    deliver()
    (letter,) = mail_server.received
    page.goto(link_in(letter, "reports"))
    page.get_by_role("button", name="Yes, send this report").click()
    expect(page.locator(".lead")).to_contain_text("An operator will look at it")

    desk = open_page("desktop")
    sign_in(desk)
    desk.get_by_role("link", name="Reports of residents").click()
    expect(desk.get_by_text("Two steps in the cellar wall.")).to_be_visible()
    expect(desk.get_by_role("link", name=alert.code)).to_be_visible()
    desk.get_by_role("button", name="Accept", exact=True).click()
    expect(desk.locator(".recorded")).to_have_text("The report was accepted.")
    assert fits(desk)
    desk.goto(f"/review/{alert.code}/")
    expect(desk.get_by_text("Two steps in the cellar wall.")).to_be_visible()

    page.goto(alert.get_absolute_url())
    expect(page.locator("#residents")).to_contain_text("1 report of a resident within 200 m, from May 2026.")
    expect(page.get_by_text("Two steps in the cellar wall.")).to_have_count(0)

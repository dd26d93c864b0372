"""The map: marks cluster, cards light their places, tools are behind one button, a phone's legend is one line."""

from playwright.sync_api import expect

from tests.service.e2e.browsers import wait_for_map


def test_marks_that_would_cover_each_other_become_one_that_opens(page, make_alert):
    far, near, other = make_alert(longitude=-13.0), make_alert(peak_rate_mm_yr=-60.0), make_alert(longitude=-11.98)
    page.goto("/#6/47/-12")
    wait_for_map(page)
    mark = page.locator(f"[data-alert-marker='{near.code}']")
    expect(mark).to_have_attribute("data-count", "+1")
    assert "1 more here" in mark.get_attribute("aria-label")
    expect(page.locator(f"[data-alert-marker='{other.code}']")).to_be_hidden()
    expect(page.locator(f"[data-alert-marker='{far.code}']")).to_be_visible()
    heights = [
        page.locator(f"[data-alert-marker='{one.code}']").evaluate("one => +one.style.zIndex") for one in (near, far)
    ]
    assert heights == sorted(heights, reverse=True)  # of the same severity: the more important one lies on top
    mark.press("Enter")
    expect(page.locator(f"[data-alert-marker='{other.code}']")).to_be_visible()
    expect(mark).not_to_have_attribute("data-count", "+1")


def test_a_card_that_is_pointed_at_lights_its_place(page, make_alert):
    alert = make_alert()
    page.goto("/#9/47/-12")
    wait_for_map(page)
    mark = page.locator(f"[data-alert-marker='{alert.code}']")
    expect(mark).not_to_have_attribute("data-lit", "")
    page.locator(f"[data-alert-code='{alert.code}']").hover()
    expect(mark).to_have_attribute("data-lit", "")
    page.mouse.move(900, 500)
    expect(mark).not_to_have_attribute("data-lit", "")
    page.locator(f"[data-alert-code='{alert.code}'] a").focus()
    expect(mark).to_have_attribute("data-lit", "")


def test_on_a_phone_the_legend_is_one_line_that_opens(open_page, watched_region):
    page = open_page("phone")
    page.goto("/")
    wait_for_map(page)
    legend = page.locator("#legend")
    assert legend.bounding_box()["height"] <= 40
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()
    page.locator(".more-tools > summary").click()
    expect(page.get_by_role("button", name="Compare")).to_be_visible()
    page.locator(".more-tools > summary").click()
    legend.locator("> details > summary").click()
    expect(legend).to_contain_text("still")
    assert legend.bounding_box()["height"] > 100

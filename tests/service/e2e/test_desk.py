"""A geologist at the desk: comes from the map, looks at attributes and two tracks, and goes back to the map."""

import re

from playwright.sync_api import Locator, Page, TimeoutError, expect

from detection.models import Alert
from monitor.pages.desk import views
from tests.service.e2e.browsers import fits_any_window, wait_for_map

CHOSEN_BARS = """() => document.querySelector("#histogram .js-plotly-plot")?.data?.[1].y.filter(Boolean).length"""


def drawn(page: Page, name: str, part: str) -> None:
    """Wait for a part of a chart or a map."""
    expect(page.locator(f"#{name} {part}").first).to_be_attached()


def all_drawn(page: Page) -> None:
    """Wait until every chart shows marks."""
    expect(page.locator(".dash-graph").first).to_be_attached()
    expect(page.locator(".dash-graph:not(:has(.overplot :is(path, image)))")).to_have_count(0)


def test_charts_are_drawn_at_once_by_our_own_file_of_plotly_and_heed_the_mouse(page, live_server, watched_region):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}/workbench/")
    expect(page.locator(".dash-graph")).to_have_count(3)
    all_drawn(page)
    wait_for_map(page)
    assert [url for url in asked if re.search(r"plotly|polyfill|_dash-component-suites", url)] == [
        f"{live_server.url}/static/{views.CHARTS}"
    ]
    bars = page.locator("#histogram .trace.bars").first.locator(".point path")
    heights = bars.evaluate_all("(all) => all.map((one) => one.getBBox().height)")
    page.mouse.click(*on(bars.nth(heights.index(max(heights))), 0.5, 0.5))
    expect(page.locator("#choice-words")).to_contain_text("chosen: ")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#choice-words")).to_have_text("Nothing chosen yet.")
    expect(page.locator("#series .scatterlayer .trace")).to_have_count(3)
    all_drawn(page)


def test_a_geologist_takes_ground_from_the_map_to_the_desk_and_back(page, live_server, watched_region):
    west, south, east, north = Alert.objects.order_by("peak_rate_mm_yr").first().area.extent
    page.goto(f"{live_server.url}/?layer=ascending#13/{(south + north) / 2:.4f}/{(west + east) / 2:.4f}")
    wait_for_map(page)
    page.get_by_text("Filter and more").click()
    page.get_by_role("link", name="Open in the workbench").click()
    expect(page).to_have_url(re.compile(r"/workbench/\?.*bbox="))
    expect(page.locator("#extent")).to_contain_text("points")
    drawn(page, "histogram", ".bars path")
    drawn(page, "series", ".scatterlayer .trace")
    expect(page.locator("#series .scatterlayer .trace")).to_have_count(3)
    wait_for_map(page)
    assert fits_any_window(page)

    page.get_by_role("button", name="All in view").click()
    expect(page.locator("#choice-words")).to_contain_text("points chosen: median")
    expect(page.locator("#series-words")).to_contain_text("points chosen")
    page.wait_for_function(f"() => ({CHOSEN_BARS})() > 0")
    page.get_by_role("link", name="Look at this ground only").click()
    expect(page).to_have_url(re.compile("area="))

    page.get_by_role("link", name="Show on the map").click()
    expect(page).to_have_url(re.compile(r"/\?layer=ascending"))


def test_charts_are_read_and_points_chosen_by_keys_alone(page, live_server, watched_region):
    page.goto(f"{live_server.url}/workbench/")
    expect(page.get_by_role("button", name="Box", exact=True)).to_be_attached()  # the sheet is linked
    histogram = page.get_by_role("group", name="How fast the points move")
    histogram.focus()
    page.keyboard.press("ArrowRight")
    for _ in range(5):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#choice-words")).to_contain_text("points chosen: median")
    page.wait_for_function(f"() => ({CHOSEN_BARS})() > 0")
    assert page.evaluate(CHOSEN_BARS) in range(1, 7)
    expect(page.locator("#series-words")).to_contain_text("points chosen")
    page.keyboard.press("Escape")
    expect(page.locator("#choice-words")).to_have_text("Nothing chosen.")
    expect(page.locator("#series-words")).to_contain_text("until you choose others")
    page.get_by_role("group", name="How the chosen points moved").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#desk-read")).to_contain_text(re.compile(r"\d{4}-\d\d-\d\d: "))


SAYS_NEAR = """([tapped, finger]) => {
  const said = document.getElementById("choice-words").textContent.replaceAll("\u2212", "-");
  const median = Number(/chosen: (?:median )?([-+]?[0-9.]+)/.exec(said)?.[1]);
  return Math.abs(median - tapped) <= finger;
}"""


def swipe(page: Page, x: float, y: float, dy: int) -> None:
    """Move a finger by dy pixels, + down, in few steps: a finger that rests is a long press, which scrolls nothing."""
    session = page.context.new_cdp_session(page)
    for kind, moved in (("touchStart", 0), *(("touchMove", dy * step // 3) for step in (1, 2, 3))):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y + moved}]})
    page.wait_for_timeout(150)  # else the page glides on, and the next tap only stops it
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("() => scrollY === window.seenAt || (window.seenAt = scrollY) < 0", polling=300)


def becomes(page: Page, state: str, given: object) -> bool:
    """Return whether a page comes to a state, a function of JavaScript, within some seconds."""
    try:
        page.wait_for_function(state, arg=given, timeout=5_000)
    except TimeoutError:
        return False
    return True


def on(chart: Locator, across: float, up: float) -> tuple[float, float]:
    """Return where in the window a place of a chart is, in parts of its width and height, after it came into view."""
    chart.evaluate("(one) => one.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = chart.bounding_box()
    return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]


def scrolls(page: Page, chart: Locator) -> bool:
    """Swipe over the middle of a chart; return whether the page follows."""
    middle, before = on(chart, 0.5, 0.5), page.evaluate("scrollY")
    swipe(page, *middle, 150)
    return becomes(page, "(before) => scrollY < before - 50", before)


def chooses(page: Page, chart: Locator, across: float, up: float, state: str, given: object = None) -> bool:
    """Tap on a place of a chart; return whether what the page says of the choice comes to a state."""
    page.touchscreen.tap(*on(chart, across, up))
    return becomes(page, state, given)


TRIES = range(10)  # on a busy machine a finger lifts late, and rests for Chromium: a long press, which chooses nothing


SAYS_ANYTHING = """() => /points? chosen/.test(document.getElementById("choice-words").textContent)"""


def test_on_a_phone_a_swipe_over_a_chart_scrolls_the_page_and_a_tap_chooses_the_points_under_a_finger(
    open_page, watched_region
):
    page = open_page("phone", has_touch=True, is_mobile=True)
    page.goto("/workbench/")
    expect(page.get_by_role("button", name="Box", exact=True)).to_be_attached()  # the sheet is linked
    said = page.locator("#choice-words")
    for name in ("histogram", "cross"):
        chart = page.locator(f"#{name} .nsewdrag")
        assert any(scrolls(page, chart) for _ in TRIES)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    box = chart.bounding_box()
    swipe(page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, -100)  # the page is at its end already
    expect(said).to_have_text("Nothing chosen yet.")
    for name in ("cross", "histogram"):
        chart = page.locator(f"#{name} .nsewdrag")
        expect(chart).to_be_attached()
        if name == "cross":
            assert any(chooses(page, chart, 0.5, 0.5, SAYS_ANYTHING) for _ in TRIES)
    values = page.evaluate("document.querySelector('#histogram .js-plotly-plot').layout.xaxis.range")
    finger = 13 * (values[1] - values[0]) / chart.bounding_box()["width"]
    for across, up in ((0.3, 0.1), (0.85, 0.9), (0.6, 0.5)):  # wherever a finger meets a column, also above its bars
        tapped = values[0] + across * (values[1] - values[0])
        assert any(chooses(page, chart, across, up, SAYS_NEAR, [tapped, finger]) for _ in TRIES)

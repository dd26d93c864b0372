"""By Tab alone: every control is reached in the order of the page, seen while it has the focus, and left again."""

import pytest
from playwright.sync_api import Page, expect

from detection.models import Alert
from tests.service.e2e.browsers import SIZES, fits, wait_for_map

WINDOWS = {
    "desktop": SIZES["desktop"],
    "enlarged": {"width": 320, "height": 256},
}  # 1280 x 1024 px at 400 %
STOPS_OF_A_DATE = 5  # Chromium stops at day, month, year and calendar of one field
MAX_PRESSES = 200

# What Tab should reach: of a group of radio buttons one.
WANTED = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const checked = new Set([...document.querySelectorAll("input[type=radio]:checked")].map((one) => one.name));
  const isOther = (one) => one.type === "radio" && !one.checked && checked.has(one.name);
  const isWanted = (one) => !one.disabled && one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true });
  window.wanted = new Set([...all].filter((one) => isWanted(one) && !isOther(one)));
  window.reached = [];
  document.querySelector(".skip").focus();
}"""
# Of the focused element: whether anything of it, or of its label, is to be seen, and whether it comes behind the last.
STOP = """() => {
  const focused = document.activeElement;
  if (!focused || focused === document.body || (reached.length > 1 && focused === reached[0])) return null;
  const owns = (one, over) => over && (one.contains(over) || (over.contains(one) && over === one.closest("label")));
  const steps = [0.02, 0.25, 0.5, 0.75, 0.98];
  const shows = (one) => [...one.getClientRects()].some(({ left, right, top, bottom }) => {
    return steps.some((x) => steps.some((y) => {
      const at = [left + x * (right - left), top + y * (bottom - top)];
      return owns(one, document.elementFromPoint(...at));
    }));
  });
  const last = reached.at(-1);
  const again = last === focused;
  const behind = !last || again || Boolean(last.compareDocumentPosition(focused) & Node.DOCUMENT_POSITION_FOLLOWING);
  if (!again) reached.push(focused);
  wanted.delete(focused);
  const seen = [focused, ...(focused.labels ?? [])].some(shows);
  const { x, y, width, height } = focused.getBoundingClientRect();
  const over = document.elementFromPoint(x + width / 2, y + height / 2);
  const where = [x, y, scrollY].map(Math.round);
  return { again, behind, seen, where, over: over?.outerHTML.slice(0, 60), name: focused.outerHTML.slice(0, 100) };
}"""
# What is drawn by script is there, except in folds, and the map has followed its window: it hides marks outside. Only
# a sharp canvas is as wide as its map to the pixel.
DRAWN = """() => [...document.querySelectorAll(".waiting")].every((one) => one.closest("details:not([open])")) &&
  [...document.querySelectorAll("#map, .small-map")].every(
  (map) => map.getAttribute("aria-busy") === "false" && map.querySelector("canvas").clientWidth === map.clientWidth)"""
LEFT = """() => [...wanted].filter((one) => one.isConnected && one.checkVisibility({ visibilityProperty: true }))
  .map((one) => one.outerHTML.slice(0, 100))"""


def faults_by_tab(page: Page) -> list[str]:
    faults = [] if fits(page) else ["wider than the window"]
    page.evaluate(WANTED)
    waits = 0
    for _ in range(MAX_PRESSES):
        stop = page.evaluate(STOP)
        if stop is None:
            return faults + [f"never reached: {name}" for name in page.evaluate(LEFT)]
        waits = waits + 1 if stop["again"] else 0
        if waits > STOPS_OF_A_DATE:
            return [*faults, f"does not let go: {stop['name']}"]
        faults += [] if stop["seen"] else [f"hidden: {stop['name']} at {stop['where']} by {stop['over']}"]
        faults += [] if stop["behind"] else [f"out of order: {stop['name']}"]
        page.keyboard.press("Tab")
    return [*faults, "Tab does not lead out"]


@pytest.mark.long
def test_every_control_is_reached_and_seen_by_tab(open_page, live_server, watched_region):
    page, alert = open_page("desktop", sharp=True), Alert.objects.order_by("pk")[0]
    faults = []
    for address in ("/", f"/?alert={alert.code}", "/alerts/", alert.get_absolute_url(), "/subscribe/"):
        page.goto(f"{live_server.url}{address}", wait_until="load")
        if address.partition("?")[0] == "/":
            wait_for_map(page)
        if "?" in address:
            expect(page.locator("#panel .verdict")).to_be_visible()
        for name, size in WINDOWS.items():
            page.set_viewport_size(size)
            page.wait_for_function(DRAWN)
            faults += [f"{address}, {name}: {fault}" for fault in faults_by_tab(page)]
        page.set_viewport_size(SIZES["desktop"])
    assert faults == [], "\n".join(faults)

"""Pages show rather than tell: at most half of the words of 26 November 2026, and no limit or uncertainty lost."""

from tests.service.e2e.browsers import wait_for_map

# Words that a reader of the simulated region saw at 1440 px before pages were changed to show (commit 2004f809):
# `innerText` of <main>, split at spaces, pieces with a letter or a digit. What is folded away does not count.
BEFORE = {"list": 508, "alert": 644, "about": 1799, "reading": 774, "subscribe": 206}
MOST = {"list": 0.5, "alert": 0.5, "about": 0.4, "reading": 0.4, "subscribe": 0.5}
COUNT = r"document.querySelector('main').innerText.split(/\s+/).filter((word) => /[\p{L}\d]/u.test(word)).length"

# what says a limit or an uncertainty, each where it must stay; folded text counts here
LIMITS = {
    "about": (
        "No point here does not mean no motion.",
        "Vegetation, snow, water and radar shadow cannot be measured.",
        "more than a few centimetres between two passes, is lost or underestimated",
        "it is not one particular house",
        "Motion to the north or south is nearly invisible",
        "a whole region that moves together may not show",
        "Nothing is known after the last date of the data, nor of what will come.",
        "The cause of a motion cannot be seen from space",
        "no warning system for emergencies",
        "no substitute for an engineer on site",
        "Differences under about 2 mm a year mean little.",
        "in nine of ten such places, the true figure lies between the two",
        "two standard deviations",
        "Where there is no value, it is transparent; that does not mean that nothing happened.",
        "which assumes that there is no motion to the north",
    ),
    "reading": (
        "No point does not mean no motion",
        "so does ground that slides sideways",
        "One point alone may be a warm chimney or an error",
        "it may be the house next door or a lamp post",
        "This service does not warn of emergencies.",
    ),
    "alert": (
        "± ",
        "No specialist has confirmed it yet.",
        "(probably ",
        "compared with the ground around it",
        "Measured against the ground around it: motion of the whole region does not show.",
        "Gaps between the points (forest, fields, water, snow) do not mean that the ground is stable.",
        "Take this as a hint, not as a finding.",
        "The band holds the middle two thirds of them.",
    ),
    "list": ("specialists review them", "not yet reviewed", "± "),
    "subscribe": ("Also what a computer found and no specialist has confirmed yet.", "more of it is wrong"),
}


def test_pages_have_at_most_half_of_their_words_and_all_of_their_limits(page, sinking):
    addresses = {name: f"/{name}/" for name in ("about", "reading", "subscribe")}
    addresses |= {"list": "/alerts/", "alert": sinking.get_absolute_url()}
    words, lost = {}, []
    for name, address in addresses.items():
        page.goto(address, wait_until="load")
        if name in ("alert", "subscribe"):
            wait_for_map(page)
        words[name] = page.evaluate(COUNT)
        text = " ".join(page.locator("main").text_content().split())
        lost += [f"{name}: {limit}" for limit in LIMITS[name] if limit not in text]
    assert lost == []
    assert {name: n for name, n in words.items() if n > MOST[name] * BEFORE[name]} == {}

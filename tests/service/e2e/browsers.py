"""What every test in a browser shares: the flags of headless Chromium, the two sizes, waiting for the map."""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from playwright.sync_api import Page, expect

from ground_motion.readers.context.records import ContextKind
from ingest.context.services import context_load
from monitor import tasks
from monitor.notifications import rounds
from tests.makers.people import PASSWORD
from tests.waiting import wait_until

CHROMIUM = "/usr/bin/chromium"
# The whole Chromium draws an unseen window around each page: the one without windows takes half of the time.
WINDOWLESS = shutil.which("chromium-headless-shell") or CHROMIUM
DRAWING = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
SILENT = ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
# These are two pages of the address bar, made for every window, and a process that waits for the next site.
UNSEEN = ["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess"]
# Of several lists Chromium takes the last one, so that Playwright's own is repeated here.
PLAYWRIGHTS = [
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("HttpsFirstBalancedModeAutoEnable", "LensOverlay", "MediaRouter", "PaintHolding"),
    *("ThirdPartyStoragePartitioning", "AvoidCorsURLLoaderRestartOnRedirect", "OptimizationHints"),
    *("NetworkTimeServiceQuerying", "AimEnabled", "PreconnectToSearch"),
]
OFF = [f"--disable-features={','.join([*PLAYWRIGHTS, *UNSEEN])}"]
# Debian's Chromium draws text and boxes on the card, too, which here is a program that takes ten times as long for it.
ON_THE_PROCESSOR = ["--disable-gpu-rasterization", "--disable-gpu-compositing"]
FLAGS = ["--no-sandbox", "--no-first-run", *DRAWING, *ON_THE_PROCESSOR, *SILENT, *OFF]
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
TABLETS = ({"width": 768, "height": 1024}, {"width": 1024, "height": 768})
BOXES = """() => Object.fromEntries([...document.querySelectorAll("[data-glance]")].map((one) => {
  const { left, right, top, bottom } = one.getBoundingClientRect();
  const over = document.elementFromPoint((left + right) / 2, bottom - 2);
  return [one.dataset.glance, { left, right, top, bottom, covered: !one.contains(over) }];
}))"""
READY_MS = 120_000  # expectations poll, so this is a ceiling against hanging and no wait


def watch(page: Page, faults: list[str]) -> None:
    """Note every script that fails, every file that is missing, and every other host that is asked."""
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    page.on("response", lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("request", lambda sent: faults.append(f"foreign: {sent.url}") if foreign(sent.url) else None)


def foreign(url: str) -> bool:
    return not re.match(r"(http://(localhost|127\.0\.0\.1)[:/]|blob:|data:)", url)


def sign_in(page: Page, to: str = "/review/", name: str = "anna") -> None:
    """Sign in an account of `people.account` on the way to a page."""
    page.goto(f"/login/?next={to}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(rf"{to}$"))


def sign_out(page: Page) -> None:
    """Sign out and wait for the page that says so."""
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def link_in(message, name: str) -> str:
    """The link of this name in the text of a mail."""
    return re.search(rf"https?://\S+/{name}/\S+", message.get_body(("plain",)).get_content())[0]


def downloaded(page: Page, name: str, role: str = "link") -> Path:
    """Return the file that this link or button downloads."""
    with page.expect_download() as download:
        page.get_by_role(role, name=name, exact=True).click()
    return Path(download.value.path())


def villages(folder: Path, *rows: str) -> None:
    """Load villages: name, latitude, longitude and population of each."""
    path = folder / "villages.csv"
    path.write_text("\n".join(["name,latitude,longitude,population", *rows, ""]))
    context_load(path=path, kind=ContextKind.PLACES)


def deliver() -> None:
    tasks.announce_transitions()
    rounds.messages_send()


def subscribe(page: Page, mail_server, address: str, button: str = "Subscribe") -> None:
    """From the filled form to the mailbox and back."""
    page.get_by_label("Your e-mail address").fill(address)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator("h1")).to_have_text("Check your mailbox")
    deliver()
    page.goto(link_in(mail_server.received[-1], "subscribe/confirm"))
    page.get_by_role("button", name="Yes, send me these mails").click()
    expect(page.locator("h1")).to_have_text("You will hear from us")


def fits(page: Page) -> bool:
    """Whether nothing is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def fits_any_window(page: Page) -> bool:
    """Return whether nothing is wider than a desktop's window, nor than a phone's; the page keeps its size."""
    for size in (*SIZES.values(), page.viewport_size):
        page.set_viewport_size(size)
        wait_until(lambda: fits(page))
    return True


def out_of_window(page: Page, parts: Iterable[str]) -> list[str]:
    """Return what of a page's parts (data-glance) is missing, empty, covered, or out of the window."""
    boxes, window = page.evaluate(BOXES), page.viewport_size
    faults = [f"{name} is missing" for name in parts if name not in boxes]
    for name, box in boxes.items():
        inside = box["top"] >= 0 and box["left"] >= 0 and box["right"] <= window["width"]
        height = box["bottom"] - box["top"]
        if not inside or box["bottom"] > window["height"] or height < (130 if name == "map" else 10) or box["covered"]:
            faults.append(f"{name}, {window['width']} px wide: {box}")
    return faults


def wait_for_map(page: Page) -> None:
    """Until the map says, as it does to a screen reader, that it has drawn everything."""
    expect(page.locator(".maplibregl-map")).to_have_attribute("aria-busy", "false")

"""First visits in headless Chromium: what is sent, when it can be read, and how long the page does not respond.

A small simulated nation is shown through proxy and gunicorn, to a quarter of Chromium's speed, without cache.

Blocking time is measured twice: by the clock, which includes drawing, slow without a graphics card; and by the
processor time of each task in a visit at full speed, times four, which hardly depends on other load of the machine.
"""

import dataclasses
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
from django.core.management import call_command
from playwright.sync_api import Browser, Page, Request, ViewportSize, sync_playwright

from detection.alerts.services import prediction_scan
from detection.selectors import alerts_public, predictions_unscanned
from ground_motion.simulation.ground.scatter import Density
from ground_motion.simulation.nation import NationConfig
from ingest.models import Product
from lab.speed.measure import figure, report
from lab.speed.servers import gunicorn, proxy
from ml.runs.services import run_execute, runs_queue
from monitor.operations.management.commands.loaddemo import Command as LoadDemo

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic"]
FLAGS += ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
SIZES: dict[str, ViewportSize] = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SLOWER = 4
ROUNDS = 5
FEWER = dataclasses.replace(NationConfig().region, density=Density(800.0, 500.0, 10.0), date_count=24)
SMALL = NationConfig(FEWER, pixels=160, sparse_pairs=3, dense_dates=6)
METHODS = {"deformation": "matched-filter", "coherence": "guarnieri-prati", "offsets": "multi-kernel"}
PATIENCE_SECONDS, QUIET_SECONDS = 120.0, 1.0

WATCH = """
window.seen = { lcp: 0, shift: 0, blocked: [] };
const each = (type, use) =>
  new PerformanceObserver((list) => list.getEntries().forEach(use)).observe({ type, buffered: true });
each("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
each("layout-shift", (entry) => (seen.shift += entry.hadRecentInput ? 0 : entry.value));
each("longtask", (entry) => seen.blocked.push([entry.startTime, entry.duration]));
"""
SEEN = """() => ({
  ...window.seen, first: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  settled: document.readyState === "complete" && !document.querySelector("[aria-busy=true], [data-dash-is-loading]"),
})"""
ROWS = {
    "sent": ("sent_kb", "kB"),
    "of that, scripts and styles": ("code_kb", "kB"),
    "first contentful paint": ("first_ms", "ms"),
    "largest contentful paint": ("lcp_ms", "ms"),
    "cumulative layout shift": ("shift", "score"),
    "total blocking time": ("blocking_ms", "ms"),
    "of that, computing": ("computing_ms", "ms"),
}


class Visit(NamedTuple):
    """Figures of one first visit."""

    sent_kb: float
    code_kb: float
    first_ms: float
    lcp_ms: float
    shift: float
    blocking_ms: float
    computing_ms: float


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Visit the pages that show a map; return the report with medians. Raises RuntimeError for a filled database."""
    if Product.objects.exists():
        raise RuntimeError("this benchmark fills the database: run scripts/bench page, which makes one of its own")
    call_command("collectstatic", verbosity=0, interactive=False)
    _fill()
    product, alert = Product.objects.current().filter(has_series=True)[0], alerts_public()[0]
    paths = {"map": "/", "alerts": "/alerts/", "an alert": alert.get_absolute_url(), "subscribe": "/subscribe/"}
    paths |= {"a house": "/here/", "the workbench": f"/workbench/?on={product.pk}"}
    results = []
    with gunicorn(os.environ) as web, proxy(f"127.0.0.1:{web}") as port, opened_browser() as browser:
        for name, path in paths.items():
            for size in SIZES:
                visits = [_visit(browser, f"http://localhost:{port}{path}", size) for _ in range(rounds + 1)][1:]
                results += [_row(f"{name}, {size}: {what}", visits, *one) for what, one in ROWS.items()]
    note = f"median of {rounds} first visits (range); Chromium's processor slowed down {SLOWER} times, its network not"
    return report("page", results) | {"note": note}


def _fill() -> None:
    """Load a nation with few points and small images, and search it."""
    with patch.object(LoadDemo, "config", SMALL):
        call_command("loaddemo")
    for task, method in METHODS.items():
        for one in runs_queue(method=method, task=task):
            run_execute(run_id=one.pk)
    for prediction in predictions_unscanned():
        prediction_scan(prediction=prediction)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Run headless Chromium; yield it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def _visit(browser: Browser, address: str, size: str) -> Visit:
    """Visit a page twice: slowed down, and at full speed for the processor time of its tasks."""
    seen, sizes = _seen(browser, address, size, SLOWER)
    browser.start_tracing(categories=["toplevel", "blink.user_timing"])
    full_speed, _ = _seen(browser, address, size, 1)
    tasks = _tasks(browser.stop_tracing())
    return Visit(
        sent_kb=sum(sizes.values()),
        code_kb=sum(kb for one, kb in sizes.items() if one.resource_type in ("script", "stylesheet")),
        first_ms=seen["first"],
        lcp_ms=seen["lcp"],
        shift=seen["shift"],
        blocking_ms=_blocking([ms for start, ms in seen["blocked"] if start + ms > seen["first"]]),
        computing_ms=_blocking([SLOWER * ms for end, ms in tasks if end > full_speed["first"]]),
    )


def _seen(browser: Browser, address: str, size: str, slower: float) -> tuple[dict[str, Any], dict[Request, float]]:
    """Return what the page observed, and the kB of each request. Raises RuntimeError if a script or a request fails."""
    context = browser.new_context(viewport=SIZES[size])
    try:
        page, requests, faults = context.new_page(), list[Request](), list[str]()
        _listen(page, requests, faults)
        page.add_init_script(WATCH)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
        page.goto(address)
        seen = _settled(page, requests)
        if faults:
            raise RuntimeError(f"{address}: {faults[0]}")
        return seen, {request: _body_kb(request) for request in requests}
    finally:
        context.close()


def _tasks(trace: bytes) -> list[tuple[float, float]]:
    """Return end, ms since the visit began, and processor time, ms, of each task of the page's main thread."""
    events = json.loads(trace)["traceEvents"]
    starts = [event for event in events if event["name"] == "navigationStart" and "localhost" in str(event.get("args"))]
    begun = max(starts, key=lambda one: one["ts"])
    thread = (begun["pid"], begun["tid"])
    tasks = [
        event
        for event in events
        if event["name"] == "ThreadControllerImpl::RunTask"
        and "dur" in event
        and (event["pid"], event["tid"]) == thread
    ]
    if not tasks:
        raise RuntimeError("the trace contains no task")
    return [((task["ts"] + task["dur"] - begun["ts"]) / 1000, task.get("tdur", 0) / 1000) for task in tasks]


def _blocking(tasks_ms: list[float]) -> float:
    return sum(max(0.0, ms - 50) for ms in tasks_ms)


def _listen(page: Page, requests: list[Request], faults: list[str]) -> None:
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
    page.on("response", lambda answer: faults.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("request", lambda sent: requests.append(sent) if re.match(r"https?:", sent.url) else None)
    ours = re.compile(r"(http://localhost:|blob:|data:)")
    page.on("request", lambda sent: None if ours.match(sent.url) else faults.append(f"asks {sent.url}"))


def _body_kb(request: Request) -> float:
    """Return the size as sent, kB; for a worker's script, whose size the browser does not report, from its header."""
    answer = request.response()
    stated = answer.header_value("content-length") if answer and request.sizes()["responseBodySize"] == 0 else None
    return max(0, int(stated) if stated else request.sizes()["responseBodySize"]) / 1000


def _settled(page: Page, requests: list[Request]) -> dict[str, Any]:
    """Return what the page observed once its map is drawn and nothing has been requested for a while."""
    ends, quiet_since, n_requests = time.monotonic() + PATIENCE_SECONDS, time.monotonic(), 0
    while time.monotonic() < ends:
        seen = page.evaluate(SEEN)
        if not seen["settled"] or len(requests) > n_requests:
            quiet_since, n_requests = time.monotonic(), len(requests)
        if time.monotonic() - quiet_since > QUIET_SECONDS:
            return dict(seen)
        page.wait_for_timeout(100)
    raise RuntimeError(f"{page.url} is not drawn after {PATIENCE_SECONDS:.0f} s")


def _row(what: str, visits: list[Visit], field: str, unit: str) -> dict[str, Any]:
    values = [getattr(visit, field) for visit in visits]
    middle, low, high = (round(float(use(values)), 3) for use in (np.median, min, max))
    return figure(what, unit, middle, len(values)) | {"low": low, "high": high}

"""The workbench on ten million points: each sheet as the web application answers it, and in a browser.

Control: the question that a sheet would ask without samples and cells, a density of all points in SQL, once a round.
"""

import json
import os
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser

from ingest.models import Product
from ingest.products import services
from ingest.products.partitions import POINTS as TABLE
from lab.speed.drip import gunicorn, proxy
from lab.speed.measure import report, result, seconds
from lab.speed.page import PATIENCE_SECONDS, SIZES, opened_browser
from lab.speed.simulated import load_towns

POINTS, DATES, ROUNDS = 10_000_000, 95, 5  # dates: a year and a half, so that there are seasons
SECOND_TRACK = 998
SHEETS = {
    "one data set": "",
    "cross-plot of columns": "&tab=cross&x=coherence&y=velocity",
    "cross-plot of series": "&tab=cross&x=season&y=velocity",
    "two data sets": "&tab=compare",
    "groups of series": "&tab=groups",
    "cross-plot of a town": "&tab=cross&x=distance&y=velocity&area=7.0,51.0,7.2,51.2",
}
WATCH = """
window.drawn = null;
(function look() {
  requestAnimationFrame(() => {
    if (document.querySelector("#sheet .xtick")) window.drawn ??= performance.now();
    else look();
  });
})();
"""
DENSITY = f"""
SELECT width_bucket(velocity_mm_yr, -10, 10, 60) AS y, width_bucket(temporal_coherence, 0, 1, 60) AS x, count(*)
FROM {TABLE} WHERE product_id = %s GROUP BY 1, 2"""  # noqa: S608


def run(points: int = POINTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """points: of the data set that is looked at; the one it is compared with has a tenth of them."""
    call_command("collectstatic", verbosity=0, interactive=False)
    product = load_towns(points=points, n_dates=DATES)
    other = load_towns(points=points // 10, n_dates=DATES, track=SECOND_TRACK)
    try:
        rows = [_answered(name, f"?on={product.pk}{sheet}", product, rounds) for name, sheet in SHEETS.items()]
        rows += _drawn(product, rounds)
    finally:
        for one in (product, other):
            services.product_delete(product=one)
    return report("desk", rows) | {"note": f"{points:,} points, nothing kept from the answer before"}


def _answered(name: str, search: str, product: Product, rounds: int) -> dict[str, Any]:
    ours, control = [], []
    _ask(search)  # what is imported and made once
    for _ in range(rounds):
        cache.clear()
        ours.append(1000 * seconds(lambda: _ask(search)))
        control.append(1000 * seconds(lambda: _density(product)))
    return result(f"{name}: answer", "ms", ours, control)


def _ask(search: str) -> None:
    address = {"id": "address", "property": "search", "value": search}
    body = json.dumps({"output": "sheet.children", "inputs": [address]})
    answer = Client(SERVER_NAME="localhost").post(
        "/workbench/_dash-update-component", body, content_type="application/json"
    )
    if answer.status_code != 200 or b"figure" not in answer.content:
        raise RuntimeError(f"{search} answers {answer.status_code}: {answer.content[:300]!r}")


def _density(product: Product) -> None:
    with connection.cursor() as cursor:
        cursor.execute(DENSITY, [product.pk])
        cursor.fetchall()


def _drawn(product: Product, rounds: int) -> list[dict[str, Any]]:
    """From the address to the first chart on the screen; nothing cached, neither here nor in the browser."""
    rows = []
    with gunicorn(os.environ) as web, proxy(f"127.0.0.1:{web}") as port, opened_browser() as browser:
        for name in ("one data set", "cross-plot of columns"):
            address = f"http://localhost:{port}/workbench/?on={product.pk}{SHEETS[name]}"
            for size in SIZES:
                visits = [_visit(browser, address, size) for _ in range(rounds + 1)][1:]
                for what, values in zip(("first words", "first chart"), zip(*visits, strict=True), strict=True):
                    row = result(f"{name}, {size}: {what}", "ms", list(values), list(values))
                    rows.append(row | {"control": None, "ratio": None, "low": min(values), "high": max(values)})
    return rows


def _visit(browser: Browser, address: str, size: str) -> tuple[float, float]:
    """First contentful paint and first chart, ms."""
    cache.clear()
    context = browser.new_context(viewport=SIZES[size])
    try:
        page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(address)
        page.wait_for_selector("#sheet .xtick", state="attached", timeout=1000 * PATIENCE_SECONDS)
        page.wait_for_timeout(100)
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        return round(float(paint)), round(float(page.evaluate("window.drawn")))
    finally:
        context.close()

"""Load test: fifty visitors who pan and click on ten million points, and ten workbench tabs, via proxy and gunicorn.

Visitors, proxy, web processes and database share one machine, so on two cores the visitors slow the service down.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import psutil
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.management import call_command
from django.db import connection, transaction

from detection.kinds import Kind
from detection.models import Alert
from ingest.models import Product
from ingest.products import sampling
from ingest.products.partitions import POINTS as POINT_TABLE
from ingest.products.services import product_delete
from lab.samples.alerts import velocity
from lab.speed.measure import figure, report
from lab.speed.servers import gunicorn, proxy
from lab.speed.simulated import load_towns

POINTS, DATES = 10**7, 4  # Few dates, because the series of 300 would fill 10 GB.
SECONDS = 75
ALERTS = 300
VISITORS, CONNECTIONS = 60, 6  # The same as in visitors.py, which only locust imports.
SAMPLE = 5000
MEMORY_EVERY_SECONDS = 1.0
NOTE = f"visitors, proxy, two web processes and database on the same two cores; {SECONDS} s"


def run(points: int = POINTS) -> dict[str, Any]:
    """Run the load test on a simulated product with a given number of points; return its report."""
    call_command("collectstatic", verbosity=0, interactive=False)
    product = load_towns(points=points, n_dates=DATES)
    points_shown = points_sampled(product)
    town = {"product": product.pk, "points": points_shown}
    alerts = alerts_make(points_shown[:ALERTS])
    try:
        with (
            gunicorn(os.environ) as web,
            proxy(f"127.0.0.1:{web}", MAX_PER_NETWORK=str(VISITORS * CONNECTIONS)) as port,  # all have one address
            tempfile.TemporaryDirectory() as folder,
        ):
            watch = MemoryWatch(web)
            watch.start()
            requests = _visit(port, Path(folder), town)
            watch.end.set()
            watch.join()
    finally:
        Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).delete()
        product_delete(product=product)
    return report("load", _rows(points, requests, watch.most_mb)) | {"note": NOTE}


def points_sampled(product: Product) -> list[tuple[str, float, float]]:
    """Return id, longitude and latitude of all points of a product, or of a fixed sample of SAMPLE."""
    share = sampling.share_leaving(n_points=product.n_points, most=sampling.SHARES[0] * SAMPLE)
    sql = f"""
        SELECT pid, ST_X(position), ST_Y(position) FROM {POINT_TABLE}
        WHERE product_id = {product.pk:d} AND {sampling.condition(share)} ORDER BY {sampling.ORDER} LIMIT %s"""  # noqa: S608
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 1.1")  # Rows of a sample are scattered, but mostly in memory.
        cursor.execute(sql, [SAMPLE])
        return [*cursor.fetchall()]


def alerts_make(places: list[tuple[str, float, float]]) -> list[Alert]:
    """Make an alert around each place, about a kilometre wide."""
    alerts = [velocity(Kind.SUBSIDENCE, "los", -9.0, severity="moderate", area_m2=8e5, simulated=True) for _ in places]
    for alert, (_, x, y) in zip(alerts, places, strict=True):
        alert.state = "first"
        alert.area = MultiPolygon(Polygon.from_bbox((x - 0.005, y - 0.005, x + 0.005, y + 0.005)), srid=4326)
    return Alert.objects.bulk_create(alerts)


def _visit(port: int, folder: Path, town: dict[str, Any]) -> list[dict[str, Any]]:
    """Run locust's visitors; return its report, with the response times of all requests."""
    given, report = folder / "town.json", folder / "report"
    given.write_text(json.dumps(town))
    command = [sys.executable, "-m", "locust", "--locustfile", str(Path(__file__).with_name("visitors.py"))]
    command += ["--headless", "--host", f"http://localhost:{port}", "--users", str(VISITORS), "--spawn-rate", "5"]
    command += ["--run-time", f"{SECONDS}s", "--stop-timeout", "10s", "--reset-stats", "--exit-code-on-error", "0"]
    command += ["--only-summary", "--json-file", str(report)]
    subprocess.run(command, check=True, env=os.environ | {"BENCH_LOAD_TOWN": str(given)}, cwd=folder)
    requests: list[dict[str, Any]] = json.loads(report.with_suffix(".json").read_text())
    return requests


class MemoryWatch(threading.Thread):
    """Thread that records the largest memory of any web process (PSS: private plus its share of shared memory)."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.end, self.most_mb = threading.Event(), 0.0
        self.master = next(child for child in psutil.Process().children() if "monitor.wsgi" in child.cmdline())

    def run(self) -> None:
        """Record the largest memory of any web process, every second, until `end` is set."""
        while not self.end.wait(MEMORY_EVERY_SECONDS):
            for process in self.master.children():
                self.most_mb = max(self.most_mb, process.memory_full_info().pss / 1e6)


def _rows(points: int, requests: list[dict[str, Any]], most_mb: float) -> list[dict[str, Any]]:
    n_requests, failed = (sum(request[name] for request in requests) for name in ("num_requests", "num_failures"))
    began, ended = (min(one["start_time"] for one in requests), max(one["last_request_timestamp"] for one in requests))
    rows = [
        figure(f"50 people, ten workbenches, {points:,} points: failed requests", "", failed, n_requests),
        figure("all requests, 95 %", "ms", _percentile(requests), n_requests),
        figure("requests", "/s", n_requests / (ended - began), n_requests),
    ]
    by_name = sorted(requests, key=lambda one: one["name"])
    each = [figure(f"{one['name']}, 95 %", "ms", _percentile([one]), one["num_requests"]) for one in by_name]
    return [*rows, *each, figure("most memory of a web process", "MB", most_mb)]


def _percentile(requests: list[dict[str, Any]], share: float = 0.95) -> float:
    """Return a percentile of response times, ms, which locust rounds to two digits."""
    counts: dict[float, int] = {}
    for request in requests:
        for time_ms, count in request["response_times"].items():
            counts[float(time_ms)] = counts.get(float(time_ms), 0) + count
    wanted, seen = share * sum(counts.values()), 0
    for time_ms in sorted(counts):
        seen += counts[time_ms]
        if seen >= wanted:
            return time_ms
    raise RuntimeError("no request was answered")

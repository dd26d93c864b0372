"""Visitors for `locust`, which lab/speed/load.py starts in its own process, since it patches Python's modules.

Each visitor has six connections, like a browser, and a cache that asks after a minute whether a tile has changed.
"""

import json
import math
import os
import random
import time
from pathlib import Path
from typing import Any

from gevent.pool import Pool
from locust import FastHttpUser, between, events, task

RANDOM = random.SystemRandom()
TOWN = json.loads(Path(os.environ["BENCH_LOAD_TOWN"]).read_text())
WINDOW_TILES = (1440 / 512, 900 / 512)
CONNECTIONS = 6  # A browser opens this many connections to one host.
FRESH_SECONDS = 60.0
ZOOMS = range(6, 17)
THEME = {"id": "theme", "property": "data", "value": "light"}


class Visitor(FastHttpUser):
    """Visitor who pans, zooms and clicks, one to three seconds apart."""

    fixed_count = 50
    wait_time = between(1.0, 3.0)
    concurrency = CONNECTIONS

    def on_start(self) -> None:
        """Open the map somewhere."""
        self.cache: dict[str, tuple[str, float]] = {}
        self.pool = Pool(CONNECTIONS)
        _, self.longitude, self.latitude = RANDOM.choice(TOWN["points"])
        self.zoom = RANDOM.choice(ZOOMS)
        for path in ("/", "/alerts.geojson", "/rasters.json"):
            self.client.get(path, name="the map and its lists")
        self.show()

    @task(6)
    def pan(self) -> None:
        """Move the map by a tile."""
        width = 360 / 2**self.zoom
        self.longitude += RANDOM.choice((-1, 1)) * width
        self.latitude += RANDOM.choice((-0.5, 0, 0.5)) * width
        if not 5.5 < self.longitude < 8.5 or not 50.5 < self.latitude < 52.5:
            _, self.longitude, self.latitude = RANDOM.choice(TOWN["points"])
        self.show()

    @task(2)
    def change_zoom(self) -> None:
        """Zoom in or out."""
        self.zoom = min(max(self.zoom + RANDOM.choice((-1, 1)), ZOOMS[0]), ZOOMS[-1])
        self.show()

    @task(3)
    def click(self) -> None:
        """Open the series of a point."""
        pid, *_ = RANDOM.choice(TOWN["points"])
        self.client.get(f"/api/points/{TOWN['product']}/{pid}/series/", name="a point's series")

    def show(self) -> None:
        """Request every tile of the window, except those fetched within the last minute, like a browser."""
        x, y = _tile(self.longitude, self.latitude, self.zoom)
        across, down = WINDOW_TILES
        for column in range(math.floor(x - across / 2), math.floor(x + across / 2) + 1):
            for row in range(math.floor(y - down / 2), math.floor(y + down / 2) + 1):
                self.pool.spawn(self.fetch, f"/tiles/points/los/{self.zoom}/{column}/{row}.mvt")
        self.pool.join()

    def fetch(self, path: str) -> None:
        """Fetch a tile, unless it is fresh in the cache."""
        etag, at = self.cache.get(path, ("", 0.0))
        if etag and time.monotonic() - at < FRESH_SECONDS:
            return
        kind = "averages" if self.zoom < 10 else "points"
        answer = self.client.get(path, headers={"If-None-Match": etag} if etag else {}, name=f"a tile of {kind}")
        if answer.status_code in (200, 304):
            headers = answer.headers or {"ETag": ""}
            self.cache[path] = (str(headers["ETag"]), time.monotonic())


class Analyst(FastHttpUser):
    """Visitor with the workbench open, who redraws the charts and chooses points."""

    fixed_count = 10
    wait_time = between(2.0, 6.0)

    def on_start(self) -> None:
        """Open the workbench."""
        self.search = f"?on={TOWN['product']}"
        for name in (self.search, "_dash-layout", "_dash-dependencies"):
            self.client.get(f"/workbench/{name}", name="the workbench")
        self.draw()

    @task
    def draw(self) -> None:
        """Draw the charts."""
        self.call({"output": "sheet.children", "inputs": [self.address(), THEME]}, "the workbench's charts")

    @task(2)
    def choose(self) -> None:
        """Choose five points."""
        pids = [pid for pid, *_ in RANDOM.sample(TOWN["points"], 5)]
        inputs = [{"id": "choice", "property": "data", "value": {"pids": pids, "n": len(pids)}}, THEME]
        body = {"output": "chosen.children", "inputs": inputs, "state": [self.address()]}
        self.call(body, "the workbench's series")

    def address(self) -> dict[str, Any]:
        """Return the page's address as an input of Dash."""
        return {"id": "address", "property": "search", "value": self.search}

    def call(self, body: dict[str, Any], name: str) -> None:
        """Call Dash's update request; an answer without a figure counts as a failure."""
        with self.client.post("/workbench/_dash-update-component", json=body, name=name, catch_response=True) as answer:
            if answer.status_code != 200 or "Another sheet is being computed" in answer.text:
                answer.failure(f"not drawn: {answer.status_code}")


@events.quitting.add_listener  # type: ignore[untyped-decorator]  # locust says no types.
def name_failures(environment: Any, **kwargs: Any) -> None:
    """Print each kind of failed request with its number."""
    for error in environment.stats.errors.values():
        print(f"{error.occurrences} failed: {error.name}, {error.error}")


def _tile(longitude: float, latitude: float, zoom: int) -> tuple[float, float]:
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2
    return (longitude + 180) / 360 * 2**zoom, y * 2**zoom

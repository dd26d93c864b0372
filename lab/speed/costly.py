"""Costly requests of every kind, and how long /healthz takes while eight of each are sent side by side.

The control is a server of the same machine that shares nothing with the site: it shows what other work on the machine
adds to both.
"""

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode

import numpy as np
from django.conf import settings
from django.contrib.auth.models import Group, User

from detection.models import Alert
from ingest.models import Product
from ingest.products.services import product_delete
from lab.speed import drip
from lab.speed.load import alerts_make, points_sampled
from lab.speed.measure import report, result, seconds
from lab.speed.simulated import load_towns
from monitor.web.request_limits import request_kind
from monitor.web.roles import OPERATORS

POINTS, DATES = 100_000, 4
EACH = 8  # requests of a kind that are sent side by side
TOKEN = "a" * 32
PATIENCE_SECONDS = 600.0
PAUSE_SECONDS = 0.02
FORM, JSON, FILES = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=edge"


class Asked(NamedTuple):
    """Costly request. cookies: those to send besides the token that protects forms."""

    path: str
    body: str = ""
    content_type: str = ""
    cookies: str = ""

    @property
    def kind(self) -> str:
        """Kind of `request_limits`, under which the site counts the request."""
        method = "POST" if self.body else "GET"
        path = self.path.partition("?")[0]
        return request_kind(method=method, path=path, content_type=self.content_type.partition(";")[0])


def outline(n: int) -> str:
    """Return GeoJSON of a saw of n corners."""
    teeth = [[-12 + index / 1000, 47 + (index % 2) / 1000] for index in range(n)]
    end = teeth[-1][0]
    return json.dumps({"type": "Polygon", "coordinates": [[*teeth, [end, 46.9], [-12, 46.9], teeth[0]]]})


def wide(n: int) -> dict[str, Any]:
    """Return a filter of n conditions, each of another name."""
    return {"op": "or", "args": [{"op": "like", "args": [{"property": "id"}, f"%{at}%"]} for at in range(n)]}


def field(name: str, value: str, more: str = "") -> str:
    """Return a field of a form with files. more: attributes of a file."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def requests(*, alert: Alert, product: Product, session: str, raster: int | None = None) -> dict[str, Asked]:
    """Return, by kind, a request that is as costly as its limits allow.

    Args:
        alert: whose report is asked for
        product: velocity field that is searched and drawn
        session: of an operator
        raster: key of a prediction whose raster is asked for; None leaves that kind out
    """
    west, south, east, north = product.footprint.extent
    middle = f"{(west + east) / 2},{(south + north) / 2}"
    operator = f"{settings.SESSION_COOKIE_NAME}={session}"
    where = {"where": "drawn", "drawn": outline(480), "kinds": "subsidence", "lowest_severity": "minor"}
    where |= {"frequency": "daily", "csrfmiddlewaretoken": TOKEN}
    sheet: dict[str, Any] = {"output": "sheet.children", "changedPropIds": ["address.search"], "state": []}
    sheet["inputs"] = [{"id": "address", "property": "search", "value": f"?tab=groups&on={product.pk}&k=8"}]
    sheet["inputs"] += [{"id": "theme", "property": "data", "value": "light"}]
    sortby = [{"field": name} for name in ("datetime", "created", "id") for _ in range(200)]
    search: dict[str, Any] = {"filter": wide(240), "sortby": sortby, "after": f"velocity-fields:{product.pk}"}
    search |= {"fields": [f"properties.a{at}" for at in range(100)], "limit": 1000}
    pids = " OR ".join(f"pid LIKE '%{at}%'" for at in range(70))
    points: dict[str, Any] = {"limit": 10_000, "filter": pids}
    given = "".join(field(name, value) for name, value in (where | {"where": "boundary"}).items())
    given += field("boundary", outline(10_000), '; filename="a.geojson"') + "--edge--\r\n"
    upload = field("csrfmiddlewaretoken", TOKEN) + field("files", "pid\n" * 200_000, '; filename="a.csv"')
    upload += field("whole", "1") + "--edge--\r\n"
    password = {"csrfmiddlewaretoken": TOKEN, "username": "somebody", "password": "a-long-passphrase"}
    found = {
        "api": Asked("/api/v1/alerts?limit=200"),
        "ogc": Asked(f"/ogc/collections/points/items?{urlencode(points)}"),
        "stac": Asked("/stac/search", json.dumps(search), JSON),
        "feeds": Asked("/alerts.geojson"),
        "search": Asked(f"/places.json?{urlencode({'q': 'a' * 100})}"),
        "workbench": Asked("/workbench/_dash-update-component", json.dumps(sheet), JSON),
        "charts": Asked(f"/charts/profile.json?layer=los&width=5000&line={west},{south};{middle};{east},{north}"),
        "sign-in": Asked("/login/", urlencode(password), FORM),
        "reports": Asked(f"/alerts/{alert.code}/report/"),
        "previews": Asked("/subscribe/preview.json", urlencode(where), FORM),
        "given files": Asked("/subscribe/preview.json", given, FILES),
        "uploads": Asked("/uploads/", upload, FILES, operator),
    }
    return found if raster is None else found | {"rasters": Asked(f"/rasters/{raster}.tif")}


def send(port: int, asked: Asked) -> int:
    """Send a request; return the status of its answer, 0 if its process ended."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers = {"Host": "localhost", "Accept": "application/json", "Cookie": f"csrftoken={TOKEN}; {asked.cookies}"}
    headers |= {"Content-Type": asked.content_type} if asked.body else {}
    try:
        connection.request("POST" if asked.body else "GET", asked.path, asked.body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (HTTPException, OSError):
        return 0
    finally:
        connection.close()


def run(rounds: int = 5) -> dict[str, Any]:
    """Ask /healthz and the control in turn while costly requests compute, so many rounds; return the report."""
    product = load_towns(points=POINTS, n_dates=DATES)
    (alert,) = alerts_make(points_sampled(product)[:1])
    operator = User.objects.create_user("bench")
    operator.groups.add(Group.objects.get(name=OPERATORS))
    costly = requests(alert=alert, product=product, session=drip.session_of(operator))
    control, crowd = drip.free_port(), [asked for asked in costly.values() for _ in range(EACH)]
    try:
        with tempfile.TemporaryDirectory() as empty, drip.gunicorn(os.environ) as web:
            command = [sys.executable, "-m", "http.server", str(control), "--bind", "127.0.0.1", "--directory", empty]
            with drip.running(command, os.environ, control):
                site, bare = zip(*(_beside(crowd, web, control) for _ in range(rounds)), strict=True)
    finally:
        alert.delete()
        operator.delete()
        product_delete(product=product)
    what = f"/healthz beside {len(crowd)} costly requests"
    shares = {"99 %": 0.99, "slowest": 1.0}
    rows = [
        result(f"{what}, {name}", "ms", _milliseconds(site, share), _milliseconds(bare, share))
        for name, share in shares.items()
    ]
    return report("costly", rows) | {"note": "all are sent at once in each round; control: Python's http.server"}


def _milliseconds(rounds: Iterable[list[float]], share: float) -> list[float]:
    """Return a quantile of the times of each round, ms."""
    return [1000 * float(np.quantile(times, share)) for times in rounds]


def _beside(crowd: list[Asked], web: int, control: int) -> tuple[list[float], list[float]]:
    """Send requests side by side; return the times of /healthz and of the control until all are answered, s."""
    threads = [threading.Thread(target=send, args=(web, asked)) for asked in crowd]
    for thread in threads:
        thread.start()
    times: tuple[list[float], list[float]] = ([], [])
    while any(thread.is_alive() for thread in threads):
        times[0].append(seconds(lambda: drip.get(web, "/healthz", PATIENCE_SECONDS)))
        times[1].append(seconds(lambda: drip.get(control, "/", PATIENCE_SECONDS)))
        time.sleep(PAUSE_SECONDS)
    return times

"""Eight of each costly request side by side: the site goes on answering, and no web process ends.

/healthz is asked again and again meanwhile. Its limit is one second, plus what it took at most on the same machine just
before, when nothing costly was asked: other work on the machine slows both. One answer of a hundred may be later.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from typing import NamedTuple
from urllib.parse import urlencode

import psutil
import pytest
from django.conf import settings

from ingest.products.services import product_load
from lab.speed import drip
from monitor.web.request_limits import POSTED, READ, request_kind
from monitor.web.roles import OPERATORS
from tests.deploy.test_web_process import TOKEN, serve
from tests.makers import pairs as made_pairs
from tests.makers.people import account
from tests.waiting import HANG_SECONDS

__all__ = ["serve"]  # a fixture
N = 8
LIMIT_SECONDS, LATE_SHARE = 1.0, 0.01
PAUSE_SECONDS = 0.02
KINDS = {*READ.values(), *POSTED.values(), "given files"}
FORM, JSON, FILES = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=edge"


class Asked(NamedTuple):
    """Costly request. cookies: those to send besides the token that protects forms."""

    path: str
    body: str = ""
    content_type: str = ""
    cookies: str = ""

    @property
    def kind(self) -> str:
        method = "POST" if self.body else "GET"
        path = self.path.partition("?")[0]
        return request_kind(method=method, path=path, content_type=self.content_type.partition(";")[0])


def outline(n: int) -> str:
    """Return GeoJSON of a saw of n corners."""
    teeth = [[-12 + index / 1000, 47 + (index % 2) / 1000] for index in range(n)]
    end = teeth[-1][0]
    return json.dumps({"type": "Polygon", "coordinates": [[*teeth, [end, 46.9], [-12, 46.9], teeth[0]]]})


def wide(n: int) -> dict:
    """Return a filter of n conditions, each of another name."""
    return {"op": "or", "args": [{"op": "like", "args": [{"property": "id"}, f"%{at}%"]} for at in range(n)]}


def field(name: str, value: str, more: str = "") -> str:
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


@pytest.fixture
def costly(transactional_db, make_alert, make_egms) -> dict[str, Asked]:
    """By kind, a request that is as costly as its limits allow, on a velocity field, an alert and results on pairs."""
    alert, product = make_alert(), product_load(path=make_egms(n=1900))
    prediction = made_pairs.make_dates()[0]
    operator = f"{settings.SESSION_COOKIE_NAME}={drip.session_of(account('otto', OPERATORS))}"
    west, south, east, north = product.footprint.extent
    middle = f"{(west + east) / 2},{(south + north) / 2}"
    where = {"where": "drawn", "drawn": outline(480), "kinds": "subsidence", "lowest_severity": "minor"}
    where |= {"frequency": "daily", "csrfmiddlewaretoken": TOKEN}
    sheet = {"output": "sheet.children", "changedPropIds": ["address.search"], "state": []}
    sheet["inputs"] = [{"id": "address", "property": "search", "value": f"?tab=groups&on={product.pk}&k=8"}]
    sheet["inputs"] += [{"id": "theme", "property": "data", "value": "light"}]
    sortby = [{"field": name} for name in ("datetime", "created", "id") for _ in range(200)]
    search = {"filter": wide(240), "sortby": sortby, "after": f"velocity-fields:{product.pk}"}
    search |= {"fields": [f"properties.a{at}" for at in range(100)], "limit": 1000}
    pids = " OR ".join(f"pid LIKE '%{at}%'" for at in range(70))
    points = {"limit": 10_000, "filter": pids}
    given = "".join(field(name, value) for name, value in (where | {"where": "boundary"}).items())
    given += field("boundary", outline(10_000), '; filename="a.geojson"') + "--edge--\r\n"
    upload = field("csrfmiddlewaretoken", TOKEN) + field("files", "pid\n" * 200_000, '; filename="a.csv"')
    upload += field("whole", "1") + "--edge--\r\n"
    password = {"csrfmiddlewaretoken": TOKEN, "username": "somebody", "password": "a-long-passphrase"}
    return {
        "api": Asked("/api/v1/alerts?limit=200"),
        "ogc": Asked(f"/ogc/collections/points/items?{urlencode(points)}"),
        "stac": Asked("/stac/search", json.dumps(search), JSON),
        "feeds": Asked("/alerts.geojson"),
        "search": Asked(f"/places.json?{urlencode({'q': 'a' * 100})}"),
        "workbench": Asked("/workbench/_dash-update-component", json.dumps(sheet), JSON),
        "rasters": Asked(f"/rasters/{prediction.pk}.tif"),
        "charts": Asked(f"/charts/profile.json?layer=los&width=5000&line={west},{south};{middle};{east},{north}"),
        "sign-in": Asked("/login/", urlencode(password), FORM),
        "reports": Asked(f"/alerts/{alert.code}/report/"),
        "previews": Asked("/subscribe/preview.json", urlencode(where), FORM),
        "given files": Asked("/subscribe/preview.json", given, FILES),
        "uploads": Asked("/uploads/", upload, FILES, operator),
    }


def status_of(port: int, asked: Asked) -> int:
    """Send a request; return the status of its answer, 0 if its process ended."""
    connection = HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
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


def answers(port: int, goes_on: Callable[[], bool]) -> list[float]:
    """Ask /healthz again and again; return how long each answer took, s."""
    times = []
    while goes_on():
        began = time.monotonic()
        assert drip.get(port, "/healthz", HANG_SECONDS) == 200
        times.append(time.monotonic() - began)
        time.sleep(PAUSE_SECONDS)
    return times


def side_by_side(port: int, requests: list[Asked]) -> tuple[list[int], list[float]]:
    """Send requests at once; return their statuses, and how long /healthz took until all were answered, s."""
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda one=one: statuses.append(status_of(port, one))) for one in requests]
    for thread in threads:
        thread.start()
    times = answers(port, lambda: any(thread.is_alive() for thread in threads))
    return statuses, times


def rounds(costly: dict[str, Asked]) -> Iterator[tuple[str, list[Asked]]]:
    """Yield eight of each kind alone, then eight of every kind together."""
    for kind, asked in costly.items():
        yield kind, [asked] * N
    yield "all kinds", [asked for asked in costly.values() for _ in range(N)]


def late(times: list[float], usual: list[float]) -> list[float]:
    """Return the answers that took too long, without the share that may."""
    slowest = sorted(times)[: len(times) - int(LATE_SHARE * len(times))]
    return [seconds for seconds in slowest if seconds > LIMIT_SECONDS + max(usual)]


@pytest.mark.long
def test_the_site_answers_while_eight_of_each_costly_request_are_sent_side_by_side(serve, costly):
    assert {asked.kind for asked in costly.values()} == KINDS  # A new kind needs its request above.
    assert all(asked.kind == kind for kind, asked in costly.items())
    wrong = {}
    with serve(WEB_WORKERS="2") as served:
        before = {process.pid for process in served.web_processes()}
        for _ in range(4):
            assert drip.get(served.port, "/", HANG_SECONDS) == 200
        for kind, requests in rounds(costly):
            ends = time.monotonic() + 1.0
            usual = answers(served.port, lambda ends=ends: time.monotonic() < ends)
            statuses, times = side_by_side(served.port, requests)
            # 422: a file that is there, a password that is wrong; 429: too many of those; 503: no place is free.
            if late(times, usual) or not set(statuses) <= {200, 422, 429, 503} or not {200, 422} & set(statuses):
                wrong[kind] = sorted(times)[-3:], Counter(statuses)
        assert {process.pid for process in served.web_processes()} == before
        assert all(psutil.pid_exists(pid) for pid in before)
    assert wrong == {}

"""Visitors of a whole site: some send a costly request of each kind, some send requests byte by byte."""

import contextlib
import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from detection.models import Alert
from ingest.models import Product
from monitor.web.request_limits import request_kind

TOKEN = "a" * 32
PATIENCE_SECONDS = 600.0
DROP_SECONDS, CONNECT_SECONDS = 0.5, 10.0  # of those who send byte by byte
FORM, JSON, FILES = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=edge"
BODY = (
    b"POST /subscribe/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nCookie: csrftoken=%b\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=" % TOKEN.encode()
)
HEADER = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


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


def session_of(user: User) -> str:
    """Return the session key of a user who is signed in with a second factor, as operators need it."""
    Authenticator.objects.get_or_create(user=user, type=Authenticator.Type.TOTP, defaults={"data": {}})
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def upload(session: str) -> bytes:
    """Return the beginning of a request that uploads a file."""
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={TOKEN}"
    head = (
        f"POST /uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nCookie: {cookies}\r\n"
        "Content-Type: multipart/form-data; boundary=edge\r\n\r\n"
        '--edge\r\nContent-Disposition: form-data; name="files"; filename="a.csv"\r\n\r\n'
    )
    return head.encode()


@contextlib.contextmanager
def dripping(port: int, starts: Sequence[bytes]) -> Iterator[Mapping[str, int]]:
    """Run slow visitors: each sends a start at once, then single bytes, and reconnects if cut off. Yield counts."""
    stop, counts = threading.Event(), {"drops": 0, "cut off": 0}
    threads = [threading.Thread(target=_drip, args=(port, start, stop, counts), daemon=True) for start in starts]
    for thread in threads:
        thread.start()
    try:
        time.sleep(2 * DROP_SECONDS)
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _drip(port: int, start: bytes, stop: threading.Event, counts: dict[str, int]) -> None:
    while not stop.is_set():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS) as visitor:
            visitor.sendall(start)
            while not stop.wait(DROP_SECONDS) and not _has_answer(visitor):
                visitor.sendall(b"a")
                counts["drops"] += 1
        counts["cut off"] += not stop.is_set()


def _has_answer(visitor: socket.socket) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(visitor, selectors.EVENT_READ)
        return bool(ready.select(timeout=0))

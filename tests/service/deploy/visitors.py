"""Visitors of a whole site: some send a costly request of each kind, some send requests byte by byte."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import resolve
from PIL import Image

from detection.models import Alert
from ingest.foundation.places import Limit
from ingest.models import Product
from monitor.web.request_limits import limit_of

TOKEN = "a" * 32
PATIENCE_SECONDS = 600.0
DROP_SECONDS = 0.5
CROWD = Path(__file__).with_name("crowd.py")
FORM, JSON, FILES = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=edge"
BODY = (
    b"POST /subscribe/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nCookie: csrftoken=%b\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=" % TOKEN.encode()
)
NOTE = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000000\r\nCookie: sessionid=made-up\r\n\r\n"
HEADER = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


class Asked(NamedTuple):
    """Costly request. cookies: besides the token that protects forms; network: from which a proxy has passed it on."""

    path: str
    body: str = ""
    content_type: str = ""
    cookies: str = ""
    network: str = "127.0.0.1"

    @property
    def limit(self) -> Limit | None:
        """Class that the view states."""
        about = {"method": "POST" if self.body else "GET", "content_type": self.content_type.partition(";")[0]}
        return limit_of(resolve(self.path.partition("?")[0]).func, SimpleNamespace(**about))


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


def requests(*, alert: Alert, product: Product, session: str, raster: int) -> dict[str, Asked]:
    """Return, by kind, a request that is as costly as its limits allow. raster: key of a prediction."""
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
    return {
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
        "rasters": Asked(f"/rasters/{raster}.tif"),
    }


def send(port: int, asked: Asked) -> int:
    """Send a request; return the status of its answer, 0 if its process ended."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    headers = {"Host": "localhost", "Accept": "application/json", "Cookie": f"csrftoken={TOKEN}; {asked.cookies}"}
    headers |= {"X-Forwarded-For": asked.network} | ({"Content-Type": asked.content_type} if asked.body else {})
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


def note(path: str, session: str) -> Asked:
    """Return a note of an operator with a photo of more than a megabyte."""
    file = io.BytesIO()
    Image.frombytes("RGB", (700, 700), os.urandom(700 * 700 * 3)).save(file, "PNG")
    body = field("csrfmiddlewaretoken", TOKEN) + field("note", "The crack in June.")
    body += field("files", file.getvalue().decode("latin-1"), '; filename="crack.png"') + "--edge--\r\n"
    return Asked(path, body, FILES, f"{settings.SESSION_COOKIE_NAME}={session}")


def language() -> Asked:
    """Return a stranger's form."""
    return Asked("/language/", urlencode({"csrfmiddlewaretoken": TOKEN, "language": "de"}), FORM)


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
def dripping(port: int, starts: Sequence[tuple[str, bytes]], seconds: float = DROP_SECONDS) -> Iterator[list[int]]:
    """Run slow visitors in a process of their own; yield once all have come, a list that gets how many ended early."""
    command, n_ended = [sys.executable, str(CROWD)], []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
        wanted = Counter((source, start.decode()) for source, start in starts)
        given = [[source, start, n] for (source, start), n in wanted.items()]
        crowd.stdin.write(json.dumps({"port": port, "starts": given, "seconds": seconds}) + "\n")
        crowd.stdin.flush()
        assert crowd.stdout.readline() == "here\n"
        yield n_ended
        n_ended.append(int(crowd.communicate()[0]))

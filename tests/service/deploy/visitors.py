"""Visitors of a whole site: some send forms and notes, some send requests byte by byte."""

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
from typing import NamedTuple
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from PIL import Image

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
    """Request of a page. cookies: those besides the token of forms; network: where a proxy says that it comes from."""

    path: str
    body: str = ""
    content_type: str = ""
    cookies: str = ""
    network: str = "127.0.0.1"


def field(name: str, value: str, more: str = "") -> str:
    """Return a field of a form with files. more: attributes of a file."""
    return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


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

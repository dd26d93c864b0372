"""Slow visitors who send requests byte by byte, and the servers under test: the web process behind nginx."""

import contextlib
import http.client
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

DROP_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
START_SECONDS = 600.0
BODY = (
    b"POST /subscribe/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nCookie: csrftoken=%b\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail=" % (b"a" * 32)
)
HEADER = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "


def session_of(user: User) -> str:
    """Return the session key of a user who is signed in with a second factor, as operators need it."""
    Authenticator.objects.get_or_create(user=user, type=Authenticator.Type.TOTP, defaults={"data": {}})
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def upload(session: str) -> bytes:
    """Return the beginning of a request that uploads a file."""
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; csrftoken={'a' * 32}"
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
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as visitor:
            visitor.sendall(start)
            while not stop.wait(DROP_SECONDS) and not _has_answer(visitor):
                visitor.sendall(b"a")
                counts["drops"] += 1
        counts["cut off"] += not stop.is_set()


def _has_answer(visitor: socket.socket) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(visitor, selectors.EVENT_READ)
        return bool(ready.select(timeout=0))


def get(port: int, path: str, patience: float = PATIENCE_SECONDS) -> int:
    """Request a page and return the status; OSError if any part of the answer takes more than `patience` seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@contextlib.contextmanager
def gunicorn(environment: Mapping[str, str]) -> Iterator[int]:
    """Run the web process as in Procfile; yield its port after it has answered twice."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "monitor.wsgi", "--config", "python:monitor.gunicorn"]
    command += ["--log-level", "warning"]
    changed = {"PORT": str(port), "PROXIES": "1", "DJANGO_SETTINGS_MODULE": "monitor.settings"}
    with running(command, {**environment, **changed}, port):
        for _ in range(2):
            get(port, "/", START_SECONDS)  # excludes the delays of first requests
        yield port


@contextlib.contextmanager
def proxy(web: str, **values: str) -> Iterator[int]:
    """Run nginx, as in production, in front of `web` (host:port); yield its port. values: for docker/nginx/start."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # because nginx drops root's rights
        log = Path(folder, "access.log")
        given = {"WEB": web, "HTTP_LISTEN": f"127.0.0.1:{port}", "PROXY_STATE": folder, "ACCESS_LOG": str(log)}
        with running([str(settings.BASE_DIR / "docker" / "nginx" / "start")], {**os.environ, **given, **values}, port):
            yield port


@contextlib.contextmanager
def running(command: list[str], environment: Mapping[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; yield its process once it accepts connections."""
    with subprocess.Popen(command, env=environment, cwd=settings.BASE_DIR) as process:
        try:
            while not listens(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended with {process.returncode}")
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()


def listens(port: int) -> bool:
    """Return whether a port of this machine accepts connections."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def free_port() -> int:
    """Return a port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

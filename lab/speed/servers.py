"""Servers under test: the web process, and nginx in front of it."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.conf import settings

PATIENCE_SECONDS = 10.0
START_SECONDS = 600.0


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
            get(port, "/", START_SECONDS)  # Exclude the delays of first requests.
        yield port


@contextlib.contextmanager
def proxy(web: str, **values: str) -> Iterator[int]:
    """Run nginx, as in production, in front of `web` (host:port); yield its port. values: for docker/nginx/start."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # nginx drops root's rights before it reads the folder.
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

"""The web process as shipped: what is costly or hangs stops nobody, and what does not answer is started again."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from django.conf import settings

from lab.speed import servers
from monitor.gunicorn import child_exit
from monitor.models.operations import SignOfLife
from monitor.web.deadlines import PREFIX
from tests.fixtures.servers import another_connection, database_url
from tests.fixtures.storage import fill_up, small_file_system
from tests.waiting import HANG_SECONDS, wait_until

TOKEN = "a" * 32
HEAD = (
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nCookie: csrftoken={token}\r\n"
    "Accept: text/html\r\nContent-Type: {content_type}\r\n\r\n"
)
FILE = (
    f'--edge\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{TOKEN}\r\n--edge\r\n'
    'Content-Disposition: form-data; name="boundary"; filename="a.geojson"\r\n\r\n'
)


class Served:
    """A running gunicorn with its port and its log."""

    def __init__(self, process: subprocess.Popen, port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def log(self) -> str:
        return self._log.read_text()

    def web_processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def status(self, path: str) -> int:
        return servers.get(self.port, path, HANG_SECONDS)

    def post(self, path: str, body: str, content_type: str = "application/x-www-form-urlencoded", sent: int = 0):
        """Return the connection of a visitor who has sent a form, or only the first `sent` bytes of it."""
        visitor = socket.create_connection(("127.0.0.1", self.port), HANG_SECONDS)
        head = HEAD.format(path=path, length=len(body), token=TOKEN, content_type=content_type)
        visitor.sendall((head + (body[:sent] if sent else body)).encode())
        return visitor


@pytest.fixture
def serve(tmp_path):
    """Start gunicorn with a folder of its own, on the database of the tests."""

    @contextlib.contextmanager
    def started(limits: dict[str, int] | None = None, **changed: str) -> Iterator[Served]:
        port, log = servers.free_port(), tmp_path / "log"
        own = {"GROUND_MOTION_VAR": str(tmp_path), "SECRET_KEY": settings.SECRET_KEY, "PORT": str(port)}
        own |= {"DATABASE_URL": database_url(), "WEB_WORKERS": "1"}
        own["TEST_SETTINGS"] = json.dumps(limits or {})
        (tmp_path / "static").mkdir(exist_ok=True)
        command = [sys.executable, "-m", "gunicorn", "monitor.wsgi"]
        command += ["--config", "python:monitor.gunicorn", "--log-level", "warning"]
        with (
            log.open("w") as stream,
            subprocess.Popen(
                command,
                env=os.environ | own | changed,
                cwd=settings.BASE_DIR,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            ) as process,
        ):
            served = Served(process, port, log)
            try:
                wait_until(lambda: process.poll() is not None or servers.listens(port))
                assert served.status("/healthz") == 200, served.log()
                yield served
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    return started


def answer(visitor: socket.socket) -> bytes:
    """Return everything a visitor receives; empty if the connection ends without an answer."""
    pieces = []
    with visitor, contextlib.suppress(ConnectionResetError):
        while piece := visitor.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def status_of(visitor: socket.socket) -> int:
    return int(answer(visitor).split()[1])


def test_a_request_that_hangs_is_reported_and_goes_with_its_process_while_others_end(serve, transactional_db):
    limits = {"WEB_STATEMENT_TIMEOUT_SECONDS": 0, "REQUEST_SECONDS": 5}
    with serve(limits) as served, another_connection() as other:
        other.execute("LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE")
        (first,) = served.web_processes()
        body = f"csrfmiddlewaretoken={TOKEN}&email=nobody"
        slow = served.post("/subscribe/", body, sent=10)  # takes longer to come than a request may compute
        hung = HTTPConnection("127.0.0.1", served.port, timeout=HANG_SECONDS)
        hung.request("GET", "/password/new/MQ.s3cret-of-a-person/")
        wait_until(lambda: "longer than it may" in served.log())
        slow.sendall(body[10:].encode())
        assert status_of(slow) == 422
        with pytest.raises((RemoteDisconnected, ConnectionResetError)):
            hung.getresponse()
        wait_until(lambda: not first.is_running())
        assert served.status("/") == 200
        log = served.log()
    assert "GET /password/new/[removed]/ computes for" in log
    assert "psycopg" in log  # where it hung
    assert "s3cret" not in log
    (note,) = SignOfLife.objects.filter(name__startswith=PREFIX)
    assert note.name == f"{PREFIX}GET /password/new/[removed]/"


@pytest.mark.django_db(transaction=True)
def test_a_process_that_gives_no_heartbeat_is_reported(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url())
    child_exit(None, SimpleNamespace(aborted=True))
    wait_until(lambda: SignOfLife.objects.filter(name=f"{PREFIX}no heartbeat").exists())


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 8 MB."""
    with small_file_system(tmp_path / "small", "size=8m") as folder:
        yield folder


def test_where_the_disk_of_temporary_files_is_full_visitors_are_told(serve, transactional_db, small_disk):
    form = FILE + 3_000_000 * "a" + "\r\n--edge--\r\n"  # what is larger than 2.5 MB goes through the disk
    kind = "multipart/form-data; boundary=edge"
    with serve(TMPDIR=str(small_disk)) as served:
        assert status_of(served.post("/subscribe/", form, kind)) == 422
        fill_up(small_disk / "ballast")
        reply = answer(served.post("/subscribe/", form, kind))
        assert reply.startswith(b"HTTP/1.1 507 ")
        assert b"Retry-After: 300" in reply
        assert b"has no room left" in reply
        (small_disk / "ballast").unlink()
        assert status_of(served.post("/subscribe/", form, kind)) == 422

"""The proxy as shipped: slow visitors stop nobody; what it passes on, what it keeps back, what it writes down."""

import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from bench import drip
from monitor.site.roles import OPERATORS
from tests.waiting import wait_until

TOKEN = "MTk4NA:1vLr9x:s3cret-of-a-subscriber"
SECONDS = 4.0


@pytest.fixture
def operator_session(transactional_db) -> str:
    operator = User.objects.create_user("sends-slowly")
    operator.groups.add(Group.objects.get(name=OPERATORS))
    return drip.session_of(operator)


@pytest.fixture
def web(transactional_db):
    """gunicorn on the database of the tests."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    with drip.gunicorn(os.environ | {"DATABASE_URL": urlunsplit(database)}) as port:
        yield port


def test_what_stops_gunicorn_alone_keeps_nobody_waiting_behind_the_proxy(web, operator_session):
    with drip.dripping(web, [drip.BODY] * 24):  # eight do where they are spread evenly over the web processes
        assert max(drip.answer_seconds(web, 1.0)) == drip.PATIENCE_SECONDS
    drips = [*[drip.BODY] * 16, *[drip.HEADER] * 16, *[drip.upload(operator_session)] * 16]
    with drip.proxy(f"127.0.0.1:{web}") as port, drip.dripping(port, drips) as counts:
        times = drip.answer_seconds(port, SECONDS)
    assert counts["drops"] > 100
    assert np.percentile(times, 95) <= 1.0
    assert max(times) < drip.PATIENCE_SECONDS


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self._answer(body)

    def do_POST(self):
        self.server.begun.append(self.path)
        length = int(self.headers["Content-Length"])
        self._answer(str(len(self.rfile.read(length))).encode())

    def _answer(self, body: bytes):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def echo():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.begun, server.daemon_threads = [], True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxied(echo):
    with drip.proxy(f"127.0.0.1:{echo.server_port}", UPLOAD_MAX_BYTES="5000000") as port:
        yield port


def fetch(port: int, path: str, data: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, dict(refusal.headers), refusal.read()


def begin(port: int, start: bytes) -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", port))
    visitor.sendall(start)
    return visitor


def test_a_visitor_cannot_forge_who_they_are_or_how_they_came(proxied):
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    _, _, body = fetch(proxied, "/about/?a=1", **forged, Forwarded="for=6.6.6.6", Host="motion.example.org")
    seen = json.loads(body)
    assert seen["path"] == "/about/?a=1"
    assert seen["headers"]["Host"] == "motion.example.org"
    assert seen["headers"]["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"  # PROXIES=1 takes the last
    assert seen["headers"]["X-Forwarded-Proto"] == "http"
    assert not {"X-Forwarded-Host", "Forwarded"} & set(seen["headers"])


@pytest.mark.parametrize("path", ["/metrics", "/metrics/", "//metrics", "/a/../metrics", "/%6detrics"])
def test_metrics_are_not_public(proxied, path):
    assert fetch(proxied, path)[0] == 404


def test_the_version_of_the_server_is_not_told(proxied):
    assert fetch(proxied, "/")[1]["Server"] == "nginx"
    assert b"nginx/" not in fetch(proxied, "/metrics")[2]


def test_a_form_reaches_the_site_when_it_is_whole_and_a_file_as_it_comes(proxied, echo):
    form = begin(proxied, drip.BODY)
    file = begin(proxied, drip.upload("a-session"))
    wait_until(lambda: echo.begun)
    time.sleep(0.3)
    assert echo.begun == ["/uploads/"]
    form.close()
    file.close()


def test_only_files_may_be_large_and_even_they_have_a_limit(proxied):
    assert fetch(proxied, "/login/", data=b"a" * 1_100_000)[0] == 413
    assert fetch(proxied, "/subscribe/", data=b"a" * 6_000_000)[0] == 200
    assert fetch(proxied, "/subscribe/", data=b"a" * 6_400_000)[0] == 413
    assert fetch(proxied, "/review/4F7K/", data=b"a" * 1_100_000)[0] == 413
    assert fetch(proxied, "/review/4F7K/notes/", data=b"a" * 7_000_000)[0] == 200
    assert fetch(proxied, "/uploads/", data=b"a" * 4_000_000)[::2] == (200, b"4000000")
    status, _, body = fetch(proxied, "/uploads/", data=b"a" * 5_100_000)
    assert (status, body) == (413, b"This is too large.\n")


def test_three_files_are_sent_at_once_and_the_fourth_sender_is_told(proxied, echo):
    senders = [begin(proxied, drip.upload(f"session-{n}")) for n in range(3)]
    wait_until(lambda: len(echo.begun) == 3)
    headers = {"Cookie": "sessionid=another", "Accept": "application/json"}
    status, _, body = fetch(proxied, "/uploads/", data=b"aaa", **headers)
    assert status == 429
    assert "try again" in json.loads(body)["faults"][0]  # the words that the page shows
    assert fetch(proxied, "/uploads/", Cookie="sessionid=another")[0] == 200  # looking at the page is no sending
    for sender in senders:
        sender.close()


def test_neither_visitors_nor_signed_links_are_written_down(echo, tmp_path, capfd):
    log = tmp_path / "access.log"
    with drip.proxy(f"127.0.0.1:{echo.server_port}", ACCESS_LOG=str(log)) as port:
        fetch(port, f"/subscribe/confirm/{TOKEN}/?email=resident@example.org", Cookie="sessionid=5ecret")
        echo.shutdown()
        echo.server_close()
        status, _, body = fetch(port, f"/subscriptions/{TOKEN}/?email=resident@example.org")
        assert status == 502
        assert b"try again" in body
        wait_until(lambda: len(log.read_text().splitlines()) >= 2)
    first, second = log.read_text().splitlines()[-2:]
    assert "GET /subscribe 200" in first
    assert "GET /subscriptions 502" in second
    written = log.read_text() + "".join(capfd.readouterr())
    assert not [secret for secret in (TOKEN, "example.org", "5ecret", "127.0.0.1") if secret in written]


def test_over_https_the_site_is_told_so_and_plain_http_is_led_there(echo, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    self_signed = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost"
    command = ["openssl", *self_signed.split(), "-addext", "subjectAltName=DNS:localhost", "-keyout", key]
    subprocess.run([*command, "-out", certificate], check=True, capture_output=True)
    https = drip.free_port()
    values = {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), "HTTPS_LISTEN": f"127.0.0.1:{https}"}
    with drip.proxy(f"127.0.0.1:{echo.server_port}", **values) as http:
        there = HTTPSConnection("localhost", https, context=ssl.create_default_context(cafile=certificate), timeout=60)
        there.request("GET", "/")
        assert json.load(there.getresponse())["headers"]["X-Forwarded-Proto"] == "https"
        there.close()
        plain = HTTPConnection("127.0.0.1", http, timeout=60)
        plain.request("GET", "/alerts/?a=1", headers={"Host": "motion.example.org"})
        answer = plain.getresponse()
        assert answer.status == 308
        assert answer.headers["Location"] == "https://motion.example.org/alerts/?a=1"
        plain.close()

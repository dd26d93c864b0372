"""The proxy as shipped: slow visitors stop nobody; what it passes on, what it keeps back, what it writes down."""

import json
import os
import runpy
import shutil
import socket
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from itertools import product
from pathlib import Path
from threading import Event

import pytest
from django.conf import settings

from detection.tables.reviews import CaseFile
from ingest.models import MeasurementPoint
from ingest.products.services import product_load
from lab.speed import servers
from monitor.maps.rasters.answers import PROXY_SENDS
from monitor.web.guards import OPERATORS
from tests.fixtures.servers import database_url, self_signed
from tests.makers import pairs as made_pairs
from tests.makers.basemaps import tile_at
from tests.makers.echo import SESSION, Quiet, serving
from tests.makers.people import account
from tests.service.deploy import visitors
from tests.waiting import HANG_SECONDS, wait_until

ATTACK_SECONDS, PATIENCE_SECONDS = 4, 60.0
TOKEN = "MTk4NA:1vLr9x:s3cret-of-a-subscriber"


@pytest.fixture
def operator_session(transactional_db) -> str:
    return visitors.session_of(account("sends-slowly", OPERATORS))


@contextmanager
def readable_folder() -> Iterator[Path]:
    """A folder that nginx can read, although it drops root's rights."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def site(django_db_setup) -> Iterator[tuple[int, Path]]:
    """gunicorn on the database of the tests, and the folder of its rasters."""
    with readable_folder() as folder:
        given = {"DATABASE_URL": database_url(), "RASTER_DIR": str(folder / "rasters")}
        with servers.gunicorn(os.environ | given) as port:
            yield port, folder / "rasters"


@pytest.fixture
def web(site, transactional_db) -> int:
    return site[0]


def connections(port: int) -> int:
    """Return how many visitors of a server are connected; each may hold one of its threads."""
    rows = map(str.split, Path("/proc/net/tcp").read_text().splitlines())
    return sum(local.endswith(f":{port:04X}") and state == "01" for _, local, _, state, *_ in rows)


def test_few_addresses_with_many_slow_bodies_headers_and_made_up_sessions_keep_nobody_out(
    web, operator_session, make_alert
):
    note = f"/review/{make_alert().code}/notes/"
    slow = [(f"127.0.1.{address}", visitors.BODY) for address in range(1, 6) for _ in range(300)]
    slow += [("127.0.2.1", visitors.HEADER)] * 10_000
    made_up = [visitors.upload("made-up"), visitors.NOTE % note.encode()]
    senders = [(f"127.0.3.{number % 10 + 1}", made_up[number % 2]) for number in range(200)]
    senders += [("127.0.4.1", visitors.upload(operator_session))] * 16
    pause = Event()
    with (
        servers.proxy(f"127.0.0.1:{web}") as port,
        visitors.dripping(port, slow, 5.0) as n_ended,
        visitors.dripping(port, senders, 20.0),
    ):
        wait_until(lambda: connections(web) == 3)  # files on their way
        for second in range(1, ATTACK_SECONDS + 1):
            begun = time.monotonic()
            assert [servers.get(port, path, PATIENCE_SECONDS) for path in ("/healthz", "/")] == [200, 200]
            if second % 2 == 0:
                assert visitors.send(port, visitors.note(note, operator_session)) == 302
                assert visitors.send(port, visitors.language()) == 204  # a stranger's form
                assert CaseFile.objects.count() == second // 2
                wait_until(lambda: connections(web) <= 3)  # that of a page ends just after its answer
            pause.wait(begun + 1 - time.monotonic())
    assert n_ended[0] > 1000


@pytest.mark.parametrize("start", [b"", visitors.HEADER])
def test_a_connection_too_many_ends_before_anything_is_read_and_those_of_others_go_on(echo, start):
    def is_taken() -> bool:
        with begin(port, b"", "127.0.0.9") as visitor:
            visitor.settimeout(0.2)
            try:
                return visitor.recv(1) != b""
            except TimeoutError:
                return True

    with servers.proxy(f"127.0.0.1:{echo.server_port}", MAX_PER_NETWORK="3") as port, ExitStack() as held:

        def is_full() -> bool:
            held.enter_context(begin(port, start, "127.0.0.9"))  # The proxy may take a later one first.
            return not is_taken()

        wait_until(is_full)
        assert servers.get(port, "/about/") == 200
        held.close()
        wait_until(is_taken)


def test_one_network_has_a_share_of_each_class_and_pages_have_none():
    most = runpy.run_path(str(settings.BASE_DIR / "scripts" / "limits"))["MAX_OF_NETWORK"]
    with socket.create_server(("127.0.0.1", 0), backlog=2 * most) as site, ExitStack() as held:
        site.settimeout(HANG_SECONDS)
        port = held.enter_context(servers.proxy(f"127.0.0.1:{site.getsockname()[1]}", MAX_PER_NETWORK=str(4 * most)))

        def begin(path: str) -> bytes:
            """Send a request, which the site leaves unanswered; return the bytes that reach the site."""
            visitor = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            visitor.sendall(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
            return held.enter_context(site.accept()[0]).recv(1000).partition(b" HTTP")[0]

        assert {begin("/api/v1/alerts") for _ in range(most)} == {b"GET /api/v1/alerts"}
        assert servers.get(port, "/%61pi/v1/products", HANG_SECONDS) == 429
        assert begin("/stac/") == b"GET /stac/"
        assert [begin("/alerts/") for _ in range(most + 1)] == [b"GET /alerts/"] * (most + 1)


@pytest.mark.parametrize(
    ("senders", "neighbour", "another"),
    [
        ("2001:db8:0:1::1 2001:db8:0:ffff::2", "2001:db8::3", "2001:db8:1::1"),
        ("::ffff:192.0.2.1 ::ffff:192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    ],
)
def test_visitors_of_one_network_of_ipv6_are_counted_together(echo, senders, neighbour, another):
    with readable_folder() as folder:
        values = {"PROXY_STATE": str(folder), "MAX_PER_NETWORK": "2"}
        with servers.proxy(f"127.0.0.1:{echo.server_port}", **values):
            with ExitStack() as held:

                def is_full() -> bool:
                    for sender in senders.split():
                        held.enter_context(passed_on(folder, sender, visitors.BODY))
                    return status(passed_on(folder, neighbour, ASKING)) == 429

                wait_until(is_full)
                assert status(passed_on(folder, another, ASKING)) == 200
            wait_until(lambda: status(passed_on(folder, neighbour, ASKING)) == 200)


ASKING = b"GET /about/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def passed_on(folder: Path, source: str, start: bytes) -> socket.socket:
    """Come from an address as the first part of the proxy hands a connection to the second."""
    visitor = socket.socket(socket.AF_UNIX)
    wait_until(lambda: visitor.connect_ex(str(folder / "http.sock")) == 0)  # nginx binds it before it listens
    visitor.sendall(f"PROXY TCP6 {source} ::1 4000 80\r\n".encode() + start)
    return visitor


def status(visitor: socket.socket) -> int:
    with visitor:
        return int(visitor.recv(12).rpartition(b" ")[2])


@pytest.fixture
def proxied(echo):
    with servers.proxy(f"127.0.0.1:{echo.server_port}", UPLOAD_MAX_BYTES="5000000") as port:
        yield port


def fetch(port: int, path: str, data: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=HANG_SECONDS) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, dict(refusal.headers), refusal.read()


def begin(port: int, start: bytes, source: str = "") -> socket.socket:
    visitor = socket.create_connection(("127.0.0.1", port), HANG_SECONDS, (source, 0))
    visitor.sendall(start)
    return visitor


def test_a_visitor_cannot_forge_who_they_are_or_how_they_came(proxied):
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    forged |= {"Forwarded": "for=6.6.6.6", PROXY_SENDS: "yes"}
    _, _, body = fetch(proxied, "/about/?a=1", **forged, Host="motion.example.org")
    seen = json.loads(body)
    assert seen["path"] == "/about/?a=1"
    assert seen["headers"]["Host"] == "motion.example.org"
    assert seen["headers"]["X-Forwarded-For"] == "6.6.6.6, 127.0.0.1"  # PROXIES=1 takes the last
    assert seen["headers"]["X-Forwarded-Proto"] == "http"
    assert not {"X-Forwarded-Host", "Forwarded", PROXY_SENDS} & set(seen["headers"])


def test_neither_the_rights_of_a_session_nor_the_version_of_the_server_are_public(proxied):
    for path in ("/sessions/rights/", "//sessions/rights/", "/a/../sessions/rights/", "/%73essions/rights/"):
        status, _, body = fetch(proxied, path)
        assert status == 404
        assert b"nginx/" not in body
    assert fetch(proxied, "/")[1]["Server"] == "nginx"
    for data in (None, b"a"):
        assert fetch(proxied, "/sessions/rights/", data=data, Cookie=f"sessionid={SESSION}")[0] == 404


def test_a_form_reaches_the_site_when_it_is_whole_and_a_file_as_it_comes(proxied, echo):
    form = begin(proxied, visitors.BODY)
    file = begin(proxied, visitors.upload(SESSION))
    wait_until(lambda: echo.begun)
    assert fetch(proxied, "/about/")[0] == 200
    assert echo.begun == ["/uploads/", "/about/"]
    form.sendall(b"a" * 100_000)
    wait_until(lambda: "/subscribe/" in echo.begun)
    form.close()
    file.close()


def test_only_files_may_be_large_and_even_they_have_a_limit(proxied):
    assert fetch(proxied, "/login/", data=b"a" * 1_100_000)[0] == 413
    assert fetch(proxied, "/subscribe/", data=b"a" * 6_000_000)[0] == 200
    assert fetch(proxied, "/subscribe/", data=b"a" * 6_400_000)[0] == 413
    assert fetch(proxied, "/reports/", data=b"a" * 1_100_000)[0] == 413
    assert fetch(proxied, "/review/4F7K/", data=b"a" * 1_100_000)[0] == 413
    mine = {"Cookie": f"sessionid={SESSION}"}
    assert fetch(proxied, "/uploads/", data=b"a" * 4_000_000, **mine)[::2] == (200, b"4000000")
    status, _, body = fetch(proxied, "/uploads/", data=b"a" * 5_100_000, **mine)
    assert (status, body) == (413, b"This is too large.\n")


def test_files_of_operators_are_taken_with_their_session_only_and_else_refused_before_they_are_sent(proxied, echo):
    paths = ("/review/4F7K/notes/", "/review/4F7K/visit/", "/uploads/")
    start = "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\nX-Rights: work review load\r\n%s\r\n"
    for path, cookie in product(paths, ("", "Cookie: sessionid=made-up\r\n")):
        with begin(proxied, (start % (path, 4_000_000, cookie)).encode()) as stranger:
            answer = stranger.recv(65536)
        assert answer.startswith(b"HTTP/1.1 303 ")
        assert b"\r\nLocation: /login/\r\n" in answer
    assert echo.begun == []
    for path, name in product(paths, ("sessionid", "__Host-sessionid")):  # without and with HTTPS
        cookie = f"csrftoken=a; {name}={SESSION}"
        assert fetch(proxied, path, data=b"a" * 4_000_000, Cookie=cookie)[::2] == (200, b"4000000")
        with begin(proxied, (start % (path, 65_000_000, f"Cookie: {cookie}\r\n")).encode()) as sender:
            assert sender.recv(65536).startswith(b"HTTP/1.1 413 ")


LARGE = b"POST /subscribe/ HTTP/1.1\r\nHost: localhost\r\n%s"


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 1000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n"],
    ids=["length", "chunks"],
)
def test_some_large_forms_of_one_address_wait_at_once_and_the_next_is_told(proxied, echo, rest):
    with visitors.dripping(
        proxied, [("127.0.0.1", LARGE % rest)] * 10
    ):  # one that came after a form from here begins again
        wait_until(lambda: fetch(proxied, "/extract/", data=b"a" * 1_000_000)[0] == 429)
        assert fetch(proxied, "/subscribe/")[0] == 200  # looking at the page is no sending
        # Whoever sends little, as to end a subscription or to write a note, does not wait for them.
        for path in ("/subscribe/stop/a/", "/reports/", "/review/4F7K/notes/"):
            assert fetch(proxied, path, data=b"a" * 999_999)[::2] == (200, b"999999")
    wait_until(lambda: fetch(proxied, "/extract/", data=b"a" * 1_000_000)[0] == 200)


def test_twenty_small_forms_of_one_address_wait_at_once_and_neither_others_nor_operators_wait_for_them(proxied):
    with visitors.dripping(proxied, [("127.0.0.1", visitors.BODY)] * 20):
        wait_until(lambda: fetch(proxied, "/subscribe/stop/a/", data=b"a")[0] == 429)
        assert fetch(proxied, "/review/4F7K/", data=b"a", Cookie=f"sessionid={SESSION}")[0] == 200
        assert fetch(proxied, "/subscribe/")[0] == 200
        start = b"POST /subscribe/stop/a/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\na"
        assert status(begin(proxied, start, "127.0.0.9")) == 200


def test_three_files_are_sent_at_once_and_the_fourth_sender_is_told(proxied, echo):
    senders = [begin(proxied, visitors.upload(SESSION)) for _ in range(3)]
    wait_until(lambda: len(echo.begun) == 3)
    asked = {"Cookie": f"csrftoken=a; sessionid={SESSION}", "Accept": "application/json"}
    status, headers, body = fetch(proxied, "/uploads/", data=b"aaa", **asked)
    assert status == 429
    assert (headers["Content-Type"], headers["Retry-After"]) == ("application/problem+json", "60")
    answer = json.loads(body)
    assert answer["status"] == 429
    assert answer["queued"] == []
    assert "try again" in answer["faults"][0]  # the words that the page shows
    assert "try again" in answer["detail"]
    status, headers, body = fetch(proxied, "/uploads/", data=b"aaa", Cookie=asked["Cookie"], Accept="text/html")
    assert (status, headers["Content-Type"]) == (429, "text/plain")
    assert b"try again" in body
    assert fetch(proxied, "/uploads/", Cookie=asked["Cookie"])[0] == 200  # looking at the page is no sending
    for sender in senders:
        sender.close()


def test_an_answer_is_kept_under_all_that_the_site_was_asked(proxied, echo):
    addresses = ["/tiles/a", "/tiles/a?from=1", "/tiles/a?from=2", "/tiles/a?from=2&from=1", "/tiles/a?FROM=1"]
    addresses += ["/tiles/a?", "/tiles//a", "/tiles/b/../a", "/tiles/%61", "/tiles/a%3Ffrom=1"]
    for _ in range(2):
        for address in addresses:
            assert json.loads(fetch(proxied, address)[2])["path"] == address
    assert sorted(echo.begun) == sorted(addresses)  # each once


def test_two_periods_are_two_tiles_and_one_period_is_asked_for_once(web, make_egms, tmp_path):
    def bent(table):
        for day in [name for name in table if name.isdigit()]:
            table[day] = [round(-20.0 * max(0.0, int(day[:4]) + int(day[4:6]) / 12 - 2021), 1)] * len(table[day])

    product = product_load(path=make_egms(change=bent))
    at = MeasurementPoint.objects.filter(product=product).order_by("pid")[0].position
    x, y = tile_at(at.x, at.y, 14)
    tile = f"/tiles/periods/los/14/{x}/{y}.mvt"
    before, after = f"{tile}?until=2021-02-01", f"{tile}?from=2020-12-31"
    alone = {address: fetch(web, address, Host="localhost")[2] for address in (before, after)}
    assert alone[before] != alone[after]
    assert all(b"points" in tile for tile in alone.values())  # none without any rate
    log = tmp_path / "access.log"
    with servers.proxy(f"127.0.0.1:{web}", ACCESS_LOG=str(log)) as port:
        for address in (before, after, before, after):
            assert fetch(port, address, Host="localhost")[::2] == (200, alone[address])
        wait_until(lambda: len(log.read_text().splitlines()) == 4)
    at_the_site = [line.rpartition(" ")[2] for line in log.read_text().splitlines()]
    assert at_the_site.count("-") == 2  # lines of two processes come in any order


def test_neither_visitors_nor_signed_links_are_written_down(echo, tmp_path, capfd):
    log = tmp_path / "access.log"
    with servers.proxy(f"127.0.0.1:{echo.server_port}", ACCESS_LOG=str(log)) as port:
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


def test_what_goes_wrong_is_logged_without_visitor_link_or_position(echo, tmp_path, capfd):
    place = "lat=61.2345&lon=7.6543"
    headers = {"Referer": f"https://motion.example.org/here/?{place}", "Cookie": "sessionid=5ecret"}
    with readable_folder() as folder:
        with servers.proxy(f"127.0.0.1:{echo.server_port}", PROXY_STATE=str(folder)) as port:
            (folder / "bodies").chmod(0)
            assert fetch(port, f"/subscriptions/{TOKEN}/?{place}", data=b"a" * 100_000, **headers)[0] == 500
            written = []
            wait_until(lambda: written.append(capfd.readouterr().err) or "[crit]" in "".join(written))
        (folder / "bodies").chmod(0o700)
    log = "".join([*written, *capfd.readouterr()])
    assert 'bodies/0000000001" failed (13: Permission denied)' in log
    assert not [
        secret for secret in (TOKEN, "61.2345", "7.6543", "example.org", "5ecret", "127.0.0.1") if secret in log
    ]


def test_over_https_the_site_is_told_so_and_plain_http_is_led_there(echo, tmp_path):
    key = tmp_path / "key.pem"
    certificate = self_signed(tmp_path / "certificate.pem", key)
    https = servers.free_port()
    values = {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(key), "HTTPS_LISTEN": f"127.0.0.1:{https}"}
    with servers.proxy(f"127.0.0.1:{echo.server_port}", **values) as http:
        there = HTTPSConnection(
            "localhost", https, context=ssl.create_default_context(cafile=certificate), timeout=HANG_SECONDS
        )
        there.request("GET", "/")
        assert json.load(there.getresponse())["headers"]["X-Forwarded-Proto"] == "https"
        there.request("GET", "/.well-known/security.txt")
        assert json.load(there.getresponse())["path"] == "/.well-known/security.txt"
        there.close()
        plain = HTTPConnection("127.0.0.1", http, timeout=HANG_SECONDS)
        plain.request("GET", "/alerts/?a=1", headers={"Host": "motion.example.org"})
        answer = plain.getresponse()
        assert answer.status == 308
        assert answer.headers["Location"] == "https://motion.example.org/alerts/?a=1"
        plain.close()


class Full(Quiet):
    """A site whose places are all taken."""

    def do_GET(self):
        self.answer(503)


def test_published_pages_stand_in_for_a_site_that_is_away_or_full_and_never_for_somebody_signed_in(echo):
    files = {"alerts": "in English", "de/alerts": "auf Deutsch", "static": "a script"}
    with readable_folder() as folder, servers.proxy("127.0.0.1:1", PUBLISHED_DIR=str(folder)) as away:
        for name, text in files.items():
            path = folder / name / ("a.js" if name == "static" else "index.html")
            path.parent.mkdir(parents=True)
            path.write_text(text)
        (folder / "published.json").write_text("{}")
        status, headers, body = fetch(away, "/alerts/", Host="localhost")
        assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "text/html", "public, max-age=10")
        assert body == b"in English"
        german = [{"Cookie": "a=1; __Host-django_language=de"}, {"Accept-Language": "de-AT,en;q=0.5"}]
        answers = [fetch(away, "/alerts/", Host="localhost", **sent)[2] for sent in german]
        assert [*answers, fetch(away, "/de/alerts/", Host="localhost")[2]] == [b"auf Deutsch"] * 3
        assert fetch(away, "/static/a.js", Host="localhost")[1]["Content-Type"] == "text/javascript"
        assert fetch(away, "/published.json", Host="localhost")[0] == 200
        status, _, body = fetch(away, "/alerts/", Host="localhost", Cookie="__Host-sessionid=an-operator")
        assert (status, b"in English" in body) == (503, False)
        assert fetch(away, "/alerts/AB12/", Host="localhost")[0] == 503
        assert fetch(away, "/review/", Host="localhost")[0] == 502
        with serving(Full) as full, servers.proxy(f"127.0.0.1:{full.server_port}", PUBLISHED_DIR=str(folder)) as busy:
            assert fetch(busy, "/alerts/", Host="localhost")[::2] == (200, b"in English")
        with servers.proxy(f"127.0.0.1:{echo.server_port}", PUBLISHED_DIR=str(folder)) as there:
            assert json.loads(fetch(there, "/de/alerts/", Host="localhost")[2])["path"] == "/alerts/?language=de"


def body_of(row) -> bytes:
    with row.raster.open("rb") as file:
        return file.read()


OWN_HEADERS = {"Accept-Ranges", "Content-Security-Policy", "ETag"}  # nginx's, or another for every answer
RANGES = [
    {},
    {"Range": "bytes=10-99"},
    {"Range": "bytes=-7"},
    {"Range": "bytes=0-1,5-6"},
    {"Range": "bytes=999999999-"},
]


def test_a_file_that_the_proxy_sends_is_answered_as_by_the_site_itself(web, site, own_rasters, client):
    row = made_pairs.make_dates()[0]
    path, rasters = f"/rasters/{row.pk}.tif", site[1]
    shutil.copytree(own_rasters, rasters, dirs_exist_ok=True)
    with servers.proxy(f"127.0.0.1:{web}", RASTER_DIR=str(rasters)) as port:
        asked_by_proxy = fetch(web, path, Host="localhost", **{PROXY_SENDS: "yes"})
        assert asked_by_proxy[::2] == (200, b"")  # no thread sends it
        assert asked_by_proxy[1]["X-Accel-Redirect"] == f"/.stored/{row.raster.name}"
        for asked in RANGES:
            status, headers, body = fetch(port, path, Host="localhost", **asked)
            alone = client.get(path, headers=asked, HTTP_HOST="localhost")
            assert (status, body) == (alone.status_code, b"".join(alone) if alone.streaming else alone.content)
            for name in alone.headers.keys() - OWN_HEADERS:
                assert headers[name].removeprefix(f"{PROXY_SENDS}, ") == alone[name], name
        _, headers, _ = fetch(port, path, Host="localhost")
        assert headers.keys() >= OWN_HEADERS
        etag = headers["ETag"]
        conditions = {"If-None-Match": 304, "If-Match": 200, "If-Range": 206}
        for name, expected in conditions.items():
            part = {"Range": "bytes=0-9"} if name == "If-Range" else {}
            assert fetch(port, path, Host="localhost", **{name: etag}, **part)[0] == expected, name
        assert fetch(port, path, Host="localhost", **{"If-Match": '"another"'})[0] == 412
        assert fetch(port, path, Host="localhost", **{"If-Range": '"another"', "Range": "bytes=0-9"})[0] == 200
        assert fetch(port, f"/.stored/{row.raster.name}", Host="localhost")[0] == 404
        assert "X-Accel-Redirect" not in headers
        with servers.proxy(f"127.0.0.1:{web}", RASTER_DIR="/nowhere") as blind:
            assert fetch(blind, path, Host="localhost")[2] == body_of(row)
        (rasters / row.raster.name).unlink()
        assert fetch(port, path, Host="localhost")[0] == 404

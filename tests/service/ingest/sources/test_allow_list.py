"""No host outside the allow-list is ever contacted, however an address is written; seen by counting connections."""

import socket
from contextlib import suppress

import pytest
import requests

from ground_motion.core.http import transport
from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import HostRefused, SearchFailed, redact
from ground_motion.core.http.transport import Credential, guard
from tests.service.ingest.sources import replay, tunnel

LIST = AllowList.parse(
    ["data.example.org", ".asf.alaska.edu", "http://10.0.0.5:8080", "mirror.example.org:8443", "10.1.1.1"]
)


@pytest.mark.parametrize(
    "url",
    [
        *("https://data.example.org/a.zip", "https://DATA.example.org:443/a.zip", "https://data.example.org./a.zip"),
        *("https://datapool.asf.alaska.edu/x", "https://a.b.asf.alaska.edu/x", "http://10.0.0.5:8080/x"),
        *("https://mirror.example.org:8443/x", "https://10.1.1.1/x"),
    ],
)
def test_listed_hosts_pass(url):
    LIST.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://data.example.org/a.zip",  # downgraded
        "https://data.example.org:8443/a.zip",  # another port
        *("https://data.example.org@evil.org/a.zip", "https://user:word@data.example.org/a.zip"),
        *("https://data.example.org%40evil.org/", "https://data.example.org\\@evil.org/"),
        *("https://evil-data.example.org/", "https://data.example.org.evil.org/", "https://evilasf.alaska.edu/"),
        *(
            "https://evil.org/data.example.org",
            "https://evil.org#data.example.org",
            "https://evil.org?data.example.org",
        ),
        *("https://asf.alaska.edu/", "https://asf.alaska.edu.evil.org/", "https://mirror.example.org/"),
        *("https://10.0.0.5:8080/", "http://10.0.0.5/", "https://0x0a000005/", "https://[::1]/", "https://2130706433/"),
        "https://dаta.example.org/",  # a Cyrillic a
        "https://xn--dta-7cd.example.org/",
        *("//data.example.org/a.zip", "ftp://data.example.org/a.zip", "file:///etc/passwd", "s3://data.example.org/a"),
        *("https:///a.zip", "https://data.example.org:99999/", "https://data.example.org :443/"),
        *("https://data.example.org\t/", ""),
    ],
)
def test_everything_else_is_refused(url):
    with pytest.raises(HostRefused):
        LIST.check(url)


@pytest.mark.parametrize(
    "line", [".", ".org", ".10.0.0.1", "https://a.org/path", "a b", "user@a.org", "*.a.org", "a.org?x"]
)
def test_an_entry_that_is_no_host_is_refused(line):
    with pytest.raises(ValueError, match="is no host"):
        AllowList.parse([line])


def tricks(allowed: replay.Replay, other: replay.Replay) -> list[str]:
    listed, port = f"127.0.0.1:{allowed.server_port}", other.server_port
    return [
        *(f"http://127.0.0.1:{port}/", f"http://localhost:{port}/", f"http://{listed}@127.0.0.1:{port}/"),
        *(f"http://{listed}\\@127.0.0.1:{port}/", f"http://{listed}#@127.0.0.1:{port}/"),
        *(f"http://{listed}%2f@127.0.0.1:{port}/", f"http://127.0.0.1:{port}#{listed}", f"http://127.1:{port}/"),
        *(f"http://2130706433:{port}/", f"http://[::ffff:127.0.0.1]:{port}/", f"https://127.0.0.1:{port}/"),
        f"//127.0.0.1:{port}/",
    ]


def test_no_spelling_of_an_address_reaches_another_server(server, stranger):
    session = guard(requests.Session(), AllowList.parse([server.address]))
    for url in tricks(server, stranger):
        server.always["/hop"] = replay.redirect(url)
        for requested in (url, f"{server.address}/hop"):
            with suppress(HostRefused, requests.RequestException):  # or the listed server receives an unusual path
                session.get(requested, timeout=20)
        assert stranger.connections == 0, url


def test_a_mirror_in_ones_own_network_is_contacted_directly_and_without_the_environments_passwords(
    server, stranger, monkeypatch, tmp_path
):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", stranger.address)
    monkeypatch.setenv("ALL_PROXY", stranger.address)
    server.files["/x"] = b"x"
    session = guard(requests.Session(), AllowList.parse([server.address]))
    assert session.get(f"{server.address}/x", timeout=20).content == b"x"
    assert "Authorization" not in server.requests[0].headers
    assert session.get(f"{server.address}/x", timeout=20, proxies={"http": stranger.address}).content == b"x"
    assert stranger.connections == 0


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.1.1", "::1", "fe80::1", "::ffff:10.0.0.1"]
)
def test_a_listed_name_that_leads_into_a_private_network_is_refused(stranger, monkeypatch, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    addresses = [(family, socket.SOCK_STREAM, 6, "", (address, stranger.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: addresses)
    session = guard(requests.Session(), AllowList.parse([f"images.example.org:{stranger.server_port}"]))
    with pytest.raises(HostRefused, match="no public address"):
        session.get(f"https://images.example.org:{stranger.server_port}/x", timeout=20)
    assert stranger.connections == 0


def test_a_name_is_resolved_once_and_an_unlisted_one_never(server, monkeypatch):
    """Otherwise the second answer of a hostile name server could be another one than the one that was looked at."""
    resolved, real = [], socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: resolved.append(asked[0]) or real(*asked, **more))
    server.files["/x"] = b"x"
    session = guard(requests.Session(), AllowList.parse([f"http://localhost:{server.server_port}"]))
    session.get(f"http://localhost:{server.server_port}/x", timeout=20)
    with pytest.raises(HostRefused):
        session.get("https://evil.example.com/", timeout=20)
    assert [host for host in resolved if host != "127.0.0.1"] == ["localhost"]


def test_an_endless_answer_to_a_search_ends(server, monkeypatch):
    monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 1000)
    server.files["/x"] = bytes(2000)
    session = guard(requests.Session(), AllowList.parse([server.address]), answers=True)
    with pytest.raises(SearchFailed, match="answers with more than"):
        session.get(f"{server.address}/x", timeout=20)


def test_https_is_spoken_with_the_host_that_was_checked(tmp_path):
    """The way of all real services."""
    certificate = tunnel.certificate(tmp_path, "127.0.0.1")
    with replay.running(certificate) as server:
        server.files["/x"] = b"x"
        session = guard(requests.Session(), AllowList.parse([f"127.0.0.1:{server.server_port}"]))
        url = f"https://127.0.0.1:{server.server_port}/x"
        with pytest.raises(requests.exceptions.SSLError):
            session.get(url, timeout=20)
        session.verify = str(certificate)
        assert session.get(url, timeout=20).content == b"x"


def test_no_line_shows_a_secret():
    line = redact("GET https://anna:word@host/x?X-Amz-Signature=abc Authorization: Bearer ey.J.x, Basic YTpi")
    assert not [secret for secret in ("word", "abc", "ey.J.x", "YTpi") if secret in line]


def test_credentials_do_not_follow_a_redirect_that_a_library_follows(server, stranger):
    server.always["/hop"] = replay.redirect(f"{stranger.address}/there")
    stranger.files["/there"] = b"there"
    token = Credential(AllowList.parse([server.address]), lambda refused: "Bearer topsecret")
    session = guard(requests.Session(), AllowList.parse([server.address, stranger.address]), [token])
    session.headers["Authorization"] = "Bearer put here by a library"
    assert session.get(f"{server.address}/hop", timeout=20).content == b"there"
    assert session.get(f"{stranger.address}/there", timeout=20).content == b"there"
    assert server.requests[0].headers["Authorization"] == "Bearer topsecret"
    assert not any("Authorization" in request.headers for request in stranger.requests)

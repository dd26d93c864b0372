"""Behind a proxy: archives are reached through it, inner addresses are not, and it sees names only."""

import socket
import threading

import pytest
import requests

from ground_motion.core.http import transport
from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import ArchiveAway, HostRefused, Later, SourceError
from ground_motion.core.http.transport import Credential, guard
from ingest.sources import configured
from tests.service.ingest.sources import replay, tunnel
from tests.waiting import HANG_SECONDS

HOST, BELOW = "data.example.org", "images.data.example.org"
URL = f"https://{HOST}/x"
TOKEN = Credential(AllowList.parse([HOST]), lambda refused: "Bearer topsecret")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tunnel.certificate(tmp_path_factory.mktemp("certificate"), HOST, BELOW)


@pytest.fixture
def archive(certificate, monkeypatch):
    """A host that only the proxy can reach."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with replay.running(certificate) as running:
        running.files["/x"] = b"x"
        yield running


@pytest.fixture
def proxy(archive, monkeypatch):
    routes = dict.fromkeys((HOST, BELOW), archive.server_port)
    with tunnel.running(routes) as running:
        monkeypatch.setenv("HTTPS_PROXY", running.address)
        yield running


@pytest.fixture
def resolve(monkeypatch):
    """Return a function that sets to which address other names lead; to none at first."""
    real, known = socket.getaddrinfo, {}

    def look_up(host, port, *args, **options):
        if host == "127.0.0.1":
            return real(host, port, *args, **options)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(known[host], port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(transport, "LOOKUP_SECONDS", HANG_SECONDS)
    return known.__setitem__


def ask(*allowed: str, url: str = URL, credentials=()) -> requests.Response:
    with guard(requests.Session(), AllowList.parse(allowed or [HOST]), credentials) as session:
        return session.get(url, timeout=20)


def test_an_archive_is_reached_through_the_proxy_which_sees_its_name_only(archive, proxy, resolve):
    resolve(HOST, "93.184.216.34")
    assert ask(credentials=[TOKEN]).content == b"x"
    assert archive.requests[0].headers["Authorization"] == "Bearer topsecret"
    ((path, headers),) = proxy.asked
    assert path == f"{HOST}:443"
    assert "topsecret" not in str(headers)


def test_a_proxys_own_password_goes_to_the_proxy_only(archive, proxy, resolve, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("://", "://anna:word@"))
    assert ask().content == b"x"
    assert proxy.asked[0][1]["Proxy-Authorization"].startswith("Basic ")
    assert not any("Proxy" in name or "Authorization" in name for name in archive.requests[0].headers)


def test_a_name_that_leads_inside_is_refused_although_the_proxy_would_go_there(proxy, resolve):
    resolve(HOST, "10.0.0.7")
    with pytest.raises(HostRefused, match=r"10\.0\.0\.7, which is no public address"):
        ask()
    assert proxy.asked == []


def test_a_name_that_cannot_be_resolved_here_is_contacted_only_if_it_is_listed_itself(proxy, resolve):
    assert ask().content == b"x"
    with pytest.raises(ArchiveAway, match=f"{BELOW} cannot be resolved here"):  # perhaps the resolver is away
        ask(f".{HOST}", url=f"https://{BELOW}/x")
    assert proxy.hosts == [HOST]
    resolve(BELOW, "93.184.216.34")
    assert ask(f".{HOST}", url=f"https://{BELOW}/x").content == b"x"


def test_a_resolver_that_never_answers_holds_up_nothing(proxy, monkeypatch):
    real, over = socket.getaddrinfo, threading.Event()
    monkeypatch.setattr(transport, "LOOKUP_SECONDS", 0.01)

    def look_up(host, *args, **options):
        if host == HOST:
            over.wait(replay.HANG_SECONDS)
        return real("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert ask().content == b"x"
    over.set()


def test_no_other_host_is_asked_of_the_proxy_not_even_by_a_redirect(archive, proxy, resolve):
    archive.always["/x"] = replay.redirect("https://10.0.0.7/x")
    for url in ("https://evil.example.com/x", "https://10.0.0.7/x", URL):
        with pytest.raises(HostRefused, match="not among the hosts"):
            ask(url=url)
    assert proxy.hosts == [HOST]


def test_what_no_proxy_names_is_contacted_directly(archive, proxy, resolve, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "localhost,.example.org")
    resolve(HOST, "127.0.0.1")
    with pytest.raises(HostRefused, match="no public address"):
        ask()
    assert proxy.asked == []


def test_nothing_goes_through_a_proxy_unencrypted(archive, proxy, resolve, monkeypatch, server):
    monkeypatch.setenv("HTTP_PROXY", proxy.address)
    server.files["/x"] = b"x"
    assert ask(server.address, url=f"{server.address}/x").content == b"x"
    assert proxy.asked == []


def test_a_proxy_that_does_not_let_us_through_is_tried_again_later(proxy, resolve, transfer):
    proxy.is_away = lambda: True
    session = guard(requests.Session(), AllowList.parse([HOST]))
    with pytest.raises(ArchiveAway, match=r"data\.example\.org cannot be reached through the proxy of HTTPS_PROXY"):
        transfer(session=session, url=URL)


def test_another_kind_of_proxy_is_named_as_the_fault(proxy, resolve, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1080")
    with pytest.raises(Later, match="HTTPS_PROXY must begin with http"):
        ask()


def test_questions_for_addresses_and_tokens_go_through_it_too(archive, proxy, resolve, settings):
    """All of them use the one guarded session."""
    settings.OUTBOUND_HOSTS = [HOST]
    settings.GEOCODER_URL = f"https://{HOST}/search"
    settings.STAC_TOKEN, settings.STAC_SIGN_IN_URL = "anna:word", f"https://{HOST}/token#made"
    with pytest.raises(SourceError):
        configured.geocode(text="Trondheim", language="en", most=1)
    assert archive.requests.pop().path.startswith("/search?q=Trondheim")
    with pytest.raises(SourceError):
        configured.credentials()[-1].header("")
    assert archive.requests.pop().path == "/token"

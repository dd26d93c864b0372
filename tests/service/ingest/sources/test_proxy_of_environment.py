"""Behind a proxy: archives are reached through it, inner addresses are not, and it sees names only."""

import socket
import threading
import time

import pytest
import requests
from django.conf import settings

from ground_motion.core.http import transport
from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import ArchiveAway, HostRefused, Later, SourceError
from ground_motion.core.http.transport import Credential, guard
from ingest.jobs import services as jobs
from ingest.sources import configured
from monitor import tasks as monitor_tasks
from tests.service.ingest.sources import recorded, replay, tunnel
from tests.service.ingest.sources.archives import TokenServer
from tests.service.ingest.sources.wanted import DATA, State, fetched
from tests.waiting import HANG_SECONDS

HOST, BELOW = "data.example.org", "images.data.example.org"
URL = f"https://{HOST}/x"
TOKEN = Credential(AllowList.parse([HOST]), lambda refused: "Bearer topsecret")


DEFAULT = [name for name in settings.OUTBOUND_HOSTS if not name.startswith(".")]  # of a new installation
COPERNICUS, TOKENS = "https://stac.dataspace.copernicus.eu/v1", "/auth/realms/CDSE/protocol/openid-connect/token"
ASF, LOGIN, SIGNED = "datapool.asf.alaska.edu", "urs.earthdata.nasa.gov", "dy4owt9f80bz7.cloudfront.net"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return tunnel.certificate(tmp_path_factory.mktemp("certificate"), HOST, BELOW, *DEFAULT)


@pytest.fixture
def archive(certificate, monkeypatch):
    """A host that only the proxy can reach."""
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with replay.running(certificate) as running:
        running.files["/x"] = b"x"
        yield running


@pytest.fixture
def proxy(archive, monkeypatch):
    routes = dict.fromkeys((HOST, BELOW, *DEFAULT), archive.server_port)
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


@pytest.mark.parametrize("password", ["", "anna:word@"])
def test_an_archive_is_reached_through_the_proxy_which_sees_its_name_only(
    archive, proxy, resolve, monkeypatch, password
):
    monkeypatch.setenv("HTTPS_PROXY", proxy.address.replace("://", f"://{password}"))
    resolve(HOST, "93.184.216.34")
    assert ask(credentials=[TOKEN]).content == b"x"
    assert archive.requests[0].headers["Authorization"] == "Bearer topsecret"
    assert not any("Proxy" in name for name in archive.requests[0].headers)
    ((path, headers),) = proxy.asked
    assert path == f"{HOST}:443"
    assert "topsecret" not in str(headers)
    assert headers.get("Proxy-Authorization", "").startswith("Basic ") == bool(password)


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


@pytest.mark.parametrize(
    ("variable", "value", "address", "fault", "message"),
    [
        ("NO_PROXY", "", "10.0.0.7", HostRefused, r"10\.0\.0\.7, which is no public address"),
        ("NO_PROXY", "localhost,.example.org", "127.0.0.1", HostRefused, "no public address"),  # contacted directly
        ("HTTPS_PROXY", "socks5://127.0.0.1:1080", "93.184.216.34", Later, "HTTPS_PROXY must begin with http"),
    ],
)
def test_a_name_that_leads_inside_or_another_kind_of_proxy_is_refused(
    proxy, resolve, monkeypatch, variable, value, address, fault, message
):
    monkeypatch.setenv(variable, value)
    resolve(HOST, address)
    with pytest.raises(fault, match=message):
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


def copernicus(archive, image: str) -> None:
    """The catalogue's host leads to that of the files; both want the token of another host."""
    identity = TokenServer(time.monotonic)
    path = f"/odata/v1/Products(1)/{image}.zip"

    def file(handler, data):
        host = "download.dataspace.copernicus.eu"
        (replay.give if handler.headers["Host"] == host else replay.redirect(f"https://{host}{path}"))(handler, data)

    archive.files[path] = DATA
    archive.always |= {TOKENS: identity.answer, path: identity.guarded(file)}
    asset = recorded.whole(f"https://catalogue.dataspace.copernicus.eu{path}", DATA)
    recorded.stac(archive, [recorded.item(image, {"VV": asset})], root=COPERNICUS)


def nasa(archive, image: str) -> None:
    """The archive leads to the login page, that back with a code, and a cookie opens a signed address."""
    path = f"/RTC/OPERA-S1/{image}_VV.tif"

    def file(handler, data):
        if handler.headers["Host"] == SIGNED:
            replay.give(handler, data)
        elif "asf-urs=pass" in handler.headers.get("Cookie", ""):
            replay.redirect(f"https://{SIGNED}{path}")(handler, data)
        else:
            replay.redirect(f"https://{LOGIN}/oauth/authorize")(handler, data)

    cookie = {"Location": f"https://{ASF}{path}", "Set-Cookie": "asf-urs=pass; Path=/"}
    archive.files[path] = DATA
    archive.always |= {path: file, "/oauth/authorize": replay.redirect(f"https://{ASF}/login?code=1")}
    archive.always["/login"] = lambda handler, data: handler.send(302, b"", cookie)
    recorded.cmr(archive, [recorded.rtc(f"https://{ASF}", {f"{image}_VV.tif": DATA}, image)])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("source", "account", "publish", "hosts"),
    [
        ("asf", "EARTHDATA_TOKEN", nasa, {LOGIN}),
        ("stac", "STAC_TOKEN", copernicus, {f"{name}.dataspace.copernicus.eu" for name in ("catalogue", "download")}),
    ],
)
def test_a_new_installation_needs_a_name_and_a_password_only(
    source, account, publish, hosts, archive, proxy, resolve, settings, tmp_path, monkeypatch
):
    settings.ACQUIRE_FOLDER, settings.ACQUIRE_SPARE_BYTES = str(tmp_path / "downloads"), 0
    settings.ACQUIRE_AREA, settings.ACQUIRE_SOURCE = "-148.2,64.9,-147.9,65.0", source
    settings.EARTHDATA_TOKEN = settings.STAC_TOKEN = ""
    setattr(settings, account, "anna:word")
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    configured.tokens_of.cache_clear()
    publish(archive, recorded.RTC)
    monitor_tasks.search_images()
    (row,) = fetched()
    assert (row.state, row.error) == (State.FETCHED, "")
    assert {request.headers["Host"] for request in archive.requests if "Authorization" in request.headers} == hosts


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

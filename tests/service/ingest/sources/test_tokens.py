"""Tokens of ten minutes are renewed before they end, by one request for all, and nobody's account is locked."""

import json
import threading
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
import requests

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import ArchiveAway, SignInRefused
from ground_motion.core.http.transport import Credential, guard
from ingest.models import SceneDownload
from ingest.sources import configured as sources
from ingest.sources.client import tokens
from ingest.sources.client.tokens import Account, Tokens, token_end
from tests.service.ingest.sources import replay
from tests.service.ingest.sources.archives import TokenServer
from tests.service.ingest.sources.wanted import DATA, State, fetched, wanted
from tests.waiting import HANG_SECONDS, Elsewhere

PATH = "/token"
FILES = ("download", "catalogue", "zipper")  # hosts of Copernicus


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """Seconds of the monotonic clock, as the test sets them."""
    now = [1000.0]
    monkeypatch.setattr(tokens, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def identity(server, clock) -> TokenServer:
    """A server that gives tokens of ten minutes to anna."""
    made = TokenServer(lambda: clock[0])
    server.always[PATH] = made.answer
    return made


def asked(server, client="cdse-public", password="word", allowed=None) -> Tokens:
    url = f"{server.address}{PATH}" + (f"#{client}" if client else "")
    return Tokens(Account(url, "anna", password), AllowList.parse(allowed or [server.address]), "Correct STAC_TOKEN.")


@pytest.mark.parametrize(
    ("waits", "ends_early", "grants"),
    [
        ((539, 2, 600), False, ["password", "refresh_token", "refresh_token"]),  # a minute before its end
        ((3600,), False, ["password", "password"]),  # after an hour without use
        ((600,), True, ["password", "refresh_token", "password"]),  # a session that ended early
    ],
)
def test_a_token_is_used_until_its_end_and_renewed_without_the_password(
    server, identity, clock, waits, ends_early, grants
):
    given = asked(server)
    first = given.header()
    for wait in waits:
        if ends_early:
            identity.end_sessions()
        clock[0] += wait
        assert (given.header() == first) == (wait == 539)
    assert identity.grants == grants


def test_eight_threads_that_need_a_token_ask_for_one_and_of_two_that_were_refused_one_renews_it(server, identity):
    given, start = asked(server), threading.Barrier(8)

    def work() -> str:
        start.wait(HANG_SECONDS)
        return given.header()

    (old,) = {worker.returned() for worker in [Elsewhere(work) for _ in range(8)]}
    assert identity.grants == ["password"]
    assert given.header(old) == given.header(old) != old
    assert len(identity.grants) == 2


def test_a_wrong_password_is_sent_once_in_five_minutes(server, identity, clock):
    given = asked(server, password="other")
    for _ in range(20):
        with pytest.raises(
            SignInRefused, match=r"^127.0.0.1 gives no token \(401 invalid_grant\)\. Correct STAC_TOKEN"
        ):
            given.header()
        clock[0] += 14
    assert len(server.requests) == 1
    clock[0] += 30
    with pytest.raises(SignInRefused):
        given.header()
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("fault", "pause_seconds"),
    [(replay.status(503), 30), (replay.reset, 30), (replay.status(429, Retry_After="600"), 600)],
)
def test_a_token_server_that_is_away_is_left_alone_and_the_password_is_not_sent_anew(
    server, identity, clock, fault, pause_seconds
):
    given = asked(server)
    given.header()
    clock[0] += 600
    server.faults[PATH] = [fault]
    for _ in range(3):
        with pytest.raises(ArchiveAway):
            given.header()
    assert len(server.requests) == 2
    clock[0] += pause_seconds
    assert given.header()
    assert identity.grants == ["password", "refresh_token"]


@pytest.mark.parametrize(
    "answer",
    [
        replay.status(404),
        replay.redirect("/elsewhere"),
        lambda handler, data: handler.send(200, b"<html>down</html>"),
        lambda handler, data: handler.send(200, b'["no", "token"]'),
        lambda handler, data: handler.send(200, b'{"access_token": 7}'),
    ],
)
def test_what_is_no_token_server_is_a_fault_that_says_what_to_correct_and_an_unlisted_one_hears_no_password(
    server, stranger, answer
):
    server.always[PATH] = answer
    with pytest.raises(SignInRefused, match=r"gives no token \(\d+\)\. Correct STAC_TOKEN"):
        asked(server, client="").header()
    (request,) = server.requests
    form = {"client_id": ["anna"], "client_secret": ["word"], "grant_type": ["client_credentials"]}
    assert parse_qs(request.body) == form  # An address without a public client gets the client's own secret.
    with pytest.raises(SignInRefused, match="Add it to OUTBOUND_HOSTS"):
        asked(stranger, allowed=[server.address]).header()
    assert stranger.connections == 0


def test_a_token_that_is_refused_is_renewed_once_and_the_request_sent_once_more(server, identity):
    given = asked(server)
    session = guard(
        requests.Session(),
        AllowList.parse([server.address]),
        [Credential(AllowList.parse([server.address]), given.header)],
    )
    server.files["/x"] = b"x"
    server.always["/x"] = identity.guarded(replay.give)
    assert session.get(f"{server.address}/x", timeout=20).content == b"x"
    identity.end_sessions()
    assert session.get(f"{server.address}/x", timeout=20).content == b"x"
    server.always["/x"] = replay.status(401)
    server.requests.clear()
    assert session.get(f"{server.address}/x", timeout=20).status_code == 401
    assert [request.path for request in server.requests] == ["/x", PATH, "/x"]
    sent = [request.headers["Authorization"] for request in server.requests if request.path == "/x"]
    assert sent[0] != sent[1]


@pytest.mark.parametrize(
    ("stated", "end"),
    [
        ({"exp": 1_800_000_000}, datetime(2027, 1, 15, 8, tzinfo=UTC)),
        ({"exp": 1.8e9, "uid": "anna"}, datetime(2027, 1, 15, 8, tzinfo=UTC)),
        *(({name: value}, None) for name, value in (("uid", "anna"), ("exp", 1e300), ("exp", "soon"))),
    ],
)
def test_a_token_of_nasa_says_when_it_ends(stated, end):
    claims = urlsafe_b64encode(json.dumps(stated).encode()).decode().rstrip("=")
    assert token_end(f"e30.{claims}.x") == end
    assert [token_end(token) for token in ("e30.????.x", "opaque", "")] == [None] * 3


# ---- as configured ----
@pytest.fixture
def copernicus(configured, settings, server, identity):
    """An archive that wants a token for its files."""
    settings.STAC_TOKEN, settings.STAC_SIGN_IN_URL = "anna:word", f"{server.address}{PATH}#cdse-public"
    settings.STAC_TOKEN_HOSTS = [server.address]
    server.always["/S1A_one.zip"] = identity.guarded(replay.give)
    return identity


@pytest.mark.django_db
def test_files_are_fetched_with_name_and_password_and_neither_they_nor_tokens_are_written_down(
    server, stranger, settings, copernicus, caplog
):
    settings.OUTBOUND_HOSTS = [server.address, stranger.address]
    wanted(server, source="stac")
    stranger.files["/signed"] = DATA
    server.always["/S1A_one.zip"] = copernicus.guarded(replay.redirect(f"{stranger.address}/signed"))
    with caplog.at_level("DEBUG"):
        (row,) = fetched()
    assert (row.state, row.error) == (State.FETCHED, "")
    assert "Authorization" not in stranger.requests[0].headers
    secrets = ["anna", "word", *copernicus.tokens]
    assert not any(secret in f"{caplog.text}{vars(row)}{sources.credentials()}" for secret in secrets)


@pytest.mark.django_db
def test_a_wrong_password_keeps_downloads_waiting_until_it_is_corrected(server, settings, copernicus):
    settings.STAC_TOKEN = "anna:other"
    for number in range(2):
        wanted(server, f"S1A_{number}", source="stac")
    server.always["/S1A_1.zip"] = server.always["/S1A_0.zip"] = copernicus.guarded(replay.give)
    (row,) = fetched()
    assert (row.state, row.cause) == (State.WANTED, "sign-in")
    assert row.error == "127.0.0.1 gives no token (401 invalid_grant). Correct the name and password of STAC_TOKEN."
    assert fetched() == []
    assert [request.path for request in server.requests] == [PATH]
    settings.STAC_TOKEN = "anna:word"
    SceneDownload.objects.update(next_try_at=None)
    assert [row.state for row in fetched()] == [State.FETCHED] * 2
    settings.STAC_TOKEN = "fixed"
    wanted(server, source="stac")
    fetched()
    assert server.requests[-1].headers["Authorization"] == "Bearer fixed"


COPERNICUS = "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token#cdse-public"


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("anna:w:o@rd", COPERNICUS),
        ("anna:w:o@rd@https://id.example.org/token#made", "https://id.example.org/token#made"),
    ],
)
def test_a_name_and_password_are_those_of_copernicus_unless_another_token_server_is_named(settings, setting, url):
    settings.STAC_TOKEN = setting
    assert sources.stac_account() == Account(url, "anna", "w:o@rd")


@pytest.mark.parametrize(
    ("catalogue", "hosts"),
    [
        ("https://stac.dataspace.copernicus.eu/v1", {f"{name}.dataspace.copernicus.eu" for name in FILES}),
        ("https://stac.example.org/v1/", {"stac.example.org"}),
    ],
)
def test_tokens_of_copernicus_go_to_the_hosts_of_its_files_only(settings, catalogue, hosts):
    settings.STAC_TOKEN, settings.STAC_TOKEN_HOSTS, settings.ACQUIRE_STAC_URL = "fixed", [], catalogue
    (credential,) = sources.credentials()
    assert {entry.host for entry in credential.hosts.entries} == hosts

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


def test_a_token_is_used_until_a_minute_before_its_end_and_renewed_without_the_password(server, identity, clock):
    given = asked(server)
    first = given.header()
    clock[0] += 539
    assert given.header() == first
    clock[0] += 2
    assert given.header() != first
    clock[0] += 600
    given.header()
    assert identity.grants == ["password", "refresh_token", "refresh_token"]


def test_after_an_hour_without_use_the_password_is_sent_again(server, identity, clock):
    given = asked(server)
    given.header()
    clock[0] += 3600
    given.header()
    assert identity.grants == ["password", "password"]


def test_a_session_that_ended_early_is_opened_anew(server, identity, clock):
    given = asked(server)
    given.header()
    identity.end_sessions()
    clock[0] += 600
    assert given.header()
    assert identity.grants == ["password", "refresh_token", "password"]


def test_eight_threads_that_need_a_token_ask_for_one(server, identity):
    given, start = asked(server), threading.Barrier(8)

    def work() -> str:
        start.wait(HANG_SECONDS)
        return given.header()

    assert len({worker.returned() for worker in [Elsewhere(work) for _ in range(8)]}) == 1
    assert identity.grants == ["password"]


def test_of_two_that_were_refused_with_the_same_token_one_renews_it(server, identity):
    given = asked(server)
    old = given.header()
    assert given.header(old) == given.header(old) != old
    assert len(identity.grants) == 2


def test_an_address_without_a_public_client_is_asked_with_the_clients_own_secret(server, identity):
    asked(server, client="").header()
    form = parse_qs(server.requests[0].body)
    assert form == {"client_id": ["anna"], "client_secret": ["word"], "grant_type": ["client_credentials"]}


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
def test_what_is_no_token_server_is_a_fault_that_says_what_to_correct(server, answer):
    server.always[PATH] = answer
    with pytest.raises(SignInRefused, match=r"gives no token \(\d+\)\. Correct STAC_TOKEN"):
        asked(server).header()
    assert len(server.requests) == 1


def test_a_token_server_that_is_not_listed_never_hears_a_password(stranger, server):
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


def claims(**stated: object) -> str:
    return urlsafe_b64encode(json.dumps(stated).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "end"),
    [
        (f"e30.{claims(exp=1_800_000_000)}.x", datetime(2027, 1, 15, 8, tzinfo=UTC)),
        (f"e30.{claims(exp=1.8e9, uid='anna')}.x", datetime(2027, 1, 15, 8, tzinfo=UTC)),
        (f"e30.{claims(uid='anna')}.x", None),
        (f"e30.{claims(exp=1e300)}.x", None),
        (f"e30.{claims(exp='soon')}.x", None),
        ("e30.????.x", None),
        ("opaque", None),
        ("", None),
    ],
)
def test_a_token_of_nasa_says_when_it_ends(token, end):
    assert token_end(token) == end


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
def test_a_wrong_password_keeps_downloads_waiting_until_it_is_corrected(server, settings, copernicus, clock):
    settings.STAC_TOKEN = "anna:other"
    for number in range(3):
        wanted(server, f"S1A_{number}", source="stac")
        server.always[f"/S1A_{number}.zip"] = copernicus.guarded(replay.give)
    (row,) = fetched()
    assert (row.state, row.cause) == (State.WANTED, "sign-in")
    assert row.error == ("127.0.0.1 gives no token (401 invalid_grant). Correct the name and password of STAC_TOKEN.")
    assert fetched() == []
    assert [request.path for request in server.requests] == [PATH]
    settings.STAC_TOKEN = "anna:word"
    SceneDownload.objects.update(next_try_at=None)
    assert {row.state for row in fetched()} == {State.FETCHED}


@pytest.mark.django_db
def test_a_fixed_token_stays_one(server, settings, configured):
    settings.STAC_TOKEN, settings.STAC_TOKEN_HOSTS = "fixed", [server.address]
    wanted(server, source="stac")
    fetched()
    assert [request.headers["Authorization"] for request in server.requests] == ["Bearer fixed"]


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        (
            "anna:w:o@rd",
            "https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token#cdse-public",
        ),
        ("anna:w:o@rd@https://id.example.org/token#made", "https://id.example.org/token#made"),
    ],
)
def test_a_name_and_password_are_those_of_copernicus_unless_another_token_server_is_named(settings, setting, url):
    settings.STAC_TOKEN = setting
    assert sources.stac_account() == Account(url, "anna", "w:o@rd")


def test_tokens_of_copernicus_go_to_the_hosts_of_its_files_only(settings):
    settings.STAC_TOKEN, settings.STAC_TOKEN_HOSTS = "fixed", []
    (credential,) = sources.credentials()
    assert [entry.host for entry in credential.hosts.entries] == [
        "download.dataspace.copernicus.eu",
        "catalogue.dataspace.copernicus.eu",
        "zipper.dataspace.copernicus.eu",
    ]
    settings.ACQUIRE_STAC_URL = "https://stac.example.org/v1/"
    (credential,) = sources.credentials()
    assert [entry.host for entry in credential.hosts.entries] == ["stac.example.org"]

"""Access tokens of an OAuth 2.0 server (RFC 6749), and the end of a JSON Web Token (RFC 7519).

The Copernicus Data Space gives tokens to its client `cdse-public` for the name and password of an account:
https://documentation.dataspace.copernicus.eu/APIs/Token.html. An access token lasts ten minutes; a refresh token, which
stands for the password, lasts an hour. Every sign-in by password opens a session, and an account may have few
(https://documentation.dataspace.copernicus.eu/Quotas.html). NASA's user tokens are JSON Web Tokens of 60 days:
https://urs.earthdata.nasa.gov/documentation/for_users/user_token.
"""

import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urlsplit

import requests

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import ArchiveAway, HostRefused, Later, SearchFailed, SignInRefused
from ground_motion.core.http.transport import BUSY, guard, retry_after_seconds

MARGIN_SECONDS = 60.0  # A request takes a while to arrive, so a token is renewed before its end.
REFUSED_PAUSE_SECONDS = 300.0  # Servers lock an account after a few wrong passwords.
AWAY_PAUSE_SECONDS = 30.0
TIMEOUT_SECONDS = (15.0, 30.0)  # The times are for connecting and between two bytes.


@dataclass(frozen=True)
class Account:
    """Account at a token server.

    For a person's name and password, the fragment of token_url is the id of a public client. Without a fragment, name
    and password are the id and the secret of the client itself (client credentials).
    """

    token_url: str
    name: str
    password: str = field(repr=False)


class _Token(NamedTuple):
    """Token (empty if there is none), and when to renew it, in seconds of the monotonic clock."""

    text: str = ""
    renew_at: float = 0.0

    @property
    def is_fresh(self) -> bool:
        return bool(self.text) and monotonic() < self.renew_at


class _Refused(Exception):
    """Error for a token request that the server answers with a refusal. The text is the code of the refusal."""


class Tokens:
    """Access tokens of an account, kept in memory only, and renewed once for all threads."""

    def __init__(self, account: Account, allowed: AllowList, remedy: str) -> None:
        self._account, self._allowed, self._remedy = account, allowed, remedy
        self._url, self._client = urldefrag(account.token_url)
        self._lock = Lock()
        self._access, self._refresh = _Token(), _Token()
        self._fault: Later | None = None
        self._paused_until = 0.0

    def header(self, refused: str = "") -> str:
        """Return the header Authorization, with a new token if `refused` is the current one. Raises Later."""
        with self._lock:
            if not self._access.is_fresh or refused == f"Bearer {self._access.text}":
                self._renew()
            return f"Bearer {self._access.text}"

    def _renew(self) -> None:
        if self._fault is not None and monotonic() < self._paused_until:
            raise self._fault
        self._access, self._fault = _Token(), None
        try:
            self._access, self._refresh = self._request()
        except _Refused as fault:
            self._pause(SignInRefused(f"{self._host} gives no token ({fault}). {self._remedy}"), REFUSED_PAUSE_SECONDS)
        except (HostRefused, SearchFailed) as fault:
            self._pause(SignInRefused(str(fault)), REFUSED_PAUSE_SECONDS)
        except ArchiveAway as fault:
            self._pause(fault, max(fault.after_seconds or 0.0, AWAY_PAUSE_SECONDS))

    def _pause(self, fault: Later, seconds: float) -> None:
        """Remember a fault, so that the server is left alone for a while, and raise it."""
        self._fault, self._paused_until = fault, monotonic() + seconds
        raise fault

    @property
    def _host(self) -> str:
        return urlsplit(self._url).hostname or "the server"

    def _request(self) -> tuple[_Token, _Token]:
        """Return a new access token and refresh token, without the password if that is possible."""
        if self._refresh.is_fresh:
            try:
                return self._post({"grant_type": "refresh_token", "refresh_token": self._refresh.text})
            except _Refused:
                self._refresh = _Token()  # The session has ended early; the password opens another one.
        if self._client:
            secret = {"username": self._account.name, "password": self._account.password}
            return self._post({"grant_type": "password", **secret})
        return self._post({"grant_type": "client_credentials", "client_secret": self._account.password})

    def _post(self, form: dict[str, str]) -> tuple[_Token, _Token]:
        form = {"client_id": self._client or self._account.name, **form}
        asked_at = monotonic()
        with guard(requests.Session(), self._allowed, answers=True) as session:
            try:
                answer = session.post(self._url, data=form, timeout=TIMEOUT_SECONDS, allow_redirects=False)
            except requests.RequestException as fault:
                raise ArchiveAway(f"{self._host} cannot be reached ({type(fault).__name__}).") from fault
        if answer.status_code in BUSY or answer.status_code >= 500:
            raise ArchiveAway(f"{self._host} is busy ({answer.status_code}).", retry_after_seconds(answer))
        given = _json_object(answer.text)
        if answer.status_code != 200 or not isinstance(given.get("access_token"), str):
            raise _Refused(f"{answer.status_code} {given.get('error', '')}".strip()[:80])
        access = _Token(given["access_token"], asked_at + _lifetime_seconds(given.get("expires_in")))
        lifetime = _lifetime_seconds(given.get("refresh_expires_in"))
        return access, _Token(str(given.get("refresh_token") or ""), asked_at + lifetime)


def _lifetime_seconds(stated: object) -> float:
    """Return for how long a token is used: a stated lifetime, or RFC 6749's hour, less a margin."""
    seconds = float(stated) if isinstance(stated, (int, float)) and stated > 0 else 3600.0
    return seconds - min(MARGIN_SECONDS, seconds / 5)


def token_end(token: str) -> datetime | None:
    """Return when a JSON Web Token ends, by its unverified claim `exp`; None for any other text."""
    try:
        _, claims, _ = token.split(".")
        return datetime.fromtimestamp(float(_json_object(urlsafe_b64decode(claims + "==").decode())["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

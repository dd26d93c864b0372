"""The clock of a test, and a sign-in whose tokens end."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from tests.service.ingest.sources import replay
from tests.service.ingest.sources.replay import Answer, Handler

ACCESS_SECONDS, REFRESH_SECONDS = 600, 3600


class Clock:
    """The time of everything in a test; nothing waits."""

    def __init__(self, start: datetime) -> None:
        self.start = self.now = start

    def sleep(self, seconds: float = 0.0, **more: float) -> None:
        self.now += timedelta(seconds=seconds, **more)

    def monotonic(self) -> float:
        return (self.now - self.start).total_seconds()


class TokenServer:
    """Sign-in of Copernicus: who knows anna's password gets a token of ten minutes and one of an hour to renew it.

    grants: kinds of requests that came while it answered, and when. tokens: all that were given.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ends: dict[str, float] = {}
        self.times: list[float] = []
        self.grants: list[str] = []
        self.tokens: list[str] = []

    def answer(self, handler: Handler, data: bytes) -> None:
        form = {name: values[0] for name, values in parse_qs(handler.server.requests[-1].body).items()}
        self.grants.append(form["grant_type"])
        self.times.append(self._now())
        may = {
            "password": form.get("username") == "anna" and form.get("password") == "word",
            "client_credentials": form.get("client_secret") == "word",
            "refresh_token": self.is_valid(form.get("refresh_token", "")),
        }[form["grant_type"]]
        headers = {"Content-Type": "application/json"}
        if not may:
            handler.send(401, json.dumps({"error": "invalid_grant"}).encode(), headers)
            return
        access, refresh = self._new(ACCESS_SECONDS), self._new(REFRESH_SECONDS)
        given = {"access_token": access, "expires_in": ACCESS_SECONDS, "token_type": "Bearer"}
        given |= {"refresh_token": refresh, "refresh_expires_in": REFRESH_SECONDS}
        handler.send(200, json.dumps(given).encode(), headers)

    def _new(self, seconds: float) -> str:
        token = f"made{len(self.tokens)}"
        self.tokens.append(token)
        self._ends[token] = self._now() + seconds
        return token

    def is_valid(self, token: str) -> bool:
        return self._now() < self._ends.get(token, 0.0)

    def end_sessions(self) -> None:
        self._ends.clear()

    def guarded(self, answer: Answer) -> Answer:
        """The answer for whoever has a token that has not ended; 401 for others."""

        def checked(handler: Handler, data: bytes) -> None:
            kind, _, token = handler.headers.get("Authorization", "").partition(" ")
            if kind == "Bearer" and self.is_valid(token):
                answer(handler, data)
            else:
                replay.status(401)(handler, data)

        return checked

"""Archives as they are on a bad day: tokens that end, floods, half files, hours without any answer."""

import json
import random
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

    @property
    def day(self) -> float:
        return self.monotonic() / 86400


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


class BadDays:
    """What an archive does with a request for a file: at times it answers well.

    given: files that were sent to their last byte, the right ones. clock: moves on with every request.
    """

    def __init__(self, sleep: Callable[[float], None], is_away: Callable[[], bool], seed: int) -> None:
        self._sleep, self.is_away, self._random = sleep, is_away, random.Random(seed)
        self.given: list[str] = []
        self.faults = 0

    def answer(self, handler: Handler, data: bytes) -> None:
        self._sleep(self._random.choice((1.0, 30.0, 300.0)))
        start = handler.wanted_range(data) or 0
        faults: list[Answer] = [
            replay.cut(self._random.randrange(1, max(2, len(data) - start))),
            replay.status(429, Retry_After="90"),
            replay.status(429, Retry_After="1800"),
            replay.status(503),
            replay.reset,
            replay.half,
        ]
        if self.is_away():
            replay.status(503)(handler, data)
        elif self._random.random() < 0.6:
            self.faults += 1
            self._random.choice(faults)(handler, data)
        else:
            self.given.append(handler.path)
            replay.give(handler, data)

"""HyP3 as it answers (https://hyp3-api.asf.alaska.edu/ui), and the bursts that it processes, on the replay server."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.service.ingest.sources import recorded, replay
from tests.service.ingest.sources.replay import Handler, Replay

COSTS = {  # as of 2026: a list counts by its length
    "AUTORIFT": {"cost": 1.0},
    "INSAR_ISCE_BURST": {"cost_parameters": ["looks"], "cost_table": {"20x4": 1.0, "10x2": 1.0, "5x1": 1.0}},
    "INSAR_ISCE_MULTI_BURST": {
        "cost_parameters": ["looks", "reference"],
        "cost_table": {"20x4": {str(n): float((n + 2) // 3) for n in range(1, 16)}},
    },
}
PENDING, RUNNING = timedelta(hours=2), timedelta(hours=5)
KEPT = timedelta(days=14)
TOKEN = "earthdata"


def burst(moment: datetime, number: int = 279916, swath: str = "IW1", track: int = 131, tail: str = "7C85") -> dict:
    """A granule of SENTINEL-1_BURSTS in the catalogue."""
    name = f"S1_{number:06d}_{swath}_{moment:%Y%m%dT%H%M%S}_VV_{tail}-BURST"
    attributes = {
        "ASCENDING_DESCENDING": ["DESCENDING"],
        "BEAM_MODE": ["IW"],
        "BURST_ID_FULL": [f"{track:03d}_{number:06d}_{swath}"],
        "BURST_ID_RELATIVE": [str(number)],
        "BURST_INDEX": ["3"],
        "BYTE_LENGTH": ["150000000"],
        "PATH_NUMBER": [str(track)],
        "POLARIZATION": ["VV"],
        "PROCESSING_TYPE": ["BURST"],
        "SUBSWATH_NAME": [swath],
    }
    begins = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    made = recorded.granule(name, "SENTINEL-1_BURSTS", attributes, [], [], "SENTINEL-1A", begins)
    urls = [f"https://sentinel1-burst.asf.alaska.edu/{name}.{suffix}" for suffix in ("tiff", "xml")]
    made["umm"]["RelatedUrls"] += [{"URL": url, "Type": "USE SERVICE API"} for url in urls]
    made["umm"]["DataGranule"]["Identifiers"][0]["Identifier"] = name
    return made


def expires_at(job: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(job["request_time"]) + RUNNING + KEPT


class Hyp3:
    """The service and its ledger. jobs: in the order of submission; credits: what an account may spend in a month.

    fails: whether a job fails, by its number; fault: what a request gets in place of an answer, if anything; is_lost:
    whether the answer to an order that was taken is lost; refused: orders beyond the credits.
    """

    def __init__(self, server: Replay, now: Callable[[], datetime], credits: float = 10_000.0) -> None:
        self.server, self.now, self.credits = server, now, credits
        self.jobs: list[dict[str, Any]] = []
        self.fails: Callable[[int], bool] = lambda number: False
        self.fault: Callable[[], replay.Answer | None] = lambda: None
        self.is_lost: Callable[[], bool] = lambda: False
        self.refused = 0
        for path, answer in {"/jobs": self._jobs, "/user": self._user, "/costs": self._costs}.items():
            server.always[path] = self._guarded(answer)

    def spent(self, month: str) -> float:
        """Credits of the jobs of a month such as 2026-11."""
        return sum(job["credit_cost"] for job in self.jobs if job["request_time"].startswith(month))

    def _guarded(self, answer: replay.Answer) -> replay.Answer:
        def guarded(handler: Handler, data: bytes) -> None:
            if fault := self.fault():
                fault(handler, data)
            elif handler.headers.get("Authorization") != f"Bearer {TOKEN}":
                handler.send(401, json.dumps({"detail": "No authorization token provided", "status": 401}).encode())
            else:
                answer(handler, data)

        return guarded

    def _user(self, handler: Handler, data: bytes) -> None:
        left = self.credits - self.spent(f"{self.now():%Y-%m}")
        self._send(handler, {"user_id": "anna", "application_status": "APPROVED", "remaining_credits": left})

    def _costs(self, handler: Handler, data: bytes) -> None:
        self._send(handler, COSTS)

    def _jobs(self, handler: Handler, data: bytes) -> None:
        if handler.command == "POST":
            self._submit(handler)
            return
        wanted = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        start = datetime.fromisoformat(wanted.get("start", "2000-01-01T00:00:00+00:00"))
        found = [
            self._shown(job)
            for job in reversed(self.jobs)
            if wanted.get("name", job["name"]) == job["name"] and datetime.fromisoformat(job["request_time"]) >= start
        ]
        first, page = int(wanted.get("start_token", 0)), 50
        answer: dict[str, Any] = {"jobs": found[first : first + page]}
        if first + page < len(found):
            query = f"start={start:%Y-%m-%dT%H:%M:%SZ}&start_token={first + page}"
            answer["next"] = f"{self.server.address}/jobs?{query}"
        self._send(handler, answer)

    def _submit(self, handler: Handler) -> None:
        (job,) = json.loads(handler.server.requests[-1].body)["jobs"]
        parameters, entry = job["job_parameters"], COSTS[job["job_type"]]
        cost: Any = entry["cost_table"]
        for name in entry["cost_parameters"]:
            cost = cost[str(len(parameters[name]) if isinstance(parameters[name], list) else parameters[name])]
        if cost > self.credits - self.spent(f"{self.now():%Y-%m}"):
            self.refused += 1
            handler.send(400, json.dumps({"detail": "These jobs would exceed your monthly credits"}).encode())
            return
        number = len(self.jobs)
        self.jobs.append(
            {
                **job,
                "job_id": f"{number:08d}-9c2f-42fb-a55c-3c4fe2e0520b",
                "user_id": "anna",
                "request_time": f"{self.now():%Y-%m-%dT%H:%M:%S+00:00}",
                "credit_cost": cost,
                "priority": 9999,
            }
        )
        if self.is_lost():
            replay.reset(handler, b"")
        else:
            self._send(handler, {"jobs": [self._shown(self.jobs[-1])]})

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        age = self.now() - datetime.fromisoformat(job["request_time"])
        if age < RUNNING:
            return job | {"status_code": "PENDING" if age < PENDING else "RUNNING"}
        if self.fails(self.jobs.index(job)):
            return job | {"status_code": "FAILED", "logs": [f"{self.server.address}/{job['job_id']}.log"]}
        expires = expires_at(job)
        return job | {
            "status_code": "SUCCEEDED",
            "expiration_time": f"{expires.astimezone(UTC):%Y-%m-%dT%H:%M:%S+00:00}",
            "files": [self.file(job)],
            "processing_times": [[836.557]],
        }

    def file(self, job: dict[str, Any]) -> dict[str, Any]:
        """The one file of a job, which the server holds from now on until it expires."""

        def answer(handler: Handler, data: bytes) -> None:
            (replay.give if self.now() < expires_at(job) else replay.status(404))(handler, data)

        path, data = f"/{job['job_id']}/{job['name']}.zip", (job["name"] * 40).encode()
        self.server.files[path], self.server.always[path] = data, answer
        url = f"{self.server.address}{path}"
        return {"filename": f"{job['name']}.zip", "size": len(data), "url": url, "s3": {"bucket": "b", "key": path}}

    @staticmethod
    def _send(handler: Handler, content: object) -> None:
        handler.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

"""Client of HyP3, ASF's service that makes interferograms on demand, through its library `hyp3_sdk`.

API: https://hyp3-api.asf.alaska.edu/ui. A job has a name chosen by us, a state (PENDING, RUNNING, SUCCEEDED, FAILED),
its cost in credits, and, once it has succeeded, files that are deleted at its expiration time.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from core.errors import one_line
from core.http.allow_list import AllowList
from core.http.faults import ArchiveAway, Hopeless, NotInstalled, SearchFailed, SignInRefused, understood
from core.http.transport import BUSY, Credential, guard, retry_after_seconds
from ingest.sources.client.scene import exact_bytes, moment_of, safe_name

SOURCE = "hyp3"
BURST, MULTI_BURST = "INSAR_ISCE_BURST", "INSAR_ISCE_MULTI_BURST"
STATES = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED")
TIMEOUT_SECONDS = (15.0, 60.0)  # for connecting and between two bytes
MAX_REQUESTS = 200  # A list of jobs comes in pages, each with the address of the next.
MAX_FILES = 20
MAX_CREDITS = 10**6


class ProductFile(NamedTuple):
    """A file of a finished job."""

    url: str
    name: str
    size_bytes: int | None


class Job(NamedTuple):
    """A job as the service describes it. credits: its cost, if stated."""

    job_id: str
    name: str
    state: str
    requested_at: datetime
    credits: float | None
    expires_at: datetime | None
    files: tuple[ProductFile, ...]


class Processor:
    """HyP3 with our account. Every method raises SourceError: ArchiveAway and SignInRefused concern all jobs."""

    def __init__(
        self, url: str, allowed: AllowList, credentials: Iterable[Credential], if_denied: str, sign_in_url: str = ""
    ) -> None:
        """Prepare the client; nothing is sent yet unless there is a password. sign_in_url: gives a cookie for it."""
        try:
            import hyp3_sdk
        except ImportError as fault:
            raise NotInstalled("Orders need the extra: pip install 'ground-motion-monitor[acquire]'.") from fault
        # The library signs in by an unguarded session of its own unless it gets a token. An empty one keeps it from
        # that, and our session, which adds the credentials of each host itself, replaces its session.
        self._hyp3 = hyp3_sdk.HyP3(url, token="")
        session = _Session(if_denied)
        self._hyp3.session = guard(session, allowed, credentials, answers=True)
        if sign_in_url:
            session.get(sign_in_url)

    def credits_left(self) -> float | None:
        """Return what the account may still spend this month; None if it has no limit."""
        with understood("HyP3's answer about our account"):
            left = self._hyp3.check_credits()
            return None if left is None else _credits(left)

    def costs(self) -> dict[str, Any]:
        """Return the table of costs, for `cost_of`."""
        with understood("HyP3's table of costs"):
            return dict(self._hyp3.costs())

    def find(self, *, name: str) -> Job | None:
        """Return our job of that name, the first if there are several; None if there is none."""
        found = [job for job in self._jobs(name=name) if job.name == name]
        return min(found, key=lambda job: job.requested_at, default=None)

    def jobs_since(self, start: datetime) -> list[Job]:
        """Return our jobs that were submitted since a moment."""
        return self._jobs(start=start)

    def submit(self, *, kind: str, name: str, parameters: Mapping[str, Any]) -> Job:
        """Submit a job, which costs credits."""
        with understood("HyP3's answer to an order"):
            prepared = {"job_type": kind, "name": name, "job_parameters": dict(parameters)}
            (job,) = self._hyp3.submit_prepared_jobs(prepared)
            return _job(job)

    def _jobs(self, **wanted: Any) -> list[Job]:
        with understood("HyP3's list of jobs"):
            return [_job(job) for job in self._hyp3.find_jobs(**wanted)]


def parameters_of(kind: str, reference: Sequence[str], secondary: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a job from the names of the granules of two dates."""
    looks = {"looks": "20x4", "apply_water_mask": False}
    if kind == BURST:
        return {"granules": [*reference, *secondary], **looks}
    return {"reference": list(reference), "secondary": list(secondary), **looks}


def cost_of(costs: Mapping[str, Any], kind: str, parameters: Mapping[str, Any]) -> float:
    """Return the credits that a job costs. A list among the parameters counts by its length. Raises SearchFailed."""
    with understood("HyP3's table of costs"):
        entry = costs[kind]
        if "cost" in entry:
            return _credits(entry["cost"])
        level = entry["cost_table"]
        for name in entry["cost_parameters"]:
            value = parameters[name]
            level = level[str(len(value) if isinstance(value, list) else value)]
        return _credits(level)


class _Session(requests.Session):
    """Session for the library: refusals become our faults, each request has a deadline, and their number a limit."""

    def __init__(self, if_denied: str) -> None:
        super().__init__()
        self._if_denied, self._left = if_denied, MAX_REQUESTS

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        host = urlsplit(request.url or "").hostname
        self._left -= 1
        if self._left < 0:
            raise SearchFailed(f"{host} leads from page to page, more than {MAX_REQUESTS} times.")
        try:
            answer = super().send(request, **{**options, "timeout": TIMEOUT_SECONDS})
        except requests.RequestException as fault:
            raise ArchiveAway(f"{host} cannot be reached ({type(fault).__name__}).") from fault
        status = answer.status_code
        if status in (401, 403):
            raise SignInRefused(f"{host} does not accept our account ({status}){_detail(answer)}. {self._if_denied}")
        if status in BUSY or status >= 500:
            raise ArchiveAway(f"{host} is busy ({status}).", retry_after_seconds(answer))
        if status >= 400:
            raise Hopeless(f"{host} refuses the order ({status}){_detail(answer)}.")
        return answer


def _detail(answer: requests.Response) -> str:
    try:
        return f": {one_line(str(answer.json()['detail']), 200).rstrip('.')}"
    except (ValueError, LookupError, TypeError):
        return ""


def _credits(value: object) -> float:
    """Return credits as a number. Raises ValueError for what is none, so that no budget is computed with it."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= MAX_CREDITS:
        raise ValueError("no credits")
    return math.ceil(value * 1000) / 1000


def _job(job: Any) -> Job:
    """Return a job from the library's. Raises ValueError and the like for what is none."""
    if job.status_code not in STATES or not job.job_id:
        raise ValueError("no state")
    listed = (job.files or [])[:MAX_FILES] if job.succeeded() else []
    files = tuple(
        ProductFile(str(file["url"]), safe_name(str(file["filename"])), exact_bytes(file.get("size")))
        for file in listed
    )
    requested_at, expires_at = moment_of(job.request_time), moment_of(job.expiration_time)
    if requested_at is None or (job.succeeded() and not (files and expires_at)):
        raise ValueError("no time or no files")
    cost = None if job.credit_cost is None else _credits(job.credit_cost)
    return Job(str(job.job_id)[:80], str(job.name or ""), job.status_code, requested_at, cost, expires_at, files)

"""Client of HyP3, ASF's service that makes interferograms for credits, through its library `hyp3_sdk`.

API: https://hyp3-api.asf.alaska.edu/ui. A job has a name of ours, a state, a cost and, until it expires, files.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from ground_motion.core.errors import one_line
from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import ArchiveAway, Hopeless, NotInstalled, SearchFailed, SignInRefused, understood
from ground_motion.core.http.transport import BUSY, Credential, guard, retry_after_seconds
from ingest.sources.client.scene import CatalogueScene, exact_bytes, moment_of, safe_name

SOURCE = "hyp3"
BURST = "INSAR_ISCE_BURST"
TIMEOUT_SECONDS = (15.0, 60.0)  # The times are for connecting and between two bytes.
MAX_REQUESTS = 200  # A list of jobs comes in pages, each with the address of the next.
MAX_FILES = 20
MAX_CREDITS = 1e6


class Job(NamedTuple):
    """A job as the service describes it. state: PENDING, RUNNING, SUCCEEDED or FAILED; credits: None if not stated."""

    job_id: str
    name: str
    state: str
    requested_at: datetime
    credits: float | None
    expires_at: datetime | None
    files: tuple[CatalogueScene, ...]


class Processor:
    """HyP3 with our account. Every method raises SourceError: Hopeless concerns one job, the others concern all."""

    def __init__(
        self, url: str, allowed: AllowList, credentials: Iterable[Credential], if_denied: str, sign_in_url: str = ""
    ) -> None:
        """Prepare the client. sign_in_url: gives a cookie for name and password; a token needs none."""
        try:
            import hyp3_sdk
        except ImportError as fault:
            raise NotInstalled("Orders need the extra: pip install '.[acquire]'.") from fault
        # Without a token the library signs in by a session of its own, which is not guarded. An empty token prevents
        # this sign-in. Our session, which adds the credentials of each host, then replaces the library's session.
        self._hyp3 = hyp3_sdk.HyP3(url, token="")
        self._hyp3.session = guard(_Session(if_denied), allowed, credentials, answers=True)
        if sign_in_url:
            self._hyp3.session.get(sign_in_url)

    def credits_left(self) -> float:
        """Return what the account may still spend this month; MAX_CREDITS if it has no limit."""
        with understood("HyP3's answer about our account"):
            left = self._hyp3.check_credits()
            return MAX_CREDITS if left is None else _credits(left)

    def costs(self) -> Any:
        """Return the table of costs, for `cost_of`."""
        with understood("HyP3's table of costs"):
            return self._hyp3.costs()

    def jobs(self, *, name: str | None = None, start: datetime | None = None) -> list[Job]:
        """Return our jobs of a name, or those submitted since a moment."""
        with understood("HyP3's list of jobs"):
            found = [_job(job) for job in self._hyp3.find_jobs(name=name, start=start)]
            return [job for job in found if name in (None, job.name)]

    def submit(self, *, kind: str, name: str, parameters: Mapping[str, Any]) -> Job:
        """Submit a job, which costs credits."""
        with understood("HyP3's answer to an order"):
            prepared = {"job_type": kind, "name": name, "job_parameters": parameters}
            (job,) = self._hyp3.submit_prepared_jobs(prepared)
            return _job(job)


def parameters_of(kind: str, reference: Sequence[str], secondary: Sequence[str]) -> dict[str, Any]:
    """Return the parameters of a job from the names of the granules of two dates."""
    granules = (
        {"granules": [*reference, *secondary]}
        if kind == BURST
        else {"reference": [*reference], "secondary": [*secondary]}
    )
    return {**granules, "looks": "20x4", "apply_water_mask": False}


def cost_of(costs: Any, kind: str, parameters: Mapping[str, Any]) -> float:
    """Return the credits that a job costs. A list among the parameters counts by its length. Raises SearchFailed."""
    with understood("HyP3's table of costs"):
        entry = costs[kind]
        cost = entry["cost"] if "cost" in entry else entry["cost_table"]
        for name in entry.get("cost_parameters", []):
            value = parameters[name]
            cost = cost[str(len(value) if isinstance(value, list) else value)]
        return _credits(cost)


class _Session(requests.Session):
    """Session for the library: refusals become our faults, each request has a deadline, and their number a limit."""

    def __init__(self, if_denied: str) -> None:
        super().__init__()
        self._if_denied, self._left = if_denied, MAX_REQUESTS

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        host, self._left = urlsplit(request.url or "").hostname, self._left - 1
        if self._left < 0:
            raise SearchFailed(f"{host} leads from page to page, more than {MAX_REQUESTS} times.")
        try:
            answer = super().send(request, **{**options, "timeout": TIMEOUT_SECONDS})
        except requests.RequestException as fault:
            raise ArchiveAway(f"{host} cannot be reached ({type(fault).__name__}).") from fault
        status, stated = answer.status_code, one_line(answer.text, 200) if answer.status_code >= 400 else ""
        if status in (401, 403):
            raise SignInRefused(f"{host} does not accept our account ({status}: {stated}). {self._if_denied}")
        if status in BUSY or status >= 500:
            raise ArchiveAway(f"{host} is busy ({status}).", retry_after_seconds(answer))
        if status >= 400:
            raise Hopeless(f"{host} refuses the order ({status}: {stated}).")
        return answer


def _credits(value: Any) -> float:
    """Return credits as a number. Raises ValueError for anything else, so that no budget is computed with it."""
    if isinstance(value, bool) or not 0 <= value <= MAX_CREDITS:
        raise ValueError("no credits")
    return float(value)


def _job(job: Any) -> Job:
    """Convert a job of the library. Raises ValueError and the like if the job lacks what we need."""
    job_id = str(job.job_id)[:80]
    files = tuple(
        CatalogueScene(
            source=SOURCE,
            scene_id=f"{job_id}/{(name := safe_name(str(file['filename'])))}",
            url=str(file["url"]),
            file_name=name,
            size_bytes=exact_bytes(file.get("size")),
        )
        for file in (job.files or [])[:MAX_FILES]
    )
    requested_at, expires_at = moment_of(job.request_time), moment_of(job.expiration_time)
    if requested_at is None or (job.succeeded() and not (files and expires_at)):
        raise ValueError("no time or no files")
    cost = None if job.credit_cost is None else _credits(job.credit_cost)
    return Job(job_id, str(job.name), str(job.status_code), requested_at, cost, expires_at, files)

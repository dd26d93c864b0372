"""Seventy days of passes from archives and a processor on bad days: all is loaded once, and no credit is lost."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.jobs import services as jobs
from ingest.models import Charge, IngestJob, PairOrder, SceneDownload, StandingOrder
from ingest.sources import configured, services
from ingest.sources.client import hyp3 as client
from ingest.sources.client import tokens
from ingest.sources.orders import services as orders
from ingest.sources.orders.queue import pairs_retry
from monitor import tasks as monitor_tasks
from tests.service.ingest.sources import processor, recorded, replay
from tests.service.ingest.sources.archives import BadDays, Clock, TokenServer
from tests.service.ingest.sources.processor import TOKEN, Hyp3, burst

pytestmark = [pytest.mark.django_db, pytest.mark.long]
START = datetime(2026, 11, 1, 3, tzinfo=UTC)
DAYS, DRAIN_DAYS, LOOK_BACK = 70, 6, timedelta(days=14)
STEP, SEARCH, ROUND = timedelta(hours=8), timedelta(hours=48), timedelta(minutes=20)
GROUND = MultiPolygon(Polygon.from_bbox((-148.3, 64.8, -147.9, 65.0)), srid=4326)
NORTH, SOUTH = 131, 94  # tracks; each has two bursts, seen every six days
BUDGETS = {NORTH: 36, SOUTH: 12}
ACCOUNT = 44.0  # credits; both budgets together are more
FILES_AWAY, ALL_AWAY = (16, 38), (42, 45)  # Days without products, longer than these are kept; days without anything.
KILLED_ORDERING, KILLED_FETCHING = 10, 25
TOKENS = "/auth/token"


class Killed(BaseException):
    """Kills the worker's process at this point."""


class World:
    """The two archives and the processor, and what they have published.

    names: of the files that were published; given: paths that were sent to their last byte.
    """

    def __init__(self, clock: Clock, copernicus: replay.Replay, nasa: replay.Replay) -> None:
        self.clock, self.copernicus, self.nasa = clock, copernicus, nasa
        self.random = random.Random(63)
        self.identity = TokenServer(clock.monotonic)
        self.archive = BadDays(clock.sleep, lambda: self.is_away(ALL_AWAY), seed=1)
        self.products = BadDays(clock.sleep, lambda: self.is_away(ALL_AWAY) or self.is_away(FILES_AWAY), seed=2)
        self.hyp3 = Hyp3(nasa, lambda: clock.now, ACCOUNT)
        self.hyp3.fault, self.hyp3.give = self.fault, self.products.answer
        self.hyp3.is_lost = lambda: self.random.random() < 0.02
        self.hyp3.fails = lambda number: number % 29 == 7
        self.names: list[str] = []
        self.faults = 0
        self.granules: list[dict] = []
        self.items: list[dict] = []
        recorded.stac(copernicus, self.items, page=50)
        nasa.always["/search/granules.umm_json"] = self.search
        copernicus.always[TOKENS] = lambda handler, data: (self.fault() or self.identity.answer)(handler, data)
        self.passes = {track: sorted(passes_of(track)) for track in BUDGETS}
        self.to_come = sorted((at, track) for track, times in self.passes.items() for at in times)

    def is_away(self, days: tuple[int, int]) -> bool:
        return days[0] <= self.clock.day < days[1]

    def fault(self) -> replay.Answer | None:
        """Return what a search, a sign-in or the processor answers on a bad day; mostly nothing is wrong."""
        if self.is_away(ALL_AWAY):
            return replay.status(503)
        faults: list[replay.Answer] = [
            replay.status(429, Retry_After="60"), replay.status(503), replay.reset, processor.half_json
        ]  # fmt: skip
        if self.random.random() >= 0.08:
            return None
        self.faults += 1
        return self.random.choice(faults)

    def search(self, handler: replay.Handler, data: bytes) -> None:
        """Answer NASA's search by track and time; every granule meets other conditions."""
        if fault := self.fault():
            fault(handler, data)
            return
        wanted = recorded.cmr_parameters(handler.server.requests[-1])
        temporal = next(value for name, value in wanted if name == "temporal").split(",")
        start, end = map(datetime.fromisoformat, temporal[:2])
        tracks = [value.rpartition(",")[2] for _, value in wanted if "PATH_NUMBER" in value]
        found = [
            granule
            for granule in self.granules
            if start <= begins(granule) <= end and (not tracks or track_of(granule) in tracks)
        ]
        content = {"hits": len(found), "took": 12, "items": found}
        handler.send(200, json.dumps(content).encode(), {"CMR-Hits": str(len(found))})

    def publish(self) -> None:
        """Publish the images that were taken up to now."""
        while self.to_come and self.to_come[0][0] <= self.clock.now:
            at, track = self.to_come.pop(0)
            self.granules[:0] = [burst(at, number, track=track) for number in (279916, 279917)]
            if at >= START and track == NORTH:
                self.publish_image(at)

    def publish_image(self, at: datetime) -> None:
        name = f"S1A_IW_GRDH_{at:%Y%m%dT%H%M%S}.zip"
        path, data = f"/odata/{name}", name.encode() * 60
        self.copernicus.files[path] = data
        self.copernicus.always[path] = self.identity.guarded(self.archive.answer)
        asset = recorded.whole(f"{self.copernicus.address}{path}", data)
        self.items.append(recorded.item(name.removesuffix(".zip"), {"VV": asset}, datetime=at.isoformat()))
        self.names.append(name)


def begins(granule: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(granule["umm"]["TemporalExtent"]["RangeDateTime"]["BeginningDateTime"])


def track_of(granule: dict[str, Any]) -> str:
    listed = granule["umm"]["AdditionalAttributes"]
    return next(attribute["Values"][0] for attribute in listed if attribute["Name"] == "PATH_NUMBER")


def passes_of(track: int) -> Iterator[datetime]:
    first = START - timedelta(days=60) + timedelta(days=2 if track == NORTH else 5)
    for number in range((DAYS + 60) // 6):
        yield first + number * timedelta(days=6)


def wanted_keys(track: int, passes: list[datetime]) -> set[str]:
    """The pairs that a standing order wants, from its passes alone."""
    return {
        f"INSAR_ISCE_BURST-{track:03d}-{piece}-IW1-{earlier:%Y%m%d}-{later:%Y%m%d}"
        for number, later in enumerate(passes)
        for earlier in passes[max(0, number - 3) : number]
        for piece in ("279916", "279917")
        if later >= START - LOOK_BACK
    }


@pytest.fixture
def world(settings, tmp_path, monkeypatch):
    clock = Clock(START)
    monkeypatch.setattr("django.utils.timezone.now", lambda: clock.now)
    monkeypatch.setattr(tokens, "monotonic", clock.monotonic)
    monkeypatch.setattr(orders, "SEARCH_EVERY", SEARCH)  # Most of the time goes into the answers of catalogues.
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    random.seed(63)  # the share of waits that is left to chance
    with replay.running() as copernicus, replay.running() as nasa:
        settings.OUTBOUND_HOSTS = [copernicus.address, nasa.address]
        settings.ACQUIRE_FOLDER, settings.ACQUIRE_SPARE_BYTES = str(tmp_path / "downloads"), 0
        settings.ACQUIRE_SOURCE, settings.ACQUIRE_AREA = "stac", "-148.2,64.9,-147.9,65.0"
        settings.ACQUIRE_STAC_URL, settings.STAC_TOKEN = f"{copernicus.address}/stac", "anna:word"
        settings.STAC_TOKEN_HOSTS = [copernicus.address]
        settings.STAC_SIGN_IN_URL = f"{copernicus.address}{TOKENS}#cdse-public"
        settings.ACQUIRE_ASF_HOST = settings.HYP3_URL = nasa.address
        settings.EARTHDATA_TOKEN, settings.EARTHDATA_TOKEN_HOSTS = TOKEN, [nasa.address]
        configured.tokens_of.cache_clear()
        yield World(clock, copernicus, nasa)


class Life:
    """Beat and worker, in steps of hours."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.clock, self.monkeypatch = world, world.clock, monkeypatch
        self.restarts: list[float] = []  # At which second of the test another process began.
        self.retried = 0
        self.search_at = self.retry_at = START

    def run(self) -> None:
        self.monkeypatch.setattr(client.Processor, "submit", self.killed_after(client.Processor.submit))
        while self.clock.day < DAYS + DRAIN_DAYS:
            self.world.publish()
            if self.clock.now >= self.search_at:
                monitor_tasks.search_images()
                self.search_at = self.clock.now + SEARCH
            self.survive(orders.orders_advance)
            self.survive(self.fetch)
            IngestJob.objects.filter(state=IngestJob.State.QUEUED).update(state=IngestJob.State.LOADED)
            if self.clock.now >= self.retry_at:  # an operator presses the button now and then
                over = PairOrder.objects.filter(state__in=[PairOrder.State.FAILED, PairOrder.State.EXPIRED])
                self.retried += pairs_retry(pairs=over)
                self.retry_at = self.clock.now + timedelta(days=5)
            self.clock.now += STEP

    def killed_after(self, submit: Callable) -> Callable:
        def killed(own: client.Processor, **options: Any) -> Any:
            job = submit(own, **options)
            if not self.restarts and self.clock.day > KILLED_ORDERING:
                raise Killed
            return job

        return killed

    def fetch(self) -> None:
        services.downloads_settle()
        ends_at = self.clock.now + ROUND

        def is_over() -> bool:
            fetching = SceneDownload.objects.filter(state=SceneDownload.State.FETCHING)
            if len(self.restarts) == 1 and self.clock.day > KILLED_FETCHING and fetching.exists():
                raise Killed
            return self.clock.now > ends_at

        services.downloads_fetch(until=is_over, sleep=self.clock.sleep)

    def survive(self, work: Callable[[], object]) -> None:
        """Do what a task does; where its process is killed, another starts, and finds only what the tables hold."""
        try:
            work()
        except Killed:
            self.restarts.append(self.clock.monotonic())
            configured.tokens_of.cache_clear()
            for model in (PairOrder, SceneDownload):
                model.objects.filter(lease_until__isnull=False).update(lease_until=datetime(2026, 1, 1, tzinfo=UTC))


def order(track: int | None, **values: Any) -> StandingOrder:
    return StandingOrder.objects.create(name=str(values), outline=GROUND, track=track, made_by="olga", **values)


def test_seventy_days_are_loaded_once_within_the_budget(world, monkeypatch):
    for track, budget in BUDGETS.items():
        order(track, processor="INSAR_ISCE_BURST", credits_a_month=budget, priority=1 if track == NORTH else 2)
    life = Life(world, monkeypatch)
    life.run()
    services.downloads_settle()
    world.hyp3.fault, world.hyp3.is_lost = lambda: None, lambda: False  # The last round leaves nothing in doubt.
    orders.orders_advance()

    ledger, names = world.hyp3.jobs, Counter(job["name"] for job in world.hyp3.jobs)
    assert max(names.values()) == 1, "nothing is ordered twice"
    first = {name for name in names if name.endswith("-1")}
    spoiled = {job["name"] for number, job in enumerate(ledger) if world.hyp3.fails(number)}
    fetched = Counter(path.rpartition("/")[2] for path in world.archive.given + world.products.given)
    expired = {
        job["name"]
        for job in ledger
        if processor.expires_at(job) <= world.clock.now and not fetched[f"{job['name']}.zip"]
    }
    expired -= spoiled
    for name in names.keys() - first:
        key, _, number = name.rpartition("-")
        assert f"{key}-{int(number) - 1}" in spoiled | expired, "only what failed or expired is ordered again"

    months = sorted({job["request_time"][:7] for job in ledger})
    for month in months:
        assert world.hyp3.spent(month) <= ACCOUNT
        for track, budget in BUDGETS.items():
            spent = sum(
                job["credit_cost"]
                for job in ledger
                if job["request_time"][:7] == month and f"-{track:03d}-" in job["name"]
            )
            assert spent <= budget, "the budget is never passed"
    assert world.hyp3.refused == 0
    charges = Charge.objects.values_list("job_name", "credits")
    assert sorted(charges) == sorted((job["name"], job["credit_cost"]) for job in ledger)

    rows = {pair.key: pair.state for pair in PairOrder.objects.all()}
    assert rows.keys() == {key for track in BUDGETS for key in wanted_keys(track, world.passes[track])}
    states = {track: Counter(state for key, state in rows.items() if f"-{track:03d}-" in key) for track in BUDGETS}
    assert set(states[NORTH]) == {"collected"}, "what can be paid is loaded"
    assert set(states[SOUTH]) == {"collected", "over budget"}, "what cannot be paid waits"
    collected = [f"{pair.job_name}.zip" for pair in PairOrder.objects.filter(state="collected")]
    assert fetched == Counter(world.names + collected), "everything that appeared is sent to its end once"
    assert sorted(IngestJob.objects.values_list("original_name", flat=True)) == sorted(world.names + collected)
    assert set(IngestJob.objects.values_list("state", flat=True)) == {"loaded"}

    for began, ended in pairwise([0.0, *life.restarts, world.clock.monotonic()]):
        times = [at for at in world.identity.times if began <= at < ended]
        assert times, "every process signs in by itself"
        assert min(b - a for a, b in pairwise(times)) >= 540, "one request for each life of a token"
    assert len(life.restarts) == 2
    assert spoiled
    assert expired
    assert life.retried

"""Three days of acquisitions behind a proxy, from archives on bad days: everything is loaded once, and nobody acts."""

import random
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from django.db.models import QuerySet

from ingest.jobs import services as jobs
from ingest.models import IngestJob, Scene, SceneDownload
from ingest.scenes.services import scenes_load
from ingest.sources import configured, services
from ingest.sources.client import tokens
from monitor import tasks as monitor_tasks
from tests.service.ingest.sources import recorded, replay, tunnel
from tests.service.ingest.sources.archives import BadDays, TokenServer

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 1, tzinfo=UTC)
STEP, SEARCH, ROUND = timedelta(minutes=15), timedelta(hours=6), timedelta(seconds=50)
SCENES = 14  # one every five hours
AWAY_HOURS, NO_WAY_OUT_HOURS = (20, 27), (45, 50)  # the archive; the proxy
KILLED_HOUR, RESTARTED_HOUR = 12, 40
ASF, LOGIN = "datapool.asf.alaska.edu", "urs.earthdata.nasa.gov"
SIGNED = "dy4owt9f80bz7.cloudfront.net"
TOKENS = "/auth/realms/CDSE/protocol/openid-connect/token"
COPERNICUS = "https://stac.dataspace.copernicus.eu/v1"


class Killed(BaseException):
    """The worker's process ends where it is."""


class Clock:
    """The time of everything in the test; nothing waits."""

    def __init__(self) -> None:
        self.now = START

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return (self.now - START).total_seconds()

    def is_between(self, hours: tuple[int, int]) -> bool:
        return hours[0] <= self.monotonic() / 3600 < hours[1]


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr("django.utils.timezone.now", lambda: made.now)
    monkeypatch.setattr(tokens, "monotonic", made.monotonic)
    random.seed(58)  # the share of waits that is left to chance
    return made


@pytest.fixture
def hosts(settings) -> list[str]:
    """Those that are allowed by default: what the archives need must be among them."""
    return list(settings.OUTBOUND_HOSTS)


@pytest.fixture
def server(tmp_path, hosts, monkeypatch):
    """A server that stands for every allowed host."""
    certificate = tunnel.certificate(tmp_path, *hosts)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(certificate))
    with replay.running(certificate) as running:
        yield running


@pytest.fixture
def proxy(server, hosts, clock, monkeypatch):
    """The only way out: no outside name can be resolved here."""
    real = socket.getaddrinfo

    def look_up(host, *args, **options):
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *args, **options)

    with tunnel.running(dict.fromkeys(hosts, server.server_port)) as running:
        running.is_away = lambda: clock.is_between(NO_WAY_OUT_HOURS)
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setenv("HTTPS_PROXY", running.address)
        yield running


@pytest.fixture
def acquiring(settings, tmp_path, proxy, monkeypatch):
    """Set the defaults of a new installation, apart from the source and its account."""
    settings.ACQUIRE_FOLDER = str(tmp_path / "downloads")
    settings.ACQUIRE_SPARE_BYTES, settings.ACQUIRE_AREA = 0, "-148.2,64.9,-147.9,65.0"
    settings.EARTHDATA_TOKEN = settings.STAC_TOKEN = ""
    monkeypatch.setattr(jobs, "job_announce", lambda job_id: None)
    configured.tokens_of.cache_clear()


@pytest.fixture
def images(make_rtc) -> list[Path]:
    return [make_rtc(date=f"202111{1 + number:02d}") for number in range(SCENES)]


def taken_at(number: int) -> datetime:
    return START + number * timedelta(hours=5)


class Days:
    """Three days of beat and worker, in steps of minutes. processes: at which second of the test each began."""

    def __init__(self, clock: Clock, publish: Callable[[int], object]) -> None:
        self.clock, self.publish = clock, publish
        self.processes = [0.0]
        self.published = 0
        self.search_at = START

    def run(self) -> None:
        while self.clock.now < START + timedelta(days=3):
            while self.published < SCENES and taken_at(self.published) <= self.clock.now:
                self.publish(self.published)
                self.published += 1
            if self.clock.now >= self.search_at:
                monitor_tasks.search_images()
                self.search_at = self.clock.now + SEARCH
            self.fetch()
            load_what_is_queued()
            if len(self.processes) == 2 and self.clock.monotonic() > RESTARTED_HOUR * 3600:
                self.restart()
            self.clock.now += STEP

    def fetch(self) -> None:
        services.downloads_settle()
        ends_at = self.clock.now + ROUND

        def is_over() -> bool:
            if len(self.processes) == 1 and self.clock.monotonic() > KILLED_HOUR * 3600 and in_transfer().exists():
                raise Killed
            return self.clock.now > ends_at

        try:
            services.downloads_fetch(until=is_over, sleep=self.clock.sleep)
        except Killed:
            self.restart()
            in_transfer().update(lease_until=datetime(2026, 1, 1, tzinfo=UTC))

    def restart(self) -> None:
        """What a process knows by heart is gone."""
        configured.tokens_of.cache_clear()
        self.processes.append(self.clock.monotonic())


def in_transfer() -> QuerySet[SceneDownload]:
    return SceneDownload.objects.filter(state=SceneDownload.State.FETCHING)


def load_what_is_queued() -> None:
    """Load the queued files in this process, because a confined process takes seconds to start for each."""
    for job in IngestJob.objects.filter(state=IngestJob.State.QUEUED):
        scenes_load(path=Path(job.stored_path))
        IngestJob.objects.filter(pk=job.pk).update(state=IngestJob.State.LOADED)


def check_everything_once(images: list[Path], archive: BadDays, days: Days) -> None:
    services.downloads_settle()
    names = sorted(image.name for image in images)
    assert {row.state for row in SceneDownload.objects.all()} == {"loaded"}
    assert sorted(SceneDownload.objects.values_list("file_name", flat=True)) == names
    assert sorted(IngestJob.objects.values_list("original_name", flat=True)) == names
    assert sorted(Scene.objects.ready().values_list("file_name", flat=True)) == names
    assert sorted(path.rpartition("/")[2] for path in archive.given) == names  # each was sent to its end once
    assert archive.faults > SCENES / 2
    assert len(days.processes) == 3


def test_copernicus_is_fetched_for_three_days_with_tokens_of_ten_minutes(
    acquiring, settings, server, proxy, images, clock
):
    settings.ACQUIRE_SOURCE, settings.STAC_TOKEN = "stac", "anna:word"
    identity = TokenServer(clock.monotonic)
    archive = BadDays(clock.sleep, lambda: clock.is_between(AWAY_HOURS), seed=1)
    items: list[dict] = []
    recorded.stac(server, items, page=50, root=COPERNICUS)

    def token(handler, data):
        (replay.status(503) if archive.is_away() else identity.answer)(handler, data)

    server.always[TOKENS] = token

    def file(handler, data):
        """The catalogue's host leads to that of the files; both want the token."""
        if handler.headers["Host"].startswith("catalogue"):
            replay.redirect(f"https://download.dataspace.copernicus.eu{handler.path}", 301)(handler, data)
        else:
            archive.answer(handler, data)

    def publish(number: int) -> None:
        path, data = f"/odata/v1/Products({number})/{images[number].name}", images[number].read_bytes()
        server.files[path] = data
        server.always[path] = identity.guarded(file)
        asset = recorded.whole(f"https://catalogue.dataspace.copernicus.eu{path}", data)
        items.append(recorded.item(images[number].stem, {"VV": asset}, datetime=taken_at(number).isoformat()))

    days = Days(clock, publish)
    days.run()
    check_everything_once(images, archive, days)
    for began, ended in pairwise([*days.processes, clock.monotonic()]):
        times = [at for at in identity.times if began <= at < ended]
        assert times, "every process signs in by itself"
        assert min((b - a for a, b in pairwise(times)), default=600) >= 540  # one request for each life of a token
    assert identity.grants.count("password") < len(identity.grants)
    assert sum(request.path == TOKENS for request in server.requests) < len(identity.grants) + 40  # in seven hours away


def test_asf_is_fetched_for_three_days_with_name_and_password(acquiring, settings, server, proxy, images, clock):
    """NASA's way: the archive leads to the login page, that back with a code, and a cookie opens a signed address."""
    settings.ACQUIRE_SOURCE, settings.EARTHDATA_TOKEN = "asf", "anna:word"
    archive = BadDays(clock.sleep, lambda: clock.is_between(AWAY_HOURS), seed=2)
    granules: list[dict] = []
    recorded.cmr(server, granules)
    server.always["/oauth/authorize"] = lambda handler, data: replay.redirect(
        f"https://{ASF}/login?code=1&state={handler.path.partition('state=')[2]}"
    )(handler, data)
    server.always["/login"] = lambda handler, data: handler.send(
        302,
        b"",
        {"Location": f"https://{ASF}{handler.path.partition('state=')[2]}", "Set-Cookie": "asf-urs=pass; Path=/"},
    )

    def file(handler, data):
        if handler.headers["Host"] == SIGNED:
            archive.answer(handler, data)
        elif "asf-urs=pass" in handler.headers.get("Cookie", ""):
            replay.redirect(f"https://{SIGNED}{handler.path}")(handler, data)
        else:
            replay.redirect(f"https://{LOGIN}/oauth/authorize?state={handler.path}")(handler, data)

    def publish(number: int) -> None:
        name, data = images[number].name, images[number].read_bytes()
        server.files[f"/RTC/OPERA-S1/{name}"] = data
        server.always[f"/RTC/OPERA-S1/{name}"] = file
        begins = f"{taken_at(number):%Y-%m-%dT%H:%M:%SZ}"
        granules.append(recorded.rtc(f"https://{ASF}", {name: data}, images[number].stem.removesuffix("_VV"), begins))

    days = Days(clock, publish)
    days.run()
    check_everything_once(images, archive, days)
    signed_in = [request for request in server.requests if "Authorization" in request.headers]
    assert {request.headers["Host"] for request in signed_in} == {LOGIN}

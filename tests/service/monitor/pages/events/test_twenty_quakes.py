"""Twenty recorded earthquakes in a simulated month: from two catalogues' answers to event pages, without hands."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.contrib.gis.geos import Point
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pyproj import Transformer

from ground_motion.core.geometry import utm_epsg
from ground_motion.core.rasters import write_cog
from ingest import tasks as ingest_tasks
from ingest.models import Scene
from ml import tasks as ml_tasks
from ml.models import GroundEvent, Prediction, Run
from ml.runs import events
from monitor import tasks
from monitor.schedule import BEAT_SCHEDULE
from tests.makers import catalogues
from tests.makers import pairs as made_pairs
from tests.service.ingest.sources import replay

pytestmark = [pytest.mark.django_db, pytest.mark.long]
QUAKES = json.loads((Path(__file__).parents[4] / "data/twenty-quakes.geojson").read_text())["features"]
START = datetime(2026, 10, 1, tzinfo=UTC)
PERIOD = timedelta(minutes=10)  # interval of the catalogues, and duration of a run
REPORTED, PUBLISHED = timedelta(minutes=10), timedelta(hours=4)  # after the quake; after the pass
MAX_PAGE = timedelta(hours=1)
BACKLOG = 20  # other pairs that wait for their runs all the time
TRACK, CELL_M = 44, 500.0


class Month:
    """The clock, what the two catalogues say at a time, and the images that have been published until then."""

    def __init__(self) -> None:
        self.now = START
        self.orders: dict[str, datetime] = {}
        self.quakes = []
        for number, recorded in enumerate(QUAKES):
            at = START + timedelta(days=1.1 * number, hours=7)
            if recorded["id"] == "us6000jlqa":  # nine hours after the one before
                at = self.quakes[-1]["at"] + timedelta(hours=9, minutes=7)
            turn = 2 if recorded["id"] == "us6000jlqa" else number  # one image shows both of this doublet
            first_pass = START - timedelta(days=24 - 5 * turn % 12, hours=-5, minutes=-12)
            passes = [first_pass + timedelta(days=12 * n) for n in range(7)]
            self.quakes.append({"at": at, "passes": passes, "recorded": recorded})

    def order(self, *, area: object, spans: datetime, purpose: str, priority: int) -> int:
        """Order four interferograms for an event; the same order again changes nothing."""
        self.orders[purpose] = spans
        return 4

    def usgs(self, request) -> tuple[object, dict[str, str]]:
        """What is older than the report, with the magnitude too small by 0.1 in the first half hour."""
        features = []
        for quake in self._reported():
            recorded, age = quake["recorded"], self.now - quake["at"]
            said, early = recorded["properties"], age < timedelta(minutes=40)
            times = {"time": quake["at"], "updated": quake["at"] + (REPORTED if early else timedelta(minutes=40))}
            values = {name: catalogues.milliseconds(moment) for name, moment in times.items()}
            values["mag"] = said["mag"] - 0.1 * early
            features.append(recorded | {"properties": said | values})
        return catalogues.usgs(features, made_at=self.now), {}

    def emsc(self, request) -> tuple[object, dict[str, str]]:
        """The same quakes, each a little elsewhere and a few seconds later."""
        features = []
        for number, quake in enumerate(self._reported()):
            longitude, latitude, depth_km = quake["recorded"]["geometry"]["coordinates"]
            place, at = (longitude + 0.1, latitude - 0.1, depth_km + 2), quake["at"] + timedelta(seconds=4)
            mag = quake["recorded"]["properties"]["mag"]
            features.append(catalogues.emsc_quake(f"{START:%Y%m%d}_{number:07d}", at, place, mag=mag))
        return catalogues.emsc(features), {}

    def _reported(self) -> list[dict]:
        return [quake for quake in self.quakes if quake["at"] + REPORTED <= self.now]


def make_image(quake: dict, at: datetime) -> None:
    """An image of the ground around an epicentre, without pixels."""
    longitude, latitude, _ = quake["recorded"]["geometry"]["coordinates"]
    epsg = utm_epsg(longitude, latitude)
    x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(longitude, latitude)
    half_m = 40 * CELL_M
    grid = [CELL_M, 0, x - half_m, 0, -CELL_M, y + half_m]
    deg = (half_m / 111_000 / max(0.3, np.cos(np.radians(latitude))), half_m / 111_000)
    box = made_pairs.box_of((longitude - deg[0], latitude - deg[1], longitude + deg[0], latitude + deg[1]))
    name = f"{quake['recorded']['id']} {at:%Y-%m-%d}"
    Scene.objects.create(
        name=name, platform="S1A", track=TRACK, direction="ascending", mode="IW", acquired_at=at, polarisation="VV",
        burst=quake["recorded"]["id"][:12], backscatter="gamma0", epsg=epsg, posting_m=CELL_M, grid=grid, rows=80,
        cols=80, footprint=box.wkb_hex, source_format="made", file_name="made.tif",
        file_sha256=name.encode().hex()[:64].ljust(64, "0"),
    )  # fmt: skip


def work(month: Month, tmp_path: Path) -> None:
    """Do one run as a worker does, the most urgent first: coherence that is lost, or a step of two pixels.

    What nobody looks at gets no result.
    """
    run = events.runs_urgent().first()
    if run is None:
        waiting = Run.objects.filter(state=Run.State.QUEUED).order_by("id").values("pk")[:1]
        Run.objects.filter(pk__in=waiting).update(state=Run.State.SUCCEEDED, finished_at=month.now)
        return
    row, col = np.mgrid[0:80, 0:80]
    hill = np.exp(-((row - 40) ** 2 + (col - 40) ** 2) / 200)
    noise = 0.05 * np.random.default_rng(run.pk).normal(size=(2, 80, 80))
    full = np.ones_like(hill)
    if run.model_version.task == "offsets":
        moved = {"dx_px": 2 * (hill > 0.3) + noise[0], "dy_px": noise[1]}
        bands = moved | {"sigma_dx_px": 0.05 * full, "sigma_dy_px": 0.05 * full, "quality": full}
    else:
        bands = {"coherence": 0.8 - 0.6 * hill, "coherence_sigma": 0.05 * full}
    grid = run.its_pair.pixel_grid
    floats = {name: band.astype(np.float32) for name, band in bands.items()}
    write_cog(tmp_path / "made.tif", floats, grid.transform, grid.epsg, ["px"] * len(bands), {})
    prediction = Prediction(run=run, raster_sha256=f"{run.pk:064d}", statistics={"made": True})
    prediction.raster.save(f"run-{run.pk}.tif", ContentFile((tmp_path / "made.tif").read_bytes()), save=False)
    prediction.save()
    Run.objects.filter(pk=run.pk).update(state=Run.State.SUCCEEDED, finished_at=month.now)


def is_first(quake: dict, at: datetime) -> bool:
    """Whether an image is the first one after a quake, or from before it."""
    return at < quake["at"] + timedelta(days=12)


def is_near(event: GroundEvent, recorded: dict) -> bool:
    """Whether images around another earthquake show ground within the radius of an event."""
    away_deg = event.position.distance(Point(*recorded["geometry"]["coordinates"][:2], srid=4326))
    return 111 * away_deg < event.radius_km + 40 * CELL_M / 1000


@pytest.fixture
def month(settings, monkeypatch):
    """A month with two catalogues, watched everywhere; nothing leaves this machine."""
    made = Month()
    monkeypatch.setattr(timezone, "now", lambda: made.now)
    monkeypatch.setattr("ingest.sources.orders.services.pairs_order", made.order)
    monkeypatch.setattr("ml.tasks.selectors.runs_to_announce", lambda **_when: [])  # `work` asks for no message
    with replay.running() as usgs, replay.running() as emsc:
        usgs.answers["/summary"], emsc.answers["/query"] = made.usgs, made.emsc
        settings.EVENT_FEEDS = [f"{usgs.address}/summary", f"{emsc.address}/query"]
        settings.OUTBOUND_HOSTS = [usgs.address, emsc.address]
        settings.ACQUIRE_AREA, settings.SCHEDULED_METHODS = (
            "-179,-60,179,70",
            {
                "offsets": "multi-kernel",
                "coherence": "pearson",
            },
        )
        yield made
        for server in (usgs, emsc):
            server.shutdown()


def test_twenty_quakes_become_pages_within_an_hour_of_their_images(month, tmp_path, django_capture_on_commit_callbacks):
    client, shown, looks = Client(), {}, {}
    for quake in month.quakes:
        for at in quake["passes"][:2]:
            make_image(quake, at)
    for number in range(BACKLOG):
        for day in (0, 12):
            made_pairs.make_scene(START - timedelta(days=20 - day), burst=f"901-{number:04d}-IW1")
    images = [(at + PUBLISHED, quake) for quake in month.quakes for at in quake["passes"][2:] if is_first(quake, at)]
    images.sort(key=lambda image: image[0])
    moments = [quake["at"] + wait for quake in month.quakes for wait in (REPORTED, timedelta(minutes=45))]
    ends = START + timedelta(days=38)
    arrivals: dict[str, datetime] = {}
    while month.now < ends:
        while images and images[0][0] <= month.now:
            published, quake = images.pop(0)
            make_image(quake, published - PUBLISHED)
            if published - PUBLISHED > quake["at"]:
                arrivals.setdefault(quake["recorded"]["id"], published)
        with django_capture_on_commit_callbacks(execute=False):
            tasks.take_events()
            ingest_tasks.pair_new_scenes()
            ml_tasks.queue_due_runs()
        work(month, tmp_path)
        for event in GroundEvent.objects.all():
            found = next(one["id"] for one in QUAKES if one["properties"]["place"] == event.name)
            if found not in looks or (found in arrivals and found not in shown):
                page = client.get(f"/events/{event.pk}/").content.decode()
                looks.setdefault(found, re.search(r"Expected on ([^(]*) UTC \(track 044 ascending\)", page))
                if "moved clearly" in page and "match to" in page:
                    shown[found] = month.now
        waits = any(found not in shown for found in arrivals.keys() & looks.keys())
        after = [at for at in (*moments, *(image[0] for image in images[:1])) if at > month.now]
        month.now = month.now + PERIOD if waits else min([*after, ends])

    taken = {event.name: event for event in GroundEvent.objects.all()}
    by_id = {one["id"]: taken.get(one["properties"]["place"]) for one in QUAKES}
    measured = {one["id"] for one in QUAKES if one["properties"]["motion_measured_by"]}
    assert {found for found, event in by_id.items() if event} == set(shown)
    assert measured <= set(shown)
    ordered = {found for found, event in by_id.items() if event and f"event {event.pk}" in month.orders}
    assert ordered == set(shown)
    assert len(month.orders) == len(ordered)
    assert len(ordered - measured) <= 1  # needless sets of orders
    minutes = {found: (at - arrivals[found]) / timedelta(minutes=1) for found, at in shown.items()}
    assert max(minutes.values()) <= MAX_PAGE / timedelta(minutes=1)
    assert Run.objects.filter(state=Run.State.QUEUED).exists()  # others waited meanwhile
    for quake in month.quakes:
        if (found := quake["recorded"]["id"]) in shown:
            near = [one for one in month.quakes if is_near(by_id[found], one["recorded"])]
            first = min(at for one in near for at in one["passes"] if at > quake["at"])
            assert looks[found], found
            assert looks[found].group(1).endswith(f"{first.day} {first:%B %Y}, 05:12"), found
    for found, event in by_id.items():
        if event:
            recorded = next(one for one in QUAKES if one["id"] == found)["properties"]
            n_reports = 2 - (found == "us70008dx7")  # At the depth of the EMSC, Zagreb's motion is too small.
            assert (event.magnitude, event.n_ordered, len(event.reports)) == (recorded["mag"], 4, n_reports)
    assert BEAT_SCHEDULE["data 6 take earthquakes and eruptions from catalogues"]["schedule"] <= PERIOD

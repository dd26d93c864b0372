"""Several workers on one run: who takes which piece, who joins and when one leaves; the result is that of one."""

import os
import subprocess
import sys
from datetime import timedelta
from unittest.mock import Mock

import numpy as np
import pytest
from django.core.files.storage import storages
from django.db import DatabaseError
from django.db.models.functions import Now
from django.utils import timezone

from ground_motion.methods.coherence import infer
from ingest.models import ScenePair
from ingest.products.services import product_load
from ingest.scenes.pairs import pairs_make
from ingest.scenes.services import scenes_load
from ml import tasks
from ml.models import ModelVersion, PieceClaim, Prediction, Run
from ml.runs import joining, queue, selectors, services, sharing
from ml.runs.sharing import Claims
from ml.runs.stored import read_prediction
from tests.fixtures.servers import database_url
from tests.makers import object_store as storage
from tests.makers.glaciers import make_event
from tests.waiting import HANG_SECONDS, reread

PLACES = {str(number): number for number in range(6)}


@pytest.fixture
def run(db, make_egms) -> Run:
    product_load(path=make_egms(n=60))
    (queued,) = services.runs_queue(method="matched-filter")
    return queued


@pytest.fixture
def shared(run) -> Run:
    """A run that a worker has and shares."""
    Run.objects.filter(pk=run.pk).update(state="running", attempts=1, lease_until=Now() + queue.LEASE.duration)
    run.refresh_from_db()
    run.shared_key = services.pieces_key(run, joining.choose_device("cpu"))
    run.save(update_fields=["shared_key"])
    return run


@pytest.fixture
def staged(monkeypatch):
    """Puts a stage of pieces before what runs do; gives what was made, and what happens as a piece is begun."""
    made, happens = [], {}
    done = services.WORK["deformation"]

    def work(run, device, pieces):
        def piece(number: int) -> dict[str, np.ndarray]:
            made.append(number)
            happens.pop(number, lambda: None)()
            return {"number": np.array([number])}

        pieces.each("stage", PLACES, piece)
        return done(run, device, pieces)

    monkeypatch.setitem(services.WORK, "deformation", work)
    return made, happens


def test_a_piece_is_taken_by_one_worker_until_its_claim_expires_or_is_let_go(shared, monkeypatch):
    one, other = (Claims(shared, "a", "cpu", joined=True) for _ in range(2))
    assert one.take("x")
    assert one.take("x")
    assert not other.take("x")
    assert other.take("y")
    PieceClaim.objects.filter(piece="x").update(until=timezone.now() - timedelta(seconds=1))
    assert other.take("x")
    assert not one.take("x")
    PieceClaim.objects.update(until=timezone.now() + timedelta(seconds=5))
    other.prolong()
    assert PieceClaim.objects.get(piece="x").until > timezone.now() + timedelta(seconds=60)
    assert PieceClaim.objects.get(piece="y").until < timezone.now() + timedelta(seconds=60)  # made, and there
    other.leave()
    assert one.take("x")
    assert PieceClaim.objects.count() == 1
    away = Mock(**{"cursor.side_effect": DatabaseError("away")})
    monkeypatch.setattr(sharing, "connection", away)
    assert other.take("x")  # A database that does not answer stops no worker.


def test_only_a_run_with_many_missing_pieces_is_shared(run):
    held = queue.run_claim(run_id=run.pk)
    assert not Claims(held, "a", "cpu").share(3)
    assert not selectors.runs_shared().exists()
    assert Claims(held, "a", "cpu").share(4)
    (shared,) = selectors.runs_shared()
    assert (shared.shared_key, shared.device) == ("a", "cpu")
    Claims(held, "a", "cpu", joined=True).end()
    assert not selectors.runs_shared().exists()


def test_a_worker_without_other_work_makes_pieces_and_leaves_the_result_to_whoever_has_the_run(
    run, staged, monkeypatch
):
    made, happens = staged
    monkeypatch.setattr(joining, "HELP_SECONDS", 0.0)
    joined = []
    happens[0] = lambda: joined.extend((joining.run_join(), monkeypatch.setattr(joining, "HELP_SECONDS", 0.5)))
    happens[1] = lambda: joined.append(joining.run_join())
    services.run_execute(run_id=run.pk)
    assert joined[0] == run  # its time was over at once
    assert joined[2] == run  # it waited for the piece that it was called from
    assert sorted(made) == [*range(6)]
    assert (reread(run).state, Prediction.objects.count(), PieceClaim.objects.count()) == (Run.State.SUCCEEDED, 1, 0)


def test_one_that_helps_leaves_as_soon_as_something_else_waits(run, staged):
    made, happens = staged
    version = ModelVersion.objects.create(task="deformation", method="threshold", version="0")
    happens[0] = lambda: joined.append(joining.run_join())
    happens[2] = lambda: services.run_queue(subject=run.product, version=version)
    joined = []
    services.run_execute(run_id=run.pk)
    assert joined == [None]
    assert made == [0, 1, 2, 3, 4, 5]
    assert joining.run_join() is None  # it waits still


@pytest.mark.parametrize(
    "change",
    [
        {"state": "cancelled"},
        {"state": "queued", "next_try_at": timezone.now() + timedelta(hours=1)},
        {"attempts": 2},
        {"shared_key": "another"},
    ],
)
def test_one_that_helps_leaves_as_soon_as_the_run_is_not_shared_any_more(shared, staged, change):
    made, happens = staged
    happens[3] = lambda: Run.objects.update(**change)
    assert joining.run_join() is None
    assert made == [0, 1, 2, 3]
    assert PieceClaim.objects.count() == 0


def test_a_worker_with_other_code_or_weights_or_a_full_disk_does_not_join_nor_where_enough_are_at_work(
    shared, staged, settings, monkeypatch
):
    made, _ = staged
    weights = {"weights_here": "f" * 64}
    for difference in ({"code_version": "another"}, {"numerics": ["more threads"]}, weights):
        with monkeypatch.context() as other:
            for name, answer in difference.items():
                other.setattr(services, name, lambda *_, answer=answer: answer)
            assert joining.run_join() is None
    with monkeypatch.context() as full:
        full.setattr(joining, "disk_full", lambda share: "full")
        assert joining.run_join() is None
    settings.RUN_WORKERS = 2
    for one in "ab":
        Claims(shared, "a", "cpu", joined=True).take(one)
    assert joining.run_join() is None
    assert made == []
    settings.RUN_WORKERS = 3
    joining.run_join()
    assert made == [0, 1, 2, 3, 4, 5]
    assert Prediction.objects.count() == 0
    assert Run.objects.get(pk=shared.pk).state == Run.State.RUNNING


def test_a_failure_of_one_that_helps_is_not_that_of_the_run(run, staged, monkeypatch, caplog):
    made, happens = staged
    monkeypatch.setattr(joining, "_failed", set())

    def fails() -> None:
        raise MemoryError("this machine is smaller")

    happens[0] = lambda: (happens.update({1: fails}), joining.run_join(), joining.run_join())
    services.run_execute(run_id=run.pk)
    assert reread(run).state == Run.State.SUCCEEDED
    assert caplog.text.count("could not be helped with") == 1
    assert made == [0, 1, 1, 2, 3, 4, 5]


def test_workers_are_called_to_a_shared_run_on_its_device_and_again_when_their_time_is_over(
    shared, settings, monkeypatch
):
    settings.SCHEDULED_METHODS = {}
    called = []
    monkeypatch.setattr(tasks.join_run, "apply_async", lambda args, **to: called.append(to["queue"]))
    for device in ("cpu", "cuda", ""):
        Run.objects.update(device=device, shared_key=device)
        tasks.queue_due_runs()
    assert called == ["cpu", "gpu"]
    called.clear()
    for answer in (shared, None):
        monkeypatch.setattr(joining, "run_join", lambda answer=answer: answer)
        tasks.join_run()
    assert called == ["cpu"]


def test_pieces_of_runs_that_have_ended_are_deleted_wherever_they_lie(shared):
    kept = sharing.store_of(shared.pk, "a")
    kept.put("x@y", {"a": np.arange(3)})
    sharing.pieces_prune()
    assert kept.names() == {"x@y"}
    Run.objects.update(state="cancelled")
    sharing.pieces_prune()
    assert kept.names() == set() if isinstance(kept, sharing.Objects) else not kept.path.exists()


@pytest.fixture
def pair(transactional_db, make_rtc) -> ScenePair:
    for date in ("20211101", "20211113"):
        scenes_load(path=make_rtc(date))
    pairs_make(baselines_days=[12])
    return ScenePair.objects.get()


def test_an_event_comes_first_and_then_the_oldest(pair):
    runs = [services.runs_queue(method=method)[0] for method in ("pearson", "guarnieri-prati")]
    alive = {"state": "running", "shared_key": "a", "lease_until": Now() + queue.LEASE.duration}
    Run.objects.update(**alive)
    assert list(selectors.runs_shared()) == runs
    event = make_event(pair.secondary.acquired_at - timedelta(days=2), position=pair.footprint.centroid)
    assert list(event.pairs.all()) == [pair]
    assert all(run.urgent for run in selectors.runs_shared())


WORKER = """
import sys, time, django
django.setup()
from functools import partial
from ml.runs import joining, services
from ground_motion.methods.coherence import infer
from ml.models import PieceClaim, Run
from ground_motion.rasters.pieces import Pieces
number, what, other = int(sys.argv[1]), sys.argv[2], sys.argv[3]
infer.compute_tiles = partial(infer.compute_tiles, core=12)
made = []
each = Pieces.each

def slowly(self, stage, items, work, *how):
    def of(item):
        if stage == "tiles" and what == "hold" and not made:  # the other has made two and has a third in hand before
            made.append(1)
            while PieceClaim.objects.filter(worker__contains=f":{other}:", piece__startswith="tiles").count() < 3:
                time.sleep(0.05)
        if stage == "tiles" and what == "hang" and len(made) == 2:
            print("hanging", flush=True)
            time.sleep(3600)
        made.append(1) if stage == "tiles" and what == "hang" else None
        return work(item)
    each(self, stage, items, of, *how)

Pieces.each = slowly
if what == "hold":
    services.run_execute(run_id=number)
while what != "hold" and not Run.objects.filter(pk=number, state="succeeded").exists():
    joining.run_join()
    time.sleep(0.05)
"""


def content() -> tuple[object, ...]:
    """What the one result holds."""
    prediction = Prediction.objects.get()
    bands = read_prediction(prediction).bands
    return (prediction.statistics, *((name, values.tobytes()) for name, values in bands.items()))


@pytest.mark.parametrize("storage_kind", ["s3"])
def test_workers_of_several_machines_make_the_same_raster_as_one_though_one_is_killed(
    pair, settings, monkeypatch, request, storage_kind
):
    """No disk in common: their pieces meet in the object store."""
    tiles = infer.compute_tiles
    monkeypatch.setattr(infer, "compute_tiles", lambda *args, **more: tiles(*args, core=12, **more))
    (alone,) = services.runs_queue(method="guarnieri-prati")
    settings.RUN_WORKERS = 1
    services.run_execute(run_id=alone.pk)
    expected = content()
    alone.delete()
    (run,) = services.runs_queue(method="guarnieri-prati")

    rasters = storages["rasters"]
    environment = os.environ | {
        "DATABASE_URL": database_url(),
        "RASTER_STORAGE_URL": f"s3://{rasters.bucket_name}/{rasters.location.removesuffix('/rasters')}",
        "S3_ENDPOINT_URL": rasters.endpoint_url,
        "S3_ACCESS_KEY_ID": storage.KEYS["access_key"],
        "S3_SECRET_ACCESS_KEY": storage.KEYS["secret_key"],
        "TEST_SETTINGS": '{"RUN_BEAT_SECONDS": 1}',
    }

    def worker(what: str, other: int = 0) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-c", WORKER, str(run.pk), what, str(other)]
        own = environment | {"WORK_DIR": f"{settings.WORK_DIR}-{what}"}
        return subprocess.Popen(command, env=own, stdout=subprocess.PIPE)

    with worker("hang") as dies, worker("hold", dies.pid) as holds:
        assert dies.stdout.readline() == b"hanging\n"
        dies.kill()
        dies.wait()
        assert Run.objects.get(pk=run.pk).state == Run.State.RUNNING
        in_hand = PieceClaim.objects.filter(worker__contains=f":{dies.pid}:")
        assert in_hand.update(until=timezone.now() - timedelta(seconds=1)) == 3  # two made, one in hand
        with worker("help") as helps:
            assert holds.wait(HANG_SECONDS) == helps.wait(HANG_SECONDS) == 0
    assert content() == expected
    assert [*storages["pieces"].entries()] == []
    assert PieceClaim.objects.count() == 0

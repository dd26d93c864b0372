"""The job table is the truth: claims, leases, attempts, repetition."""

from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from django.core.management import CommandError, call_command
from django.utils import timezone

from ground_motion.core.errors import InputError, UnusableData
from ground_motion.methods.deformation import DeformationMethod
from ground_motion.runtime.checkpoints import Card
from ground_motion.runtime.progress import report_progress
from ingest.foundation.failures import Cause, cause_of, next_step
from ingest.foundation.storage import stored_tiff
from ingest.products.services import product_load
from ml import tasks
from ml.models import ModelVersion, Prediction, Run
from ml.runs import queue, selectors, services
from ml.runs.pieces import pieces_prune, store_of
from ml.runs.repetition import run_repeat
from tests.waiting import reread

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(make_egms):
    return product_load(path=make_egms(n=60))


@pytest.fixture
def run(product) -> Run:
    (queued,) = services.runs_queue(method="matched-filter")
    return queued


def test_a_product_is_queued_once_and_its_finished_run_can_be_traced(run, product):
    assert (run.state, services.runs_queue(method="matched-filter")) == (Run.State.QUEUED, [])
    services.run_execute(run_id=run.pk)
    assert reread(run).state == Run.State.SUCCEEDED
    assert run.input_sha256 == product.file_sha256
    assert run.device == "cpu"
    assert run.seconds > 0
    assert run.code_version
    assert run.model_version.parameters["smallest_rate_mm_yr"] == 2.0
    with stored_tiff(run.prediction.raster) as raster:
        assert raster.tags()["input_sha256"] == product.file_sha256
        assert raster.tags()["model_version"] == f"matched-filter {DeformationMethod.find('matched-filter').version}"


def test_only_one_worker_gets_a_run_and_none_before_its_time(run):
    Run.objects.filter(pk=run.pk).update(next_try_at=timezone.now() + timedelta(minutes=1))
    assert queue.run_claim(run_id=run.pk) is None
    assert not selectors.runs_to_announce(queued_before=timezone.now())
    at_once(run)
    assert queue.run_claim(run_id=run.pk) is not None
    assert queue.run_claim(run_id=run.pk) is None
    assert services.run_execute(run_id=run.pk) is None


def at_once(run: Run) -> None:
    """Its time has come."""
    Run.objects.filter(pk=run.pk).update(next_try_at=None)


def working(run: Run, monkeypatch, work) -> None:
    """What its task does instead."""
    monkeypatch.setitem(services.WORK, run.model_version.task, work)


def in_pieces(run: Run, monkeypatch, n: int, begin) -> None:
    """Let its work make this many pieces first; `begin` is called with the number of each."""
    done = services.WORK[run.model_version.task]

    def work(run, device, pieces):
        items = {str(number): number for number in range(n)}
        pieces.each("stage", items, lambda number: begin(number) or {"number": np.array([number])})
        return done(run, device, pieces)

    working(run, monkeypatch, work)


def test_a_run_whose_worker_died_returns_and_fails_after_ten_deaths(run):
    for attempt in range(1, 11):
        if attempt > 2:  # after one death it is taken at once
            at_once(run)
        assert queue.run_claim(run_id=run.pk).attempts == attempt
        assert queue.runs_requeue_expired() == 0  # the lease still holds
        Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert queue.runs_requeue_expired() == 1
    assert (reread(run).state, run.cause, run.faults) == (Run.State.FAILED, "lost", 10)
    assert "ended without a result" in run.error


def test_a_fault_of_this_program_is_tried_again_later_and_given_up_the_third_time(run, monkeypatch):
    working(run, monkeypatch, Mock(side_effect=ZeroDivisionError("division by zero")))
    waits = []
    for attempt in (1, 2, 3):
        at_once(run)
        with pytest.raises(ZeroDivisionError):
            services.run_execute(run_id=run.pk)
        assert reread(run).error == "A fault in this program (ZeroDivisionError: division by zero)."
        assert run.state == (Run.State.FAILED if attempt == 3 else Run.State.QUEUED)
        waits += [run.next_try_at - timezone.now()] if run.next_try_at else []
    assert [round(wait.total_seconds() / 60) for wait in waits] == [5, 10]
    assert Prediction.objects.count() == 0


def test_tracks_are_announced_in_turn_and_no_more_than_can_begin_soon(make_egms, monkeypatch):
    monkeypatch.setattr(selectors, "MAX_ANNOUNCED", 3)
    files = [(117, "0200"), (117, "0201"), (44, "0200"), (44, "0201"), (117, "0202")]
    loaded = [
        product_load(path=make_egms(name=f"EGMS_L2b_{track:03d}_{burst}_IW2_VV_2020_2024_1.zip", n=20, xml=None))
        for track, burst in files
    ]
    services.runs_queue(method="matched-filter")
    now = timezone.now()
    announced = selectors.runs_to_announce(queued_before=now)
    assert [run.product for run in announced] == [loaded[0], loaded[2], loaded[1]]
    Run.objects.filter(pk__in=[run.pk for run in announced]).update(queued_at=now)
    assert selectors.runs_to_announce(queued_before=now) == []
    assert selectors.runs_to_announce(queued_before=now + timedelta(seconds=1)) == announced
    queue.run_claim(run_id=announced[0].pk)
    (following,) = selectors.runs_to_announce(queued_before=now)
    assert following.product == loaded[3]


def test_a_failed_run_is_put_back_and_an_old_worker_of_it_still_knows_that_it_has_lost(run, monkeypatch):
    late = queue.run_claim(run_id=run.pk)
    assert queue.runs_cancel(runs=Run.objects.filter(pk=run.pk), by="anna") == 1
    assert Run.objects.get(pk=run.pk).error == "Cancelled by anna."
    assert queue.runs_retry(runs=Run.objects.all()) == 1
    assert queue.run_claim(run_id=run.pk).attempts == 2
    assert not queue.LEASE.prolong(late)
    assert not queue.LEASE.settle(late, Run.State.SUCCEEDED)


def test_a_run_put_back_by_hand_keeps_the_result_that_it_has(run):
    services.run_execute(run_id=run.pk)
    result = Prediction.objects.get()
    before = Run.objects.values("finished_at", "seconds", "input_sha256").get()
    Run.objects.update(state=Run.State.QUEUED)
    assert services.run_execute(run_id=run.pk) is None
    assert (reread(run).state, run.share_done, run.error, run.attempts) == (Run.State.SUCCEEDED, 1.0, "", 1)
    assert Run.objects.values("finished_at", "seconds", "input_sha256").get() == before
    assert Prediction.objects.values_list("pk", "raster", "raster_sha256").get() == (
        result.pk,
        result.raster.name,
        result.raster_sha256,
    )
    Run.objects.update(state=Run.State.FAILED)
    assert queue.runs_retry(runs=Run.objects.all()) == 1
    services.run_execute(run_id=run.pk)
    assert (reread(run).state, run.finished_at) == (Run.State.SUCCEEDED, result.created_at)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here, so none can run out of memory")
def test_a_run_that_the_gpu_has_no_memory_for_is_computed_on_the_cpu(product, little_gpu_memory):
    little_gpu_memory(2**20)
    (run,) = services.runs_queue(method="model")
    services.run_execute(run_id=run.pk)
    assert (reread(run).state, run.device) == (Run.State.SUCCEEDED, "cpu")


def test_memory_that_the_cpu_has_not_is_known_as_such_and_tried_again_later():
    with pytest.raises(RuntimeError) as raised:  # the error of the allocator of torch
        torch.empty(2**50)
    assert cause_of(raised.value) == Cause.MEMORY
    assert next_step(Cause.MEMORY, faults=0, cause_before="", now=timezone.now()).next_try_at


@pytest.mark.parametrize(
    ("fault", "state", "sentence"),
    [
        (InputError("a.tif", "it is empty", "Give one with data"), "failed", "a.tif: it is empty. Give one with data."),
        (UnusableData("the images do not overlap"), "failed", "The images do not overlap."),
        (ValueError("shapes differ\n(2, 3)"), "queued", "A fault in this program (ValueError: shapes differ (2, 3))."),
    ],
)
def test_unusable_input_fails_at_the_first_attempt_and_a_run_states_its_reason_in_a_sentence(
    run, monkeypatch, fault, state, sentence
):
    working(run, monkeypatch, Mock(side_effect=fault))
    with pytest.raises(type(fault)):
        services.run_execute(run_id=run.pk)
    assert (reread(run).state, run.attempts, run.error, run.reason) == (state, 1, sentence, sentence)
    assert Run(error=f"InputError: {sentence}").reason == sentence  # as the first release stored it


def test_a_worker_that_lost_its_run_does_not_overwrite_the_new_owner(run, monkeypatch):
    done = services.WORK[run.model_version.task]

    def overtaken(*args):
        Run.objects.filter(pk=run.pk).update(attempts=2)  # the lease ran out, somebody else claimed it
        return done(*args)

    working(run, monkeypatch, overtaken)
    services.run_execute(run_id=run.pk)
    assert reread(run).state == Run.State.RUNNING
    assert Prediction.objects.count() == 0


def test_the_command_runs_what_is_due_and_names_a_product_that_is_not_there(product, capsys):
    call_command("run", "matched-filter")
    assert not selectors.runs_unfinished().exists()
    assert "on cpu" in capsys.readouterr().out
    call_command("run", "matched-filter", product=product.pk)
    assert "nothing to do" in capsys.readouterr().out
    with pytest.raises(CommandError, match=f"no product 999999; there are: {product.pk}"):
        call_command("run", "matched-filter", product=999_999)


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ({"worker@a": [{"name": "cpu"}], "gpu@b": [{"name": "gpu"}]}, "gpu"),
        ({"worker@a": [{"name": "cpu"}]}, "cpu"),
        (None, "cpu"),
    ],
)
def test_the_broker_is_called_again_when_it_may_have_forgotten_and_only_a_network_goes_to_a_gpu_that_listens(
    run, settings, monkeypatch, django_capture_on_commit_callbacks, answers, wanted
):
    settings.SCHEDULED_METHODS = {"deformation": "matched-filter"}
    network = ModelVersion.objects.create(task="deformation", method="model", version="1", weights_sha256="a" * 64)
    heavy = services.run_queue(subject=run.product, version=network)
    sent = []
    monkeypatch.setattr(tasks.execute_run, "apply_async", lambda args, **to: sent.append((*args, to["queue"])))
    monkeypatch.setattr(
        tasks.current_app.control, "inspect", lambda timeout: type("", (), {"active_queues": lambda self: answers})()
    )
    for queued_before in (timedelta(0), timedelta(0), timedelta(minutes=2)):
        Run.objects.exclude(queued_at=None).update(queued_at=timezone.now() - queued_before)
        with django_capture_on_commit_callbacks(execute=True):
            tasks.queue_due_runs()
    assert sent == [(run.pk, "cpu"), (heavy.pk, wanted)] * 2


def test_how_far_a_run_is_stands_in_its_row(run, monkeypatch):
    """The heartbeat writes it; here the work itself makes it beat."""
    beats, seen = [], []
    done = services.WORK[run.model_version.task]

    @contextmanager
    def beating(prolong, every_seconds):
        beats.append(prolong)
        yield

    def work(*args):
        for share in (0.25, 0.5):
            report_progress(share)
            beats[0]()
            seen.append(Run.objects.get(pk=run.pk).share_done)
        return done(*args)

    monkeypatch.setattr(services, "heartbeat", beating)
    working(run, monkeypatch, work)
    services.run_execute(run_id=run.pk)
    assert seen == [0.25, 0.5]
    assert Run.objects.get(pk=run.pk).share_done == 1.0


def test_other_weights_are_another_version_and_queue_everything_anew(product, monkeypatch):
    monkeypatch.setattr(
        DeformationMethod, "card", lambda row: Card("deformation", row.name, "1", {}, weights_sha256=hashes[-1])
    )
    hashes = ["a" * 64]
    (first,) = services.runs_queue(method="model", task="deformation")
    assert services.runs_queue(method="model", task="deformation") == []
    hashes.append("b" * 64)
    (second,) = services.runs_queue(method="model", task="deformation")
    assert second.pk != first.pk
    assert second.model_version.weights_sha256 == "b" * 64
    with pytest.raises(InputError, match="wants aaaaaaaaaaaa"):  # what waits for the old ones
        services.run_execute(run_id=first.pk)


def test_a_finished_run_can_be_done_again_and_compared(run, capsys):
    with pytest.raises(LookupError, match="it is waiting"):
        run_repeat(run=run)
    services.run_execute(run_id=run.pk)
    call_command("run", "matched-filter", repeat=run.pk)
    assert "the same in every cell" in capsys.readouterr().out
    version = run.model_version
    version.method = "threshold"  # the same run by another method would not be the same
    version.save(update_fields=["method"])
    with pytest.raises(CommandError, match="not the same"):
        call_command("run", "threshold", repeat=run.pk)
    assert Prediction.objects.count() == 1


def test_another_method_at_the_same_version_does_not_count_as_seen(product):
    """A product seen by matched-filter 1 and by threshold 2 is still new to matched-filter 2."""
    for method, version in (("matched-filter", "1"), ("threshold", "2")):
        row = ModelVersion.objects.create(task=ModelVersion.Task.DEFORMATION, method=method, version=version)
        services.run_queue(subject=product, version=row)
    assert list(selectors.inputs_due(task="deformation", method="matched-filter", version="2")) == [product]
    assert not selectors.inputs_due(task="deformation", method="matched-filter", version="1").exists()


def test_a_run_gives_way_to_an_urgent_one_and_goes_on_where_it_was(run, monkeypatch):
    made = []
    version = ModelVersion.objects.create(task="deformation", method="model", version="1", weights_sha256="a" * 64)
    urgent = services.run_queue(subject=run.product, version=version)
    in_pieces(run, monkeypatch, 2, made.append)
    monkeypatch.setattr(services, "CHECK_SECONDS", 0.0)
    with monkeypatch.context() as waiting:
        waiting.setattr(services, "runs_urgent", lambda: Run.objects.filter(pk__in=[urgent.pk] * len(made)))
        services.run_execute(run_id=run.pk)
    assert (reread(run).state, run.faults, run.queued_at, made) == (Run.State.QUEUED, 0, None, [0])
    services.run_execute(run_id=run.pk)
    assert (reread(run).state, made) == (Run.State.SUCCEEDED, [0, 1])


def test_a_run_of_many_small_pieces_checks_once_a_second_whether_it_may_go_on(run, monkeypatch):
    begun, checked_at = [], []
    in_pieces(run, monkeypatch, 12, begun.append)
    monkeypatch.setattr(services, "_go_on", lambda _: checked_at.append(len(begun) / 4))
    monkeypatch.setattr(services, "time", SimpleNamespace(monotonic=lambda: len(begun) / 4))
    services.run_execute(run_id=run.pk)
    assert reread(run).state == Run.State.SUCCEEDED
    assert checked_at[:3] == [0.0, 1.0, 2.0]


def test_pieces_are_not_taken_over_where_the_precision_is_another(run, monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    in_bfloat16 = services.pieces_key(run, cpu)
    assert services.pieces_key(run, cpu) == in_bfloat16
    monkeypatch.setenv("ML_PRECISION", "float32")
    assert services.pieces_key(run, cpu) != in_bfloat16


def test_pieces_are_kept_until_their_run_has_ended(run):
    kept = store_of(run.pk, "a")
    kept.put("x@y", {"a": np.arange(3)})
    pieces_prune()
    assert kept.names() == {"x@y"}
    Run.objects.update(state="cancelled")
    pieces_prune()
    assert not store_of(run.pk, "a").names()

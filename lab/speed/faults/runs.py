"""Faults during runs of a real worker: each run must be done once, with a complete raster."""

import hashlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from django.db import connection, transaction
from django.db.models.fields.files import FieldFile
from django.utils import timezone

from ground_motion.core.errors import promised
from ground_motion.readers.records import Component, Direction, FieldHeader, VelocityField
from ingest.models import Product
from ingest.products.services import field_publish, product_delete
from lab.speed.faults.processes import Forked, lasting
from lab.speed.measure import figure
from lab.speed.simulated import DATES, made_batch
from ml import tasks
from ml.models import ModelVersion, Prediction, Run
from ml.runs import queue, selectors, services
from monitor.celery import app

METHOD, POINTS = "matched-filter", 2_000
SHRUNK = 0.15  # Scale of the simulated ground, which leaves some hundred pixels along a side.
SHORT_LEASE = timedelta(seconds=10)
MAX_SECONDS = 300.0  # Longest wait for a run


def measure(*, children: int, workers: int) -> list[dict[str, Any]]:
    """Kill the child of a worker's pool during runs, then whole workers: the worker and all processes it started."""
    product = _made_product()
    try:
        undisturbed = min(_apart(_new_run(product)) for _ in range(2))
        return [
            _killed(product, "pool's child", children, undisturbed, _kill_child),
            _killed(product, "the whole worker", workers, undisturbed, lambda worker: worker.kill()),
        ]
    finally:
        _forget(product)


def _killed(
    product: Product, whom: str, times: int, undisturbed: float, kill: Callable[[Forked], object]
) -> dict[str, Any]:
    """For each run, kill a process once, during the first attempt. undisturbed: duration of a run, s; kill: does it."""
    rng, in_mid_run = np.random.default_rng(5), 0
    runs = [_new_run(product) for _ in range(times)]
    with lasting(queue.LEASE, SHORT_LEASE):
        worker = _worker()
        try:
            for run in runs:
                worker = worker if worker.poll() is None else _worker()
                _announce([run])
                _wait_until(partial(_is_begun, run))
                time.sleep(rng.uniform(0, undisturbed))
                kill(worker)
                in_mid_run += _state(run) == Run.State.RUNNING
            worker = worker if worker.poll() is None else _worker()
            _wait_until(lambda: _return_lost() == 0)
        finally:
            worker.kill()
    wrong = sum(not _is_done_once(run) for run in runs)
    when = f"{whom} killed {times} times ({in_mid_run} in mid-run)"
    return figure(f"runs lost, doubled or damaged, {when}", "runs", wrong, times)


def _worker() -> Forked:
    quiet = ["--loglevel", "CRITICAL", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    name = f"faults{time.monotonic_ns()}@%h"
    arguments = ["worker", "--queues", "cpu", "--concurrency", "1", "--hostname", name, *quiet]
    return Forked(lambda: app.worker_main(arguments))


def _kill_child(worker: Forked) -> None:
    for child in psutil.Process(worker.pid).children():
        os.kill(child.pid, signal.SIGKILL)


def _return_lost() -> int:
    """Requeue and announce runs whose lease ran out, as the schedule does; return the number of unfinished runs."""
    queue.runs_requeue_expired()
    _announce(selectors.runs_to_announce(queued_before=timezone.now() - SHORT_LEASE))
    return Run.objects.filter(state__in=Run.UNSETTLED).count()


def _announce(runs: list[Run]) -> None:
    for run in runs:
        Run.objects.filter(pk=run.pk).update(queued_at=timezone.now())
        tasks.execute_run.apply_async((run.pk,), queue="cpu")


def _state(run: Run) -> str:
    return str(Run.objects.values_list("state", flat=True).get(pk=run.pk))


def _is_begun(run: Run) -> bool:
    return _state(run) != Run.State.QUEUED


def _wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + MAX_SECONDS
    while not holds():
        if time.monotonic() > ends:
            raise RuntimeError(f"waited in vain; runs are {list(Run.objects.values_list('state', 'error'))}")
        time.sleep(0.05)


def _is_done_once(run: Run) -> bool:
    predictions = list(Prediction.objects.filter(run=run))
    whole = [_sha256(prediction.raster) == prediction.raster_sha256 for prediction in predictions]
    return _state(run) == Run.State.SUCCEEDED and whole == [True]


def _sha256(raster: FieldFile) -> str:
    with raster.open() as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _made_product() -> Product:
    made = made_batch(POINTS)
    near = replace(made, longitude=7 + (made.longitude - 7) * SHRUNK, latitude=51.5 + (made.latitude - 51.5) * SHRUNK)
    header = FieldHeader(
        source_format="egms", level="L2b", component=Component.LOS, dates=DATES, direction=Direction.ASCENDING, track=1
    )
    field = VelocityField(header=header, batches=lambda: iter([near]))
    with transaction.atomic(), connection.cursor() as cursor:
        return field_publish(cursor, path=Path("faults"), sha256="faults", field=field)


def _apart(run: Run) -> float:
    """Return the duration of a run, s, executed in a forked process: forks of a process that used torch hang."""
    Forked(lambda: services.run_execute(run_id=run.pk)).wait()
    run.refresh_from_db()
    return promised(run.seconds)


def _new_run(product: Product) -> Run:
    """Queue another run, with a unique version of the method."""
    current = services.model_version_current(method=METHOD)
    version = ModelVersion.objects.create(
        task=current.task, method=METHOD, version=f"faults {Run.objects.count()}", parameters=current.parameters
    )
    return services.run_queue(subject=product, version=version)


def _forget(product: Product) -> None:
    for prediction in Prediction.objects.filter(run__product=product):
        prediction.raster.delete(save=False)
    versions = list(ModelVersion.objects.filter(runs__product=product))
    product_delete(product=product)
    for version in versions:
        version.delete()

"""Creating and executing runs; `ml.runs.queue` claims them and returns them to the queue."""

import errno
import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from ground_motion.core.errors import InputError
from ground_motion.core.files import file_sha256
from ground_motion.rasters.pieces import Pieces
from ground_motion.rasters.results import RasterResult, write_result
from ground_motion.readers.records import Technique
from ground_motion.runtime.code_version import code_version
from ground_motion.runtime.device import choose_device, numerics
from ground_motion.runtime.memory import compute_or_fall_back
from ground_motion.runtime.methods import Method, method_named, methods
from ground_motion.runtime.progress import listening
from ingest.foundation.disk import disk_full
from ingest.foundation.failures import Cause, cause_of, reason_of
from ingest.foundation.leases import NO_FAULT, Overtaken, Progress, heartbeat
from ingest.foundation.storage import raster_put
from ingest.models import Product, ScenePair
from ml.models import ModelVersion, Prediction, Run
from ml.runs import selectors
from ml.runs.events import runs_urgent
from ml.runs.jobs import WORK
from ml.runs.pieces import pieces_delete, pieces_prune, store_of
from ml.runs.queue import LEASE, run_claim

logger = logging.getLogger(__name__)
MAX_RUN = timedelta(hours=6)
CHECK_SECONDS = 1.0  # Dozens of small pieces are computed in the time between two checks of whether a run may go on.
SPARE_IN_USE = 0.5  # A run that has begun may use this share of the disk space reserved as free.


def model_version_current(*, method: str, task: str | None = None) -> ModelVersion:
    """Return the row of a method's version in this code, with this machine's weights; create it if necessary.

    ValueError if no task, or several without a given one, have the method; InputError if its weights are missing.
    """
    task = task_of(method, task)
    row = method_named(task, method)
    version, _ = ModelVersion.objects.get_or_create(
        task=task,
        method=method,
        version=row.version,
        weights_sha256=weights_here(row),
        defaults={"parameters": row.parameters()},
    )
    return version


def weights_here(row: Method) -> str:
    """Return the hash of a method's weights on this machine, by their card; empty for a method without weights."""
    card = row.card()
    return card.weights_sha256 if card else ""


def task_of(method: str, task: str | None = None) -> ModelVersion.Task:
    """Return the task of a method. ValueError if there is none, or more than one and no task is given."""
    tasks = [known for known in ModelVersion.Task if method in methods(known)]
    if task is not None and task in tasks:
        return ModelVersion.Task(task)
    if task is not None or not tasks:
        raise ValueError(f"there is no method {method!r}{f' for {task}' if task else ''}")
    if len(tasks) > 1:
        raise ValueError(f"{method!r} is a method of {' and of '.join(tasks)}; say which task is meant")
    return tasks[0]


def runs_queue(*, method: str, task: str | None = None) -> list[Run]:
    """Create a waiting run for every product or pair that is ready and has no run of the method."""
    version = model_version_current(method=method, task=task)
    due = selectors.inputs_due(
        task=version.task, method=method, version=version.version, weights_sha256=version.weights_sha256
    )
    return [run_queue(subject=subject, version=version) for subject in due]


def runs_renew() -> None:
    """Queue again each run whose product has had another zero since, also runs of methods that are started by hand."""
    here = Product.objects.answering().filter(technique=Technique.INSAR)
    for run in Run.objects.filter(selectors.MOVED, product__in=here).select_related("model_version", "product"):
        version = run.model_version
        if version.method in methods(version.task) and version == model_version_current(
            method=version.method, task=version.task
        ):
            run_queue(subject=run.its_product, version=version)


def run_queue(*, subject: Product | ScenePair, version: ModelVersion) -> Run:
    """Return the run of a version on a product or pair, creating it if there is none, or only stale ones.

    The results of stale ones stand until their successor is searched (`ml.runs.queue.runs_take_over`).
    """
    wanted = {"product": subject} if isinstance(subject, Product) else {"pair": subject}
    runs = Run.objects.filter(model_version=version, **wanted)
    fresh = runs.exclude(pk__in=runs.filter(selectors.MOVED).values("pk"))
    return fresh.first() or Run.objects.get_or_create(model_version=version, **wanted, state=Run.State.QUEUED)[0]


def run_execute(*, run_id: int) -> Run | None:
    """Claim and execute a run; None if there was nothing to do. An error is stored in the run's row and raised."""
    run = run_claim(run_id=run_id)
    if run is None:
        return None

    def pieces_on(device: torch.device) -> Pieces:
        return Pieces(store_of(run.pk, pieces_key(run, device)), _checks_of(run))

    progress = Progress(stalled_after=timedelta(minutes=settings.RUN_STALL_MINUTES), most=MAX_RUN)

    def prolong() -> bool:
        if fault := progress.fault():
            LEASE.give_back(run, fault, Cause.STALLED)
            return False
        finished = Run.objects.filter(pk=run.pk, attempts=run.attempts, state=Run.State.SUCCEEDED)
        return LEASE.prolong(run, share_done=progress.done or 0.0) or finished.exists()

    started = time.monotonic()
    try:
        with heartbeat(prolong, settings.RUN_BEAT_SECONDS), listening(progress.report):
            Path(settings.WORK_DIR).mkdir(parents=True, exist_ok=True)
            pieces_prune()
            if selectors.changes_held_up().filter(pk=run.pk).exists():
                raise GivesWay
            result, device = run_compute(run, choose_device(settings.ML_DEVICE), pieces_on)
            _finish(run, result, str(device), time.monotonic() - started)
        pieces_delete(run.pk)
    except GivesWay:
        LEASE.settle(run, Run.State.QUEUED, queued_at=None)
    except Overtaken:
        logger.warning("run %s was taken over by another worker; its result is left out", run.pk)
    except Exception as fault:
        LEASE.give_back(run, reason_of(fault), cause_of(fault))
        raise
    return run


def run_compute(
    run: Run, device: torch.device, pieces_on: Callable[[torch.device], Pieces] = lambda _: Pieces()
) -> tuple[RasterResult, torch.device]:
    """Compute a run (`compute_or_fall_back`); return result, device. pieces_on: device -> its pieces."""
    return compute_or_fall_back(lambda on: run_work(run, on, pieces_on(on)), device)


class GivesWay(Exception):
    """Signal that a run stops for a more urgent one; it will resume with the pieces computed so far."""


def _checks_of(run: Run) -> Callable[[], None]:
    """Return a function to call before each piece, which runs `_go_on` at most once per CHECK_SECONDS."""
    due = time.monotonic()

    def check() -> None:
        nonlocal due
        if time.monotonic() >= due:
            _go_on(run)
            due = time.monotonic() + CHECK_SECONDS

    return check


def _go_on(run: Run) -> None:
    """Raise GivesWay if a more urgent run waits, OSError (ENOSPC) if the disk is full."""
    if full := disk_full(SPARE_IN_USE):
        raise OSError(errno.ENOSPC, full)
    if runs_urgent().filter(LEASE.due()).exists() and not (run.pair and run.pair.events.exists()):
        raise GivesWay


def pieces_key(run: Run, device: torch.device) -> str:
    """Hash what determines a run's pieces, such as this machine's weights; inputs never change under their number."""
    version = run.model_version
    here = weights_here(method_named(version.task, version.method))
    facts = [version.task, str(version), here, code_version(), device.type, *numerics(device), run.parameters]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def run_work(run: Run, device: torch.device, pieces: Pieces) -> RasterResult:
    """Apply a run's method to its input. InputError if the weights on this machine are not those of the run."""
    version = run.model_version
    row = method_named(version.task, version.method)
    if (here := weights_here(row)) != version.weights_sha256:
        raise InputError(
            f"{row.weights}.safetensors",
            f"its sha-256 is {here[:12]}…, the run wants {version.weights_sha256[:12]}…",
            "Put back the weights of that version, or queue the new ones (manage.py run)",
        )
    return WORK[ModelVersion.Task(version.task)](run, device, pieces)


def _finish(run: Run, result: RasterResult, device: str, seconds: float) -> None:
    version = run.model_version
    tags = {"method": version.method, "model_version": str(version), "code_version": code_version()}
    if version.has_weights:
        tags["weights_sha256"] = version.weights_sha256
    subject = f"p{run.product_id}" if run.product_id else f"pair{run.pair_id}"
    with tempfile.TemporaryDirectory(dir=settings.WORK_DIR) as folder:
        path = Path(folder) / f"{version.task}_{subject}_r{run.pk}.tif"
        write_result(path, result, tags)
        sha256 = file_sha256(path)
        with raster_put(path) as name, transaction.atomic():
            owned = LEASE.settle(
                run,
                Run.State.SUCCEEDED,
                share_done=1.0,
                finished_at=timezone.now(),
                **NO_FAULT,
                seconds=seconds,
                device=device,
                code_version=code_version(),
                input_sha256=result.tags["input_sha256"],
                parameters=dict(result.parameters),
            )
            if not owned:
                raise Overtaken
            run.companions.set(result.companions)
            Prediction.objects.create(
                run=run,
                raster=name,
                raster_sha256=sha256,
                raster_bytes=path.stat().st_size,
                statistics=result.statistics,
                regions=list(result.regions),
            )

"""Queueing, claiming and executing runs."""

import logging
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ingest.hashing import file_sha256
from ingest.models import Product, ScenePair
from ingest.rasters import write_cog
from ml import selectors
from ml.code_version import code_version
from ml.device import choose_device
from ml.jobs import JOBS, METHODS
from ml.lease import LEASE_SECONDS, heartbeat
from ml.models import ModelVersion, Prediction, Run
from ml.results import RasterResult

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3


def model_version_current(*, method: str) -> ModelVersion:
    """The row of the method as this code has it."""
    task = METHODS[method]
    methods = JOBS[task].methods
    version, _ = ModelVersion.objects.get_or_create(
        task=task,
        method=method,
        version=methods.VERSIONS[method],
        weights_sha256="",
        defaults={"parameters": methods.parameters(method)},
    )
    return version


def runs_queue(*, method: str) -> list[Run]:
    """Make a waiting run for every product or pair that is ready and that the method has not seen."""
    version = model_version_current(method=method)
    due = selectors.inputs_due(task=version.task, method=method, version=version.version)
    return [run_queue(subject=subject, version=version) for subject in due]


def run_queue(*, subject: Product | ScenePair, version: ModelVersion) -> Run:
    """Make the run of this version on a product or a pair, or return the one there is."""
    wanted = {"product": subject} if isinstance(subject, Product) else {"pair": subject}
    run, _ = Run.objects.get_or_create(model_version=version, **wanted)
    return run


def run_claim(*, run_id: int) -> Run | None:
    """Take a waiting run for this worker; None where another one has it."""
    now = timezone.now()
    claimed = Run.objects.filter(pk=run_id, status=Run.Status.QUEUED).update(
        status=Run.Status.RUNNING,
        attempt=F("attempt") + 1,
        started_at=now,
        lease_until=now + timedelta(seconds=LEASE_SECONDS),
        error="",
    )
    if not claimed:
        return None
    return Run.objects.select_related("product", "pair__reference", "pair__secondary", "model_version").get(pk=run_id)


def run_execute(*, run_id: int) -> Run | None:
    """Claim a run and carry it through. A fault goes into the row and is raised; None where there was nothing to do."""
    run = run_claim(run_id=run_id)
    if run is None:
        return None

    def prolong() -> None:
        _mine(run).update(lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS))

    started = time.monotonic()
    try:
        with heartbeat(prolong):
            device = choose_device(settings.ML_DEVICE)
            result = JOBS[ModelVersion.Task(run.model_version.task)].work(run, device)
            _finish(run, result, str(device), time.monotonic() - started)
    except Exception as fault:
        _give_back(run, f"{type(fault).__name__}: {fault}")
        raise
    return run


def runs_requeue_expired() -> int:
    """Give runs whose lease ran out (their worker died) back to the queue, or up after three attempts."""
    expired = Run.objects.filter(status=Run.Status.RUNNING, lease_until__lt=timezone.now())
    given_up = expired.filter(attempt__gte=MOST_ATTEMPTS).update(
        status=Run.Status.FAILED, finished_at=timezone.now(), error="the worker died during every attempt"
    )
    requeued = expired.filter(attempt__lt=MOST_ATTEMPTS).update(status=Run.Status.QUEUED, sent_at=None)
    return given_up + requeued


def _mine(run: Run):
    """The row, as long as this attempt still owns it."""
    return Run.objects.filter(pk=run.pk, status=Run.Status.RUNNING, attempt=run.attempt)


def _give_back(run: Run, error: str) -> None:
    last = run.attempt >= MOST_ATTEMPTS
    _mine(run).update(
        status=Run.Status.FAILED if last else Run.Status.QUEUED,
        error=error,
        finished_at=timezone.now() if last else None,
    )


def _finish(run: Run, result: RasterResult, device: str, seconds: float) -> None:
    version = run.model_version
    tags = {"method": version.method, "model_version": str(version), "code_version": code_version()}
    subject = f"p{run.product_id}" if run.product_id else f"pair{run.pair_id}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{version.task}_{subject}_r{run.pk}.tif"
        write_cog(path, result.bands, result.transform, result.epsg, result.units, result.tags | tags)
        sha256 = file_sha256(path)
        with transaction.atomic(), path.open("rb") as stream:
            owned = _mine(run).update(
                status=Run.Status.SUCCEEDED,
                finished_at=timezone.now(),
                seconds=seconds,
                device=device,
                code_version=code_version(),
                input_sha256=result.tags["input_sha256"],
                lease_until=None,
            )
            if not owned:
                logger.warning("run %s was taken over by another worker; its result is left out", run.pk)
                return
            Prediction.objects.create(
                run=run, raster=File(stream, name=path.name), raster_sha256=sha256, statistics=result.statistics
            )

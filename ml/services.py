"""Queueing, claiming and executing runs."""

import logging
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from ingest import selectors as ingest_selectors
from ingest.hashing import file_sha256
from ingest.models import Product
from ml.code_version import code_version
from ml.deformation.infer import UNITS, VERSIONS, DeformationResult, detect_deformation, parameters
from ml.deformation.points import project
from ml.device import choose_device
from ml.lease import LEASE_SECONDS, heartbeat
from ml.models import ModelVersion, Prediction, Run
from ml.rasters import write_cog
from ml.selectors import products_without_run

logger = logging.getLogger(__name__)

MOST_ATTEMPTS = 3


def model_version_current(*, method: str) -> ModelVersion:
    """The row of the method as this code has it."""
    version, _ = ModelVersion.objects.get_or_create(
        task=ModelVersion.Task.DEFORMATION,
        method=method,
        version=VERSIONS[method],
        weights_sha256="",
        defaults={"parameters": parameters(method)},
    )
    return version


def runs_queue(*, method: str) -> list[Run]:
    """Make a waiting run for every product that the method has not seen."""
    version = model_version_current(method=method)
    due = products_without_run(method=method, version=version.version)
    return [run_queue(product=product, version=version) for product in due]


def run_queue(*, product: Product, version: ModelVersion) -> Run:
    """Make the run of this version on this product, or return the one there is."""
    run, _ = Run.objects.get_or_create(
        model_version=version, product=product, defaults={"input_sha256": product.file_sha256}
    )
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
    return Run.objects.select_related("product", "model_version").get(pk=run_id) if claimed else None


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
            points = ingest_selectors.product_points(product=run.product)
            cloud = project(*points, epsg=run.product.grid_epsg, posting_m=run.product.posting_m)
            result = detect_deformation(cloud, run.model_version.method, device)
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


def _finish(run: Run, result: DeformationResult, device: str, seconds: float) -> None:
    product, version = run.product, run.model_version
    tags = {
        "method": version.method,
        "model_version": str(version),
        "code_version": code_version(),
        "input_sha256": product.file_sha256,
        "product": product.name,
        "component": product.component,
        "sign": "positive toward the satellite" if product.component == "los" else f"positive {product.component}",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"deformation_p{product.pk}_r{run.pk}.tif"
        write_cog(path, result.bands(), result.transform, result.epsg, UNITS, tags)
        sha256 = file_sha256(path)
        with transaction.atomic(), path.open("rb") as stream:
            owned = _mine(run).update(
                status=Run.Status.SUCCEEDED,
                finished_at=timezone.now(),
                seconds=seconds,
                device=device,
                code_version=code_version(),
                lease_until=None,
            )
            if not owned:
                logger.warning("run %s was taken over by another worker; its result is left out", run.pk)
                return
            Prediction.objects.create(
                run=run,
                raster=File(stream, name=path.name),
                raster_sha256=sha256,
                statistics=_statistics(result),
            )


def _statistics(result: DeformationResult) -> dict[str, float]:
    maps = result.maps
    return {
        "background_mm_yr": round(maps.background_mm_yr, 3),
        "rate_sigma_mm_yr": round(maps.rate_sigma_mm_yr, 3),
        "cells_known": int(np.isfinite(maps.probability).sum()),
        "cells_moving": int((np.nan_to_num(maps.probability) >= 0.5).sum()),
        "highest_probability": round(float(np.nan_to_num(maps.probability).max()), 4),
    }

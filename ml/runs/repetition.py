"""Repetition of finished runs: what is missing for it, and comparison of the results. Nothing is stored."""

import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings

from ground_motion.rasters.results import NotRepeatable, RasterResult
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.methods import methods
from ingest.models import Product, Scene
from ml.models import ModelVersion, Prediction, Run
from ml.runs.selectors import products_of
from ml.runs.services import run_compute, weights_here
from ml.runs.stored import read_prediction

SHORT = 12  # letters of a hash


class Repetition(NamedTuple):
    """Comparison of a repeated run. same: whether all cells of all bands are equal; largest_difference: over all."""

    same: bool
    largest_difference: float
    seconds: float
    device: str


def run_repeat(*, run: Run) -> Repetition:
    """Repeat a finished run and compare the results. LookupError if the run has no stored result.

    InputError if the weights on this machine are no longer those of the run.
    """
    prediction = Prediction.objects.filter(run=run).first()
    if prediction is None:
        raise LookupError(f"run {run.pk} has no result to compare with; it is {run.get_state_display()}")
    stored, started = read_prediction(prediction).bands, time.monotonic()
    result, device = run_compute(run, choose_device(settings.ML_DEVICE))
    bands = result.bands
    same = set(bands) == set(stored)
    largest = 0.0
    for name in set(bands) & set(stored):
        if bands[name].shape != stored[name].shape or (np.isnan(bands[name]) != np.isnan(stored[name])).any():
            same, largest = False, math.inf
        elif np.isfinite(stored[name]).any():
            largest = max(largest, float(np.nanmax(np.abs(bands[name] - stored[name]))))
    return Repetition(same and largest == 0.0, largest, time.monotonic() - started, str(device))


def run_again(*, run: Run) -> RasterResult:
    """Repeat a finished run on the same input; return its result. NotRepeatable, which names what is missing."""
    if missing := [*_missing_of_method(run.model_version), *_missing_of_input(run)]:
        raise NotRepeatable(*("; ".join(texts) for texts in zip(*missing, strict=True)))
    result, _ = run_compute(run, choose_device(settings.ML_DEVICE))
    was, read = run.input_sha256, result.tags["input_sha256"]
    if read != was:
        reason = f"what run {run.pk} reads has changed: its SHA-256 was {was}, and is {read}"
        raise NotRepeatable(reason, f"input changed: {was[:SHORT]} → {read[:SHORT]}")
    return result


def _missing_of_method(version: ModelVersion) -> Iterator[tuple[str, str]]:
    """Yield at most one difference between this version and the installed method: a sentence, and the same in short."""
    name, row = version.method, methods(version.task).get(version.method)
    if row is None:
        yield f"the method {name} is not part of this code any more", f"missing: method {name}"
        return
    was, here = version.weights_sha256, weights_here(row)
    if here != was:
        reason = f"the weights have changed: their SHA-256 was {was}, and here is {here}"
        yield reason, f"weights changed: {was[:SHORT]} → {here[:SHORT]}"
        return
    if row.version != version.version:
        reason = f"{name} was version {version.version}, and here is {row.version}"
        yield reason, f"version of {name} changed: {version.version} → {row.version}"
        return
    today: dict[str, Any] = json.loads(json.dumps(row.parameters()))
    changed = sorted(
        constant for constant in today | version.parameters if today.get(constant) != version.parameters.get(constant)
    )
    if changed:
        reason = f"constants of {name} have changed without a new version: {', '.join(changed)}"
        yield reason, f"constants of {name} changed"


def _missing_of_input(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the products or images of a run that are no longer stored, each as reason and in a few words."""
    sources: Sequence[Product | Scene] = [run.pair.reference, run.pair.secondary] if run.pair else products_of(run=run)
    for source in sources:
        file = f"{source.file_name} (SHA-256 {source.file_sha256})"
        if isinstance(source, Scene):
            if not (source.raster.name and source.raster.storage.exists(source.raster.name)):
                yield f"the image of {file} is no longer stored", f"missing: {source.file_name}"
        elif source.points_deleted_at:
            newer = f"; {source.superseded_by} superseded it" if source.superseded_by else ""
            reason = f"the points of {file} were deleted on {source.points_deleted_at:%Y-%m-%d}{newer}"
            yield reason, f"missing: {source.file_name}"

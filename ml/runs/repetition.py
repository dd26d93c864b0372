"""Repetition of finished runs, and comparison of the results. Nothing is stored."""

import math
import time
from typing import NamedTuple

import numpy as np
from django.conf import settings

from ground_motion.runtime.device import choose_device
from ml.models import Prediction, Run
from ml.runs.services import run_compute
from ml.runs.stored import read_prediction


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

"""Frozen benchmark of surge detectors: velocity series of many glaciers, half of which surge once."""

import hashlib

import numpy as np

from ml.benchmark import Benchmark
from ml.intervals import Float64, Interval, bootstrap_over
from ml.offsets.surge import VERSIONS, Surge, surges
from ml.simulation.sar.glaciers import GlacierSeries, simulate_glacier
from ml.simulation.seeds import Purpose, generator

NAME, VERSION = "surges", "1"
EARLY_DAYS = 24.0  # a surge told before the true one by more is another


def make_glacier(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> GlacierSeries:
    """A glacier of the benchmark; the even ones surge."""
    return simulate_glacier(generator(purpose, NAME, scene), surges=scene % 2 == 0)


def _outcome(found: tuple[Surge, ...], glacier: GlacierSeries) -> Float64:
    """(1, 5): surged or not, found or not, false alarms, years, |error of the onset| in days (NaN where not found)."""
    own: tuple[Surge, ...] = ()
    if glacier.onset_day is not None and glacier.end_day is not None:
        first, last = glacier.onset_day - EARLY_DAYS, glacier.end_day
        own = tuple(one for one in found if one.onset_day <= last and one.end_day >= first)
    late = abs(own[0].onset_day - glacier.onset_day) if own and glacier.onset_day is not None else np.nan
    return np.array(
        [[glacier.onset_day is not None, bool(own), len(found) - len(own), glacier.years, late]], dtype=float
    )


def _median(values: Float64) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


def evaluate(method: str, glaciers: int) -> dict[str, Interval]:
    """Measure a detector. Returns metric name -> interval over glaciers; the onset's error is a median."""
    if method not in VERSIONS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(VERSIONS)}")
    groups = []
    for scene in range(glaciers):
        one = make_glacier(scene)
        groups.append(_outcome(surges(one.day, one.speed_m_day, one.sigma_m_day, one.cell_km2), one))
    return {
        "recall": bootstrap_over(groups, lambda rows: float(rows[:, 1].sum() / max(rows[:, 0].sum(), 1))),
        "false_alarms_per_100_glacier_years": bootstrap_over(
            groups, lambda rows: float(100 * rows[:, 2].sum() / rows[:, 3].sum())
        ),
        "onset_error_days": bootstrap_over(groups, lambda rows: _median(rows[:, 4])),
    }


def truth_sha256(glaciers: int) -> str:
    """A hash of what the glaciers are: name, version, count, and the first three of them."""
    digest = hashlib.sha256(repr((NAME, VERSION, glaciers, EARLY_DAYS)).encode())
    for scene in range(3):
        one = make_glacier(scene)
        digest.update(f"{one.years:.3f} {one.onset_day} {np.nanmean(one.speed_m_day):.4f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 1000, "glaciers of four to eight years", VERSIONS, evaluate, truth_sha256)

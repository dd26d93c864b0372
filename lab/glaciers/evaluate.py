"""Frozen benchmark of surges of 0.5 to 30 m/day, in series made by the service's method."""

import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np

from ground_motion.methods.glaciers.series import PairVelocities, velocity_series
from ground_motion.methods.glaciers.surges import VERSION as SURGE_VERSION
from ground_motion.methods.glaciers.surges import Surge, surges
from ground_motion.statistics.intervals import Float64, Interval, bootstrap_over
from lab.benchmark import Benchmark, Measured, over_seeds
from lab.simulation.sar.glacier_pairs import LONG_DAYS, GlacierPairs, simulate_glacier_pairs
from lab.simulation.seeds import Purpose, generator

NAME, VERSION = "surges-fast", "1"
METHODS = {"surge-rule": Measured(SURGE_VERSION)}
EARLY_DAYS = 24.0  # A detection that ends earlier than this before the true onset is a false alarm.
MIN_STEPS = 8  # The service uses the same number.
FOLLOWED = 5  # one of this many glaciers is searched after every image; odd, so that half of these surge
SPEEDS_M_DAY = {"0.5_to_2": (0.5, 2.0), "2_to_8": (2.0, 8.0), "8_to_30": (8.0, np.inf)}  # Classes of the peak speed.


def make_glacier(scene: int) -> GlacierPairs:
    """Make a glacier of the benchmark; those with even numbers surge."""
    return simulate_glacier_pairs(generator(Purpose.BENCHMARK, NAME, scene), surges=scene % 2 == 0)


def _detected(glacier: GlacierPairs, until_day: float = np.inf) -> tuple[Surge, ...]:
    """Return the surges that the service's rule finds in the pairs that end on or before a day."""
    seen = glacier.end_day <= until_day
    pairs = PairVelocities(*(part[seen] for part in glacier[:5]))
    if not seen.any():
        return ()
    series = velocity_series(pairs)
    if series.day.size < MIN_STEPS:
        return ()
    return surges(series.day, series.speed_m_day, series.sigma_m_day, glacier.cell_km2)


def is_true(detected: Surge, onset_day: float | None, over_day: float | None) -> bool:
    """Return whether a detection overlaps the true surge, counted from EARLY_DAYS before its onset (None: no surge)."""
    if onset_day is None or over_day is None:
        return False
    ends = np.inf if detected.end is None else detected.end.day
    return detected.onset.day <= over_day and ends >= onset_day - EARLY_DAYS


def outcome(detected: tuple[Surge, ...], onset_day: float | None, over_day: float | None, years: float) -> Float64:
    """Return (1, 6): surged, detected, false alarms, years, |onset error| in days, whether that is within one sigma."""
    own = [one for one in detected if is_true(one, onset_day, over_day)]
    late = within = np.nan
    if own and onset_day is not None:
        late = abs(own[0].onset.day - onset_day)
        within = float(late <= own[0].onset.sigma_days)
    surged = onset_day is not None
    return np.array([[surged, bool(own), len(detected) - len(own), years, late, within]], dtype=float)


def mean(values: Float64) -> float:
    """Return the mean of the known values, NaN of none."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def share(rows: Float64) -> float:
    """Return the sum of the second column over that of the first (at least 1): a share for columns of 0 and 1."""
    return float(rows[:, 1].sum() / max(rows[:, 0].sum(), 1))


def _followed(glacier: GlacierPairs) -> Float64:
    """Return (2,): the number of distinct false alarms when surges are sought after every image, and the years."""
    false: list[float] = []
    for day in np.unique(glacier.end_day):
        for one in _detected(glacier, day):
            known = any(abs(one.onset.day - other) <= 4 * EARLY_DAYS for other in false)  # same alarm as an earlier one
            if not known and not is_true(one, glacier.onset_day, glacier.over_day):
                false.append(one.onset.day)
    return np.array([len(false), glacier.years], dtype=float)


def _measured(scene: int) -> Float64:
    """Return (1, 9): `outcome` of a glacier, its peak in m/day, and `_followed`, which is NaN for most glaciers."""
    glacier = make_glacier(scene)
    of_all = outcome(_detected(glacier), glacier.onset_day, glacier.over_day, glacier.years)[0]
    followed = _followed(glacier) if scene % FOLLOWED == 0 else np.full(2, np.nan)
    return np.concatenate([of_all, [glacier.peak_m_day], followed])[None]


def per_100_years(rows: Float64) -> float:
    """Return false alarms per 100 years of rows (false alarms, years); NaN without rows."""
    return float(100 * rows[:, 0].sum() / rows[:, 1].sum()) if rows.size else np.nan


def figures(groups: list[Float64]) -> dict[str, Interval]:
    """Return metric name -> interval over glaciers. `onset_within_one_pair`: error of at most LONG_DAYS."""

    def recall_between(low: float, high: float, rows: Float64) -> float:
        return share(rows[(rows[:, 6] >= low) & (rows[:, 6] < high)])

    statistics: dict[str, Callable[[Float64], float]] = {
        "recall": share,
        **{f"recall_{name}": partial(recall_between, *ends) for name, ends in SPEEDS_M_DAY.items()},
        "false_alarms_per_100_glacier_years": lambda rows: per_100_years(rows[:, 2:4]),
        "false_alarms_per_100_years_followed": lambda rows: per_100_years(rows[np.isfinite(rows[:, 8]), 7:9]),
        "onset_error_days": lambda rows: float(np.nanmedian(rows[:, 4])) if np.isfinite(rows[:, 4]).any() else np.nan,
        "onset_within_one_pair": lambda rows: mean(np.where(np.isfinite(rows[:, 4]), rows[:, 4] <= LONG_DAYS, np.nan)),
        "onset_within_68": lambda rows: mean(rows[:, 5]),
    }
    return {name: bootstrap_over(groups, statistic) for name, statistic in statistics.items()}


def evaluate(method: str, glaciers: int) -> dict[str, Interval]:
    """Measure a detector. Returns metric name -> interval over glaciers."""
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    return figures(over_seeds(_measured, glaciers))


def truth_sha256(glaciers: int) -> str:
    """Return a hash of the glaciers: name, version, count, and the first three of them."""
    digest = hashlib.sha256(repr((NAME, VERSION, glaciers)).encode())
    for scene in range(3):
        one = make_glacier(scene)
        digest.update(f"{one.years:.3f} {one.onset_day} {np.nanmean(one.east_m_day):.4f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 250, "glaciers of four to seven years", METHODS, evaluate, truth_sha256)

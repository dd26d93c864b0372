"""Frozen benchmark of surges of 0.5 to 30 m/day, from pairs of 6 and 12 days on: series are made as the service does.

Run as a command it looks at other glaciers than the benchmark's: `python -m lab.glaciers.fast N` draws N glaciers
of validation, on which rules may be tuned.
"""

import argparse
import hashlib
from collections.abc import Callable
from functools import partial

import numpy as np

from lab.benchmark import Benchmark, over_seeds
from lab.glaciers.evaluate import mean, median, newly_false, outcome, share
from lab.simulation.sar.glacier_pairs import LONG_DAYS, GlacierPairs, simulate_glacier_pairs
from lab.simulation.seeds import Purpose, generator
from ml.glaciers.series import PairVelocities, velocity_series
from ml.glaciers.surges import VERSIONS, Surge, surges
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME, VERSION = "surges-fast", "1"
FEWEST_STEPS = 8  # as in the service
FOLLOWED = 5  # one glacier of so many is looked at after every image; odd, so that half of them surge
SPEEDS_M_DAY = {"0.5_to_2": (0.5, 2.0), "2_to_8": (2.0, 8.0), "8_to_30": (8.0, np.inf)}  # of the peak


def make_glacier(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> GlacierPairs:
    """A glacier of the benchmark; the even ones surge."""
    return simulate_glacier_pairs(generator(purpose, NAME, scene), surges=scene % 2 == 0)


def _detected(glacier: GlacierPairs, until_day: float = np.inf) -> tuple[Surge, ...]:
    """What the rule finds in the pairs that have ended by then."""
    seen = glacier.end_day <= until_day
    pairs = PairVelocities(*(part[seen] for part in glacier[:5]))
    if not seen.any():
        return ()
    series = velocity_series(pairs)
    if series.day.size < FEWEST_STEPS:
        return ()
    return surges(series.day, series.speed_m_day, series.sigma_m_day, glacier.cell_km2)


def _followed(glacier: GlacierPairs) -> Float64:
    """(2,): false alarms of somebody who looks after every image, those that run on counted once; years."""
    false: list[float] = []
    for day in np.unique(glacier.end_day):
        newly_false(_detected(glacier, day), glacier.onset_day, glacier.over_day, false)
    return np.array([len(false), glacier.years], dtype=float)


def _measured(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> Float64:
    """(1, 9): the outcome of one glacier, its peak in m/day, and what following it gave (NaN where it was not)."""
    glacier = make_glacier(scene, purpose)
    of_all = outcome(_detected(glacier), glacier.onset_day, glacier.over_day, glacier.years)[0]
    followed = _followed(glacier) if scene % FOLLOWED == 0 else np.full(2, np.nan)
    return np.concatenate([of_all, [glacier.peak_m_day], followed])[None]


def per_100_years(rows: Float64) -> float:
    """Of rows of false alarms and years; NaN without years."""
    return float(100 * rows[:, 0].sum() / rows[:, 1].sum()) if rows.size else np.nan


def figures(groups: list[Float64]) -> dict[str, Interval]:
    """Metric name -> interval over glaciers; the onset's error is a median, one pair is LONG_DAYS."""

    def recall_between(low: float, high: float, rows: Float64) -> float:
        return share(rows[(rows[:, 6] >= low) & (rows[:, 6] < high)])

    statistics: dict[str, Callable[[Float64], float]] = {
        "recall": share,
        **{f"recall_{name}": partial(recall_between, *ends) for name, ends in SPEEDS_M_DAY.items()},
        "false_alarms_per_100_glacier_years": lambda rows: per_100_years(rows[:, 2:4]),
        "false_alarms_per_100_years_followed": lambda rows: per_100_years(rows[np.isfinite(rows[:, 8]), 7:9]),
        "onset_error_days": lambda rows: median(rows[:, 4]),
        "onset_within_one_pair": lambda rows: mean(np.where(np.isfinite(rows[:, 4]), rows[:, 4] <= LONG_DAYS, np.nan)),
        "onset_within_68": lambda rows: mean(rows[:, 5]),
    }
    return {name: bootstrap_over(groups, statistic) for name, statistic in statistics.items()}


def evaluate(method: str, glaciers: int) -> dict[str, Interval]:
    """Measure a detector. Returns metric name -> interval over glaciers."""
    if method not in VERSIONS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(VERSIONS)}")
    return figures(over_seeds(_measured, glaciers))


def truth_sha256(glaciers: int) -> str:
    """A hash of what the glaciers are: name, version, count, and the first three of them."""
    digest = hashlib.sha256(repr((NAME, VERSION, glaciers)).encode())
    for scene in range(3):
        one = make_glacier(scene)
        digest.update(f"{one.years:.3f} {one.onset_day} {np.nanmean(one.east_m_day):.4f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 250, "glaciers of four to seven years", VERSIONS, evaluate, truth_sha256)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m lab.glaciers.fast", description=__doc__.splitlines()[0])
    parser.add_argument("glaciers", type=int, help="how many glaciers of validation to draw")
    measure = partial(_measured, purpose=Purpose.VALIDATION)
    for name, interval in figures(over_seeds(measure, parser.parse_args().glaciers, processes=1)).items():
        print(f"{name:36s} {interval.value:6.3f}   ({interval.low:.3f} to {interval.high:.3f})")


if __name__ == "__main__":
    main()

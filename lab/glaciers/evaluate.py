"""Frozen benchmark of surge detectors: velocity series of many glaciers, half of which surge once."""

import hashlib

import numpy as np

from lab.benchmark import Benchmark
from lab.simulation.sar.glaciers import GlacierSeries, simulate_glacier
from lab.simulation.seeds import Purpose, generator
from ml.glaciers.surges import VERSIONS, Surge, surges
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME, VERSION = "surges", "1"
EARLY_DAYS = 24.0  # a surge reported before the true one by more is another
SOON_PAIRS = 3
DOUBLING_M_DAY = 0.5
LEAST_KM2 = 0.25
FOLLOWED = 11  # one of so many is looked at after every pair, as the service does; odd: half of them surge


def make_glacier(scene: int, purpose: Purpose = Purpose.BENCHMARK) -> GlacierSeries:
    """A glacier of the benchmark; the even ones surge."""
    return simulate_glacier(generator(purpose, NAME, scene), surges=scene % 2 == 0)


def _detected(glacier: GlacierSeries, pairs: int | None = None) -> tuple[Surge, ...]:
    """What the rule finds in the first so many pairs."""
    seen = glacier.day[:pairs], glacier.speed_m_day[:pairs], glacier.sigma_m_day[:pairs]
    return surges(*seen, glacier.cell_km2)


def is_true(detected: Surge, onset_day: float | None, over_day: float | None) -> bool:
    """Whether what was detected overlaps the surge from its onset, less EARLY_DAYS, until it was over (None: none)."""
    if onset_day is None or over_day is None:
        return False
    ends = np.inf if detected.end is None else detected.end.day
    return detected.onset.day <= over_day and ends >= onset_day - EARLY_DAYS


def outcome(detected: tuple[Surge, ...], onset_day: float | None, over_day: float | None, years: float) -> Float64:
    """(1, 6): surged, detected, false alarms, years, |error of the onset| in days, whether that is within 1 sigma."""
    own = [one for one in detected if is_true(one, onset_day, over_day)]
    late = within = np.nan
    if own and onset_day is not None:
        late = abs(own[0].onset.day - onset_day)
        within = float(late <= own[0].onset.sigma_days)
    surged = onset_day is not None
    return np.array([[surged, bool(own), len(detected) - len(own), years, late, within]], dtype=float)


def newly_false(
    detected: tuple[Surge, ...], onset_day: float | None, over_day: float | None, known: list[float]
) -> None:
    """Add the onsets of false alarms to those that are known, those that run on counted once."""
    for one in detected:
        if not is_true(one, onset_day, over_day) and all(abs(one.onset.day - day) > 4 * EARLY_DAYS for day in known):
            known.append(one.onset.day)


def _soon(glacier: GlacierSeries) -> Float64:
    """(1, 2): whether the speed doubles by DOUBLING_M_DAY or more, and whether SOON_PAIRS pairs then showed it.

    Pairs count that show a half of the cells that have doubled: what no image shows cannot be detected.
    """
    usual = np.median(glacier.usual_m_day, axis=0)
    doubled = (glacier.rise_m_day >= DOUBLING_M_DAY) & (glacier.usual_m_day + glacier.rise_m_day >= 2 * usual)
    (at,) = np.nonzero(doubled.sum(axis=1) * glacier.cell_km2 >= LEAST_KM2)
    if not at.size:
        return np.array([[0.0, 0.0]])
    cells = doubled[at[0]]
    (shown,) = np.nonzero(np.isfinite(glacier.speed_m_day[:, cells]).mean(axis=1) >= 0.5)
    after = shown[shown >= at[0]][:SOON_PAIRS]
    if after.size < SOON_PAIRS:
        return np.array([[0.0, 0.0]])
    return np.array([[1.0, any(_true_ones(glacier, int(after[-1]) + 1))]])


def _true_ones(glacier: GlacierSeries, pairs: int) -> list[bool]:
    return [is_true(one, glacier.onset_day, glacier.end_day) for one in _detected(glacier, pairs)]


def _followed(glacier: GlacierSeries) -> Float64:
    """(1, 2): false alarms of somebody who looks after every pair, those that run on counted once; years."""
    false: list[float] = []
    for pairs in range(4, glacier.day.size + 1):
        newly_false(_detected(glacier, pairs), glacier.onset_day, glacier.end_day, false)
    return np.array([[len(false), glacier.years]], dtype=float)


def median(values: Float64) -> float:
    """Of what is known, NaN of nothing."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


def mean(values: Float64) -> float:
    """Of what is known, NaN of nothing."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def share(rows: Float64) -> float:
    """Of rows whose first column is set, those whose second column is."""
    return float(rows[:, 1].sum() / max(rows[:, 0].sum(), 1))


def evaluate(method: str, glaciers: int) -> dict[str, Interval]:
    """Measure a detector. Returns metric name -> interval over glaciers; the onset's error is a median."""
    if method not in VERSIONS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(VERSIONS)}")
    made = [make_glacier(scene) for scene in range(glaciers)]
    groups = [outcome(_detected(one), one.onset_day, one.end_day, one.years) for one in made]
    soon = [_soon(one) for one in made]
    followed = [_followed(one) for one in made[::FOLLOWED]]
    return {
        "recall": bootstrap_over(groups, share),
        "recall_within_3_pairs": bootstrap_over(soon, share),
        "false_alarms_per_100_glacier_years": bootstrap_over(
            groups, lambda rows: float(100 * rows[:, 2].sum() / rows[:, 3].sum())
        ),
        "false_alarms_per_100_years_followed": bootstrap_over(
            followed, lambda rows: float(100 * rows[:, 0].sum() / rows[:, 1].sum())
        ),
        "onset_error_days": bootstrap_over(groups, lambda rows: median(rows[:, 4])),
        "onset_within_68": bootstrap_over(groups, lambda rows: mean(rows[:, 5])),
    }


def truth_sha256(glaciers: int) -> str:
    """A hash of what the glaciers are: name, version, count, and the first three of them."""
    digest = hashlib.sha256(repr((NAME, VERSION, glaciers, EARLY_DAYS)).encode())
    for scene in range(3):
        one = make_glacier(scene)
        digest.update(f"{one.years:.3f} {one.onset_day} {np.nanmean(one.speed_m_day):.4f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, 1000, "glaciers of four to eight years", VERSIONS, evaluate, truth_sha256)

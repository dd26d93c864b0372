"""`offsets-real`: real OPERA land chips 12 days apart or fewer, with and without an imposed shift, and the sea.

Places and dates that training never sees (ml.lab.offsets.real_chips). The ground is taken to be still, so what a pair's
own registration is off by counts as an error of every method; `rmse_centred` takes each pair's median off.
"""

import hashlib
import os
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine

from ml.lab.benchmark import Benchmark
from ml.lab.offsets.real_chips import SEA, ChipPair, chip_pairs, moved
from ml.lab.workers import over_seeds
from ml.offsets.infer import VERSIONS, WEIGHTS, track_offsets
from ml.rasters.imagery import ImagePair
from ml.simulation.seeds import Purpose, generator
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME, VERSION = "offsets-real", "1"
PAIRS = 60
SEA_SHARE = 4  # one pair of the sea for so many of land
FARTHEST_PX = 2.0
SEARCH_PX, POSTING_PX = 6, 8
EDGE_NODES = 2  # 16 px: half of the smallest window
UNKNOWN_SIGMA_PX = 0.5
OUTLIER_PX = 1.0


class Case(NamedTuple):
    """One measurement: a chip pair, and the shift (dx, dy), px, that is imposed on its secondary."""

    pair: ChipPair
    shift: tuple[float, float]


def folder() -> Path:
    """Where the chips lie: under GROUND_MOTION_DATA, else beside the project."""
    return Path(os.environ.get("GROUND_MOTION_DATA", "../shared/data")) / "opera_rtc_10sgd"


@lru_cache(maxsize=2)
def cases(sea: bool) -> list[ChipPair]:
    """The pairs that training never sees, in an order drawn once. InputError where there are no chips."""
    held = [pair for pair in chip_pairs(folder()) if not pair.trained_on and (pair.place == SEA) == sea]
    order = generator(Purpose.BENCHMARK, f"{NAME}-order", int(sea)).permutation(len(held))
    return [held[index] for index in order]


def _case(scene: int, shifted: bool, sea: bool) -> Case:
    pairs = cases(sea)
    rng = generator(Purpose.BENCHMARK, NAME, scene)
    length, angle = FARTHEST_PX * rng.random(), 2 * np.pi * rng.random()
    shift = (float(length * np.cos(angle)), float(length * np.sin(angle))) if shifted else (0.0, 0.0)
    return Case(pairs[scene % len(pairs)], shift)


def _rows(method: str, shifted: bool, sea: bool, scene: int) -> Float64:
    """(nodes, 5): errors in x and y, their sigmas, known."""
    case = _case(scene, shifted, sea)
    reference, secondary = case.pair.log_power
    if shifted:
        secondary = moved(secondary, *case.shift)
    images = ImagePair(np.exp(reference), np.exp(secondary), Affine.identity(), None)
    bands = track_offsets(images, method, torch.device("cpu"), SEARCH_PX, POSTING_PX).bands
    inner = slice(EDGE_NODES, -EDGE_NODES)
    dx, dy, sigma_x, sigma_y = (
        bands[name][inner, inner].ravel() for name in ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px")
    )
    columns = [dx - case.shift[0], dy - case.shift[1], sigma_x, sigma_y, np.isfinite(dx)]
    return np.column_stack(columns).astype(np.float64)


def _known(rows: Float64) -> Float64:
    return np.asarray(rows[rows[:, 4] == 1])


def _rmse(rows: Float64) -> float:
    known = _known(rows)
    return float(np.sqrt((known[:, :2] ** 2).mean())) if len(known) else np.nan


def _centred(rows: Float64) -> Float64:
    """With the median of the pair's errors taken off."""
    rows = rows.copy()
    if (rows[:, 4] == 1).any():
        rows[:, :2] -= np.nanmedian(rows[rows[:, 4] == 1, :2], axis=0)
    return rows


def _outliers(rows: Float64) -> float:
    known = _known(rows)
    return float((np.hypot(known[:, 0], known[:, 1]) > OUTLIER_PX).mean()) if len(known) else np.nan


def _within(times: float, rows: Float64) -> float:
    known = _known(rows)
    return float((np.abs(known[:, :2]) <= times * known[:, 2:4]).mean()) if len(known) else np.nan


def _median_motion(rows: Float64) -> float:
    """Length of the median offset of all nodes of all pairs, px."""
    known = _known(rows)
    return float(np.hypot(*np.median(known[:, :2], axis=0))) if len(known) else np.nan


def _unknown(rows: Float64) -> float:
    """Share of nodes that are masked or whose sigma is unknown."""
    return float(((rows[:, 4] == 0) | (rows[:, 2:4].max(axis=1) > UNKNOWN_SIGMA_PX)).mean())


def evaluate(method: str, pairs: int) -> dict[str, Interval]:
    """Measure a method on so many land pairs. InputError where the chips are missing."""
    cases(sea=False)
    land = over_seeds(partial(_rows, method, True, False), pairs)
    still = over_seeds(partial(_rows, method, False, False), pairs)
    sea = over_seeds(partial(_rows, method, False, True), max(2, pairs // SEA_SHARE))
    metrics = {
        "rmse": bootstrap_over(land, _rmse),
        "rmse_centred": bootstrap_over([_centred(rows) for rows in land], _rmse),
        "outlier_share": bootstrap_over(land, _outliers),
        "within_68": bootstrap_over(land, partial(_within, 1.0)),
        "within_95": bootstrap_over(land, partial(_within, 1.96)),
        "known_share": bootstrap_over(land, lambda rows: float(rows[:, 4].mean())),
    }
    return metrics | {
        "unshifted_median_px": bootstrap_over(still, _median_motion),
        "unshifted_rmse": bootstrap_over(still, _rmse),
        "sea_unknown_share": bootstrap_over(sea, _unknown),
    }


def truth_sha256(pairs: int) -> str:
    """A hash of which chips are measured and how they are shifted."""
    digest = hashlib.sha256(repr((NAME, VERSION, pairs, SEARCH_PX)).encode())
    for scene in range(pairs):
        pair, shift = _case(scene, True, False)
        digest.update(f"{pair.place} {pair.polarisation} {pair.reference} {shift[0]:.3f} {shift[1]:.3f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(NAME, VERSION, PAIRS, "pairs of real chips", VERSIONS, evaluate, truth_sha256, WEIGHTS)

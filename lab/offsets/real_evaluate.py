"""`offsets-real`: real OPERA land chips 12 days apart or fewer, with and without an imposed shift, and the sea.

No date is used for training. One place is not used for training either; two others are (lab.offsets.real_chips). Each
figure is given for all places, with `_unseen_place` for the former one, and with `_trained_places` for the latter two.

The shift is a Fourier shift, which whitened correlation undoes exactly: for a comparison without one see
lab.offsets.agreement. The ground is assumed to be still, so that misregistration of a pair counts as an error of every
method. `_centred` subtracts the median of each pair's errors. `_registered` subtracts the median shift that the same
method measures for the pair before a shift is imposed.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from affine import Affine

from lab.benchmark import Benchmark, over_seeds
from lab.offsets import baselines
from lab.offsets.evaluate import AT, STATISTICS, known
from lab.offsets.real_chips import SEA, TEST_PLACE, ChipPair, chip_pairs, moved
from lab.real_data import folder
from lab.results import Compared, alone
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator
from ml.offsets.infer import WEIGHTS
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, Interval, bootstrap_over

NAME, VERSION = "offsets-real", "1"
PAIRS = 60
SEA_SHARE = 4  # land pairs per sea pair
FARTHEST_PX = 2.0
SEARCH_PX, POSTING_PX = 6, 8
EDGE_NODES = 2  # 16 px: half of the smallest window
UNKNOWN_SIGMA_PX = 0.5


class Case(NamedTuple):
    """One measurement: a chip pair, and the shift (dx, dy), px, that is imposed on its secondary."""

    pair: ChipPair
    shift: tuple[float, float]


@lru_cache(maxsize=2)
def cases(sea: bool) -> list[ChipPair]:
    """Return the pairs not used for training, in a fixed random order. Raises InputError if there are no chips."""
    held = [
        pair for pair in chip_pairs(folder("opera_rtc_10sgd")) if not pair.trained_on and (pair.place == SEA) == sea
    ]
    order = generator(Purpose.BENCHMARK, f"{NAME}-order", int(sea)).permutation(len(held))
    return [held[index] for index in order]


def _case(scene: int, shifted: bool, sea: bool) -> Case:
    pairs = cases(sea)
    rng = generator(Purpose.BENCHMARK, NAME, scene)
    length, angle = FARTHEST_PX * rng.random(), 2 * np.pi * rng.random()
    shift = (float(length * np.cos(angle)), float(length * np.sin(angle))) if shifted else (0.0, 0.0)
    return Case(pairs[scene % len(pairs)], shift)


def _rows(methods: Sequence[str], shifted: bool, sea: bool, scene: int) -> dict[str, Float64]:
    """Measure one pair. Returns method -> (nodes, 7), the first seven columns of lab.offsets.evaluate.Nodes."""
    case = _case(scene, shifted, sea)
    reference, secondary = case.pair.log_power
    if shifted:
        secondary = moved(secondary, *case.shift)
    images = ImagePair(np.exp(reference), np.exp(secondary), Affine.identity(), None)
    found = baselines.tracked(images, methods, SEARCH_PX, POSTING_PX)
    return {method: _errors(bands, case.shift) for method, bands in found.items()}


def _errors(bands: dict[str, Float32], shift: tuple[float, float]) -> Float64:
    inner = slice(EDGE_NODES, -EDGE_NODES)
    dx, dy, sigma_x, sigma_y = (
        bands[name][inner, inner].ravel() for name in ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px")
    )
    off = (np.full(dx.size, by - round(by)) for by in shift)
    return np.column_stack([dx - shift[0], dy - shift[1], sigma_x, sigma_y, *off, np.isfinite(dx)]).astype(np.float64)


def without_median(rows: Float64, of: Float64) -> Float64:
    """Return `rows` less the median of the errors in `of`; NaN if `of` has no known errors. Both: of one pair."""
    rows, others = rows.copy(), known(of)
    rows[:, :2] -= np.median(others[:, :2], axis=0) if len(others) else np.nan
    rows[:, AT.known] = np.isfinite(rows[:, 0])
    return rows


def _median_motion(rows: Float64) -> float:
    """Return the length of the median offset of all nodes of all pairs, px."""
    measured = known(rows)
    return float(np.hypot(*np.median(measured[:, :2], axis=0))) if len(measured) else np.nan


def _unknown(rows: Float64) -> float:
    """Return the share of nodes without a value, or with a sigma above UNKNOWN_SIGMA_PX."""
    return float(((rows[:, AT.known] == 0) | (rows[:, 2:4].max(axis=1) > UNKNOWN_SIGMA_PX)).mean())


def compare(methods: Sequence[str], pairs: int) -> Compared:
    """Measure methods on the given number of land pairs. InputError where the chips are missing."""
    cases(sea=False)
    land, still = (over_seeds(partial(_rows, methods, shifted, False), pairs) for shifted in (True, False))
    sea = over_seeds(partial(_rows, methods, False, True), max(2, pairs // SEA_SHARE))
    return {method: _metrics(*([rows[method] for rows in part] for part in (land, still, sea))) for method in methods}


def _metrics(land: list[Float64], still: list[Float64], sea: list[Float64]) -> dict[str, Interval]:
    """Return metrics for shifted land, the same land unshifted, and the sea."""
    unseen = [_case(scene, True, False).pair.place == TEST_PLACE for scene in range(len(land))]
    metrics = {
        "rmse": bootstrap_over(land, STATISTICS["rmse"]),
        "rmse_centred": bootstrap_over([without_median(rows, rows) for rows in land], STATISTICS["rmse"]),
        "outlier_share": bootstrap_over(land, STATISTICS["outlier_share"]),
        "within_68": bootstrap_over(land, STATISTICS["within_68"]),
        "within_95": bootstrap_over(land, STATISTICS["within_95"]),
        "known_share": bootstrap_over(land, STATISTICS["known_share"]),
        "unshifted_median_px": bootstrap_over(still, _median_motion),
        "unshifted_rmse": bootstrap_over(still, STATISTICS["rmse"]),
        "sea_unknown_share": bootstrap_over(sea, _unknown),
    }
    for where, wanted in (("unseen_place", True), ("trained_places", False)):
        at = [index for index, is_unseen in enumerate(unseen) if is_unseen == wanted]
        if at:
            metrics |= _of_place(where, [land[index] for index in at], [still[index] for index in at])
    return metrics


def _of_place(where: str, land: list[Float64], still: list[Float64]) -> dict[str, Interval]:
    """Return metrics of a group of pairs. where: suffix of the names; land: with imposed shifts; still: without."""
    centred = [without_median(rows, rows) for rows in land]
    registered = [without_median(rows, own) for rows, own in zip(land, still, strict=True)]
    return {
        f"rmse_{where}": bootstrap_over(land, STATISTICS["rmse"]),
        f"rmse_centred_{where}": bootstrap_over(centred, STATISTICS["rmse"]),
        f"rmse_registered_{where}": bootstrap_over(registered, STATISTICS["rmse"]),
        f"within_68_{where}": bootstrap_over(land, STATISTICS["within_68"]),
        f"within_68_registered_{where}": bootstrap_over(registered, STATISTICS["within_68"]),
        f"within_95_registered_{where}": bootstrap_over(registered, STATISTICS["within_95"]),
        f"known_share_{where}": bootstrap_over(land, STATISTICS["known_share"]),
    }


def truth_sha256(pairs: int) -> str:
    """Return a hash of the names of the measured chips and their shifts."""
    digest = hashlib.sha256(repr((NAME, VERSION, pairs, SEARCH_PX)).encode())
    for scene in range(pairs):
        pair, shift = _case(scene, True, False)
        digest.update(f"{pair.place} {pair.polarisation} {pair.reference} {shift[0]:.3f} {shift[1]:.3f}".encode())
    return digest.hexdigest()


BENCHMARK = Benchmark(
    NAME, VERSION, PAIRS, "pairs of real chips", baselines.VERSIONS, partial(alone, compare), truth_sha256, WEIGHTS
)

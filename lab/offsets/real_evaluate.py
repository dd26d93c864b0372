"""Benchmarks on real OPERA chips, which hardly move against each other.

`offsets-real`: land chips 12 days apart or fewer, with and without an imposed shift, and the sea. No date is used for
training. One place is not used for training either; two others are (lab.offsets.real_chips). Each figure is given for
all places, with `_unseen_place` for the former one, and with `_trained_places` for the latter two. The shift is a
Fourier shift, which whitened correlation undoes exactly. The ground is assumed to be still, so that misregistration of
a pair counts as an error of every method. `_centred` subtracts the median of each pair's errors. `_registered`
subtracts the median shift that the same method measures for the pair before a shift is imposed.

`offsets-polarisations`, `offsets-closure`: chips measured twice, without an imposed shift. VV and VH of the same two
dates see the same motion: their difference, over the square root of 2, is the error of one. Of three dates A, B and C,
the offsets A to B and B to C add up to A to C: what is left, over the square root of 3, is the error of one pair. A
metric that ends with a place is measured there; training has seen earlier dates of two places but none of the third
(lab.offsets.real_chips.TEST_PLACE). A method that is drawn to whole pixels has an advantage here, and
`offsets-textured` shows what it costs.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache, partial
from itertools import zip_longest

import numpy as np

from ground_motion.rasters.imagery import ImagePair
from ground_motion.statistics.intervals import Float64, Interval, bootstrap_over
from lab.benchmark import by_method
from lab.offsets import baselines
from lab.offsets.evaluate import AT, benchmark, errors_against, intervals, known
from lab.offsets.real_chips import SEA, TEST_PLACE, ChipPair, chip_pairs, moved
from lab.real_data import CHIPS, folder
from lab.results import Compared
from lab.simulation.sar.system import Float32
from lab.simulation.seeds import Purpose, generator

NAME, POLARISATIONS, CLOSURE, VERSION = "offsets-real", "offsets-polarisations", "offsets-closure", "1"
SIZES = {NAME: 60, POLARISATIONS: 54, CLOSURE: 84}  # All pairs that exist, for the latter two.
SEA_SHARE = 4  # land pairs per sea pair
MAX_SHIFT_PX = 2.0
SEARCH_PX, POSTING_PX = 6, 8
EDGE_NODES = 2  # 16 px: half of the smallest window
UNKNOWN_SIGMA_PX = 0.5
MIN_KNOWN = 0.98  # Least known share of a chip's pixels.
Sum = list[tuple[float, ChipPair]]  # Pairs with their signs, whose offsets add up to 0.
Shift = tuple[float, float]  # dx, dy, px


@lru_cache(maxsize=2)
def cases(sea: bool) -> list[ChipPair]:
    """Return the pairs not used for training, in a fixed random order. Raises InputError if there are no chips."""
    held = [pair for pair in chip_pairs(folder(CHIPS)) if not pair.trained_on and (pair.place == SEA) == sea]
    order = generator(Purpose.BENCHMARK, f"{NAME}-order", int(sea)).permutation(len(held))
    return [held[index] for index in order]


def _case(scene: int) -> tuple[ChipPair, Shift]:
    """Return a pair of chips on land, and the shift that is imposed on its secondary."""
    pairs, rng = cases(sea=False), generator(Purpose.BENCHMARK, NAME, scene)
    length, angle = MAX_SHIFT_PX * rng.random(), 2 * np.pi * rng.random()
    return pairs[scene % len(pairs)], (float(length * np.cos(angle)), float(length * np.sin(angle)))


def tracked_errors(log_power: Float32, methods: Sequence[str], shift: Shift = (0, 0)) -> dict[str, Float64]:
    """Track two chips. Returns method -> `errors_against` the shift. log_power: see ChipPair."""
    found = baselines.tracked(ImagePair(*np.exp(log_power)), methods, SEARCH_PX, POSTING_PX)
    truth = np.array(shift, dtype=np.float32)[:, None, None]
    return {method: errors_against(truth, bands, EDGE_NODES) for method, bands in found.items()}


def _shifted(methods: Sequence[str], scene: int) -> dict[str, Float64]:
    pair, shift = _case(scene)
    return tracked_errors(np.stack([pair.log_power[0], moved(pair.log_power[1], *shift)]), methods, shift)


def _unshifted(sea: bool, methods: Sequence[str], scene: int) -> dict[str, Float64]:
    pairs = cases(sea)
    return tracked_errors(pairs[scene % len(pairs)].log_power, methods)


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
    land, still = by_method(_shifted, methods, pairs), by_method(partial(_unshifted, False), methods, pairs)
    sea = by_method(partial(_unshifted, True), methods, max(2, pairs // SEA_SHARE))
    return {method: _metrics(land[method], still[method], sea[method]) for method in methods}


def _metrics(land: list[Float64], still: list[Float64], sea: list[Float64]) -> dict[str, Interval]:
    """Return metrics for shifted land, the same land unshifted, and the sea."""
    centred = [without_median(rows, rows) for rows in land]
    registered = [without_median(rows, own) for rows, own in zip(land, still, strict=True)]
    metrics = intervals(land, ("rmse", "outlier_share", "within_68", "within_95", "known_share"))
    metrics |= intervals(centred, ["rmse"], "{}_centred") | intervals(still, ["rmse"], "unshifted_{}")
    metrics["unshifted_median_px"] = bootstrap_over(still, _median_motion)
    metrics["sea_unknown_share"] = bootstrap_over(sea, _unknown)
    unseen = [_case(scene)[0].place == TEST_PLACE for scene in range(len(land))]
    for where, wanted in (("unseen_place", True), ("trained_places", False)):
        at = [index for index, is_unseen in enumerate(unseen) if is_unseen == wanted]
        for label, rows, names in (
            ("{}", land, ("rmse", "within_68", "known_share")),
            ("{}_centred", centred, ("rmse",)),
            ("{}_registered", registered, ("rmse", "within_68", "within_95")),
        ):
            metrics |= intervals([rows[index] for index in at], names if at else (), f"{label}_{where}")
    return metrics


def truth_sha256(pairs: int) -> str:
    """Return a hash of the names of the measured chips and their shifts."""
    digest = hashlib.sha256(repr((NAME, VERSION, pairs, SEARCH_PX)).encode())
    for scene in range(pairs):
        pair, shift = _case(scene)
        digest.update(f"{pair.place} {pair.polarisation} {pair.reference} {shift[0]:.3f} {shift[1]:.3f}".encode())
    return digest.hexdigest()


def _pairs() -> list[ChipPair]:
    held = chip_pairs(folder(CHIPS))
    return [pair for pair in held if pair.place != SEA and np.isfinite(pair.log_power).mean() > MIN_KNOWN]


@lru_cache(maxsize=1)
def polarisations() -> list[Sum]:
    """Return VV less VH of the same dates, places in turn. InputError if there are no chips."""
    pairs = _pairs()
    other = {(pair.place, pair.reference): pair for pair in pairs if pair.polarisation == "VH"}
    return _in_turn(
        [
            [(1.0, pair), (-1.0, other[pair.place, pair.reference])]
            for pair in pairs
            if pair.polarisation == "VV" and (pair.place, pair.reference) in other
        ]
    )


@lru_cache(maxsize=1)
def triplets() -> list[Sum]:
    """Return the pairs of three dates in a row, the long one subtracted, places in turn. InputError without chips."""
    pairs = _pairs()
    later = {(pair.place, pair.polarisation, pair.reference): pair for pair in pairs}
    found: list[Sum] = []
    for first in pairs:
        second = later.get((first.place, first.polarisation, first.reference + timedelta(first.days)))
        if second:
            both = np.stack([first.log_power[0], second.log_power[1]])
            whole = first._replace(days=first.days + second.days, log_power=both)
            found.append([(1.0, first), (1.0, second), (-1.0, whole)])
    return _in_turn(found)


def _in_turn(found: list[Sum]) -> list[Sum]:
    """Order measurements so that places alternate."""
    places = sorted({one[0][1].place for one in found})
    series = [[one for one in found if one[0][1].place == place] for place in places]
    return [one for turn in zip_longest(*series) for one in turn if one]


def _left(what: Callable[[], list[Sum]], methods: Sequence[str], number: int) -> dict[str, Float64]:
    """Return method -> rows of nodes: the errors are what is left of a sum, as of one pair; sigmas mean nothing."""
    parts = what()[number]
    found = [(sign, tracked_errors(pair.log_power, methods)) for sign, pair in parts]
    left = {method: sum(sign * rows[method] for sign, rows in found) / len(parts) ** 0.5 for method in methods}
    for rows in left.values():
        rows[:, AT.known] = np.isfinite(rows[:, 0])
    return left


def _mean(rows: Float64) -> Float64:
    """Return the mean over a chip, one row, which is unknown if no node is known."""
    return known(rows).mean(axis=0, keepdims=True) if known(rows).size else rows[:1]


def compare_sums(what: Callable[[], list[Sum]], methods: Sequence[str], size: int) -> Compared:
    """Measure methods; at most as many measurements as there are. Returns method -> metric -> interval."""
    places = [one[0][1].place for one in what()[:size]]
    compared: Compared = {method: {} for method in methods}
    for method, rows in by_method(partial(_left, what), methods, len(places)).items():
        for place in ("", *sorted(set(places))):
            own = [part for part, at in zip(rows, places, strict=True) if place in ("", at)]
            label = f"{{}}_{place}" if place else "{}"
            compared[method] |= intervals(own, ("rmse", "known_share"), label)
            compared[method] |= intervals([_mean(part) for part in own], ["rmse"], f"chip_{label}")
    return compared


def _sums_sha256(what: Callable[[], list[Sum]], name: str, size: int) -> str:
    digest = hashlib.sha256(repr((name, VERSION, size, SEARCH_PX)).encode())
    for one in what()[:size]:
        for sign, pair in one:
            digest.update(f"{sign:+.0f} {pair.place} {pair.polarisation} {pair.reference} {pair.days}".encode())
    return digest.hexdigest()


BENCHMARKS = (
    benchmark(NAME, VERSION, SIZES[NAME], "pairs of real chips", compare, truth_sha256),
    *(
        benchmark(
            name,
            VERSION,
            SIZES[name],
            "measurements of real chips",
            partial(compare_sums, what),
            partial(_sums_sha256, what, name),
        )
        for name, what in ((POLARISATIONS, polarisations), (CLOSURE, triplets))
    ),
)

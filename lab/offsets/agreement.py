"""`offsets-polarisations`, `offsets-closure`: real OPERA chips measured twice, without an imposed shift.

VV and VH of the same two dates see the same motion: their difference, over the square root of 2, is the error of one.
Of three dates A, B and C, the offsets A to B and B to C add up to A to C: what is left, over the square root of 3, is
the error of one pair. A metric that ends with a place is measured there; training has seen earlier dates of two places
but none of the third (lab.offsets.real_chips.TEST_PLACE). The chips hardly move against each other: a method that is
drawn to whole pixels has an advantage here, and `offsets-textured` shows what it costs.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache, partial

import numpy as np
from affine import Affine

from lab.benchmark import Benchmark, over_seeds
from lab.offsets import baselines
from lab.offsets.real_chips import SEA, ChipPair, chip_pairs
from lab.offsets.real_evaluate import EDGE_NODES, POSTING_PX, SEARCH_PX
from lab.real_data import folder
from lab.results import Compared, alone
from lab.simulation.sar.system import Float32
from ml.offsets.infer import WEIGHTS
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64, Interval, bootstrap_over

POLARISATIONS, CLOSURE, VERSION = "offsets-polarisations", "offsets-closure", "1"
SIZES = {POLARISATIONS: 54, CLOSURE: 84}  # all that there are
MIN_KNOWN = 0.98  # of a chip's pixels
Sum = list[tuple[float, ChipPair]]  # pairs whose offsets add up to 0, with their signs


def _pairs() -> list[ChipPair]:
    held = chip_pairs(folder("opera_rtc_10sgd"))
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
    """Return the pairs of three dates in a row, the long one subtracted, places in turn. InputError as above."""
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
    count: dict[str, int] = {}
    keyed = []
    for one in found:
        place = one[0][1].place
        count[place] = count.get(place, 0) + 1
        keyed.append((count[place], place, one))
    return [one for *_, one in sorted(keyed, key=lambda item: item[:2])]


def _left(what: Callable[[], list[Sum]], methods: Sequence[str], number: int) -> dict[str, Float64]:
    """Return method -> (nodes, 2): what is left of the sum of one measurement, as the error of one pair, px."""
    parts = what()[number]
    total: dict[str, Float64] = {}
    for sign, pair in parts:
        reference, secondary = np.exp(pair.log_power)
        images = ImagePair(reference, secondary, Affine.identity(), None)
        for method, bands in baselines.tracked(images, methods, SEARCH_PX, POSTING_PX).items():
            total[method] = total.get(method, np.zeros(1)) + sign * _inner(bands)
    return {method: np.asarray(left / len(parts) ** 0.5) for method, left in total.items()}


def _inner(bands: dict[str, Float32]) -> Float64:
    inner = slice(EDGE_NODES, -EDGE_NODES)
    return np.stack([bands[name][inner, inner].ravel() for name in ("dx_px", "dy_px")], axis=1).astype(np.float64)


def _rmse(rows: Float64) -> float:
    held = rows[np.isfinite(rows).all(axis=1)]
    return float(np.sqrt((held**2).mean())) if len(held) else np.nan


def _known(rows: Float64) -> float:
    return float(np.isfinite(rows).all(axis=1).mean())


def _mean(rows: Float64) -> Float64:
    """Return the mean over a chip, (1, 2); NaN if nothing is known."""
    held = rows[np.isfinite(rows).all(axis=1)]
    return held.mean(axis=0, keepdims=True) if len(held) else np.full((1, 2), np.nan)


def _compare(what: Callable[[], list[Sum]], methods: Sequence[str], size: int) -> Compared:
    """Measure methods; at most as many measurements as there are. Returns method -> metric -> interval."""
    found = what()[:size]
    places = [one[0][1].place for one in found]
    measured = over_seeds(partial(_left, what, methods), len(found))
    return {method: _metrics([rows[method] for rows in measured], places) for method in methods}


def _metrics(rows: list[Float64], places: list[str]) -> dict[str, Interval]:
    metrics = {}
    for place in ("", *sorted(set(places))):
        own = [part for part, at in zip(rows, places, strict=True) if place in ("", at)]
        suffix = f"_{place}" if place else ""
        metrics[f"rmse{suffix}"] = bootstrap_over(own, _rmse)
        metrics[f"chip_rmse{suffix}"] = bootstrap_over([_mean(part) for part in own], _rmse)
        metrics[f"known_share{suffix}"] = bootstrap_over(own, _known)
    return metrics


def _sha256(what: Callable[[], list[Sum]], name: str, size: int) -> str:
    digest = hashlib.sha256(repr((name, VERSION, size, SEARCH_PX)).encode())
    for one in what()[:size]:
        for sign, pair in one:
            digest.update(f"{sign:+.0f} {pair.place} {pair.polarisation} {pair.reference} {pair.days}".encode())
    return digest.hexdigest()


compare_polarisations = partial(_compare, polarisations)
compare_closure = partial(_compare, triplets)
BENCHMARKS = tuple(
    Benchmark(
        name,
        VERSION,
        SIZES[name],
        "measurements of real chips",
        baselines.VERSIONS,
        partial(alone, partial(_compare, what)),
        partial(_sha256, what, name),
        WEIGHTS,
    )
    for name, what in ((POLARISATIONS, polarisations), (CLOSURE, triplets))
)

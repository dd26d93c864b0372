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
from itertools import zip_longest

import numpy as np

from lab.benchmark import by_method
from lab.offsets.evaluate import AT, benchmark, intervals, known
from lab.offsets.real_chips import SEA, ChipPair, chip_pairs
from lab.offsets.real_evaluate import SEARCH_PX, tracked_errors
from lab.real_data import CHIPS, folder
from lab.results import Compared
from ml.statistics.intervals import Float64

POLARISATIONS, CLOSURE, VERSION = "offsets-polarisations", "offsets-closure", "1"
SIZES = {POLARISATIONS: 54, CLOSURE: 84}  # all that there are
MIN_KNOWN = 0.98  # of a chip's pixels
Sum = list[tuple[float, ChipPair]]  # pairs whose offsets add up to 0, with their signs


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


def compare(what: Callable[[], list[Sum]], methods: Sequence[str], size: int) -> Compared:
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


def _sha256(what: Callable[[], list[Sum]], name: str, size: int) -> str:
    digest = hashlib.sha256(repr((name, VERSION, size, SEARCH_PX)).encode())
    for one in what()[:size]:
        for sign, pair in one:
            digest.update(f"{sign:+.0f} {pair.place} {pair.polarisation} {pair.reference} {pair.days}".encode())
    return digest.hexdigest()


BENCHMARKS = tuple(
    benchmark(
        name, VERSION, SIZES[name], "measurements of real chips", partial(compare, what), partial(_sha256, what, name)
    )
    for name, what in ((POLARISATIONS, polarisations), (CLOSURE, triplets))
)

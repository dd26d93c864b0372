"""Exact quantiles of more values than fit into memory, counted in two passes; their order and division do not matter.

The bits of a float32 are transformed so that they sort as the values do. The first pass counts values by the upper half
of their bits; the second counts those in the bucket that contains the quantile by the lower half.
"""

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
BUCKETS = 1 << 16
SIGN = np.uint32(1 << 31)
NEGATIVE, EXPONENT = 1 << 15, 0x7F80  # Both lie in the upper half.
UPPER = 1 if sys.byteorder == "little" else 0  # Index of the upper half of a value.
MEDIAN = 0.5


def quantile(blocks: Callable[[], Iterable[Float32]], share: float) -> float | None:
    """Return the interpolated quantile of finite values; None without any. blocks: called twice, returns the arrays."""
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for values in blocks():
        counts += upper_counts(values)
    if not counts.any():
        return None
    buckets = buckets_of(counts, share)
    within = np.zeros((2, BUCKETS), dtype=np.int64)
    for values in blocks():
        within += lower_counts(values, buckets)
    return exact_quantile(counts, within, share)


def upper_counts(values: Float32) -> NDArray[np.int64]:
    """Count how many of the finite values fall into each bucket, (BUCKETS,)."""
    counts = np.bincount(_halves(values)[:, UPPER], minlength=BUCKETS)
    counts[(np.arange(BUCKETS) & EXPONENT) == EXPONENT] = 0  # These buckets hold values that are not finite.
    return counts[_sorted_halves()]


def buckets_of(counts: NDArray[np.int64], share: float) -> tuple[int, int]:
    """Return the two buckets that contain the values on either side of the quantile. counts: not all zero."""
    low, high = np.searchsorted(np.cumsum(counts), _ranks(counts, share), side="right")
    return int(low), int(high)


def lower_counts(values: Float32, buckets: Sequence[int]) -> NDArray[np.int64]:
    """Count the values in each of these buckets by the lower half of their bits, (buckets, BUCKETS)."""
    halves, found = _halves(values), {}
    for bucket in set(buckets):
        upper = _sorted_halves()[bucket]
        counts = np.bincount(halves[halves[:, UPPER] == upper, 1 - UPPER], minlength=BUCKETS)
        found[bucket] = counts[::-1] if upper & NEGATIVE else counts
    return np.stack([found[bucket] for bucket in buckets])


def exact_quantile(counts: NDArray[np.int64], within: NDArray[np.int64], share: float) -> float:
    """Return the quantile. counts: of all buckets; within: lower_counts of the two buckets given by buckets_of."""
    ranks, buckets = _ranks(counts, share), buckets_of(counts, share)
    ends = []
    for rank, bucket, inner in zip(ranks, buckets, within, strict=True):
        before = int(counts[:bucket].sum())
        ends.append(_value(bucket << 16 | int(np.searchsorted(np.cumsum(inner), rank - before, side="right"))))
    place = share * (int(counts.sum()) - 1)
    if share == MEDIAN:
        return float((ends[0] + ends[1]) / np.float32(2))
    return float(ends[0]) + (float(ends[1]) - float(ends[0])) * (place - ranks[0])


def _ranks(counts: NDArray[np.int64], share: float) -> tuple[int, int]:
    place = share * (int(counts.sum()) - 1)
    return math.floor(place), math.ceil(place)


def _halves(values: Float32) -> NDArray[np.uint16]:
    """Return the two 16-bit halves of each value's bits, (n, 2)."""
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint16).reshape(-1, 2)


@cache
def _sorted_halves() -> NDArray[np.int64]:
    """Return all upper halves of bits in the values' order, (BUCKETS,): negative ones reversed, then positive ones."""
    return np.concatenate([np.arange(BUCKETS - 1, NEGATIVE - 1, -1), np.arange(NEGATIVE)])


def _value(key: int) -> np.float32:
    bits = np.uint32(key)
    return np.float32(np.array(bits ^ SIGN if bits & SIGN else ~bits, dtype=np.uint32).view(np.float32)[()])

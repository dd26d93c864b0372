"""Exact quantiles of more values than fit into memory: counted in two passes, so their order and cutting do not matter.

The bits of a float32, turned so that they sort as the values do, are counted by their upper half, and those in the
bucket that holds the quantile by their lower half.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
BUCKETS = 1 << 16
SIGN = np.uint32(1 << 31)
MEDIAN = 0.5


def quantile(blocks: Callable[[], Iterable[Float32]], share: float) -> float | None:
    """The value below which this share of all finite ones lies, linear between neighbours; None without any.

    blocks: called twice, gives the values in arrays of any shape.
    """
    counts = np.zeros(BUCKETS, dtype=np.int64)
    for values in blocks():
        counts += upper_counts(values)
    if not counts.any():
        return None
    buckets = buckets_of(counts, share)
    within = np.zeros((2, BUCKETS), dtype=np.int64)
    for values in blocks():
        within += lower_counts(values, buckets)
    return between(counts, within, share)


def upper_counts(values: Float32) -> NDArray[np.int64]:
    """(BUCKETS,): how many of the finite values fall into each bucket."""
    return np.bincount(_keys(values) >> 16, minlength=BUCKETS)


def buckets_of(counts: NDArray[np.int64], share: float) -> tuple[int, int]:
    """The buckets that hold the two values next to the quantile. counts: not all zero."""
    low, high = np.searchsorted(np.cumsum(counts), _ranks(counts, share), side="right")
    return int(low), int(high)


def lower_counts(values: Float32, buckets: Sequence[int]) -> NDArray[np.int64]:
    """(buckets, BUCKETS): those in each of these buckets by the lower half of their bits."""
    keys = _keys(values)
    upper = keys >> 16
    return np.stack([np.bincount(keys[upper == bucket] & 0xFFFF, minlength=BUCKETS) for bucket in buckets])


def between(counts: NDArray[np.int64], within: NDArray[np.int64], share: float) -> float:
    """The quantile from the counts of all buckets, and those within the two that buckets_of names."""
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


def _keys(values: Float32) -> NDArray[np.uint32]:
    """Unsigned numbers that sort as the finite values do, (n,)."""
    bits = np.ascontiguousarray(values[np.isfinite(values)], dtype=np.float32).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _value(key: int) -> np.float32:
    bits = np.uint32(key)
    return np.float32(np.array(bits ^ SIGN if bits & SIGN else ~bits, dtype=np.uint32).view(np.float32)[()])

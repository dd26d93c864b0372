"""Confirmation of a loss of coherence: was it an event on the ground, or only one bad image?

A pair spans an event if one of its images is older than the event and the other is younger. An event lowers every pair
that spans it and, if the ground stays incoherent, the pairs that follow; a wet or windy day lowers only the pairs that
contain its image. Each of these explanations predicts a loss in certain pairs, proportional to the coherence that each
could lose. Its score is the square root of what this loss takes from the sum of the squared z of all pairs. A cell is
reported if an event scores above the high threshold, and above every single image by the low one; adjoining cells above
the low threshold are reported with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import reduce
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
HIGH_SIGMA, LOW_SIGMA = 4.0, 2.5
MOST_RISE = 1.0  # sigma: if a lowered pair's z rose by more, there was no event
FEWEST_ACQUISITIONS = 3
LASTING_IMAGES = 3  # after an event: pairs that begin before then stay low if the ground stays incoherent
AVERAGED_PX = 5  # window over which z is averaged: less than half of the network's resolution
NO_COHERENCE = 0.2  # lower limit of estimates from detected images
LEAST_WEIGHT = 0.05
EPOCH = date(1970, 1, 1)
Span = tuple[date, date]
Part = tuple[slice, slice]
Ints = NDArray[np.int64]


class Evidence(NamedTuple):
    """Change of one pair.

    change_sigma: (rows, cols), negative where coherence was lost, NaN unknown; before: (rows, cols), coherence before
    the change, which limits the loss; None if it is taken as the same in all pairs.
    """

    reference: date
    secondary: date
    change_sigma: Float32
    before: Float32 | None = None


class Confirmed(NamedTuple):
    """Confirmed change, (rows, cols), NaN where nothing is confirmed.

    change_sigma: combined over the pairs that the event lowers; onset_day: first image that shows the event, days since
    1970-01-01; confidence: 1 - 1 / change_sigma^2, a lower bound for any distribution of the noise.
    """

    change_sigma: Float32
    onset_day: Float32
    confidence: Float32


class _Pair(NamedTuple):
    """Weighted change of a pair. z: NaN unknown; weighed: weight times z; squared: squared weight (both 0 unknown)."""

    images: frozenset[date]
    z: Float32
    weighed: Float32
    squared: Float32


class Patches(NamedTuple):
    """Patches of adjoining cells, in one part of a scene, that may be reported.

    touching: (n, 4), cells at the part's edges: number of the explanation, row and column in the scene, number of the
    patch; strong: (n, 2): explanation and number of each patch that has a cell which passes every test.
    """

    touching: Ints
    strong: Ints


def confirmed(
    evidence: Sequence[Evidence], high: float = HIGH_SIGMA, low: float = LOW_SIGMA, span: Span | None = None
) -> Confirmed:
    """Find events between consecutive acquisitions; each cell gets its strongest one.

    span: first and last date; no event is sought outside.

    ValueError without evidence and for rasters of different sizes.
    """
    return confirmed_part(evidence, None, np.zeros((0, 2), dtype=np.int64), high, low, span)


def confirmed_part(
    evidence: Sequence[Evidence],
    part: Part | None,
    joined: Ints,
    high: float = HIGH_SIGMA,
    low: float = LOW_SIGMA,
    span: Span | None = None,
) -> Confirmed:
    """Find events in a part of a scene; the evidence is AVERAGED_PX / 2 wider. joined: the part's joined_patches."""
    result: Confirmed | None = None
    for number, (onset, event, weak, strong) in enumerate(_explanations(evidence, part, high, low, span)):
        result = result or Confirmed(*(np.full(event.shape, np.nan, dtype=np.float32) for _ in range(3)))
        patches, _ = ndimage.label(weak)
        elsewhere = joined[joined[:, 0] == number, 1]
        reported = weak & np.isin(patches, np.union1d(patches[strong], elsewhere))
        better = reported & ~(event <= -result.change_sigma)
        result.change_sigma[better] = -event[better]
        result.onset_day[better] = (onset - EPOCH).days
        result.confidence[better] = 1 - 1 / np.maximum(event[better] ** 2, 1)
    if result is None:
        shape = evidence[0].change_sigma[part or ...].shape
        result = Confirmed(*(np.full(shape, np.nan, dtype=np.float32) for _ in range(3)))
    return result


def patches_of(
    evidence: Sequence[Evidence],
    part: Part,
    corner: tuple[int, int],
    high: float = HIGH_SIGMA,
    low: float = LOW_SIGMA,
    span: Span | None = None,
) -> Patches:
    """Return a part's patches, for joining with its neighbours'. corner: its first row and column in the scene."""
    touching, passed = [np.zeros((0, 4), dtype=np.int64)], [np.zeros((0, 2), dtype=np.int64)]
    for number, (_, _, weak, strong) in enumerate(_explanations(evidence, part, high, low, span)):
        patches, _ = ndimage.label(weak)
        edge = np.zeros_like(weak)
        edge[[0, -1]] = edge[:, [0, -1]] = True
        row, col = np.nonzero(weak & edge)
        label = patches[row, col]
        touching.append(np.column_stack([np.full_like(label, number), row + corner[0], col + corner[1], label]))
        numbers = np.unique(patches[strong])
        passed.append(np.column_stack([np.full_like(numbers, number), numbers]))
    return Patches(np.concatenate(touching), np.concatenate(passed))


def joined_patches(parts: Mapping[str, Patches]) -> dict[str, Ints]:
    """Return each part's patches that join a patch reported in another part, (n, 2) of explanation and patch number."""
    at: dict[tuple[int, int, int], tuple[str, int, int]] = {}
    one_with: dict[tuple[str, int, int], tuple[str, int, int]] = {}

    def root(patch: tuple[str, int, int]) -> tuple[str, int, int]:
        while one_with.setdefault(patch, patch) != patch:
            one_with[patch] = one_with[one_with[patch]]
            patch = one_with[patch]
        return patch

    for name, patches in parts.items():
        for number, row, col, label in patches.touching.tolist():
            at[number, row, col] = (name, number, label)
    for (number, row, col), patch in at.items():
        for beside in ((number, row + 1, col), (number, row, col + 1)):
            if beside in at:
                one_with[root(at[beside])] = root(patch)
    strong = {(name, *patch) for name, patches in parts.items() for patch in map(tuple, patches.strong.tolist())}
    reported = {root(patch) for patch in strong if patch in one_with}
    joined: dict[str, list[tuple[int, int]]] = {name: [] for name in parts}
    for name, number, label in set(at.values()):
        if root((name, number, label)) in reported:
            joined[name].append((number, label))
    return {name: np.array(sorted(each), dtype=np.int64).reshape(-1, 2) for name, each in joined.items()}


def _explanations(
    evidence: Sequence[Evidence], part: Part | None, high: float, low: float, span: Span | None
) -> Iterator[tuple[date, Float32, Bools, Bools]]:
    """Yield each possible onset of an event, once for spanning pairs only, and once with the pairs that follow it.

    Yielded are the onset, the event's score, the cells above the low threshold, and those cells that pass every test.
    """
    if not evidence or len({one.change_sigma.shape for one in evidence}) != 1:
        raise ValueError("pairs on one grid are needed, at least one")
    pairs = [_prepared(one, part) for one in evidence]
    days = sorted(frozenset.union(*(pair.images for pair in pairs)))
    for index, (before, onset) in enumerate(pairwise(days)):
        if span is not None and not (span[0] <= before and onset <= span[1]):
            continue
        spanning = [pair for pair in pairs if min(pair.images) <= before and max(pair.images) >= onset]
        if not _independent(spanning):
            continue
        until = days[min(index + LASTING_IMAGES, len(days) - 1)]
        later = [pair for pair in pairs if onset <= min(pair.images) < until]
        image = _by_one_image([*spanning, *later], pairs)
        for lowered in (spanning, [*spanning, *later]):
            event = _explained(lowered)
            yield onset, event, *_reported(event, image, lowered, high, low)


def _prepared(one: Evidence, part: Part | None) -> _Pair:
    z = averaged(one.change_sigma, AVERAGED_PX)
    weight = np.ones_like(z) if one.before is None else np.maximum(one.before - NO_COHERENCE, LEAST_WEIGHT)
    unknown = ~np.isfinite(one.change_sigma) | ~np.isfinite(weight)
    weight = np.where(unknown, np.float32(0), weight)
    weighed, z = weight * z, np.where(unknown, np.float32(np.nan), z)
    own = part or ...
    return _Pair(frozenset((one.reference, one.secondary)), z[own], weighed[own], weight[own] ** 2)


def averaged(values: Float32, window: int) -> Float32:
    """Average what is known (finite) in a window; 0 where nothing is. values: (rows, cols)."""
    known = np.isfinite(values)
    total = ndimage.uniform_filter(np.where(known, values, 0).astype(np.float32), window, mode="constant")
    share = ndimage.uniform_filter(known.astype(np.float32), window, mode="constant")
    return np.asarray(total / np.maximum(share, 1e-6), dtype=np.float32)


def _explained(pairs: Sequence[_Pair]) -> Float32:
    """Return the score, in sigma, of a loss in exactly these pairs; 0 where their coherence rose."""
    total, squares = (reduce(np.add, values) for values in zip(*(pair[2:] for pair in pairs), strict=True))
    return np.asarray(np.maximum(-total, 0) / np.sqrt(np.maximum(squares, LEAST_WEIGHT**2)))


def _by_one_image(lowered: Sequence[_Pair], pairs: Sequence[_Pair]) -> Float32:
    """Return the score of the best explanation by a single bad image: one of the images of the lowered pairs."""
    images = frozenset.union(*(pair.images for pair in lowered))
    alone = (_explained([pair for pair in pairs if image in pair.images]) for image in sorted(images))
    return np.asarray(reduce(np.maximum, alone))


def _reported(event: Float32, image: Float32, lowered: Sequence[_Pair], high: float, low: float) -> tuple[Bools, Bools]:
    """Return two masks: cells above the low threshold, and those that pass every test and make a patch reported."""
    rise = reduce(np.maximum, [pair.z for pair in lowered])  # NaN in one pair is NaN in the result
    weak = (event >= low) & (event >= image) & (rise <= MOST_RISE)
    return weak, weak & (event >= high) & (event**2 - image**2 >= low**2)


def _independent(spanning: Sequence[_Pair]) -> bool:
    """Return whether the pairs have at least three different images, none of which is in every pair."""
    images = [pair.images for pair in spanning]
    return bool(images) and len(frozenset.union(*images)) >= FEWEST_ACQUISITIONS and not frozenset.intersection(*images)

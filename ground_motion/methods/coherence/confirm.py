"""Confirmation of a loss of coherence: was it an event on the ground, or only one bad image?

A pair spans an event if one of its images is older than the event and the other is younger. An event lowers every pair
that spans it and, if the ground stays incoherent, the pairs that follow; a wet or windy day lowers only the pairs that
contain its image, and a poor season lowers all. Each explanation predicts a loss in certain pairs, and its score is the
generalised least squares estimate of that loss in its own standard deviations: the noise of the pairs has one part that
each has alone, one that all pairs of an image share, and one that is the same in all. A cell is reported if an event
scores above the high threshold and every image; adjoining cells above the low threshold are reported with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.csgraph import connected_components

Float32 = NDArray[np.float32]
Bools = NDArray[np.bool_]
# Simulated and real validation series gave these values (docs/models/coherence.md).
HIGH_SIGMA, LOW_SIGMA = 3.0, 2.0
BEYOND_IMAGE = 1.0  # An event must explain more than any one image, by this many sigma as a difference of squares.
IMAGE_SIGMA, PLACE_SIGMA = 0.7, 0.5  # All pairs of an image share the first noise, all pairs of a place the second.
MIN_SPANNING = 2  # This many pairs, of three images or more, must span an event.
LASTING_IMAGES = 3  # On ground that stays incoherent, pairs that begin within this many images after an event stay low.
AVERAGED_PX = 9  # window over which z is averaged: less than the network's resolution
NO_COHERENCE = 0.2  # Estimates from detected images are never lower.
MIN_ABLE = 0.05  # A pair can lose at least this coherence.
CELLS_AT_ONCE = 65536
EPOCH = date(1970, 1, 1)
Span = tuple[date, date]
Part = tuple[slice, slice]
Ints = NDArray[np.int64]
NONE_JOINED: Ints = np.zeros((0, 2), dtype=np.int64)


class PairChange(NamedTuple):
    """Change of one pair.

    change_sigma: (rows, cols), negative: lost, NaN unknown; before: the scene's median coherence before, 0-1.
    """

    reference: date
    secondary: date
    change_sigma: Float32
    before: float = 1.0


class Confirmed(NamedTuple):
    """Confirmed change, (rows, cols), NaN where nothing is confirmed.

    change_sigma: combined over the pairs that the event lowers; onset_day: first image that shows the event, days since
    1970-01-01; confidence: 1 - 1 / change_sigma^2, a lower bound for any distribution of the noise.
    """

    change_sigma: Float32
    onset_day: Float32
    confidence: Float32


class Patches(NamedTuple):
    """Patches of adjoining cells, in one part of a scene, that may be reported.

    touching: (n, 4), cells at the part's edges: number of the explanation, row and column in the scene, number of the
    patch; strong: (n, 2): explanation and number of each patch that has a cell which passes every test.
    """

    touching: Ints
    strong: Ints


def confirm(
    evidence: Sequence[PairChange],
    high: float = HIGH_SIGMA,
    low: float = LOW_SIGMA,
    span: Span | None = None,
    part: Part | None = None,
    joined: Ints = NONE_JOINED,
) -> Confirmed:
    """Find events between consecutive acquisitions; each cell gets its strongest one.

    Args:
        evidence: Changes of pairs on one grid.
        high: Sigma that an event must reach somewhere.
        low: Sigma that the cells around must reach.
        span: First and last date; no event is sought outside.
        part: The part of the scene that is returned, if the evidence is AVERAGED_PX / 2 wider.
        joined: The part's joined_patches.

    Raises:
        ValueError: If there is no evidence, or its rasters differ in size.
    """
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


def patches_of(evidence: Sequence[PairChange], part: Part, corner: tuple[int, int], span: Span) -> Patches:
    """Return a part's patches, for joining with its neighbours'. corner: its first row and column in the scene."""
    touching, passed = [np.zeros((0, 4), dtype=np.int64)], [np.zeros((0, 2), dtype=np.int64)]
    for number, (_, _, weak, strong) in enumerate(_explanations(evidence, part, HIGH_SIGMA, LOW_SIGMA, span)):
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
    """Return, by part of the scene, the patches that are connected to a patch reported in another part.

    Each row, (n, 2), holds the number of the explanation (the possible onset of a change) and of the patch.
    """
    node: dict[tuple[str, int, int], int] = {}  # The key is part, explanation and patch.
    at: dict[tuple[int, int, int], int] = {}  # The node of each explanation, row and column.
    for name, patches in parts.items():
        for number, row, col, label in patches.touching.tolist():
            at[number, row, col] = node.setdefault((name, number, label), len(node))
    neighbours = [
        (index, at[beside])
        for (number, row, col), index in at.items()
        for beside in ((number, row + 1, col), (number, row, col + 1))
        if beside in at
    ]
    first, second = np.array(neighbours, dtype=np.int64).reshape(-1, 2).T
    graph = sparse.coo_array((np.ones(len(first)), (first, second)), shape=(max(len(node), 1),) * 2)
    joint = connected_components(graph)[1]
    strong = {(name, *patch) for name, patches in parts.items() for patch in map(tuple, patches.strong.tolist())}
    reported = {joint[node[patch]] for patch in strong if patch in node}
    joined: dict[str, list[tuple[int, int]]] = {name: [] for name in parts}
    for (name, number, label), index in node.items():
        if joint[index] in reported:
            joined[name].append((number, label))
    return {name: np.array(sorted(each), dtype=np.int64).reshape(-1, 2) for name, each in joined.items()}


def _explanations(
    evidence: Sequence[PairChange], part: Part | None, high: float, low: float, span: Span | None
) -> Iterator[tuple[date, Float32, Bools, Bools]]:
    """Yield each possible onset of an event: the date of the first image that shows it, and its score, (rows, cols).

    With it come two masks: cells above the low threshold, and those that pass every test and make a patch reported.
    """
    if not evidence or len({change.change_sigma.shape for change in evidence}) != 1:
        raise ValueError("pairs on one grid are needed, at least one")
    first, last = (np.array(days) for days in zip(*(sorted(change[:2]) for change in evidence), strict=True))
    days = sorted({*first, *last})
    onsets, lowered = [], [(first == day) | (last == day) for day in days]
    for index, (before, onset) in enumerate(pairwise(days)):
        spanning = (first <= before) & (last >= onset)
        if spanning.sum() < MIN_SPANNING or (span is not None and not (span[0] <= before and onset <= span[1])):
            continue
        later = (first >= onset) & (first < days[min(index + LASTING_IMAGES, len(days) - 1)])
        onsets.append((onset, spanning))
        lowered += [spanning, spanning | later]
    of_image = np.array(lowered[: len(days)])
    scores = _scores(evidence, part, of_image, np.array(lowered))
    for index, (onset, spanning) in enumerate(onsets):
        event = scores[len(days) + 2 * index :][:2].max(axis=0)
        image = scores[: len(days)][(of_image & spanning).any(axis=1)].max(axis=0)
        weak = (event >= low) & (event >= image)
        yield onset, event, weak, weak & (event >= high) & (event**2 - image**2 >= BEYOND_IMAGE**2)


def _scores(evidence: Sequence[PairChange], part: Part | None, of_image: Bools, lowered: Bools) -> Float32:
    """Return each explanation's score, (explanations, rows, cols), in sigma; 0 where coherence rose or is unknown.

    of_image: (images, pairs), the pairs of each image; lowered: (explanations, pairs), the pairs that each lowers.
    """
    z = np.stack([_averaged_z(change.change_sigma)[part or ...] for change in evidence])
    able = np.array([max(change.before - NO_COHERENCE, MIN_ABLE) for change in evidence])
    # The weight lies between a loss that is the same in all pairs and a proportional one.
    weight = np.sqrt(able / able.max())
    by_image = weight[:, None] * of_image.T
    shared = IMAGE_SIGMA**2 * by_image @ by_image.T + PLACE_SIGMA**2 * np.outer(weight, weight)
    covariance, flat = np.eye(len(evidence)) + shared, z.reshape(len(z), -1)
    scores = np.zeros((len(lowered), flat.shape[1]), dtype=np.float32)
    for cells, pairs in _alike(np.isfinite(flat)):
        loss, inverse = (weight * lowered)[:, pairs], np.linalg.inv(covariance[pairs][:, pairs])
        by_pair = loss @ inverse
        by_pair /= np.sqrt(np.maximum((by_pair * loss).sum(axis=1, keepdims=True), MIN_ABLE**2))
        for at in range(0, len(cells), CELLS_AT_ONCE):
            here = cells[at : at + CELLS_AT_ONCE]
            # Double precision keeps a cell's score from depending on how the scene is cut.
            scores[:, here] = np.maximum(-by_pair @ flat[:, here][pairs].astype(np.float64), 0)
    return scores.reshape(-1, *z.shape[1:])


def _alike(known: Bools) -> Iterator[tuple[Ints, Bools]]:
    """Yield the cells (n,) in which the same pairs are known, and which pairs these are. known: (pairs, cells)."""
    code = np.zeros(known.shape[1], dtype=np.int64)
    for row in known:
        if not row.all():
            code = np.unique(2 * code + row, return_inverse=True)[1]
    order = np.argsort(code, kind="stable")
    for cells in np.split(order, np.flatnonzero(np.diff(code[order])) + 1):
        yield cells, known[:, cells[0]]


def _averaged_z(change_sigma: Float32) -> Float32:
    """Return z averaged over AVERAGED_PX, NaN where it is unknown. change_sigma: (rows, cols)."""
    return np.where(np.isfinite(change_sigma), average(change_sigma, AVERAGED_PX), np.float32(np.nan))


def average(values: Float32, window: int) -> Float32:
    """Average what is known (finite) in a window; 0 where nothing is. values: (rows, cols)."""
    known = np.isfinite(values)
    total = ndimage.uniform_filter(np.where(known, values, 0).astype(np.float32), window, mode="constant")
    share = ndimage.uniform_filter(known.astype(np.float32), window, mode="constant")
    return np.asarray(total / np.maximum(share, 1e-6), dtype=np.float32)

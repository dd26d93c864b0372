"""Whether a loss of coherence is an event of the ground: it must show in every pair that spans it.

A pair spans an event when one image is older and the other younger. A wet or windy day spoils the pairs that hold its
image and no others, so that what is told must show in pairs that have no image in common, over three acquisitions at
least; one of them beyond the high threshold, all beyond the low one (as OPERA's disturbance product confirms).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
HIGH_SIGMA, LOW_SIGMA = 4.5, 2.5
FEWEST_ACQUISITIONS = 3
EPOCH = date(1970, 1, 1)
Span = tuple[date, date]


class Evidence(NamedTuple):
    """One pair's change. change_sigma: (rows, cols), negative where coherence was lost, NaN unknown."""

    reference: date
    secondary: date
    change_sigma: Float32


class Confirmed(NamedTuple):
    """(rows, cols), NaN where nothing is confirmed. change_sigma: mean over the pairs that span the event; onset_day:
    first image that shows it, days since 1970-01-01; confidence: 1 - 1 / z^2 of the mean, a bound whatever the noise.
    """

    change_sigma: Float32
    onset_day: Float32
    confidence: Float32


def confirmed(
    evidence: Sequence[Evidence], high: float = HIGH_SIGMA, low: float = LOW_SIGMA, span: Span | None = None
) -> Confirmed:
    """Look for events between any two acquisitions in turn; the strongest counts. span: first and last date, outside
    of which nothing is looked for.

    ValueError without evidence and for rasters of different sizes.
    """
    if not evidence or len({one.change_sigma.shape for one in evidence}) != 1:
        raise ValueError("pairs on one grid are needed, at least one")
    shape = evidence[0].change_sigma.shape
    found = Confirmed(*(np.full(shape, np.nan, dtype=np.float32) for _ in range(3)))
    days = sorted({day for one in evidence for day in (one.reference, one.secondary)})
    for before, onset in pairwise(days):
        if span is not None and not (span[0] <= before and onset <= span[1]):
            continue
        spanning = [one for one in evidence if one.reference <= before and one.secondary >= onset]
        if not _independent(spanning):
            continue
        z = np.stack([one.change_sigma for one in spanning])
        mean = z.mean(axis=0)  # unknown in one is unknown
        told = (z.max(axis=0) <= -low) & (z.min(axis=0) <= -high)
        better = told & ~(mean >= found.change_sigma)
        found.change_sigma[better] = mean[better]
        found.onset_day[better] = (onset - EPOCH).days
        found.confidence[better] = 1 - 1 / np.maximum(mean[better] ** 2, 1)
    return found


def _independent(spanning: Sequence[Evidence]) -> bool:
    """Whether three acquisitions take part and no single one in every pair."""
    images = [{one.reference, one.secondary} for one in spanning]
    return bool(images) and len(set.union(*images)) >= FEWEST_ACQUISITIONS and not set.intersection(*images)

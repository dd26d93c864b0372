"""Decision on each cell: the log-odds that it moves, a weighted sum of several kinds of evidence.

The evidence: the best bowl's score under the noise covariance, the network's log-odds, the rate, and whether the place
has the sharp edges of an unwrapping error (`bowls.edges`). The weights and the offset are chosen on validation tiles
(`lab.deformation.calibration`) for a fixed number of false alarms. The network's card holds them.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.null.tail import Tail

MIN_RARITY = 0.0  # Rarity counts from zero decades, because much motion is not bowl-shaped.
MAX_RARITY = 6.0  # Errors that the noise covariance does not hold reach any number of decades.
WIDE_M = 1_000.0  # From this radius on, rarity has a further weight, because the network sees less.
MAX_NETWORK = 8.0  # limit of the logit
MAX_PATCH = 40.0  # One wrong model of both kinds of ground must not decide without end (nats).
# The term is 0 at the usual rate; the log of a rate's ratio to it is limited.
USUAL_MM_YR, SLOWEST, FASTEST = 2.0, -1.0, 2.0
# Rates above exceed all errors of delay and land cover, and all cycles over a product's years.
DELAY_MM_YR, CYCLE_MM_YR = 6.0, 15.0
SURE = 20.0  # Log-odds for a rate that exceeds all its errors.


class Weights(NamedTuple):
    """Weights of the terms of the log-odds; an area begins where the log-odds reach 0."""

    rarity: float
    wide: float
    network: float
    rate: float
    patch: float
    offset: float


class EvidenceTerms(NamedTuple):
    """Evidence on each cell, (rows, cols) each, NaN where unknown.

    rarity: score of the best bowl (`deformation.bowls`), decades; radius_m, amplitude_mm_yr: of that bowl; network:
    mean log-odds of its two lowest thresholds; rate_mm_yr: of the cell's neighbourhood. Rates are + toward the
    satellite, divided by the product's noise scale. patch: nats in favour of an unwrapping error (`bowls.edges`).
    """

    rarity: Float32
    radius_m: Float32
    amplitude_mm_yr: Float32
    network: Float32
    rate_mm_yr: Float32
    patch: Float32 | float = 0.0


def weights_of(settings: Mapping[str, Any], tracks: int, method: str = "model") -> Weights:
    """Return a card's weights for one track or for several. method: `model`, or one with less evidence."""
    return Weights(**settings["decision"][method][str(min(tracks, 2))])


def log_odds(
    seen: EvidenceTerms, settings: Mapping[str, Any], tracks: int, method: str, cycles_undone: bool
) -> Float32:
    """Return the log-odds that a cell moves, (rows, cols), NaN where the network has no value.

    The network decides alone where points are too few for the noise covariance. A rate that exceeds all errors decides
    where the noise covariance does not contradict; the limit is lower if whole cycles were undone in the series.
    """
    planes = terms(seen)
    together, alone = (
        sum(np.float32(weight) * plane for weight, plane in zip(weights, planes, strict=True) if weight)
        for weights in (weights_of(settings, tracks, name) for name in (method, "network"))
    )
    if method == "network":
        return np.asarray(alone, dtype=np.float32)
    against = np.float32(weights_of(settings, tracks, method).patch) * planes[-2]
    odds = np.where(np.isfinite(together), together, alone + against)
    beyond = np.abs(seen.rate_mm_yr) >= (DELAY_MM_YR if cycles_undone else CYCLE_MM_YR)
    beyond &= ~(seen.rarity < MIN_RARITY)
    return np.where(beyond & np.isfinite(seen.network), SURE + against, odds).astype(np.float32)


def terms(seen: EvidenceTerms) -> list[Float32]:
    """Return the term that each of Weights multiplies, (rows, cols) each."""
    agrees = seen.amplitude_mm_yr * seen.rate_mm_yr > 0
    rarity = np.where(agrees | np.isnan(seen.rarity), np.clip(seen.rarity, MIN_RARITY, MAX_RARITY), MIN_RARITY)
    ratio = np.log(np.maximum(np.abs(seen.rate_mm_yr), 1e-3) / USUAL_MM_YR)
    planes = (
        rarity,
        np.where(seen.radius_m >= WIDE_M, rarity, 0),
        np.clip(seen.network, -MAX_NETWORK, MAX_NETWORK),
        np.clip(ratio, SLOWEST, FASTEST),
        np.clip(np.broadcast_to(seen.patch, ratio.shape), 0, MAX_PATCH),
        np.ones_like(ratio),
    )
    return [plane.astype(np.float32) for plane in planes]


def as_strong(null: Mapping[str, Any], score: float) -> float | None:
    """Return how many false areas of a score or above are expected in a product; None unknown.

    null: as `deformation.product.Null.as_dict`.
    """
    if not null.get("tails"):
        return None
    over = min(math.log(score) - math.log1p(-score), SURE) if score < 1 else SURE
    thresholds = null["thresholds_log_odds"].values()
    return sum(Tail(*tail).expected(at + over) for tail, at in zip(null["tails"], thresholds, strict=True))

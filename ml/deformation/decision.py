"""The one decision on each cell: how likely it moves, from what the law of the noise, the delay and the network say.

The log-odds are a weighted sum. Its weights are fitted on validation tiles (`lab.deformation.calibration`) so that most
bowls are found at a fixed number of false alarms. They stand on the network's card, for one track and for several.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ml.deformation.gridding.points import Float32

LEAST = 0.0  # decades of rarity that count at least: much motion is no bowl
MOST = 8.0  # and at most: an unwrapping error is as rare as noise as any motion
WIDE_M = 1_000.0  # from this radius on, where the network sees less, rarity counts apart
MOST_NETWORK, MOST_DELAY = 8.0, 7.0  # limits of logits and of standard deviations
USUAL_MM_YR, SLOWEST, FASTEST = 2.0, -1.0, 0.5  # rate that weighs nothing; limits of the logarithm of its ratio to it
DELAY_MM_YR, CYCLE_MM_YR = 6.0, 15.0  # no delay or land cover is as fast, no whole cycle over the years of a product
SURE = 20.0  # log-odds where no error is as fast


class Weights(NamedTuple):
    """Weights of the witnesses; areas begin at log-odds of 0."""

    rarity: float
    wide: float
    network: float
    delay: float
    rate: float
    offset: float


class Witnesses(NamedTuple):
    """What is known of each cell, (rows, cols) each, NaN where unknown.

    rarity: score of the best bowl (`ml.deformation.bowls`), decades; radius_m, amplitude_mm_yr: of that bowl, + toward
    the satellite; network: mean log-odds of its two lowest thresholds; delay: standard deviations by which a bowl
    stands out of the delay; rate_mm_yr: of the cell's neighbourhood. Rates are in units of the product's noise scale.
    """

    rarity: Float32
    radius_m: Float32
    amplitude_mm_yr: Float32
    network: Float32
    delay: Float32
    rate_mm_yr: Float32


def weights_of(settings: Mapping[str, Any], tracks: int, method: str = "model") -> Weights:
    """Return a card's weights for one track or for several. method: `model`, or one that hears fewer witnesses."""
    return Weights(**settings["decision"][method][str(min(tracks, 2))])


def log_odds(seen: Witnesses, settings: Mapping[str, Any], tracks: int, method: str, cycles_undone: bool) -> Float32:
    """Return the log-odds that a cell moves, (rows, cols), NaN where the network has no value.

    Where the ground is too small or has too few points for the law or the delay, the network decides alone. Where rates
    exceed all errors, nothing else counts; those of whole cycles can be left unless they were undone in the series.
    """
    planes = terms(seen)
    heard, alone = (
        sum(np.float32(weight) * plane for weight, plane in zip(weights, planes, strict=True) if weight)
        for weights in (weights_of(settings, tracks, name) for name in (method, "network"))
    )
    if method == "network":
        return np.asarray(alone, dtype=np.float32)
    odds = np.where(np.isfinite(heard), heard, alone)
    beyond = np.abs(seen.rate_mm_yr) >= (DELAY_MM_YR if cycles_undone else CYCLE_MM_YR)
    return np.where(beyond & np.isfinite(seen.network), SURE, odds).astype(np.float32)


def terms(seen: Witnesses) -> list[Float32]:
    """Return what each of Weights multiplies, (rows, cols) each."""
    agrees = seen.amplitude_mm_yr * seen.rate_mm_yr > 0
    rarity = np.where(agrees | np.isnan(seen.rarity), np.clip(seen.rarity, LEAST, MOST), LEAST)
    ratio = np.log(np.maximum(np.abs(seen.rate_mm_yr), 1e-3) / USUAL_MM_YR)
    planes = (
        rarity,
        np.where(seen.radius_m >= WIDE_M, rarity, 0),
        np.clip(seen.network, -MOST_NETWORK, MOST_NETWORK),
        np.minimum(seen.delay, MOST_DELAY),
        np.clip(ratio, SLOWEST, FASTEST),
        np.ones_like(ratio),
    )
    return [plane.astype(np.float32) for plane in planes]

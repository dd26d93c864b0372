"""Change of coherence: a pair against its own predecessors, in robust standard deviations."""

import warnings
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ml.coherence.confirm import FEWEST_ACQUISITIONS, HIGH_SIGMA, LOW_SIGMA, Confirmed
from ml.results import RasterResult
from ml.robust import MAD_TO_SIGMA

METHODS = ("robust-z",)
VERSIONS = {"robust-z": "2"}  # raise when the numbers change
Float32 = NDArray[np.float32]
FEWEST_PREDECESSORS = 3
MOST_PREDECESSORS = 12
# What the median absolute deviation of n values must be multiplied by: Croux and Rousseeuw 1992.
SMALL_SAMPLES = ((3, 4, 5, 6, 7, 8, 9, 12), (1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107, 1.07))
BELOW_ONE_SIGMA = 16  # per cent of a Gaussian


class CoherenceChange(NamedTuple):
    """change_sigma: robust z-score, negative where coherence was lost; before: median of the predecessors; after: now.

    All (rows, cols), NaN where the pair or fewer than FEWEST_PREDECESSORS of its predecessors are known.
    weather: the median difference of the whole scene, which was taken out.
    """

    change_sigma: Float32
    before: Float32
    after: Float32
    weather: float


def coherence_change(history: Float32, history_sigma: Float32, coherence: Float32) -> CoherenceChange:
    """Compare a pair with its predecessors. history, its sigma: (n, rows, cols); coherence: (rows, cols); 0-1.

    What the whole scene lost (rain, wind, snow) is no event of the ground: the median difference is taken out. The
    scale of a pixel is the largest of three: the spread of its own past, the uncertainty that an estimate would have
    had without a change, and how far the sixth of the scene that lost most lies below its middle on that day, since
    bad weather also decorrelates unevenly.
    """
    if len(history) < FEWEST_PREDECESSORS:
        raise ValueError(f"{len(history)} predecessors are too few: at least {FEWEST_PREDECESSORS} are needed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that are never known
        before = np.nanmedian(history, axis=0)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(history - before), axis=0)
        usual = np.nanmedian(history_sigma, axis=0)
        known = np.isfinite(coherence) & (np.isfinite(history).sum(axis=0) >= FEWEST_PREDECESSORS)
        difference = np.where(known, coherence - before, np.nan)
        weather = float(np.nanmedian(difference)) if known.any() else 0.0
        difference -= weather
        of_the_day = -float(np.nanpercentile(difference, BELOW_ONE_SIGMA)) if known.any() else 0.0
    n = np.isfinite(history).sum(axis=0)
    spread *= np.interp(n, *SMALL_SAMPLES)
    own = np.maximum(spread, usual) * np.sqrt(1 + np.pi / 2 / np.maximum(n, 1))  # the median of n is not exact either
    scale = np.maximum(own, max(of_the_day, 1e-3))
    z = (difference / scale).astype(np.float32)
    blank = np.where(known, np.float32(1), np.float32(np.nan))
    return CoherenceChange(z, (before * blank).astype(np.float32), (coherence * blank).astype(np.float32), weather)


def parameters(method: str) -> dict[str, Any]:
    """The constants the method runs with, for the record."""
    return {
        "fewest_predecessors": FEWEST_PREDECESSORS,
        "most_predecessors": MOST_PREDECESSORS,
        "confirmed_at_sigma": [HIGH_SIGMA, LOW_SIGMA],
        "fewest_acquisitions": FEWEST_ACQUISITIONS,
    }


def as_result(
    change: CoherenceChange, event: Confirmed, ratio_db: Float32, transform: Affine, epsg: int
) -> RasterResult:
    """The change as bands on the ground: against the past, what other pairs confirm of it, and backscatter beside it.

    ratio_db: (rows, cols), positive: brighter than in the reference.
    """
    bands = {
        "change_sigma": change.change_sigma,
        "coherence_before": change.before,
        "coherence_after": change.after,
        "confirmed_sigma": event.change_sigma,
        "onset_day": event.onset_day,
        "confidence": event.confidence,
        "backscatter_change_db": ratio_db,
    }
    known = np.isfinite(change.change_sigma)
    statistics = {
        "known_share": round(float(known.mean()), 4),
        "weather": round(change.weather, 4),
        "lowest_sigma": round(float(change.change_sigma[known].min()), 2) if known.any() else 0.0,
        "confirmed_share": round(float(np.isfinite(event.confidence[known]).mean()), 6) if known.any() else 0.0,
    }
    units = ("1", "1", "1", "1", "days since 1970-01-01", "1", "dB")
    return RasterResult(bands, units, transform, epsg, {"weather": f"{change.weather:.4f}"}, statistics)

"""Change of coherence: a pair against its own predecessors, in robust standard deviations."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ml.coherence.confirm import FEWEST_ACQUISITIONS, HIGH_SIGMA, LOW_SIGMA, Confirmed, averaged
from ml.rasters.results import RasterResult
from ml.statistics.robust import MAD_TO_SIGMA

METHODS = ("robust-z",)
VERSIONS = {"robust-z": "4"}  # raise when the numbers change
Float32 = NDArray[np.float32]
FEWEST_PREDECESSORS = 3
MOST_PREDECESSORS = 12
SEASON_DAYS = 45  # of the year, on either side of a pair's own
FEWEST_IN_SEASON = 6  # predecessors, for the others to be left out
# What the median absolute deviation of n values must be multiplied by: Croux and Rousseeuw 1992.
SMALL_SAMPLES = ((3, 4, 5, 6, 7, 8, 9, 12), (1.495, 1.363, 1.206, 1.200, 1.140, 1.129, 1.107, 1.07))
BELOW_ONE_SIGMA = 16  # per cent of a Gaussian
SPREAD_PX = 13  # over which the spread of the past is averaged: the network's resolution
LEAST_SIGMA_SHARE = 0.5  # of an estimate's own sigma: the rest of its error is the same in every pair and cancels


class CoherenceChange(NamedTuple):
    """change_sigma: robust z-score, negative where coherence was lost; before: median of the predecessors; after: now.

    All (rows, cols), NaN where the pair or fewer than FEWEST_PREDECESSORS of its predecessors are known.
    weather: the median difference of the whole scene, which was removed.
    """

    change_sigma: Float32
    before: Float32
    after: Float32
    weather: float


def of_scatterers(bands: Mapping[str, Float32]) -> tuple[Float32, Float32]:
    """The coherence of a raster's bands in which change is found, and its sigma: the only one where it holds one."""
    prefix = "scatterers_" if "scatterers_coherence" in bands else ""
    return bands[f"{prefix}coherence"], bands[f"{prefix}coherence_sigma"]


def coherence_change(history: Float32, history_sigma: Float32, coherence: Float32) -> CoherenceChange:
    """Compare a pair with its predecessors. history, its sigma: (n, rows, cols); coherence: (rows, cols); 0-1.

    What the whole scene lost (rain, wind, snow) is no event of the ground: that share is removed from the pair, and out
    of each of its predecessors. The scale of a pixel is the spread of its past around it, or half of what an estimate
    is uncertain by where that is more; it is widened where the sixth of the scene that lost most lies farther below
    than that, since bad weather also decorrelates unevenly.
    """
    if len(history) < FEWEST_PREDECESSORS:
        raise ValueError(f"{len(history)} predecessors are too few: at least {FEWEST_PREDECESSORS} are needed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels that are never known
        past, before = _without_weather(history)
        n = np.isfinite(history).sum(axis=0)
        spread = MAD_TO_SIGMA * np.nanmedian(np.abs(past - before), axis=0) * np.interp(n, *SMALL_SAMPLES)
        usual = LEAST_SIGMA_SHARE * np.nanmedian(history_sigma, axis=0)
        known = np.isfinite(coherence) & (n >= FEWEST_PREDECESSORS)
        difference = np.where(known, coherence - before, np.nan)
        lost = _lost_share(difference, before)
        difference += lost * before
        around = averaged(spread.astype(np.float32), SPREAD_PX)
        own = np.maximum(around, usual) * np.sqrt(1 + np.pi / 2 / np.maximum(n, 1))  # a median is not exact either
        z = difference / np.maximum(own, 1e-3)
        of_the_day = -float(np.nanpercentile(z, BELOW_ONE_SIGMA)) if known.any() else 0.0
        weather = -lost * float(np.nanmedian(np.where(known, before, np.nan))) if known.any() else 0.0
    z = (z / max(1.0, of_the_day)).astype(np.float32)
    blank = np.where(known, np.float32(1), np.float32(np.nan))
    return CoherenceChange(z, (before * blank).astype(np.float32), (coherence * blank).astype(np.float32), weather)


def _without_weather(history: Float32) -> tuple[Float32, Float32]:
    """The past as if no pair had lost more than the others all over the scene, and its median, of each pixel."""
    before = np.nanmedian(history, axis=0)
    past = np.stack([one + _lost_share(one - before, before) * before for one in history])
    return past, np.nanmedian(past, axis=0)


def _lost_share(difference: Float32, before: Float32) -> float:
    """Share of its coherence that the more coherent half of a scene lost, its median; negative: won."""
    upper = np.isfinite(difference) & (before >= np.nanmedian(before))
    return -float(np.median(difference[upper] / np.maximum(before[upper], 0.05))) if upper.any() else 0.0


def in_season(days: Sequence[date], day: date, most: int = MOST_PREDECESSORS) -> list[int]:
    """Which of a pair's predecessors it is compared with, the latest first, at most so many.

    Those of its season, this year's and earlier ones', where they are FEWEST_IN_SEASON; else the latest of all. days:
    of the predecessors' secondary images; day: of the pair's.
    """
    latest = sorted(range(len(days)), key=lambda index: days[index], reverse=True)
    alike = [index for index in latest if _apart(days[index], day) <= SEASON_DAYS]
    return (alike if len(alike) >= FEWEST_IN_SEASON else latest)[:most]


def _apart(one: date, other: date) -> float:
    """Days between two days of the year, 0 to half a year."""
    apart = abs((one - other).days) % 365.25
    return min(apart, 365.25 - apart)


def parameters(method: str) -> dict[str, Any]:
    """The constants the method runs with, for the record."""
    return {
        "fewest_predecessors": FEWEST_PREDECESSORS,
        "most_predecessors": MOST_PREDECESSORS,
        "confirmed_at_sigma": [HIGH_SIGMA, LOW_SIGMA],
        "fewest_acquisitions": FEWEST_ACQUISITIONS,
    }


def as_result(
    change: CoherenceChange, area_sigma: Float32, event: Confirmed, ratio_db: Float32, transform: Affine, epsg: int
) -> RasterResult:
    """The change as bands on the ground: against the past, what other pairs confirm of it, and backscatter beside it.

    area_sigma: of the mean coherence of a small area, (rows, cols); ratio_db: likewise, positive: brighter than in the
    reference.
    """
    bands = {
        "change_sigma": change.change_sigma,
        "coherence_before": change.before,
        "coherence_after": change.after,
        "area_sigma": area_sigma,
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
    units = ("1", "1", "1", "1", "1", "days since 1970-01-01", "1", "dB")
    return RasterResult(bands, units, transform, epsg, {"weather": f"{change.weather:.4f}"}, statistics)

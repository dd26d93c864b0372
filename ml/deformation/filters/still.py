"""Still ground of a product, also if little of it stands still."""

from typing import NamedTuple

import numpy as np

from ml.deformation.gridding.points import Float32

FEWEST_STILL = 5  # cells
STILL_SPREAD_MM_YR = 1.0  # within which still ground stands, and by how many noises, where
MOSTLY_STILL = 0.6  # of the cells do
STANDS_AT_MM_YR = 0.75  # likewise, of the cells at one level,
LEAST_STILL = 0.01  # of all, at least; the more, the farther that level is from zero
ZERO_OFF_MM_YR = 2.0  # by which products' zeros differ from still ground, standard deviation


class StillGround(NamedTuple):
    """Level of still ground.

    rate_mm_yr: what counts as still; share: of the known cells that stand at it, 0 where the product's zero is kept
    because too few stand still.
    """

    rate_mm_yr: float
    share: float


def still_ground(velocity_mm_yr: Float32, noise_mm_yr: float, within_mm_yr: float) -> StillGround:
    """Estimate the rate of still ground from cells (rows, cols), NaN unknown.

    It is the median of the cells near zero, because a product's reference is never far from it; so a scene of which
    most sinks keeps its zero. If fewer than MOSTLY_STILL of the cells share it, it is the commonest rate, with rates
    far from zero weighted less; and zero itself if fewer than LEAST_STILL of the cells share that.
    """
    values = velocity_mm_yr[np.isfinite(velocity_mm_yr)]
    near = values[np.abs(values) <= max(within_mm_yr, 3 * noise_mm_yr)]
    if near.size < FEWEST_STILL:
        return StillGround(0.0, 0.0)
    middle = float(np.median(near))
    share = _share_at(values, middle, max(STILL_SPREAD_MM_YR, 3 * noise_mm_yr))
    if share >= MOSTLY_STILL:
        return StillGround(middle, share)
    reach = max(STANDS_AT_MM_YR, 2 * noise_mm_yr)
    levels = np.arange(-within_mm_yr, within_mm_yr, 0.1)
    ordered = np.sort(near)
    first, last = np.searchsorted(ordered, levels - reach, "left"), np.searchsorted(ordered, levels + reach, "right")
    shares = (last - first) / values.size
    likely = shares * np.exp(-0.5 * (levels / ZERO_OFF_MM_YR) ** 2)
    best = int(np.argmax(likely))
    if likely[best] < LEAST_STILL:
        return StillGround(0.0, 0.0)
    return StillGround(float(np.median(ordered[first[best] : last[best]])), float(shares[best]))


def assumed(still_share: float | None) -> str | None:
    """Return a sentence on the assumed reference of the rates if little ground is still; else None."""
    if still_share is None or still_share >= MOSTLY_STILL:
        return None
    if not still_share:
        return "Nothing in the product's view stands still: rates are taken against its own zero."
    return f"Only {100 * still_share:.0f} % of the product's view stands still: rates are taken against that."


def _share_at(values: Float32, level: float, reach: float) -> float:
    return float(np.count_nonzero(np.abs(values - np.float32(level)) <= reach) / values.size)

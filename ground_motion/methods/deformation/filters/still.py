"""Level of still ground in a product, even if most of its ground moves."""

from typing import NamedTuple

import numpy as np

from ground_motion.methods.deformation.gridding.points import Float32

MIN_STILL = 5  # cells
STILL_SPREAD_MM_YR = 1.0  # Stable ground differs from its level by less.
MOSTLY_STILL = 0.6  # If fewer of the cells are stable so, the level is the commonest rate.
STANDS_AT_MM_YR = 0.75  # A cell supports another level if it is this close to it.
MIN_STILL_SHARE = 0.01  # Any other level needs this share of the cells, and more if it is far from zero.
ZERO_OFF_MM_YR = 2.0  # The zeros of products differ from stable ground by this standard deviation.


class StillGround(NamedTuple):
    """Level of still ground.

    rate_mm_yr: counts as still; share: of the known cells, 0 if the product's zero is kept because too few are still.
    """

    rate_mm_yr: float
    share: float


def still_ground(velocity_mm_yr: Float32, noise_mm_yr: float, within_mm_yr: float) -> StillGround:
    """Estimate the rate of still ground from cells (rows, cols), NaN unknown.

    It is the median of the cells near zero, because a product's reference is never far from it; so a scene that mostly
    sinks keeps its zero. If fewer than MOSTLY_STILL of the cells have this rate, it is the commonest rate, with rates
    far from zero weighted less; or zero itself if fewer than MIN_STILL_SHARE of the cells have that.
    """
    values = velocity_mm_yr[np.isfinite(velocity_mm_yr)]
    near = values[np.abs(values) <= max(within_mm_yr, 3 * noise_mm_yr)]
    if near.size < MIN_STILL:
        return StillGround(0.0, 0.0)
    middle = float(np.median(near))
    at_middle = np.abs(values - np.float32(middle)) <= max(STILL_SPREAD_MM_YR, 3 * noise_mm_yr)
    share = float(np.count_nonzero(at_middle) / values.size)
    if share >= MOSTLY_STILL:
        return StillGround(middle, share)
    reach = max(STANDS_AT_MM_YR, 2 * noise_mm_yr)
    levels = np.arange(-within_mm_yr, within_mm_yr, 0.1)
    ordered = np.sort(near)
    first, last = np.searchsorted(ordered, levels - reach, "left"), np.searchsorted(ordered, levels + reach, "right")
    shares = (last - first) / values.size
    likely = shares * np.exp(-0.5 * (levels / ZERO_OFF_MM_YR) ** 2)
    best = int(np.argmax(likely))
    if likely[best] < MIN_STILL_SHARE:
        return StillGround(0.0, 0.0)
    return StillGround(float(np.median(ordered[first[best] : last[best]])), float(shares[best]))


def assumption(still_share: float | None) -> str | None:
    """Return a sentence on the assumed reference of the rates if little ground is still; else None."""
    if still_share is None or still_share >= MOSTLY_STILL:
        return None
    if not still_share:
        return "Nothing in the product's view stands still: rates are taken against its own zero."
    return f"Only {100 * still_share:.0f} % of the product's view stands still: rates are taken against that."

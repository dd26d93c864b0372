"""Motion that is evident from the rates alone because it exceeds the errors of products, regardless of the network.

Errors from delay and land cover stay below EVIDENT_MM_YR. Unwrapping errors can exceed it: half a wavelength over the
years of a product, 14 mm/yr over two. If they were corrected in the series, rates above EVIDENT_MM_YR are almost always
motion; otherwise motion is evident only above BEYOND_CYCLES_MM_YR.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ml.deformation.features.channels import TrackCells
from ml.deformation.filters.baseline import logistic
from ml.deformation.gridding.points import Float32

EVIDENT_MM_YR, BEYOND_CYCLES_MM_YR = 6.0, 15.0  # in units of the product's noise scale
AROUND_CELLS, FEWEST_CELLS, FEWEST_POINTS = 3, 3, 5
ENDS = 2 / 3  # of the limit: an area ends below it
LN4 = 1.3863  # from a fifth to one half, in logits


def evident(tracks: Sequence[TrackCells]) -> tuple[Float32, Float32]:
    """Return the probability that a cell moves evidently, and its rate, mm/yr, (rows, cols) each.

    Both are from the track with the strongest motion. The probability is one half at the limit, a fifth at ENDS of it,
    and 0 below or with fewer than FEWEST_CELLS or FEWEST_POINTS around.
    """
    views = [_of_track(track) for track in tracks]
    surest = np.argmax([probability for probability, _ in views], axis=0)[None]
    probability, rate = (np.take_along_axis(np.stack(each), surest, 0)[0] for each in zip(*views, strict=True))
    return probability, rate


def _of_track(track: TrackCells) -> tuple[Float32, Float32]:
    known = np.isfinite(track.velocity_mm_yr)
    points = track.n_points.astype(np.float32) * known
    weight = points / (points + 1)
    rate = _around(np.where(known, track.velocity_mm_yr, 0) * weight) / np.maximum(_around(weight), 1e-6)
    enough = (_around(known.astype(np.float32)) > FEWEST_CELLS - 0.5) & (_around(points) > FEWEST_POINTS - 0.5)
    limit = EVIDENT_MM_YR if track.cycles_undone else BEYOND_CYCLES_MM_YR
    part = np.abs(rate) / limit
    probability = logistic((part - 1) * (LN4 / (1 - ENDS)))
    return np.where(enough & (part >= ENDS), probability, 0).astype(np.float32), rate.astype(np.float32)


def _around(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return sums over AROUND_CELLS x AROUND_CELLS."""
    return np.asarray(ndimage.uniform_filter(values, AROUND_CELLS, mode="constant") * AROUND_CELLS**2)

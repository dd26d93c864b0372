"""How well a classifier separates the errors of two sets of maps, by figures that describe them.

The classifier is a cross-validated logistic regression; its area under the ROC curve is 0.5 for equal distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from ground_motion.methods.deformation.features.channels import TrackCells
from ground_motion.methods.deformation.filters.baseline import cell_noise
from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.methods.deformation.reliability import balanced_regression
from ground_motion.statistics.robust import MAD_TO_SIGMA
from lab.benchmark import auc

LAGS_CELLS = (1, 3, 8, 24)
FOLDS, RIDGE = 5, 1.0


def figures_of_errors(tracks: Sequence[TrackCells]) -> Float64:
    """Describe the errors of two tracks on common cells: strength, roughness, heavy tails, correlation."""
    figures: list[float] = []
    smooth = []
    for track in tracks:
        velocity = track.velocity_mm_yr
        known = np.isfinite(velocity)
        values = velocity[known]
        spread = MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values)))) + 1e-3
        figures += [np.log(spread), np.log(cell_noise(velocity) + 0.01), float(known.mean())]
        figures += [np.log(1 + track.n_points[known].mean()), np.log(0.05 + np.nanmedian(track.mad_mm_yr[known]))]
        figures += [float(np.log((np.abs(values) > times * spread).mean() + 1e-3)) for times in (3, 6)]
        figures.append(float(np.median(values) - values.mean()) / spread)
        steps = [[_step(velocity, lag, axis) / spread for axis in (0, 1)] for lag in LAGS_CELLS]
        figures += [float(np.log(np.mean(step) + 0.01)) for step in steps]
        figures.append(abs(float(np.log((steps[2][0] + 0.01) / (steps[2][1] + 0.01)))))
        figures.append(_correlation(velocity, np.log1p(track.n_points), known))
        smooth.append([_mean(velocity, known, width) for width in (1.0, 3.0, 8.0)])
        figures.append(float(np.log(np.abs(smooth[-1][1][known]).max() / spread + 0.01)))
    both = np.isfinite(tracks[0].velocity_mm_yr) & np.isfinite(tracks[1].velocity_mm_yr)
    figures += [_correlation(one, other, both) for one, other in zip(*smooth, strict=True)]
    return np.array(figures)


def separability(family: NDArray[np.floating], training: NDArray[np.floating]) -> float:
    """Return the cross-validated area under the ROC curve between two sets of figures, (n, figures) each."""
    figures = np.concatenate([family, training])
    belongs = np.arange(len(figures)) < len(family)
    ranks = rankdata(figures, axis=0) / len(figures) - 0.5  # ranks, so that outliers do not decide
    design = np.concatenate([np.ones((len(ranks), 1)), ranks, ranks**2 - 1 / 12], axis=1)
    fold = np.random.default_rng(0).permutation(len(design)) % FOLDS
    scores = np.empty(len(design))
    for held in range(FOLDS):
        seen = fold != held
        scores[~seen] = design[~seen] @ balanced_regression(design[seen], belongs[seen], RIDGE)
    assert np.isfinite(scores).all()
    return auc(scores, belongs)


def _step(velocity: Float32, lag: int, axis: int) -> float:
    """Return the median absolute difference of cells `lag` apart along an axis."""
    away = np.moveaxis(velocity, axis, 0)
    steps = np.abs(away[lag:] - away[:-lag])
    return float(np.median(steps[np.isfinite(steps)])) if np.isfinite(steps).any() else 0.0


def _mean(velocity: Float32, known: NDArray[np.bool_], width: float) -> Float32:
    total = ndimage.gaussian_filter(np.where(known, velocity, 0), width)
    return np.asarray(total / (ndimage.gaussian_filter(known.astype(np.float32), width) + 0.05), dtype=np.float32)


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating], known: NDArray[np.bool_]) -> float:
    if np.count_nonzero(known) < 10 or not np.ptp(one[known]) or not np.ptp(other[known]):
        return 0.0
    return float(np.corrcoef(one[known], other[known])[0, 1])

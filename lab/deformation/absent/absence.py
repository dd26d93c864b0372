"""Evidence that a family is out of distribution: figures of maps by which a classifier separates it from training.

A family that cannot be separated from training samples does not test a detector on the unknown. The classifier is a
cross-validated logistic regression; its area under the ROC curve is 0.5 for equal distributions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

from lab.benchmark import auc
from ml.deformation.features.channels import TrackCells
from ml.deformation.filters.baseline import cell_noise
from ml.deformation.gridding.points import Float32, Float64
from ml.deformation.reliability import balanced_regression
from ml.statistics.robust import MAD_TO_SIGMA

LAGS_CELLS = (1, 3, 8, 24)
FOLDS, RIDGE = 5, 1.0


def of_errors(tracks: Sequence[TrackCells]) -> Float64:
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


def of_motion(rate_mm_yr: Float32) -> Float64:
    """Describe a map of motion (rows, cols): extent, elongation, edges, number of peaks, mixture of signs."""
    peak = float(np.abs(rate_mm_yr).max()) or 1.0
    share = rate_mm_yr / peak
    half = np.abs(share) >= 0.5
    rows, cols = np.nonzero(half)
    spread = np.sort(np.linalg.eigvalsh(np.cov(rows, cols) + 0.1 * np.eye(2))) if rows.size > 2 else np.ones(2)
    tops = (np.abs(share) == ndimage.maximum_filter(np.abs(share), 5)) & (np.abs(share) > 0.25)
    steepest = max(float(np.abs(np.diff(share, axis=axis)).max()) for axis in (0, 1))
    inside = share[np.abs(share) > 0.2]
    return np.array(
        [
            np.log(half.sum() + 1),
            np.log((np.abs(share) > 0.1).sum() / (half.sum() + 1)),
            np.log(spread[1] / spread[0]),
            np.log(half.sum() / (np.sqrt(spread.prod()) + 1) + 0.01),
            steepest,
            np.log(ndimage.label(tops)[1] + 1),
            np.log(ndimage.label(half)[1] + 1),
            float(min((inside > 0).mean(), (inside < 0).mean())) if inside.size else 0.0,
            float(np.abs(np.diff(share, axis=0)).sum() / (np.abs(share).sum() + 1)),
        ]
    )


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

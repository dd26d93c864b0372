"""Attributes computed from many series, and groups of similar series."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import scipy  # Parts of scipy load when they are used.
from numpy.typing import NDArray

from ground_motion.readers.records import Float32, Float64

MIN_DATES = 8
MIN_KNOWN = 0.6  # A series needs this share of its dates to be sorted into a group.
PARTS = 12  # principal components in which groups are searched: the rest is noise
STARTS = 6


class Fitted(NamedTuple):
    """Results of fits, (n,); NaN for a short series. acceleration: mm/yr²; season: amplitude of the yearly wave, mm."""

    acceleration_mm_yr2: Float64
    season_mm: Float64


class Group(NamedTuple):
    """Group of similar series. Median and limits of the middle two thirds, (dates,), mm; each series less its mean."""

    members: NDArray[np.int64]
    median_mm: Float64
    low_mm: Float64
    high_mm: Float64


class Groups(NamedTuple):
    """Groups of series."""

    groups: list[Group]  # the group that sinks most comes first
    explained: float  # share of the variance that membership explains, 0-1
    n_left_out: int  # series that miss too many dates


def fit_parabolas(dates: Sequence[date], series_mm: Float32) -> Fitted:
    """Fit a parabola with a yearly wave to each series, (n, dates), mm, NaN where missing, by least squares."""
    years = np.array([(day - dates[0]).days for day in dates]) / 365.25
    years -= years.mean() if years.size else 0.0
    turn = 2 * np.pi * years
    design = np.column_stack([np.ones_like(years), years, years**2, np.sin(turn), np.cos(turn)])
    nothing = np.full(len(series_mm), np.nan)
    acceleration, season = nothing.copy(), nothing.copy()
    known = np.isfinite(series_mm)
    enough = known.sum(axis=1) >= MIN_DATES
    if not enough.any() or np.ptp(years) < 1.5:
        return Fitted(acceleration, season)
    weights = known[enough].astype(float)
    values = np.where(known[enough], series_mm[enough], 0.0)
    normal = np.einsum("nd,di,dj->nij", weights, design, design)  # (n, 5, 5)
    right = np.einsum("nd,di->ni", values, design)
    usable = np.linalg.cond(normal) < 1e12
    solved = np.full((len(values), design.shape[1]), np.nan)
    solved[usable] = np.linalg.solve(normal[usable], right[usable][..., None])[..., 0]
    acceleration[enough] = 2 * solved[:, 2]
    season[enough] = np.hypot(solved[:, 3], solved[:, 4])
    return Fitted(acceleration, season)


def group(series_mm: Float32, k: int, *, by_shape: bool = False, seed: int = 0) -> Groups | None:
    """Group series, (n, dates), mm, NaN where missing, by k-means; None if fewer than k have enough dates."""
    # by_shape: each series divided by its own scatter, so that slow and fast motion of one form belong together.
    known = np.isfinite(series_mm)
    used = np.flatnonzero(known.mean(axis=1) >= MIN_KNOWN) if series_mm.size else np.empty(0, dtype=np.int64)
    if used.size < k:
        return None
    values = np.array([_whole(row) for row in series_mm[used].astype(np.float64)])
    values -= values.mean(axis=1, keepdims=True)
    compared = values / np.maximum(values.std(axis=1, keepdims=True), 1e-6) if by_shape else values
    compared = compared - compared.mean(axis=0)
    left, size, _ = np.linalg.svd(compared, full_matrices=False)
    parts = left[:, :PARTS] * size[:PARTS]  # (n, parts)
    labels = _best_labels(parts, k, seed)
    centres = np.array([parts[labels == number].mean(axis=0) for number in range(k)])
    total = float((compared**2).sum())
    between = float((centres[labels] ** 2).sum())
    made = []
    for number in range(k):
        low, middle, high = np.percentile(values[labels == number], [16, 50, 84], axis=0)
        made.append(Group(used[labels == number], middle, low, high))
    made.sort(key=lambda cluster: cluster.median_mm[-1] - cluster.median_mm[0])
    return Groups(made, between / total if total else 1.0, len(series_mm) - used.size)


def _whole(row: Float64) -> Float64:
    known = np.flatnonzero(np.isfinite(row))
    return np.interp(np.arange(row.size), known, row[known])


def _best_labels(parts: Float64, k: int, seed: int) -> NDArray[np.int64]:
    """Return the tightest of several clusterings without empty groups; if there is none, k parts of the first axis."""
    best = np.argsort(np.argsort(parts[:, 0])) * k // len(parts)
    if len(np.unique(parts.round(9), axis=0)) <= k:
        return best
    tightest = np.inf
    for start in range(STARTS):
        try:
            centres, labels = scipy.cluster.vq.kmeans2(
                parts, k, minit="++", seed=seed + start, missing="raise", iter=30
            )
        except scipy.cluster.vq.ClusterError:
            continue
        spread = float(((parts - centres[labels]) ** 2).sum())
        if np.unique(labels).size == k and spread < tightest:
            best, tightest = labels, spread
    return best

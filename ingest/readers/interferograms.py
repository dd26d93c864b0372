"""From a network of interferograms to a series: least squares, pixel by pixel. Pure numerics: arrays in, arrays out.

Source: small-baseline inversion, Berardino et al. 2002, doi 10.1109/TGRS.2002.803792, as LiCSBAS does it (Morishita et
al. 2020, doi 10.3390/rs12030424). Where the pairs connect all dates, increments between consecutive dates and
displacements at the dates are the same unknowns; here they are the displacements, with the first date at zero.
Temporal coherence: Pepe & Lanari 2006, doi 10.1109/TGRS.2006.873207.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.readers.records import Float32, Float64

DAYS_PER_YEAR = 365.25


class Inverted(NamedTuple):
    """n pixels: displacement_mm (n, dates), NaN where nothing connects a date; connected (n,): how many dates are.

    rmse_mm (n,): root mean square of what the series leaves of the pairs. temporal_coherence (n,): 0 to 1. Both are NaN
    where a pixel has no more pairs than unknowns, so that nothing can be left.
    """

    displacement_mm: Float32
    connected: NDArray[np.int64]
    rmse_mm: Float32
    temporal_coherence: Float32


def slope_mm_yr(displacement_mm: Float32, dates: Sequence[date]) -> Float32:
    """Least-squares slopes of series. displacement_mm: (n, dates), mm, NaN where unknown; returns (n,), mm/yr."""
    years = np.array([(day - dates[0]).days / DAYS_PER_YEAR for day in dates])
    known = np.isfinite(displacement_mm)
    count = np.maximum(known.sum(axis=1), 1)
    values = np.where(known, displacement_mm, 0).astype(np.float64)
    centred = np.where(known, years - (known @ years / count)[:, None], 0.0)
    spread = (centred**2).sum(axis=1)
    slope = (centred * values).sum(axis=1) / np.where(spread > 0, spread, np.nan)
    return np.asarray(slope, dtype=np.float32)


def pieces(pairs: NDArray[np.int64], n_dates: int) -> NDArray[np.int64]:
    """Which piece of the network each date belongs to, named by its first date. pairs: (m, 2), indices of dates."""
    piece = np.arange(n_dates)
    for first, second in pairs:
        low, high = sorted((piece[first], piece[second]))
        if low != high:
            piece[piece == high] = low
    return piece


def inverted(change_mm: Float64, pairs: NDArray[np.int64], n_dates: int, radians_per_mm: float) -> Inverted:
    """Invert a network. change_mm: (m, n), from the first to the second date of each pair, NaN where unknown.

    pairs: (m, 2), indices of dates. Pixels that miss the same pairs are solved together. A pixel whose pairs fall apart
    keeps the piece with most dates, and that piece begins with zero. radians_per_mm turns residuals into phases.
    """
    n = change_mm.shape[1]
    result = Inverted(
        np.full((n, n_dates), np.nan, np.float32), np.zeros(n, np.int64),
        np.full(n, np.nan, np.float32), np.full(n, np.nan, np.float32),
    )  # fmt: skip
    known = np.isfinite(change_mm)
    patterns, members = np.unique(np.packbits(known, axis=0), axis=1, return_inverse=True)
    order = np.argsort(members.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(members.ravel(), minlength=patterns.shape[1]))
    for same in np.split(order, ends[:-1]):  # the pixels of one pattern
        _solve(change_mm, known[:, same[0]], same, pairs, radians_per_mm, result)
    return result


def _solve(
    change_mm: Float64, known: NDArray[np.bool_], pixels: NDArray[np.int64], pairs: NDArray[np.int64],
    radians_per_mm: float, result: Inverted,
) -> None:  # fmt: skip
    """Fill in the pixels that have just the pairs where known (m,) is true."""
    piece = pieces(pairs[known], result.displacement_mm.shape[1])
    largest = int(np.bincount(piece).argmax())
    dates = np.flatnonzero(piece == largest)
    result.connected[pixels] = dates.size
    if dates.size < 2:
        return
    used = np.flatnonzero(known & (piece[pairs[:, 0]] == largest))
    design = (pairs[used, 1, None] == dates).astype(float) - (pairs[used, 0, None] == dates)  # (pairs, dates)
    design = design[:, 1:]  # the first date is zero
    change = change_mm[np.ix_(used, pixels)]
    displacement = np.linalg.solve(design.T @ design, design.T @ change)  # (dates - 1, n)
    result.displacement_mm[pixels, dates[0]] = 0
    result.displacement_mm[np.ix_(pixels, dates[1:])] = displacement.T
    if used.size >= dates.size:
        residual = change - design @ displacement
        result.rmse_mm[pixels] = np.sqrt(np.mean(residual**2, axis=0))
        result.temporal_coherence[pixels] = np.abs(np.exp(1j * radians_per_mm * residual).mean(axis=0))

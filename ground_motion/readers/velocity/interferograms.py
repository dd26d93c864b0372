"""Series from a network of interferograms: least squares, pixel by pixel. Pure numerics: arrays in, arrays out.

Source: small-baseline inversion, Berardino et al. 2002, doi 10.1109/TGRS.2002.803792, as LiCSBAS does it (Morishita et
al. 2020, doi 10.3390/rs12030424). Where the pairs connect all dates, increments between dates and displacements
at dates are equivalent unknowns; this module solves for displacements, with zero at the first date.
Temporal coherence: Pepe & Lanari 2006, doi 10.1109/TGRS.2006.873207.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float32, Float64

Numbers = NDArray[np.int64]
FREQUENT = 64  # A pattern of more pixels is solved by itself.
MATRIX_VALUES = 2**21  # The matrices that are inverted at a time take 16 MiB.


@dataclass(frozen=True, kw_only=True)
class Inverted:
    """Series of n pixels: displacement_mm (n, dates), NaN for dates not connected; connected (n,): connected dates.

    rmse_mm (n,): root mean square of the residuals of the pairs. temporal_coherence (n,): 0 to 1. Both are NaN for a
    pixel with no more pairs than unknowns, which has no residuals.
    """

    displacement_mm: Float32
    connected: NDArray[np.int64]
    rmse_mm: Float32
    temporal_coherence: Float32


def pieces(pairs: NDArray[np.int64], known: NDArray[np.bool_], n_dates: int) -> NDArray[np.int64]:
    """Return by date the first date of its connected part, (patterns, dates). pairs: (m, 2); known: (patterns, m)."""
    piece = np.broadcast_to(np.arange(n_dates), (known.shape[0], n_dates)).T.copy()  # (dates, patterns)
    while True:
        before = piece.copy()
        for (first, second), has in zip(pairs, known.T, strict=True):
            lower = np.minimum(piece[first], piece[second])
            piece[first] = np.where(has, lower, piece[first])
            piece[second] = np.where(has, lower, piece[second])
        if np.array_equal(piece, before):
            return piece.T


def invert(change_mm: Float64, pairs: NDArray[np.int64], n_dates: int, radians_per_mm: float) -> Inverted:
    """Invert a network of interferograms to series.

    Pixels that miss the same pairs are solved together. If a pixel's pairs form unconnected parts, only the part with
    most dates is kept; it starts at zero.

    Args:
        change_mm: (m, n), from the first to the second date of each pair, NaN unknown.
        pairs: (m, 2), indices of dates.
        n_dates: Number of dates.
        radians_per_mm: Phase of a millimetre.
    """
    change = np.asarray(change_mm, dtype=np.float64).T  # (n, m)
    patterns, which = _patterns(np.isfinite(change))
    result = Inverted(
        displacement_mm=np.full((len(change), n_dates), np.nan, np.float32),
        connected=np.zeros(len(change), np.int64),
        rmse_mm=np.full(len(change), np.nan, np.float32),
        temporal_coherence=np.full(len(change), np.nan, np.float32),
    )
    at_once = max(1, MATRIX_VALUES // n_dates**2)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(patterns)))
    members = np.split(order, ends[:-1])  # Split into the pixels of each pattern.
    frequent = [number for number, pixels in enumerate(members) if pixels.size > FREQUENT]
    rare = np.setdiff1d(np.arange(len(patterns)), frequent)
    groups = [np.array([number]) for number in frequent]
    groups += [rare[first : first + at_once] for first in range(0, rare.size, at_once)]
    for group in groups:
        solver = _Solver.prepare(patterns[group], pairs, n_dates)
        pixels = np.concatenate([members[number] for number in group])
        part = np.repeat(np.arange(group.size), [members[number].size for number in group])
        for some in np.array_split(np.arange(pixels.size), -(-pixels.size // at_once) if group.size > 1 else 1):
            solver.solve(change[pixels[some]], part[some], pixels[some], radians_per_mm, result)
    return result


def _patterns(known: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    packed = np.packbits(known, axis=1)
    rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, which = np.unique(rows, return_index=True, return_inverse=True)
    return known[first], which.ravel()


class _Solver(NamedTuple):
    """Solver for u patterns of known pairs: dates (u, dates) and pairs (u, m) used; inverse (u, dates, dates)."""

    pairs: Numbers
    dates: NDArray[np.bool_]
    used: NDArray[np.bool_]
    inverse: Float64

    @classmethod
    def prepare(cls, known: NDArray[np.bool_], pairs: NDArray[np.int64], n_dates: int) -> "_Solver":
        piece = pieces(pairs, known, n_dates)
        sizes = np.stack([(piece == name).sum(axis=1) for name in range(n_dates)])  # dates by piece, (pieces, patterns)
        dates = piece == sizes.argmax(axis=0)[:, None]
        used = known & dates[:, pairs[:, 0]]
        normal = np.zeros((n_dates, n_dates, len(known)))
        for (first, second), weight in zip(pairs, used.T, strict=True):
            normal[first, first] += weight
            normal[second, second] += weight
            normal[first, second] -= weight
            normal[second, first] -= weight
        # Unsolved dates, and the first date of each solved piece, are zero.
        free = dates & (np.arange(n_dates) > dates.argmax(axis=1)[:, None])
        normal = np.moveaxis(normal, -1, 0) * (free[:, :, None] & free[:, None, :])
        normal[:, np.arange(n_dates), np.arange(n_dates)] += ~free
        inverse = np.linalg.inv(normal) * (free[:, :, None] & free[:, None, :])
        return cls(pairs=pairs, dates=dates, used=used, inverse=inverse)

    def solve(self, change: Float64, which: Numbers, pixels: Numbers, radians_per_mm: float, result: Inverted) -> None:
        """Solve pixels by their changes (n, m) and store the series in `result`. which: pattern of each pixel."""
        dates, used, pairs = self.dates[which], self.used[which], self.pairs
        design = np.eye(dates.shape[1])[pairs[:, 1]] - np.eye(dates.shape[1])[pairs[:, 0]]  # (m, dates)
        known = np.where(used, change, 0.0)
        if len(self.inverse) == 1:
            series = known @ design @ self.inverse[0]
        else:
            series = np.matmul(self.inverse[which], (known @ design)[:, :, None])[:, :, 0]
        connected = dates.sum(axis=1)
        good = connected > 1
        result.connected[pixels] = connected
        result.displacement_mm[pixels] = np.where(dates & good[:, None], series, np.nan)
        residual = np.where(used, known - series @ design.T, 0.0)
        count = used.sum(axis=1)
        more = good & (count >= connected)
        count = np.where(more, count, 1)
        phases = np.where(used, np.exp(1j * radians_per_mm * residual), 0).sum(axis=1)
        result.rmse_mm[pixels] = np.where(more, np.sqrt((residual**2).sum(axis=1) / count), np.nan)
        result.temporal_coherence[pixels] = np.where(more, np.abs(phases) / count, np.nan)

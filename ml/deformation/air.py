"""How far a bowl at each place would stand out of the air: generalised least squares against turbulence.

Air that is left in a rate is strong where it is wide, as slow wide motion is, and differs tenfold between places. In a
window of some kilometres its strength is what makes the rates likeliest (restricted likelihood); a plane and a slope
with height go free; then a bowl of each radius is fitted at each place and told in its own standard deviations.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from ml.deformation.points import Float32, Float64

SQUARE_CELLS = 8  # rates are averaged over squares of so many cells
BLOCK, MARGIN = 4, 6  # squares on a side that are answered together, and around them that are looked at
ALIGN_CELLS = BLOCK * SQUARE_CELLS  # where a map begins, counted in cells, must be whole multiples of it
RADII_M = (700.0, 1200.0, 2000.0)
PLANES = len(RADII_M)
STRENGTHS = (0.005, 0.015, 0.04, 0.08, 0.16)  # (mm/yr)², semivariances of air at KNEE_M
KNEE_M, BELOW, ABOVE = 1_500.0, -11 / 3, -8 / 3  # of the air's two-dimensional spectrum
NOISE_MM2_YR2, LEAST_NOISE_MM2_YR2 = (
    0.35,
    0.005,
)  # variance of a cell's rate, and of a square's that all its cells share
FASTEST_MM_YR = 10.0  # a rate beyond counts as so much
FEWEST_SQUARES = 12
LEAST_WEIGHT = 0.4
LEAST_INFORMATION = 0.1  # of a bowl of 1 mm/yr: less tells nothing
LAG_M = 100.0


class Squares(NamedTuple):
    """(rows, cols) of squares: sum of weights; weighted means of rate, mm/yr, of height, 100 m, and of place, m."""

    weight: Float64
    rate: Float64
    height: Float64
    down: Float64
    right: Float64


def standing_out(velocity: Float32, n_points: NDArray[np.integer], height_m: Float32 | None, cell_m: float) -> Float32:
    """(PLANES, rows, cols): amplitude of a bowl of RADII_M at each place over its standard deviation, + as the rate.

    velocity: (rows, cols), mm/yr, NaN unknown; height_m: NaN unknown, None where nobody tells heights. 0 where too few
    squares are known. What is said of a place depends on nothing beyond ALIGN_CELLS + MARGIN * SQUARE_CELLS.
    """
    squares = _squares(velocity, n_points, height_m, cell_m)
    rows, cols = squares.weight.shape
    found = np.zeros((PLANES, -(-rows // BLOCK) * BLOCK, -(-cols // BLOCK) * BLOCK), dtype=np.float32)
    for row in range(0, rows, BLOCK):
        for col in range(0, cols, BLOCK):
            own = (slice(row, row + BLOCK), slice(col, col + BLOCK))
            if (squares.weight[own] > LEAST_WEIGHT).any():
                found[:, *own] = _of_block(squares, row, col, SQUARE_CELLS * cell_m)
    by_cell = found.repeat(SQUARE_CELLS, 1).repeat(SQUARE_CELLS, 2)
    return by_cell[:, : velocity.shape[0], : velocity.shape[1]]


def _squares(velocity: Float32, n_points: NDArray[np.integer], height_m: Float32 | None, cell_m: float) -> Squares:
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    total = _sums(weight)
    share = np.maximum(total, 1e-6)
    held = np.where(known, np.clip(velocity, -FASTEST_MM_YR, FASTEST_MM_YR), 0)
    height = np.zeros_like(weight) if height_m is None else np.nan_to_num(height_m) / 100
    row, col = (np.arange(n, dtype=np.float32) for n in velocity.shape)
    means = [_sums(weight * values) / share for values in (held, height, row[:, None], col[None, :])]
    return Squares(total, means[0], means[1], means[2] * cell_m, means[3] * cell_m)


def _sums(values: NDArray[np.floating]) -> Float64:
    rows, cols = (-(-n // SQUARE_CELLS) for n in values.shape)
    margins = [(0, n * SQUARE_CELLS - size) for n, size in zip((rows, cols), values.shape, strict=True)]
    parts = np.pad(values, margins).reshape(rows, SQUARE_CELLS, cols, SQUARE_CELLS)
    return np.asarray(parts.sum(axis=(1, 3), dtype=np.float64))


def _of_block(squares: Squares, row: int, col: int, square_m: float) -> Float32:
    """(PLANES, BLOCK, BLOCK)."""
    window = tuple(slice(max(0, at - MARGIN), at + BLOCK + MARGIN) for at in (row, col))
    part = Squares(*(plane[window] for plane in squares))
    seen = part.weight > LEAST_WEIGHT
    if np.count_nonzero(seen) < FEWEST_SQUARES:
        return np.zeros((PLANES, BLOCK, BLOCK), dtype=np.float32)
    weight, rate, height, down, right = (plane[seen] for plane in part)
    free = np.stack(
        [np.ones_like(rate), *(plane - plane.mean() for plane in (down / 5e3, right / 5e3, height))], axis=1
    )
    apart = np.hypot(down[:, None] - down, right[:, None] - right) / LAG_M
    air = _covariance()[apart.round().astype(np.intp)]
    middle = (np.arange(BLOCK) + 0.5) * square_m
    away = (down[:, None, None] - row * square_m - middle[:, None]) ** 2 + (
        right[:, None, None] - col * square_m - middle
    ) ** 2
    bowls = np.concatenate([np.exp(-away / radius**2).reshape(rate.size, -1) for radius in RADII_M], axis=1)
    return _fitted(rate - np.median(rate), air, NOISE_MM2_YR2 / weight + LEAST_NOISE_MM2_YR2, free, bowls)


def _fitted(rate: Float64, air: Float64, noise: Float64, free: Float64, bowls: Float64) -> Float32:
    """(PLANES, BLOCK, BLOCK). air: (n, n), covariance at strength 1; noise: (n,); free: (n, k); bowls: (n, b)."""
    fit = _likeliest(rate, air, noise, free)
    of_bowls = lapack.dpotrs(fit.factor, bowls, lower=1)[0]
    taken = fit.solved_free.T @ bowls
    information = (bowls * of_bowls).sum(axis=0) - (taken * np.linalg.solve(fit.normal, taken)).sum(axis=0)
    told = bowls.T @ fit.left / np.sqrt(np.maximum(information, LEAST_INFORMATION))
    return np.asarray(told.reshape(PLANES, BLOCK, BLOCK), dtype=np.float32)


class _Fit(NamedTuple):
    """Of one strength of the air. factor: of the covariance; left: its inverse times what `free` leaves of the rate."""

    likelihood: float
    factor: Float64
    solved_free: Float64
    normal: Float64
    left: Float64


def _likeliest(rate: Float64, air: Float64, noise: Float64, free: Float64) -> _Fit:
    """From the middle of STRENGTHS on while the likelihood, which has one summit, rises."""
    at = len(STRENGTHS) // 2
    best = _fit(STRENGTHS[at], rate, air, noise, free)
    for way in (-1, 1):
        began = at
        while 0 <= at + way < len(STRENGTHS):
            other = _fit(STRENGTHS[at + way], rate, air, noise, free)
            if other.likelihood <= best.likelihood:
                break
            best, at = other, at + way
        if at != began:
            break
    return best


def _fit(strength: float, rate: Float64, air: Float64, noise: Float64, free: Float64) -> _Fit:
    covariance = strength * air
    covariance[np.diag_indices_from(covariance)] += noise
    factor, _ = lapack.dpotrf(covariance, lower=1, overwrite_a=1)
    solved = lapack.dpotrs(factor, np.column_stack([free, rate]), lower=1)[0]
    solved_free, of_rate = solved[:, :-1], solved[:, -1]
    normal = free.T @ solved_free + 1e-9 * np.eye(free.shape[1])
    left = of_rate - solved_free @ np.linalg.solve(normal, free.T @ of_rate)
    likelihood = -np.log(np.diag(factor)).sum() - 0.5 * np.linalg.slogdet(normal)[1] - 0.5 * rate @ left
    return _Fit(float(likelihood), factor, solved_free, normal, left)


@cache
def _covariance() -> Float64:
    """Of air, semivariance 1 at KNEE_M, by distance in LAG_M; only differences of it count beside a free mean."""
    size = 512
    frequency = np.hypot(np.fft.fftfreq(size, LAG_M)[:, None], np.fft.rfftfreq(size, LAG_M))
    frequency[0, 0] = np.inf
    power = (frequency * KNEE_M) ** np.where(frequency * KNEE_M < 1, ABOVE, BELOW)
    covariance = np.fft.irfft2(power, s=(size, size))[0, : size // 2]
    return np.asarray(covariance / (covariance[0] - covariance[round(KNEE_M / LAG_M)]))

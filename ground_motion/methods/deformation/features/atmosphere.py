"""Score of a bowl at each place against atmospheric delay: a matched filter in coloured noise (whitening).

Residual atmospheric delay is strong at long wavelengths, like slow wide motion, and differs tenfold between places. In
a window of some kilometres its strength and spectrum are fitted by restricted maximum likelihood, with a plane and a
slope with height as free terms. A bowl of each radius is then fitted at each place and expressed in its own standard
deviations. Radii are counted in cells, so that a product of wide cells is searched for wide bowls.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.linalg import lapack

from ground_motion.methods.deformation.gridding.points import Float32, Float64

SQUARE_CELLS = 8  # side of the squares over which rates are averaged
BLOCK = 4  # Side of a block whose squares share one fit of the delay, in squares.
MARGIN = 6  # This many squares on each side of a block are read for its fit, too.
ALIGN_CELLS = BLOCK * SQUARE_CELLS  # Maps must begin at whole multiples of it, in cells.
RADII_CELLS = (7.0, 12.0, 20.0, 35.0)
PLANES = len(RADII_CELLS) + 1
STRENGTHS = (0.005, 0.015, 0.04, 0.08, 0.16, 0.4, 1.2)  # (mm/yr)², semivariances of the delay at KNEE_M
FIRST_STRENGTH = 2  # The search begins at this strength.
KNEE_M = 1_500.0
SPECTRA = ((-11 / 3, -8 / 3), (-7 / 3, -7 / 3), (-8 / 3, -8 / 3), (-11 / 3, -11 / 3))  # exponents below KNEE_M, above
CELL_NOISE_MM_YR = 0.3  # standard deviation of a cell's rate for which NOISE_MM2_YR2 holds
NOISE_MM2_YR2 = 0.35  # variance of a point's rate, with errors shared by its neighbours
MIN_NOISE_MM2_YR2 = 0.005  # All cells of a square share errors of this variance at least.
FASTEST_MM_YR = 10.0  # Faster rates are clipped to this.
MIN_SQUARES = 12
MANY_SQUARES = 96  # With this many squares, every other one gives the delay's spectrum.
MIN_WEIGHT = 0.4
MIN_INFORMATION = 0.1  # With less information on a bowl of 1 mm/yr there is no value.
LAG_M, LAGS = 100.0, 256  # A covariance is computed at 256 distances, 100 m apart.
FINER = 16  # A steep spectrum does not bear distances rounded to whole steps, so steps have this many parts.


class Squares(NamedTuple):
    """Squares (rows, cols): sum of weights; weighted means of rate, mm/yr, of height, 100 m, and of place, m."""

    weight: Float64
    rate: Float64
    height: Float64
    down: Float64
    right: Float64


def standing_out(
    velocity: Float32,
    n_points: NDArray[np.integer],
    height_m: Float32 | None,
    cell_m: float,
    noise_mm_yr: float = CELL_NOISE_MM_YR,
) -> Float32:
    """Compute the significance of a bowl at each place against the atmosphere, (PLANES, rows, cols).

    The planes: a bowl of each of RADII_CELLS in standard deviations, + as the rate; the index in STRENGTHS.

    velocity: (rows, cols), mm/yr, NaN unknown; height_m: NaN unknown, None without heights; noise: standard deviation
    of a cell's rate. Values are 0 if too few squares are known. A score depends on no cell farther away than
    ALIGN_CELLS + MARGIN * SQUARE_CELLS.
    """
    noise = NOISE_MM2_YR2 * (noise_mm_yr / CELL_NOISE_MM_YR) ** 2
    squares = _squares(velocity, n_points, height_m, cell_m)
    rows, cols = squares.weight.shape
    scores = np.zeros((PLANES, -(-rows // BLOCK) * BLOCK, -(-cols // BLOCK) * BLOCK), dtype=np.float32)
    for row in range(0, rows, BLOCK):
        for col in range(0, cols, BLOCK):
            block = (slice(row, row + BLOCK), slice(col, col + BLOCK))
            if (squares.weight[block] > MIN_WEIGHT).any():
                scores[:, *block] = _block_planes(squares, row, col, SQUARE_CELLS * cell_m, noise)
    by_cell = scores.repeat(SQUARE_CELLS, 1).repeat(SQUARE_CELLS, 2)
    return by_cell[:, : velocity.shape[0], : velocity.shape[1]]


def _squares(velocity: Float32, n_points: NDArray[np.integer], height_m: Float32 | None, cell_m: float) -> Squares:
    known = np.isfinite(velocity)
    weight = np.where(known, n_points / (n_points + np.float32(1)), 0).astype(np.float32)
    total = _sums(weight)
    share = np.maximum(total, 1e-6)
    held = np.where(known, np.clip(velocity, -FASTEST_MM_YR, FASTEST_MM_YR), 0)
    height = np.zeros_like(weight) if height_m is None else np.nan_to_num(height_m) / 100
    row, col = (np.arange(n, dtype=np.float32) % SQUARE_CELLS for n in velocity.shape)  # Alike wherever a map begins.
    means = [_sums(weight * values) / share for values in (held, height, row[:, None], col[None, :])]
    first = [SQUARE_CELLS * np.arange(n) for n in total.shape]
    down, right = (means[2] + first[0][:, None]) * cell_m, (means[3] + first[1][None, :]) * cell_m
    return Squares(total, means[0], means[1], down, right)


def _sums(values: NDArray[np.floating]) -> Float64:
    rows, cols = (-(-n // SQUARE_CELLS) for n in values.shape)
    margins = [(0, n * SQUARE_CELLS - size) for n, size in zip((rows, cols), values.shape, strict=True)]
    parts = np.pad(values, margins).reshape(rows, SQUARE_CELLS, cols, SQUARE_CELLS)
    return np.asarray(parts.sum(axis=(1, 3), dtype=np.float64))


def _block_planes(squares: Squares, row: int, col: int, square_m: float, variance: float) -> Float32:
    """Compute the planes of a block, (PLANES, BLOCK, BLOCK)."""
    window = tuple(slice(max(0, at - MARGIN), at + BLOCK + MARGIN) for at in (row, col))
    part = Squares(*(plane[window] for plane in squares))
    seen = part.weight > MIN_WEIGHT
    if np.count_nonzero(seen) < MIN_SQUARES:
        return np.zeros((PLANES, BLOCK, BLOCK), dtype=np.float32)
    weight, rate, height, down, right = (plane[seen] for plane in part)
    down, right = down - (row + BLOCK / 2) * square_m, right - (col + BLOCK / 2) * square_m
    known = np.stack([np.ones_like(rate), down / 5e3, right / 5e3, height, rate])
    known[1:] -= known[1:].mean(axis=1, keepdims=True)
    noise = variance / weight + MIN_NOISE_MM2_YR2
    values = known.astype(np.float32)
    fit = _likeliest(_lags(down, right, _lag_m(square_m)), _lag_m(square_m), noise, values)
    strength = np.full((1, BLOCK, BLOCK), fit.at - FIRST_STRENGTH, dtype=np.float32)
    return np.concatenate([_scores(fit, _bowls(down, right, square_m)), strength])


def _lag_m(square_m: float) -> float:
    """Return the step of distances, m: LAG_M, or more if cells are wider."""
    return max(LAG_M, square_m / SQUARE_CELLS)


def _lags(down: Float64, right: Float64, lag_m: float) -> NDArray[np.int32]:
    """Return distances in parts of a lag, (n, n). In float64: many distances lie halfway between two."""
    down, right = down * (FINER / lag_m), right * (FINER / lag_m)
    square, ones = down**2 + right**2, np.ones_like(down)
    apart = np.stack([square, ones, -2 * down, -2 * right], axis=1) @ np.stack([ones, square, down, right])
    return np.rint(np.sqrt(np.abs(apart, out=apart), out=apart), out=apart).astype(np.int32)


def _bowls(down: Float64, right: Float64, square_m: float) -> Float32:
    """Return bowls of 1 mm/yr around a block's squares, (radii * BLOCK * BLOCK, n). down, right: from its middle, m."""
    middle = (np.arange(BLOCK) + 0.5 - BLOCK / 2) * square_m
    radii_m = np.array(RADII_CELLS)[:, None, None, None] * (square_m / SQUARE_CELLS)
    away = np.subtract.outer(middle, np.stack([down, right])) / radii_m
    part = np.exp(-np.square(away.astype(np.float32)))  # (radius, middle, way, n)
    return np.asarray(part[:, :, None, 0] * part[:, None, :, 1]).reshape(-1, down.size)


class _Fit(NamedTuple):
    """Fit of one delay.

    at: index of its strength in STRENGTHS; root: (n, n), lower, of the whole covariance; known: (k + 1, n), divided by
    that root; normal: (k + 1, k + 1), products of `known`.
    """

    at: int
    likelihood: float
    root: Float32
    known: Float64
    normal: Float64


def _likeliest(lags: NDArray[np.int32], lag_m: float, noise: Float64, known: Float32) -> _Fit:
    """Fit the likeliest strength of the first of SPECTRA, or of another spectrum that is likelier.

    If there are many squares, every other one decides which other spectrum is tried.

    Args:
        lags: (n, n), in steps of lag_m / FINER.
        lag_m: Step of distances, m.
        noise: (n,), variance.
        known: (k + 1, n), free terms, then the rate.
    """
    first, *_ = delays = [_covariance(lag_m, *spectrum) for spectrum in SPECTRA]
    delay = first.take(lags, mode="clip")
    best = _strongest(delay, noise, known, _fit(FIRST_STRENGTH, delay, noise, known))
    some = slice(None, None, 2 if noise.size >= MANY_SQUARES else 1)
    few_lags, few_known = lags[some, some], np.ascontiguousarray(known[:, some])
    tried = [_fit(best.at, each.take(few_lags, mode="clip"), noise[some], few_known).likelihood for each in delays]
    likeliest = int(np.argmax(tried))
    if likeliest == 0:
        return best
    delay = delays[likeliest].take(lags, mode="clip")
    other = _strongest(delay, noise, known, _fit(best.at, delay, noise, known))
    return other if other.likelihood > best.likelihood else best


def _strongest(delay: Float32, noise: Float64, known: Float32, best: _Fit) -> _Fit:
    """Fit stronger delays while the likelihood rises; it has one maximum. delay: (n, n), at strength 1."""
    began = best.at
    for way in (-1, 1):
        while 0 <= best.at + way < len(STRENGTHS):
            other = _fit(best.at + way, delay, noise, known)
            if other.likelihood <= best.likelihood:
                break
            best = other
        if best.at != began:
            break
    return best


def _fit(at: int, delay: Float32, noise: Float64, known: Float32) -> _Fit:
    covariance = delay * np.float32(STRENGTHS[at])
    covariance.flat[:: noise.size + 1] += noise
    root, failed = lapack.spotrf(covariance.T, lower=1, clean=0, overwrite_a=1)
    if failed:  # A steep strong delay with rounded distances fails and counts as impossible.
        return _Fit(at, -np.inf, root, known.astype(np.float64), np.eye(len(known)))
    over_root = lapack.strtrs(root, known.T, lower=1)[0].T.astype(np.float64)
    normal: Float64 = over_root @ over_root.T
    normal.flat[: -1 : len(normal) + 1] += 1e-9
    *of_free, of_rate = lapack.dpotrf(normal, lower=1)[0].diagonal()
    spread = np.log(root.diagonal()).sum(dtype=np.float64) + np.log(of_free).sum()
    return _Fit(at, float(-spread - 0.5 * of_rate**2), root, over_root, normal)


def _scores(fit: _Fit, bowls: Float32) -> Float32:
    """Return the scores of bowls, (radii, BLOCK, BLOCK)."""
    of_bowls = lapack.strtrs(fit.root, bowls.T, lower=1)[0].T
    taken = fit.known @ of_bowls.T
    taken, score = taken[:-1], taken[-1]
    free = np.linalg.solve(fit.normal[:-1, :-1], taken)
    information = np.square(of_bowls).sum(axis=1) - (taken * free).sum(axis=0)
    score = (score - fit.normal[-1, :-1] @ free) / np.sqrt(np.maximum(information, MIN_INFORMATION))
    return np.asarray(score.reshape(len(RADII_CELLS), BLOCK, BLOCK), dtype=np.float32)


@cache
def _covariance(lag_m: float, below: float, above: float) -> Float32:
    """Return the delay's covariance by distance in lags, with semivariance 1 at KNEE_M; only differences matter."""
    size = 2 * LAGS
    frequency = np.hypot(np.fft.fftfreq(size, lag_m)[:, None], np.fft.rfftfreq(size, lag_m))
    frequency[0, 0] = np.inf
    power = (frequency * KNEE_M) ** np.where(frequency * KNEE_M < 1, above, below)
    covariance = np.fft.irfft2(power, s=(size, size))[0]
    unit = covariance[0] - covariance[max(1, round(KNEE_M / lag_m))]
    finer = CubicSpline(np.arange(LAGS), covariance[:LAGS] / unit)(np.arange(LAGS * FINER) / FINER)
    return np.asarray(finer, dtype=np.float32)

"""Errors that resemble motion, by other models than the tiles' own errors, so that a network learns what all share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.simulation.velocity.nuisance import HALF_WAVE_MM
from lab.simulation.seeds import log_uniform

FREQUENT = 0.3  # This share of tracks gets an error of a group.
KNEE_CELLS = 12.5  # lag at which the strength of turbulence is stated


class Disturbed(NamedTuple):
    """A disturbance, (rows, cols): errors to add to the rates, mm/yr, and a mask of those from unwrapping."""

    rate_mm_yr: Float32
    wrong: NDArray[np.bool_]


def disturbance(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw errors of some groups on a track's cells. height: (rows, cols), NaN unknown."""
    total = Disturbed(np.zeros_like(height_m), np.zeros(height_m.shape, dtype=bool))
    for draw in GROUPS.values():
        if rng.random() < FREQUENT:
            more = draw(rng, height_m)
            total = Disturbed(total.rate_mm_yr + more.rate_mm_yr, total.wrong | more.wrong)
    return total


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], exponent: float, stretch: float = 1.0, turn: float = 0.0
) -> Float32:
    """Draw a Gaussian field of variance 1 whose spectrum falls with a power `exponent`, stretched along a direction."""
    rows, cols = 2 * shape[0], 2 * shape[1]  # Cut from a larger field, because opposite edges of a field match.
    down, right = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(cols)[None]
    along = down * math.cos(turn) + right * math.sin(turn)
    across = right * math.cos(turn) - down * math.sin(turn)
    frequency = np.hypot(along * stretch, across)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((rows, cols), dtype=np.float32)) * frequency ** (exponent / 2)
    field = np.fft.irfft2(spectrum, s=(rows, cols))[: shape[0], : shape[1]]
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def _patches(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw land cover whose phase drifts: fields, parcels, wetlands; up to 1.6 mm/yr."""
    shape = height_m.shape
    if rng.random() < 0.5:
        field = fractal(rng, shape, -log_uniform(rng, 1.5, 4.0), log_uniform(rng, 1, 4), rng.uniform(0, math.pi))
        covered = field > np.quantile(field, 1 - log_uniform(rng, 0.02, 0.35))
        labels, n = ndimage.label(covered)
    else:
        seeds = rng.uniform(0, shape[0], (int(log_uniform(rng, 20, 600)), 2)).astype(int).clip(0, shape[0] - 1)
        marks = np.zeros(shape, dtype=np.int32)
        marks[seeds[:, 0], seeds[:, 1]] = np.arange(1, len(seeds) + 1)
        at = ndimage.distance_transform_edt(marks == 0, return_distances=False, return_indices=True)
        labels, n = marks[tuple(at)], len(seeds)
        labels = np.where((rng.random(n + 1) < rng.uniform(0.05, 0.4))[labels], labels, 0)
    common = rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1.5)
    each = common * (1 + rng.normal(0, 0.15, n + 1)) if rng.random() < 0.6 else rng.uniform(-1.5, 1.5, n + 1)
    each[0] = 0
    return _none_wrong(each.clip(-1.6, 1.6)[labels])


def _turbulence(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw delay of any spectrum, stretched, and stronger in one part than in another."""
    exponent, stretch = -rng.uniform(2.2, 4.2), log_uniform(rng, 1, 6)
    field = fractal(rng, height_m.shape, exponent, stretch, rng.uniform(0, math.pi))
    lag = int(KNEE_CELLS)
    steps = np.concatenate([(field[lag:] - field[:-lag]).ravel(), (field[:, lag:] - field[:, :-lag]).ravel()])
    strength = math.sqrt(2 * log_uniform(rng, 0.01, 0.2) / float(np.mean(steps**2)))
    where = np.exp(0.5 * fractal(rng, height_m.shape, -4.0)) if rng.random() < 0.5 else np.float32(1)
    return _none_wrong(strength * field * where)


def _stratified(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw a delay that depends on height, non-linearly and differently from valley to valley."""
    known = np.isfinite(height_m)
    if not known.any():
        return _none_wrong(np.zeros_like(height_m))
    high = np.where(known, height_m - np.float32(np.median(height_m[known])), 0) / 1000
    slope = rng.normal(0, 1.5) + rng.uniform(0.5, 2.5) * fractal(rng, height_m.shape, -3.8)
    return _none_wrong((slope * high + rng.normal(0, 2.0) * high**2).clip(-4, 4))


def _regions(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw an area of any outline with an error of whole cycles over half a year to eight years."""
    shape = height_m.shape
    field = fractal(rng, shape, -rng.uniform(2.2, 4.0), log_uniform(rng, 1, 6), rng.uniform(0, math.pi))
    labels, _ = ndimage.label(field > np.quantile(field, 1 - log_uniform(rng, 0.003, 0.15)))
    row, col = rng.integers(0, shape[0]), rng.integers(0, shape[1])
    known = np.argwhere((labels > 0) & np.isfinite(height_m))
    if len(known):
        row, col = known[rng.integers(len(known))]
    region = (labels == labels[row, col]) & (labels > 0)
    rate = rng.choice([-1, 1]) * (1 if rng.random() < 0.85 else 2) * HALF_WAVE_MM / log_uniform(rng, 2.0, 9.0)
    return Disturbed(np.where(region, np.float32(rate), np.float32(0)), region)


def _seams(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw frames with a step between them at any angle, and residual orbital errors."""
    rows, cols = height_m.shape
    down, right = np.mgrid[:rows, :cols].astype(np.float32) / rows - 0.5
    turn = rng.uniform(0, 2 * math.pi)
    beyond = down * math.cos(turn) + right * math.sin(turn) > rng.uniform(-0.4, 0.4)
    bent = rng.normal(0, 0.8, 3)
    surface = bent[0] * down**2 + bent[1] * right**2 + bent[2] * down * right
    return _none_wrong(rng.choice([0.0, 1.0]) * rng.uniform(-2, 2) * (beyond - 0.5) + surface * 4)


def _smoothed_noise(rng: np.random.Generator, height_m: Float32) -> Disturbed:
    """Draw noise shared by neighbours, like that of processors with spatial filters."""
    noise = ndimage.gaussian_filter(rng.standard_normal(height_m.shape, dtype=np.float32), rng.uniform(0.5, 2.5))
    return _none_wrong(noise / noise.std() * rng.uniform(0.1, 0.4))


GROUPS: dict[str, Callable[[np.random.Generator, Float32], Disturbed]] = {
    "patches": _patches,
    "turbulence": _turbulence,
    "stratified": _stratified,
    "regions": _regions,
    "seams": _seams,
    "smoothed": _smoothed_noise,
}


def thinned(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Draw cells that lose their points: single cells, or connected ones as under forest and snow."""
    part = rng.uniform(0.1, 0.75)
    if rng.random() < 0.4:
        return np.asarray(rng.random(shape) < part)
    field = fractal(rng, shape, -log_uniform(rng, 1.0, 3.5))
    return np.asarray(field < np.quantile(field, part))


def smoothed(rng: np.random.Generator, velocity: Float32) -> Float32:
    """Return rates after a filter of 50–200 m; NaN stays NaN."""
    sigma, known = rng.uniform(0.5, 2.0), np.isfinite(velocity)
    total = ndimage.gaussian_filter(np.where(known, velocity, 0), sigma)
    share = ndimage.gaussian_filter(known.astype(np.float32), sigma)
    return np.where(known, total / np.maximum(share, 1e-3), np.float32(np.nan))


def _none_wrong(rate: NDArray[np.floating]) -> Disturbed:
    return Disturbed(rate.astype(np.float32), np.zeros(rate.shape, dtype=bool))

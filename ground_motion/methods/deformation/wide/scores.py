"""Generalised least squares of bowls in coloured noise, on cells with gaps: a matched filter, exact in its weights.

With the covariance A of long waves plus white scatter on the known cells, a bowl b at a place has the amplitude
b' A^-1 d / b' A^-1 b and the variance 1 / b' A^-1 b. A^-1 d is solved once, by conjugate gradients whose products are
Fourier transforms; its correlation with each shape gives the numerator at every place. The denominator b' A^-1 b, which
depends on gaps, is the variance of that correlation over simulated noise, as a function of the shape's covered share.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.methods.deformation.wide.cells import WideCells
from ground_motion.methods.deformation.wide.noise import WideNoise

RADII_KM = (5.0, 8.0, 12.5, 20.0, 32.0, 50.0)
ELONGATED = 2.0  # Least ratio of the long axis to the short one.
WAYS_DEG = (0.0, 45.0, 90.0, 135.0)
MARGIN_KM, MIN_KM = 100.0, 128.0  # The torus has this margin and size at least.
MIN_INFORMATION = 1e-3  # A bowl of 1 mm/yr must have this information.
MIN_SEEN = 0.3  # Least share of a shape, or of the scene if that is smaller, that must be known.
LARGE_SCENE = 10.0  # A large scene is this many times as large as a shape.
MIN_CELLS = 12.0  # A shape needs this many cells under it.
SEEN_BINS = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.01])
TOLERANCE, MAX_STEPS, MIN_DOT = 5e-3, 50, np.float32(1e-30)
OUTLIER, ROUNDS = 2.5, 2
DRAWS_CELLS, MIN_DRAWS, MAX_DRAWS = 1_000_000, 6, 12

Complex64 = NDArray[np.complex64]


class Shape(NamedTuple):
    """Shape exp(-r²) of an ellipse: radius_km where it falls to 1/e, the mean of both axes.

    aspect: long axis over short one; way_deg: direction of the long axis, from east towards south.
    """

    radius_km: float
    aspect: float = 1.0
    way_deg: float = 0.0

    def at(self, south_km: Float64, east_km: Float64) -> Float64:
        """Return the shape at offsets, 1 in the middle."""
        angle, wide = np.radians(self.way_deg), np.sqrt(self.aspect)
        along = south_km * np.sin(angle) + east_km * np.cos(angle)
        across = south_km * np.cos(angle) - east_km * np.sin(angle)
        away: Float64 = (along / (self.radius_km * wide)) ** 2 + (across * wide / self.radius_km) ** 2
        return np.asarray(np.exp(-away))


SHAPES = tuple(
    Shape(radius, aspect, way)
    for radius in RADII_KM
    for aspect, way in [(1.0, 0.0), *((ELONGATED, way) for way in WAYS_DEG)]
)


class Prior(NamedTuple):
    """Prior errors of zero and slopes of the rates, one standard deviation: mm/yr, mm/yr per 100 km."""

    level_mm_yr: float
    slope_mm_yr_100km: float


class Scores:
    """Scores of shapes in the rates of cells. level_mm_yr: rate of the product that counts as still."""

    def __init__(self, cells: WideCells, level_mm_yr: float, noise: WideNoise, prior: Prior) -> None:
        rate, n_points, cell_km = cells.rate_mm_yr - np.float32(level_mm_yr), cells.n_points, cells.cell_km
        self.cell_km, self.noise, self.extent, self.transform = cell_km, noise, rate.shape, cells.transform
        margin = MARGIN_KM / cell_km
        self.torus = tuple(
            fft.next_fast_len(int(max(size + margin, MIN_KM / cell_km)), real=True) for size in rate.shape
        )
        self.known = self._pad_to_torus(np.isfinite(rate).astype(np.float32))
        self.white = _float32(noise.white_mm2_yr2 * (1 + 1 / np.maximum(self._pad_to_torus(n_points), 1)))
        frequency = np.hypot(fft.fftfreq(self.torus[0], cell_km)[:, None], fft.rfftfreq(self.torus[1], cell_km))
        self.spectrum = (noise.power(frequency) / cell_km**2).astype(np.float32)
        self.free = self._free(prior)
        self.data = self._pad_to_torus(np.nan_to_num(rate))
        solved = self._robust()
        self.of_free = self.solve(self.free)
        normal = np.tensordot(self.free, self.of_free, axes=([1, 2], [1, 2])).astype(np.float64)
        self.normal = np.linalg.inv(normal + np.eye(len(self.free))).astype(np.float32)
        self.weighted = self._free_level(solved)
        self.left = solved

    def _back(self, transformed: Complex64) -> Float32:
        return _float32(fft.irfft2(transformed, s=self.torus))

    def _pad_to_torus(self, values: NDArray[np.generic]) -> Float32:
        whole = np.zeros(self.torus, dtype=np.float32)
        whole[: self.extent[0], : self.extent[1]] = values
        return whole

    def _free(self, prior: Prior) -> Float32:
        """Return level and slopes, (3, rows, cols), each scaled by its prior standard deviation, 0 where unknown."""
        down, right = (np.arange(size, dtype=np.float32) * self.cell_km for size in self.torus)
        seen = self.known > 0
        down, right = np.broadcast_to(down[:, None], seen.shape), np.broadcast_to(right, seen.shape)
        slopes = [(each - each[seen].mean()) * (prior.slope_mm_yr_100km / 100) for each in (down, right)]
        level = np.full(seen.shape, prior.level_mm_yr)
        return (np.stack([level, *slopes]) * self.known).astype(np.float32)

    def _long(self, values: Float32) -> Float32:
        """Return the covariance of the long waves times values, (..., rows, cols)."""
        return self._back(_forward(values) * self.spectrum)

    def solve(self, values: Float32, start: Float32 | None = None) -> Float32:
        """Return A^-1 values, (n, rows, cols), 0 where unknown: preconditioned conjugate gradients."""
        values = _float32(values * self.known)
        mean_white = np.float32(np.median(self.white[self.known > 0]))
        nearly = 1 / (self.spectrum + mean_white)

        def product(x: Float32) -> Float32:
            return _float32((self._long(x) + self.white * x) * self.known)

        def precondition(r: Float32) -> Float32:
            return _float32(self._back(_forward(r) * nearly) * self.known)

        x = np.zeros_like(values) if start is None else start.copy()
        residual = values.copy() if start is None else _float32(values - product(x))
        size = np.sqrt(_dot(values, values)) + 1e-12
        z = precondition(residual)
        direction, along = z, _dot(residual, z)
        for _ in range(MAX_STEPS):
            towards = product(direction)
            step = along / np.maximum(_dot(direction, towards), MIN_DOT)
            x += step * direction
            residual -= step * towards
            if (np.sqrt(_dot(residual, residual)) < TOLERANCE * size).all():
                break
            z = precondition(residual)
            before, along = along, _dot(residual, z)
            direction = _float32(z + along / np.maximum(before, MIN_DOT) * direction)
        return x

    def _robust(self) -> Float32:
        """Return A^-1 data, with less weight on cells that differ from their surroundings."""
        plain, data = self.white, self.data[None]
        solved = self.solve(data)
        for _ in range(ROUNDS):
            apart = np.abs(self.white * solved[0]) / np.sqrt(plain)
            self.white = _float32(plain * np.maximum(1, apart / OUTLIER))
            solved = self.solve(data, solved)
        return _float32(solved[0])

    @cached_property
    def _draws(self) -> Complex64:
        """Transforms of weighted simulated noise, (draws, rows, cols); level and slopes free within their prior."""
        n = int(np.clip(DRAWS_CELLS // self.known.size, MIN_DRAWS, MAX_DRAWS))
        rng = np.random.default_rng(20)

        def normal(*shape: int) -> Float32:
            return rng.standard_normal(shape, dtype=np.float32)

        noise = self._back(_forward(normal(n, *self.torus)) * np.sqrt(self.spectrum))
        noise += normal(n, *self.torus) * np.sqrt(self.white)
        noise += np.tensordot(normal(n, len(self.free)), self.free, 1)
        return _forward(np.stack([self._free_level(solved) for solved in self.solve(noise)]))

    def bowl(self, shape: Shape) -> Float32:
        """Return a shape of 1 mm/yr in the torus' first cell, (rows, cols)."""
        down, right = (fft.fftfreq(size, 1 / size) * self.cell_km for size in self.torus)
        return shape.at(down[:, None], right).astype(np.float32)

    def amplitudes(self) -> Iterator[tuple[Shape, Float32, Float32]]:
        """Yield each shape, its amplitude and standard deviation, mm/yr, centred on each cell of the scene.

        Each is (rows, cols), NaN if too little of the shape is known.
        """
        weighted = _forward(self.weighted)
        for shape, bowl, sigma in self._shapes:
            yield shape, self._correlate(weighted, bowl) * np.square(sigma), sigma

    @cached_property
    def _shapes(self) -> list[tuple[Shape, Complex64, Float32]]:
        bowls = ((shape, _forward(self.bowl(shape)).conj()) for shape in SHAPES)
        return [(shape, bowl, self._sigma(shape, bowl)) for shape, bowl in bowls]

    def background(self) -> Float32:
        """Return the fitted level and slopes over the scene, (rows, cols), mm/yr, without bowls taken out so far."""
        fitted = self.normal @ np.tensordot(self.free, self.left, axes=([1, 2], [0, 1]))
        return np.tensordot(fitted, self.free, 1)[: self.extent[0], : self.extent[1]]

    def fit(self, shape: Shape, row: int, col: int) -> tuple[float, float]:
        """Return amplitude and standard deviation of a shape on one cell, without the approximation of `amplitudes`."""
        bowl, _, weighted = self._bowl_at(shape, row, col)
        information = float((bowl * weighted).sum())
        return float((bowl * self.weighted).sum()) / information, information**-0.5

    def covers(self, shape: Shape, row: int, col: int) -> bool:
        """Return whether enough of a shape on one cell is known."""
        if not (0 <= row < self.extent[0] and 0 <= col < self.extent[1]):
            return False
        bowl = np.roll(self.bowl(shape), (row, col), axis=(0, 1))
        return bool((bowl * self.known).sum() >= max(MIN_SEEN * bowl.sum(), MIN_CELLS))

    def take_out(self, shape: Shape, row: int, col: int, amplitude_mm_yr: float) -> None:
        """Subtract this bowl from the data for all later calls."""
        _, solved, weighted = self._bowl_at(shape, row, col)
        self.left = self.left - np.float32(amplitude_mm_yr) * solved
        self.weighted = self.weighted - np.float32(amplitude_mm_yr) * weighted

    @lru_cache(maxsize=1)  # noqa: B019 (of the last place only)
    def _bowl_at(self, shape: Shape, row: int, col: int) -> tuple[Float32, Float32, Float32]:
        """Return (bowl b centred on a cell, A^-1 b, A^-1 b with level and slopes marginalised), 0 on unknown cells."""
        bowl = np.roll(self.bowl(shape), (row, col), axis=(0, 1)) * self.known
        solved = self.solve(bowl[None])[0]
        return bowl, solved, self._free_level(solved)

    def _free_level(self, solved: Float32) -> Float32:
        """Return `solved`, (rows, cols), with level and slopes free within their prior."""
        of_data = np.tensordot(self.free, solved, axes=([1, 2], [0, 1]))
        return np.asarray(solved - np.tensordot(self.normal @ of_data, self.of_free, 1), dtype=np.float32)

    def _correlate(self, transformed: Complex64, bowl: Complex64) -> Float32:
        return self._back(transformed * bowl)[..., : self.extent[0], : self.extent[1]]

    def _sigma(self, shape: Shape, bowl: Complex64) -> Float32:
        seen = self._correlate(self._seen, bowl)
        weight = self.bowl(shape).sum()
        simulated = np.square(self._correlate(self._draws, bowl)).mean(axis=0)
        if self.known.sum() >= LARGE_SCENE * weight:
            information = _smooth_by_share(simulated, seen / weight)
        else:  # No share of the area is covered at enough places.
            information = ndimage.gaussian_filter(simulated, shape.radius_km / self.cell_km / 2)
        usable = (
            (seen >= MIN_SEEN * min(weight, self.known.sum())) & (seen >= MIN_CELLS) & (information > MIN_INFORMATION)
        )
        return np.where(usable, 1 / np.sqrt(np.maximum(information, MIN_INFORMATION)), np.float32(np.nan))

    @cached_property
    def _seen(self) -> Complex64:
        return _forward(self.known)


def _float32(values: NDArray[np.floating]) -> Float32:
    return np.asarray(values, dtype=np.float32)


def _forward(values: Float32) -> Complex64:
    return np.asarray(fft.rfft2(values), dtype=np.complex64)


def _dot(a: Float32, b: Float32) -> Float32:
    return _float32(np.einsum("nyx,nyx->n", a, b))[:, None, None]


def _smooth_by_share(simulated: Float32, share: Float32) -> Float32:
    """Smooth a shape's information as a function of its covered share: means over bins, interpolated."""
    bins = np.digitize(share, SEEN_BINS)
    middles, means = [0.0], [0.0]
    for number in range(1, len(SEEN_BINS)):
        inside = bins == number
        if np.count_nonzero(inside) >= 20:
            middles.append(float(share[inside].mean()))
            means.append(float(simulated[inside].mean()))
    return np.interp(share, middles, np.maximum.accumulate(means)).astype(np.float32)

"""Image pairs with their exact truth: scatterers move and decorrelate before they are imaged.

A scatterer lies half its motion before its middle position in the reference, and half after it in the secondary. Both
images are shifted by the same random fraction of a pixel, so that sampling positions are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from lab.simulation.sar.ground import Ground, no_points
from lab.simulation.sar.system import (
    Complex,
    Float32,
    Places,
    Spread,
    System,
    complex_looks,
    detected,
    gridded_spectrum,
    pixels_of,
    scatterers,
    seen,
    to_pixels,
)

MARGIN_PX = 16  # The grid is periodic, so that the image needs a margin.
Pair = tuple[float, float]
Window = tuple[int, int]  # rows, columns


class SarPair(NamedTuple):
    """Two images with their truth. power: (2, rows, cols), linear.

    dx_px, dy_px: (rows, cols): ground at (x, y) of the reference lies at (x + dx, y + dy) of the secondary. gamma:
    coherence of the ground in each pixel of the reference. moments: of the complex pair without its motion, all looks,
    (4, rows, cols): real and imaginary part of s1 s2*, |s1|^2, |s2|^2, or None. looks: equivalent number, as a product
    states it. mean_power: expected power of both dates (without speckle) at the reference's pixels, (2, rows, cols), or
    None. earlier: power of earlier images of the place, registered to the reference, latest first, (n, rows, cols),
    or None.
    """

    power: Float32
    dx_px: Float32
    dy_px: Float32
    gamma: Float32
    moments: Float32 | None
    looks: float
    mean_power: Float32 | None = None
    earlier: Float32 | None = None


def padded(size: int) -> tuple[int, int]:
    """Return the rows and columns of ground, margins included, needed for images of `size` px."""
    return size + 2 * MARGIN_PX, size + 2 * MARGIN_PX


def inner(values: Float32) -> Float32:
    """Return values (..., rows, cols) without their margin."""
    return np.ascontiguousarray(values[..., MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX])


def simulate_pair(
    rng: np.random.Generator,
    system: System,
    ground: Ground,
    motion_px: Float32,
    gain_db: float = 0.0,
    sample: bool = False,
    earlier: Sequence[Float32] = (),
) -> SarPair:
    """Image ground twice. motion_px: (2, rows, cols) on the fine grid, dx and dy; gain_db: of the secondary.

    sample: return moments, too. earlier: gamma (rows, cols) of each earlier image with the next, fine, latest first.
    """
    fine, looks = system.fine, system.looks
    shape = ground.gamma.shape
    first = scatterers(rng, (looks, *shape))
    second = decorrelated(rng, first, ground.gamma)
    stands = _points(rng, ground, looks)
    common: Pair = tuple((rng.uniform(-0.5, 0.5, 2) * fine).tolist())
    cells = motion_px[::-1] * np.array(fine, dtype=np.float32)[:, None, None]  # rows, cols
    amplitude = np.sqrt(ground.power)
    reflect = [first * amplitude[0], second * amplitude[1]]
    stand = [_Standing(system, ground, cells, half, common) for half in (-0.5, 0.5)]
    images = [place.imaged(*what) for place, *what in zip(stand, reflect, stands, strict=True)]
    still = None
    if sample:
        unmoved = stand[0].imaged(reflect[1], stands[1])
        shared = np.einsum("l,lrc->rc", system.look_powers(), images[0] * unmoved.conj())
        product = [pixels_of(part, system) for part in (shared.real, shared.imag)]
        still = inner(np.stack([*product, *(detected(one, system) for one in (images[0], unmoved))]).astype(np.float32))
    power = [detected(image, system) for image in images]
    gain = np.array([1.0, 10 ** (gain_db / 10)], dtype=np.float32)[:, None, None]
    dx, dy, gamma, mean_power = _truth(system, ground, cells, common)
    seen_power, means = inner(np.stack(power) * gain), inner(mean_power * gain)
    before, field = [], first
    for kept in earlier:
        field = decorrelated(rng, field, kept)
        before.append(detected(stand[0].imaged(field * amplitude[0], stands[0]), system))
    past = inner(np.stack(before)) if before else None
    return SarPair(seen_power, inner(dx), inner(dy), inner(gamma), still, system.equivalent_looks, means, past)


def decorrelated(rng: np.random.Generator, field: Complex, gamma: Float32) -> Complex:
    """Draw scatterers some days later: gamma u + sqrt(1 - gamma^2) u'. field: (looks, rows, cols)."""
    kept, fresh = gamma.astype(np.float32), np.sqrt(1 - gamma.astype(np.float32) ** 2)
    return np.asarray(kept * field + fresh * scatterers(rng, field.shape), dtype=np.complex64)


def _points(rng: np.random.Generator, ground: Ground, looks: int) -> tuple[Complex, Complex]:
    """Draw amplitudes (looks, n) of the point scatterers at both dates; their phases differ between looks."""
    points = ground.points
    strength = np.sqrt(points.power)
    turn = np.exp(2j * np.pi * rng.random((looks, points.power.size))).astype(np.complex64)
    first = turn * strength
    kept, fresh = points.gamma, np.sqrt(1 - points.gamma**2)
    second = kept * first + fresh * strength * scatterers(rng, first.shape)
    return first.astype(np.complex64), second.astype(np.complex64)


class _Standing:
    """Positions of the scatterers in one image, after a share `half` of their motion (-0.5, 0.5 or 1)."""

    def __init__(self, system: System, ground: Ground, cells: Float32, half: float, common: Pair) -> None:
        self.system, self.shape = system, ground.gamma.shape
        self.shift: tuple[float, float] | None = None
        if ground.relief_cols is None and (cells == cells[:, :1, :1]).all():
            self.shift = half * float(cells[0, 0, 0]) + common[0], half * float(cells[1, 0, 0]) + common[1]
        else:
            at = _positions(ground, cells, half, common)
            self.grid = Spread(Places(at.rows.reshape(-1), at.cols.reshape(-1)), self.shape)
        self.points = Spread(_point_positions(ground, cells, half, common), self.shape)

    def imaged(self, field: Complex, stands: Complex) -> Complex:
        """Return complex looks (looks, rows, cols) of scatterers `field` (looks, rows, cols) and points (looks, n)."""
        if self.shift is not None:
            spectrum = gridded_spectrum(field, self.shift)
        else:
            spectrum = self.grid.spectrum(field.reshape(len(field), -1))
        if stands.shape[1]:
            spectrum = spectrum + self.points.spectrum(stands)
        return complex_looks(spectrum, self.system)


def imaged_at(system: System, field: Complex, ground: Ground, moved_px: Float32, registration_px: Pair) -> Complex:
    """Return complex looks (looks, rows, cols) of scatterers that have moved. moved_px: (2, rows, cols), dx and dy."""
    cells = moved_px[::-1] * np.array(system.fine, dtype=np.float32)[:, None, None]
    nothing = np.zeros((system.looks, 0), dtype=np.complex64)
    flat = ground._replace(points=no_points())
    rows, cols = (by * n for by, n in zip(registration_px, system.fine, strict=True))
    return _Standing(system, flat, cells, 1.0, (rows, cols)).imaged(field, nothing)


def _positions(ground: Ground, cells: Float32, half: float, common: Pair) -> Places:
    """Return the position of every scatterer of the grid in an image, fine cells."""
    shape = ground.gamma.shape
    rows = np.arange(shape[0], dtype=np.float32)[:, None] + np.float32(half) * cells[0] + np.float32(common[0])
    cols = np.arange(shape[1], dtype=np.float32)[None] + np.float32(half) * cells[1] + np.float32(common[1])
    if ground.relief_cols is not None:
        cols = cols + ground.relief_cols
    return Places(rows % np.float32(shape[0]), cols % np.float32(shape[1]))


def _point_positions(ground: Ground, cells: Float32, half: float, common: Pair) -> Places:
    """Return the positions of the points in an image, fine cells: each point moves as the cell that holds it."""
    shape, points = ground.gamma.shape, ground.points
    row, col = points.rows.astype(np.int64) % shape[0], points.cols.astype(np.int64) % shape[1]
    rows = points.rows + np.float32(half) * cells[0][row, col] + np.float32(common[0])
    cols = points.cols + np.float32(half) * cells[1][row, col] + np.float32(common[1])
    if ground.relief_cols is not None:
        cols = cols + ground.relief_cols[row, col]
    return Places(rows % np.float32(shape[0]), cols % np.float32(shape[1]))


def _truth(system: System, ground: Ground, cells: Float32, common: Pair) -> tuple[Float32, ...]:
    """Return dx, dy, gamma and mean power of the ground in each reference pixel, weighted by the point response.

    Side lobes count: a bright house also makes the water beside it coherent.
    """
    shape, points = ground.gamma.shape, ground.points
    places = [_positions(ground, cells, -0.5, common), _point_positions(ground, cells, -0.5, common)]
    cell = [
        (np.rint(place.rows.reshape(-1)).astype(np.int64) % shape[0]) * shape[1]
        + np.rint(place.cols.reshape(-1)).astype(np.int64) % shape[1]
        for place in places
    ]
    both = np.sqrt(ground.power[0] * ground.power[1])
    held = points.rows.astype(np.int64) % shape[0], points.cols.astype(np.int64) % shape[1]
    weights = [
        (ground.power[0], points.power),
        (ground.power[1], points.power),
        (both * ground.gamma, points.power * points.gamma),
        (ground.power[0] * cells[1], points.power * cells[1][held]),
        (ground.power[0] * cells[0], points.power * cells[0][held]),
    ]
    sums = []
    for of_cells, of_points in weights:
        total = np.bincount(cell[0], of_cells.reshape(-1), shape[0] * shape[1])
        total += np.bincount(cell[1], of_points, shape[0] * shape[1])
        sums.append(to_pixels(seen(total.reshape(shape).astype(np.float32), system), system.fine))
    first, second, shared, dx, dy = sums
    means = np.stack([first, second])
    least = np.float32(1e-12)
    gamma = np.clip(shared / np.sqrt(np.maximum(first * second, least)), 0, 1)
    first = np.maximum(first, least)
    return dx / first / np.float32(system.fine[1]), dy / first / np.float32(system.fine[0]), gamma, means


def sample_coherence(moments: Float32, window: Window) -> Float32:
    """Return |mean s1 s2*| / sqrt(mean |s1|^2 mean |s2|^2), (rows, cols). window: rows and columns of the means, px.

    moments: (4, rows, cols), as in SarPair; beyond the edge they are mirrored.
    """
    real, imaginary, *powers = (
        ndimage.uniform_filter(part, window, np.float64, mode="mirror") for part in moments.astype(np.float64)
    )
    scale = np.sqrt(np.maximum(powers[0] * powers[1], 1e-20))
    return np.asarray(np.clip(np.hypot(real, imaginary) / scale, 0, 1), dtype=np.float32)

"""Image pairs of a scene given as functions of position, simulated differently from training pairs.

Scatterers are placed at small distances from a grid of a quarter of a pixel, moved and assigned to the nearest cell; a
Kaiser window limits their band. The simulator of training pairs shares no code with this module.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ground_motion.statistics.intervals import Float64
from lab.simulation.sar.pairs import SarPair

Field = Callable[[Float64, Float64], Float64]  # rows and columns, px, to values of the same shape, or of (2, shape)
FINE = 4  # cells a pixel
MARGIN_PX = 16
BETA = 2.5  # Parameter of the Kaiser window over the band.
TURNS = 12  # iterations of the search for the position shown in the reference


class Scene(NamedTuple):
    """A scene: functions of position for motion (dx, dy), px, power at both dates, and coherence 0-1.

    The position of a scatterer is midway in its motion. resolution_px: width of the response along rows and columns, 1
    / band. sampled: a pixel is the power at one point, not the mean over its cells.
    """

    motion: Field
    power: Field
    coherence: Field
    resolution_px: tuple[float, float] = (2.0, 2.0)
    looks: int = 1
    sampled: bool = False


def imaged(rng: np.random.Generator, scene: Scene, size: int) -> SarPair:
    """Image a scene twice, `size` x `size` px, and add the truth; gamma is the coherence of the scatterers."""
    cells = (size + 2 * MARGIN_PX) * FINE
    row, col = np.mgrid[:cells, :cells].astype(np.float64)
    row, col = row + rng.uniform(0, 1, row.shape), col + rng.uniform(0, 1, col.shape)
    y, x = row / FINE - MARGIN_PX, col / FINE - MARGIN_PX
    move = FINE * scene.motion(y, x)
    amplitude, gamma = np.sqrt(scene.power(y, x)), scene.coherence(y, x)
    common = rng.uniform(-0.5, 0.5, 2) * FINE
    power = np.zeros((2, size, size))
    for _ in range(scene.looks):
        first, fresh = (
            (rng.standard_normal(row.shape) + 1j * rng.standard_normal(row.shape)) / np.sqrt(2) for _ in range(2)
        )
        second = gamma * first + np.sqrt(1 - gamma**2) * fresh
        for image, (field, half) in enumerate(((first, -0.5), (second, 0.5))):
            at_row = np.floor(row + half * move[1] + common[0]).astype(np.int64) % cells
            at_col = np.floor(col + half * move[0] + common[1]).astype(np.int64) % cells
            grid = _gathered(field * amplitude[image], at_row * cells + at_col, cells)
            power[image] += _detected(grid, scene)[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX] / scene.looks
    dx, dy, seen_gamma = _truth(scene, size, common / FINE)
    seen, dx_px, dy_px, gamma_px = (part.astype(np.float32) for part in (power, dx, dy, seen_gamma))
    return SarPair(seen, dx_px, dy_px, gamma_px, None, float(scene.looks))


def _gathered(field: NDArray[np.complex128], cell: NDArray[np.int64], cells: int) -> NDArray[np.complex128]:
    real, imaginary = (np.bincount(cell.ravel(), part.ravel(), cells * cells) for part in (field.real, field.imag))
    return (real + 1j * imaginary).reshape(cells, cells)


def _detected(grid: NDArray[np.complex128], scene: Scene) -> Float64:
    """Return the power of each pixel: the mean is 1 if scatterers have unit power. grid: scatterers in cells."""
    rows, cols = (_band(n, FINE * size) for n, size in zip(grid.shape, scene.resolution_px, strict=True))
    image = fft.ifft2(fft.fft2(grid) * (rows[:, None] * cols))
    power = (image.real**2 + image.imag**2) / (np.mean(rows**2) * np.mean(cols**2))
    if scene.sampled:
        return np.asarray(power[FINE // 2 :: FINE, FINE // 2 :: FINE])
    pixels = len(power) // FINE
    return np.asarray(power.reshape(pixels, FINE, pixels, FINE).mean(axis=(1, 3)))


def _band(n: int, resolution_cells: float) -> Float64:
    across = 2 * np.abs(fft.fftfreq(n)) * resolution_cells  # 1 at the edge of the band
    return np.where(across <= 1, np.i0(BETA * np.sqrt(np.maximum(1 - across**2, 0))) / np.i0(BETA), 0.0)


def _truth(scene: Scene, size: int, common: Float64) -> Float64:
    """Return dx, dy (px) and coherence (3, size, size) of the ground that appears at each pixel of the reference."""
    y, x = np.mgrid[:size, :size] + 0.5
    y, x = y - common[0], x - common[1]
    move = scene.motion(y, x)
    for _ in range(TURNS):
        move = scene.motion(y + 0.5 * move[1], x + 0.5 * move[0])
    return np.stack([*move, scene.coherence(y + 0.5 * move[1], x + 0.5 * move[0])])

"""Imaging of scatterers at any position by a radar: the system limits their band before detection.

Scatterers are placed by a non-uniform Fourier transform of type 1 (Kaiser-Bessel, 6 cells wide, on a grid at least
twice as fine as the band needs; Fessler and Sutton 2003). Their complex field is exact to about 1e-5 at any position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

Complex = NDArray[np.complex64]
Float32 = NDArray[np.float32]
Ints = NDArray[np.int32]

HAMMING = 0.75
BAND = 1.0  # Two-sided band times the width of the weighted response at half power; a test checks the product.
WIDTH = 6  # A scatterer is spread over this many cells.
SHAPE = np.pi * np.sqrt((WIDTH / 2 * 1.5) ** 2 - 0.8)  # Beatty et al. 2005, for a grid twice as fine
TABLE_ROWS = 1024


@dataclass(frozen=True)
class System:
    """A kind of image. resolution_px: width at half power in pixels, (rows, cols); rows are azimuth, columns are range.

    looks: number of sub-bands in range that are detected separately and added; uneven: how much their powers differ,
    0-1; sampled: a pixel is the power at one point (its band may be folded), not the mean over its cells.
    """

    posting_m: float
    resolution_px: tuple[float, float]
    looks: int = 5
    uneven: float = 0.0
    sampled: bool = False

    @property
    def fine(self) -> tuple[int, int]:
        """Return the cells per pixel (rows, cols) of the scatterers' grid, at least twice as fine as the resolution."""
        rows, cols = (max(1, int(np.ceil(2 / size - 1e-9))) for size in self.resolution_px)
        return rows, cols

    def look_powers(self) -> Float32:
        """Return the looks' shares of power (looks,), with sum 1; the outer looks are weaker if `uneven`."""
        weights = 1 - self.uneven * np.abs(np.linspace(-1, 1, self.looks)) if self.looks > 1 else np.ones(1)
        return np.asarray(weights / weights.sum(), dtype=np.float32)

    @property
    def equivalent_looks(self) -> float:
        """Return mean squared over variance of a pixel on even ground, from looks, their powers and averaged cells."""
        gain = 1.0
        for n, size in () if self.sampled else zip(self.fine, self.resolution_px, strict=True):
            band = _band(4096, n * size)
            shared = np.abs(fft.ifft(band**2)) ** 2
            lags = np.arange(-n + 1, n)
            gain *= float((shared[lags] / shared[0] * (n - np.abs(lags))).sum()) / n**2
        return 1 / (gain * float((self.look_powers() ** 2).sum()))


GRDH = System(posting_m=10.0, resolution_px=(2.2, 2.0), looks=5, uneven=0.6)
RTC = System(posting_m=30.0, resolution_px=(22 / 30, 0.5), looks=3, uneven=0.3)


class Places(NamedTuple):
    """Positions of scatterers: (n,) rows and cols in fine cells, anywhere on a grid that repeats itself."""

    rows: Float32
    cols: Float32


def scatterers(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    """Draw circular Gaussian reflectivity of unit power."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    parts *= np.float32(np.sqrt(0.5))
    return np.asarray(parts.view(np.complex64)[..., 0])


def gridded_spectrum(field: Complex, shift: tuple[float, float]) -> Complex:
    """Return the spectrum (looks, rows, cols) of scatterers on the grid, all shifted by (rows, cols) cells."""
    rows, cols = (
        np.exp(-2j * np.pi * by * fft.fftfreq(n)).astype(np.complex64)
        for by, n in zip(shift, field.shape[1:], strict=True)
    )
    return np.asarray(fft.fft2(field, axes=(1, 2)) * (rows[:, None] * cols), dtype=np.complex64)


class Spread:
    """Transform from scatterers at fixed positions to their spectrum; it is prepared once and used for every date."""

    def __init__(self, places: Places, shape: tuple[int, int]) -> None:
        row, row_weights = _around(places.rows, shape[0])
        col, col_weights = _around(places.cols, shape[1])
        n = places.rows.size
        weights = (row_weights[:, :, None] * col_weights[:, None, :]).reshape(-1)
        cells = (row[:, :, None] * np.int32(shape[1]) + col[:, None, :]).reshape(-1)
        starts = np.arange(0, n * WIDTH**2 + 1, WIDTH**2, dtype=np.int32)
        self.shape = shape
        self._matrix = sparse.csc_array((weights, cells, starts), shape=(shape[0] * shape[1], n))

    def spectrum(self, amplitudes: Complex) -> Complex:
        """Return the spectrum (looks, rows, cols) of scatterers (looks, n); exact up to 1/4 of the sampling rate."""
        looks, n = amplitudes.shape
        values = np.ascontiguousarray(amplitudes.T).view(np.float32).reshape(n, 2 * looks)
        grid = (self._matrix @ values).view(np.complex64).reshape(*self.shape, looks)
        response = _spreading(self.shape[0])[:, None] * _spreading(self.shape[1])
        return np.asarray(fft.fft2(np.ascontiguousarray(grid.transpose(2, 0, 1)), axes=(1, 2)) / response)


def _around(at: Float32, size: int) -> tuple[Ints, Float32]:
    """Return the WIDTH cells around each position, (n, WIDTH), and their weights."""
    whole = np.floor(at)
    first = whole.astype(np.int32) - np.int32(WIDTH // 2 - 1)
    place = (at - whole) * np.float32(TABLE_ROWS)
    row = place.astype(np.int32)
    part = (place - row)[:, None]
    weights = _TABLE[row] * (1 - part) + _TABLE[row + 1] * part
    cells = first[:, None] + np.arange(WIDTH, dtype=np.int32)
    return np.asarray(cells % np.int32(size), dtype=np.int32), np.asarray(weights, dtype=np.float32)


def _table() -> Float32:
    """Return the kernel's weights of the WIDTH cells around a position, (TABLE_ROWS + 2, WIDTH), a row per fraction."""
    between = np.arange(TABLE_ROWS + 2)[:, None] / TABLE_ROWS
    distance = (np.arange(WIDTH) - (WIDTH // 2 - 1) - between) * 2 / WIDTH
    return (np.i0(SHAPE * np.sqrt(np.maximum(1 - distance**2, 0))) / np.i0(SHAPE)).astype(np.float32)


_TABLE = _table()


def _spreading(n: int) -> Float32:
    """Return the kernel's Fourier transform at the frequencies of a grid of n cells; large outside the band."""
    inside = SHAPE**2 - (np.pi * WIDTH * fft.fftfreq(n)) ** 2
    root = np.sqrt(np.maximum(inside, 1e-6))
    return np.asarray(np.maximum(WIDTH * np.sinh(root) / (root * np.i0(SHAPE)), 1e-4), dtype=np.float32)


def complex_looks(spectrum: Complex, system: System) -> Complex:
    """Return the complex images (looks, rows, cols) on the fine grid, of unit power for unit scatterers."""
    rows, cols = (
        _band(n, fine * size)
        for n, fine, size in zip(spectrum.shape[1:], system.fine, system.resolution_px, strict=True)
    )
    share = float(np.sqrt(np.mean(rows**2) * np.mean(cols**2)))
    transfer = (rows[:, None] * cols / np.float32(share)).astype(np.float32)
    return np.asarray(fft.ifft2(spectrum * transfer, axes=(1, 2)), dtype=np.complex64)


def _band(n: int, resolution_cells: float) -> Float32:
    edge = BAND / 2 / resolution_cells
    frequency = np.abs(fft.fftfreq(n))
    inside = frequency <= edge
    return np.where(inside, HAMMING + (1 - HAMMING) * np.cos(np.pi * frequency / edge), 0.0).astype(np.float32)


def seen(values: NDArray[np.floating], system: System) -> Float32:
    """Average the cells around each cell, weighted by the point response |h|^2. values: (..., rows, cols)."""
    rows, cols = values.shape[-2:]
    parts = [
        fft.fft(np.abs(fft.ifft(_band(n, fine * size))) ** 2).real
        for n, fine, size in zip((rows, cols), system.fine, system.resolution_px, strict=True)
    ]
    response = (parts[0][:, None] * parts[1][: cols // 2 + 1] / (parts[0][0] * parts[1][0])).astype(np.float32)
    return np.asarray(fft.irfft2(fft.rfft2(values) * response, s=(rows, cols)), dtype=np.float32)


def detected(images: Complex, system: System) -> Float32:
    """Return the power (rows, cols) of pixels: looks are detected and added, then sampled or averaged over cells."""
    power = np.einsum("l,lrc->rc", system.look_powers(), images.real**2 + images.imag**2)
    return pixels_of(power, system)


def pixels_of(values: NDArray[np.floating], system: System) -> Float32:
    """Return values (..., rows, cols) of the fine grid at the pixels: sampled, or averaged over their cells."""
    if system.sampled:
        rows, cols = system.fine
        return np.asarray(values[..., rows // 2 :: rows, cols // 2 :: cols], dtype=np.float32)
    return to_pixels(values, system.fine)


def to_pixels(values: NDArray[np.floating], fine: tuple[int, int]) -> Float32:
    """Average over the cells of each pixel, (..., rows, cols); cells that fill no whole pixel are left out."""
    rows, cols = values.shape[-2] // fine[0], values.shape[-1] // fine[1]
    values = values[..., : rows * fine[0], : cols * fine[1]]
    shape = (*values.shape[:-2], rows, fine[0], cols, fine[1])
    return np.asarray(values.reshape(shape).mean(axis=(-3, -1)), dtype=np.float32)

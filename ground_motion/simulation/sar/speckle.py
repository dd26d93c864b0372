"""Speckle: complex scatterers finer than the resolution, moved exactly, band-limited, detected, averaged to pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Complex = NDArray[np.complex64]
Float32 = NDArray[np.float32]


def scatterers(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    """Generate circular Gaussian reflectivity of unit power."""
    parts = rng.standard_normal((2, *shape), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)


def shift(field: Complex, cols: float, rows: float) -> Complex:
    """Shift the field right by cols and down by rows, in its own cells, exactly (shift theorem)."""
    phase_rows = np.exp(-2j * np.pi * rows * fft.fftfreq(field.shape[0])).astype(np.complex64)
    phase_cols = np.exp(-2j * np.pi * cols * fft.fftfreq(field.shape[1])).astype(np.complex64)
    spectrum = fft.fft2(field, workers=-1) * phase_rows[:, None] * phase_cols
    return np.asarray(fft.ifft2(spectrum, workers=-1), dtype=np.complex64)


def image(field: Complex, oversampling: int, resolution_px: float) -> Float32:
    """Limit the band to a resolution in px (Hamming), detect, average; return power, of mean 1 for unit scatterers."""
    edge = 0.5 / (oversampling * resolution_px)

    def window(n: int) -> Float32:
        frequency = np.abs(fft.fftfreq(n))
        shape = np.where(frequency <= edge, 0.75 + 0.25 * np.cos(np.pi * frequency / edge), 0.0)
        return np.asarray(shape, dtype=np.float32)

    down, along = window(field.shape[0]), window(field.shape[1])
    power = np.abs(fft.ifft2(fft.fft2(field, workers=-1) * down[:, None] * along, workers=-1)) ** 2
    passed = float(np.mean(down**2) * np.mean(along**2))
    return np.asarray(average(power, oversampling) / passed, dtype=np.float32)


def average(values: NDArray[np.floating], factor: int) -> Float32:
    """Average factor x factor cells."""
    rows, cols = values.shape[0] // factor, values.shape[1] // factor
    return np.asarray(values.reshape(rows, factor, cols, factor).mean(axis=(1, 3)), dtype=np.float32)

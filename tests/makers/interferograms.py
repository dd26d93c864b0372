"""The ground that the made stacks of interferograms show: its left half is still, its right half moves steadily.

Every interferogram has its own constant on top, as real ones have: only what takes a reference finds the motion.
"""

from collections.abc import Iterator
from datetime import date

import numpy as np

DATES = (date(2020, 1, 1), date(2020, 7, 1), date(2021, 1, 1))
PAIRS = ((DATES[0], DATES[1]), (DATES[1], DATES[2]), (DATES[0], DATES[2]))
ROWS, COLS = 16, 20
CONSTANTS = (3.0, -7.5, 40.0)  # of each pair, rad


def years(first: date, second: date) -> float:
    return (second - first).days / 365.25


def toward_m(first: date, second: date, velocity_mm_yr: float) -> np.ndarray:
    """Motion toward the satellite in m between two dates, (ROWS, COLS), of the right half."""
    motion = np.zeros((ROWS, COLS), dtype=np.float32)
    motion[:, COLS // 2 :] = velocity_mm_yr * years(first, second) / 1000
    return motion


def phase(first: date, second: date, velocity_mm_yr: float, wavelength_m: float, constant: float = 0.0) -> np.ndarray:
    """Half a wavelength away from the satellite is one more fringe. First row: not unwrapped (0)."""
    fringes = -toward_m(first, second, velocity_mm_yr) / (wavelength_m / 2)
    values = (2 * np.pi * fringes + constant).astype(np.float32)
    values[0] = 0
    return values


def stack(
    velocity_mm_yr: float, wavelength_m: float, pairs=PAIRS, change=lambda values, number: values
) -> Iterator[tuple[date, date, np.ndarray]]:
    """The dates and phases of some pairs. change(values, number) may damage the phases of one."""
    for number, (first, second) in enumerate(pairs):
        constant = CONSTANTS[number % len(CONSTANTS)]
        yield first, second, change(phase(first, second, velocity_mm_yr, wavelength_m, constant), number)


def coherence(top: float = 1.0) -> np.ndarray:
    """High where the ground is still, lower where it moves."""
    values = np.full((ROWS, COLS), 0.9 * top)
    values[:, COLS // 2 :] = 0.5 * top
    return values

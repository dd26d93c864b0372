"""Reference ground of a stack of interferograms: the patch whose pixels move most alike.

Ground that sinks does so unevenly, and noise scatters; what moves as one piece is the best guess at what does not move
at all. (The most coherent pixels are no such guess: in Mexico City they are the sinking ones.)
"""

import numpy as np

from ingest.readers.records import Float32, Float64

SIDE = 11  # pixels along a patch
MOST_PATCHES = 20_000  # larger grids have larger patches, so that memory stays flat
ALIKE_MM_YR = 1.0  # among patches that scatter by less, coherence decides


class Patches:
    """Sums over the patches of a grid, block of rows by block of rows."""

    def __init__(self, rows: int, cols: int, pairs: int) -> None:
        self.side = max(2, min(SIDE, rows // 3, cols // 3), int(np.ceil(np.sqrt(rows * cols / MOST_PATCHES))))
        self.rows, self.cols = -(-rows // self.side), -(-cols // self.side)
        n = self.rows * self.cols
        self.count, self.rate, self.rate_squared, self.coherence = (np.zeros(n) for _ in range(4))
        self.phase = np.zeros((pairs, n))

    def add(self, first_row: int, phase: Float32, coherence: Float64 | None, years: Float64) -> None:
        """Add a block. phase: (pairs, rows, cols), NaN unknown; coherence: (rows, cols); years: (pairs,), signed."""
        row, col = np.nonzero(np.isfinite(phase).all(axis=0))
        values = phase[:, row, col].astype(np.float64)  # (pairs, pixels)
        patch = (row + first_row) // self.side * self.cols + col // self.side
        rate = years @ values / (years @ years)
        gamma = np.ones(row.size) if coherence is None else np.nan_to_num(coherence[row, col])
        n = self.count.size
        self.count += np.bincount(patch, minlength=n)
        self.rate += np.bincount(patch, rate, minlength=n)
        self.rate_squared += np.bincount(patch, rate**2, minlength=n)
        self.coherence += np.bincount(patch, gamma, minlength=n)
        for pair, one in zip(self.phase, values, strict=True):
            pair += np.bincount(patch, one, minlength=n)

    def reference(self, mm: float) -> Float64 | None:
        """Return the mean of each pair over the most stable patch, (pairs,); None where no pixel has every pair.

        mm: what a value of the file is in mm.
        """
        known = self.count >= max(1.0, 0.5 * self.count.max())
        if not self.count.any():
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.rate / self.count
            scatter_mm_yr = np.sqrt(np.maximum(self.rate_squared / self.count - mean**2, 0)) * abs(mm)
            uneven = (scatter_mm_yr + ALIKE_MM_YR) / np.maximum(self.coherence / self.count, 0.01)
        best = int(np.argmin(np.where(known, uneven, np.inf)))
        chosen: Float64 = self.phase[:, best] / self.count[best]
        return chosen

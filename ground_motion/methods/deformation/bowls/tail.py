"""How rare a score is among the maxima of its own scene, whose errors have longer tails than a Gaussian field's.

Unwrapping errors, land cover and delay give real still ground scores of 4 to 14 decades where noise gives one. The
excesses of maxima over a low score fall exponentially, in noise by a factor of ten per decade; how slowly they fall in
the scene itself is what a decade is worth there.
"""

import numpy as np
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import Float32

FROM_DECADES = -0.75  # Noise has about eight higher maxima on 100 km²; their excesses are exponential.
MEDIAN_EXCESS = float(np.log10(2))  # In Gaussian noise, maxima exceed a low score by this many decades.
USUAL_STRETCH, USUAL_MAXIMA = 1.0, 20.0  # The stretch of Gaussian noise is a prior that counts as this many maxima.
MAX_STRETCH = 5.0  # A scene full of motion must keep some of it.
APART_CELLS = 9  # A maximum is the highest score in a square of this side, cells.
SQUARE_CELLS = 1_000  # Side of a block, in cells; each block has its own tail fit.


def rescale_by_tail(score: Float32) -> Float32:
    """Return scores, (rows, cols), in decades of each square's own maxima (median excess); low ones unchanged."""
    highest = (score == ndimage.maximum_filter(score, APART_CELLS)) & (score > FROM_DECADES)
    labels, _ = ndimage.label(highest, np.ones((3, 3)))  # Wide bowls have one score on many cells.
    _, first = np.unique(labels, return_index=True)
    maxima = np.zeros(score.shape, dtype=bool)
    maxima.flat[first] = highest.flat[first]
    rare = score.copy()
    for row in range(0, score.shape[0], SQUARE_CELLS):
        for col in range(0, score.shape[1], SQUARE_CELLS):
            at = np.s_[row : row + SQUARE_CELLS, col : col + SQUARE_CELLS]
            excess = score[at][maxima[at]] - FROM_DECADES
            seen = float(np.median(excess)) / MEDIAN_EXCESS if excess.size else USUAL_STRETCH
            stretch = (excess.size * seen + USUAL_MAXIMA * USUAL_STRETCH) / (excess.size + USUAL_MAXIMA)
            held = float(np.clip(stretch, 1.0, MAX_STRETCH))
            rare[at] = np.where(score[at] > FROM_DECADES, FROM_DECADES + (score[at] - FROM_DECADES) / held, score[at])
    return rare

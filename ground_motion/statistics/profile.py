"""Points along a line: their positions on it, and medians of their values in equal pieces of the line."""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

MIN_OF_BIN = 3


class Along(NamedTuple):
    """Positions of points relative to a line.

    distance_m: along the line from its start; offset_m: distance from the line, never negative. (n,), m.
    """

    distance_m: Float64
    offset_m: Float64


class Bins(NamedTuple):
    """Values by equally long pieces of a line: median, and low and high limit of the middle two thirds.

    All (bins,), NaN where a piece has fewer than three points. distance_m: of the piece's middle from the start.
    """

    distance_m: Float64
    median: Float64
    low: Float64
    high: Float64
    n_points: NDArray[np.int64]


def positions_along_line(x_m: Float64, y_m: Float64, corners_m: Float64) -> Along:
    """Return how far along a line points lie and how far from it, (n,) each. corners_m: (corners, 2), same system."""
    line, points = shapely.linestrings(corners_m), shapely.points(x_m, y_m)
    return Along(np.asarray(shapely.line_locate_point(line, points)), np.asarray(shapely.distance(line, points)))


def piece_of(distance_m: Float64, length_m: float, n_bins: int) -> NDArray[np.int64]:
    """Return for each point the number of the piece of the line in which it lies, (n,), 0 to n_bins - 1."""
    return np.clip((distance_m / length_m * n_bins).astype(np.int64), 0, n_bins - 1)


def bin_values(distance_m: Float64, values: Float64, length_m: float, n_bins: int) -> Bins:
    """Return median and middle two thirds of the values in each piece of the line. values: (n,), NaN where missing."""
    piece, known = piece_of(distance_m, length_m, n_bins), np.isfinite(values)
    figures = np.full((3, n_bins), np.nan)
    counts = np.bincount(piece[known], minlength=n_bins)
    for number in np.flatnonzero(counts >= MIN_OF_BIN):
        figures[:, number] = np.percentile(values[known & (piece == number)], [50, 16, 84])
    middles = (np.arange(n_bins) + 0.5) * length_m / n_bins
    return Bins(middles, figures[0], figures[1], figures[2], counts.astype(np.int64))

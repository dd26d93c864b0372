"""The points of a track without spikes and tilt, on cells of several sizes, each twice as wide as the one before."""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ground_motion.methods.deformation.bowls.torus import apply_spectrum, fast, gaussian, pad_with_zeros, subtract_wide
from ground_motion.methods.deformation.gridding.despike import NEIGHBOURS, Near, median_of, neighbours
from ground_motion.methods.deformation.gridding.points import Float32, Float64, PointCloud
from ground_motion.methods.deformation.places.surface import square_of
from ground_motion.statistics.robust import MAD_TO_SIGMA

WIDE_CELLS = 10.0  # Standard deviation of the Gaussian mean that is subtracted, cells.
MARGIN = 32  # Margin around the transformed field, cells.
SLOPE_M = 400.0  # about the side of the cells on which rates are compared with heights
SLOPE_CELLS = 20.0  # The slope of rates with height is fitted over ground of this standard deviation, cells.
MIN_RELIEF_M = 15.0  # With less relief, the slope is shrunk toward 0.
SLOPE_ROUNDS = 3  # Each round clips rates far from the slope of the round before.
MAX_POINTS = 4  # More points of a finest cell share their errors, so they do not count.
SPIKE, SPIKE_MM_YR = 4.0, 0.3  # deviations of a point from the median around it; least deviation
TILT_M, TILT_ROUNDS = 1_000.0, 8
STEEPEST_PER_M = 2e-4  # mm/yr per m, of orbits and plates: 20 mm/yr over 100 km, as beside the North Anatolian fault


class Level(NamedTuple):
    """Grid of one cell size, (rows, cols) each: points, at most MAX_POINTS of a finest cell; mean rate; 0 if none."""

    cell_m: float
    points: Tensor
    rate_mm_yr: Tensor


class Points(NamedTuple):
    """Points without spikes, (n,): m, mm/yr against the track's median, m (zeros without heights)."""

    x: Float64
    y: Float64
    rate_mm_yr: Float32
    height_m: Float32


def drop_spikes(track: PointCloud, near: Near | None = None, workers: int = 1) -> Points:
    """Return the points that agree with their neighbourhood. near: `neighbours`, searched by some workers if None."""
    rate = track.velocity_mm_yr - np.float32(np.median(track.velocity_mm_yr))
    height = np.zeros_like(rate)
    if track.height_m is not None and (known := np.isfinite(track.height_m)).any():
        height[known] = track.height_m[known] - np.median(track.height_m[known])
    if rate.size < NEIGHBOURS:
        return Points(track.x, track.y, rate, height)
    near = neighbours(track, workers=workers) if near is None else near
    middle = median_of(rate, near)
    spread = MAD_TO_SIGMA * median_of(np.abs(rate - middle), near) + SPIKE_MM_YR
    kept = np.abs(rate - middle) < SPIKE * spread
    x, y = track.x[kept], track.y[kept]
    return Points(x, y, rate[kept] - _tilt(x, y, middle[kept]), height[kept])


def _tilt(x: Float64, y: Float64, rate_mm_yr: Float32) -> Float32:
    """Return a plane through the rates of a whole track at its points, mm/yr, 0 in their middle.

    Orbits and plate motion leave one, to STEEPEST_PER_M. Every square of TILT_M counts once, because a city that sinks
    has most of the points; rates far from the plane are clipped.
    """
    _, square = np.unique(square_of(x, y, TILT_M), return_inverse=True)
    count = np.bincount(square)
    at_x, at_y, left = (np.bincount(square, values) / count for values in (x - x.mean(), y - y.mean(), rate_mm_yr))
    side = max(1.0, float(np.ptp(x) + np.ptp(y)))
    terms = np.stack([at_x / side, at_y / side, np.ones_like(at_x)], axis=1)
    fitted: Float64 = np.zeros(3)
    for _ in range(TILT_ROUNDS):
        apart = left - terms @ fitted
        most = 2 * MAD_TO_SIGMA * np.median(np.abs(apart - np.median(apart)))
        held = terms @ fitted + np.clip(apart, np.median(apart) - most, np.median(apart) + most)
        fitted = np.asarray(np.linalg.lstsq(terms, held, rcond=None)[0])
    slope: Float64 = fitted[:2] / side
    slope *= min(1.0, STEEPEST_PER_M / max(float(np.hypot(*slope)), 1e-12))
    return np.asarray(slope[0] * (x - x.mean()) + slope[1] * (y - y.mean()), dtype=np.float32)


def pyramid_of(
    points: Points, finest_m: float, levels: int, west: float, north: float, shape: tuple[int, int]
) -> list[Level]:
    """Put points on cells, the finest first. west, north: their corner, m; shape: of the finest, (rows, cols)."""
    south = north - shape[0] * finest_m
    up, col = (((at - edge) / finest_m).astype(np.int64) for at, edge in ((points.y, south), (points.x, west)))
    cell = (shape[0] - 1 - up) * shape[1] + col  # A point on an edge lies north and east of it.
    order = np.argsort(cell)
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    count, occupied = np.diff(first, append=cell.size), cell[order[first]]

    def place(values: NDArray[np.generic]) -> Tensor:
        plane = np.zeros(shape, dtype=np.float32)
        plane.flat[occupied] = values
        return torch.from_numpy(plane)

    weight, rate = place(np.minimum(count, MAX_POINTS)), place(_sums(points.rate_mm_yr[order], first) / count)
    if points.height_m.any():
        halvings = max(0, round(math.log2(SLOPE_M / finest_m)))
        height = place(_sums(points.height_m[order], first) / count)
        rate -= following_heights(weight, rate, height, halvings)
    pyramid = [Level(finest_m, weight, rate)]
    for number in range(1, levels):
        weight, rate = _halve(weight, rate)
        pyramid.append(Level(finest_m * 2**number, weight, rate))
    return pyramid


def _sums(values: Float32, first: NDArray[np.intp]) -> Float64:
    """Return the sums of values from each of the first ones to the next."""
    return np.asarray(np.add.reduceat(values, first, dtype=np.float64))


def _halve(weight: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights and weighted means of squares of 2 x 2 cells."""
    total = fours(weight)
    return total, fours(weight * values) / total.clamp_min(1)


def following_heights(weight: Tensor, rate: Tensor, height: Tensor, halvings: int) -> Tensor:
    """Return the part of the rates that follows the heights over some kilometres, as in stratified delay; 0 if none.

    The slope of rates over heights is fitted after some halvings of the cells, against their own wider surroundings.
    """
    w, r, h = weight, rate, height
    for _ in range(halvings):
        (_, r), (w, h) = _halve(w, r), _halve(w, h)
    seen, size = w > 0, tuple(fast(n + 2 * MARGIN) for n in w.shape)
    w, r, h = (pad_with_zeros(torch.where(seen, plane, 0.0), size) for plane in (w / (w + 4), r, h))
    wide, slope = (gaussian(size, cells, w.device) for cells in (WIDE_CELLS, SLOPE_CELLS))
    r, h = (subtract_wide(plane, w, w > 0, wide) for plane in (r, h))
    known = apply_spectrum(w, slope).clamp_min(1e-6)
    relief, follows = apply_spectrum(w * h**2, slope) + MIN_RELIEF_M**2 * known, torch.zeros_like(h)
    for _ in range(SLOPE_ROUNDS):
        held = follows * h + (r - follows * h).clamp(-2, 2)
        follows = apply_spectrum(w * held * h, slope) / relief
    follows = follows[: seen.shape[0], : seen.shape[1]]
    fine = follows.repeat_interleave(2**halvings, 0).repeat_interleave(2**halvings, 1)
    return fine[: rate.shape[0], : rate.shape[1]].mul_(height)


def fours(plane: Tensor) -> Tensor:
    """Return sums over squares of 2 x 2 cells."""
    return avg_pool2d(plane[None], 2)[0] * 4

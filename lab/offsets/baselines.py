"""Methods at equal area: evidence or answers averaged over boxes; and the served methods.

`law-N` adds the evidence of N x N px and fits once. `ncc-N`, `multi-kernel-N` and `whitened-N` average the answers of
correlation over a box so that the noise-equivalent area, windows included, is N x N px; `whitened-sigma` averages only
answers that agree. The service does not use them.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.methods.offsets.network import Tracker, track
from ground_motion.methods.offsets.resampling import interpolate_to_posting
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Float64
from lab.simulation.sar.system import Float32

OFFSETS, SIGMAS = ("dx_px", "dy_px"), ("sigma_dx_px", "sigma_dy_px")
AREAS_PX = (32, 64, 110, 172)
BASES_PX = {"ncc": 32.0, "multi-kernel": 24.0, "whitened": 32.0}  # side of the window of a single answer
SIGMA_FILTER = "whitened-sigma"
SIGMA_FILTER_PX, WITHIN = 96.0, 3.0  # Both values were chosen on validation pairs.


class Equal(NamedTuple):
    """Method at equal area: autocorrelation model, or averages of a base method. size_px: side of the area or box."""

    base: str
    size_px: float
    within: float = math.inf


def box_px(area_px: float, window_px: float) -> float:
    """Return the side of the box over which answers of a window are averaged to a noise-equivalent side of area_px.

    A window of w px and a box of b >= w px together average like b / (1 - w / 3b) px along each axis, with a
    smaller box like w / (1 - b / 3w) px (one over the integral of the square of their convolution).
    """
    if area_px <= window_px:
        return 0.0
    if area_px < 1.5 * window_px:
        return 3 * window_px * (1 - window_px / area_px)
    return (area_px + math.sqrt(area_px**2 - 4 * area_px * window_px / 3)) / 2


EQUAL = {f"law-{side}": Equal("law", side) for side in AREAS_PX}
EQUAL |= {
    f"{base}-{side}": Equal(base, box_px(side, window))
    for base, window in BASES_PX.items()
    for side in AREAS_PX
    if side > window
}
EQUAL[SIGMA_FILTER] = Equal("whitened", SIGMA_FILTER_PX, WITHIN)
METHODS = methods("offsets") | {name: methods("offsets")[equal.base] for name, equal in EQUAL.items()}


def tracked(images: ImagePair, methods: Iterable[str], search: int, posting: int) -> dict[str, dict[str, Float32]]:
    """Return the bands of each method on a small pair; methods with the same base share its tracking."""
    served: dict[str, dict[str, Float32]] = {}
    results = {}
    for method in methods:
        base, size_px, within = EQUAL.get(method, Equal(method, 0.0))
        if base == "law" and method in EQUAL:
            source = images.source()
            found = track(source, Tracker(None, torch.device("cpu"), size_px=size_px), search)
            bands = interpolate_to_posting(found, source.shape, posting)._asdict()
            results[method] = {name: band.numpy() for name, band in bands.items()}
            continue
        if base not in served:
            served[base] = dict(track_offsets(images, base, torch.device("cpu"), search, posting).bands)
        results[method] = averaged(served[base], size_px, posting, within) if method in EQUAL else served[base]
    return results


def overlap(size_px: float, posting_px: int) -> Float64:
    """Return (n,): the share of each node's square, along one axis, in a box of size_px around the middle node."""
    nodes = max(1.0, size_px / posting_px)
    reach = max(0, math.ceil((nodes - 1) / 2))
    return np.clip(nodes / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0.0, 1.0)


def averaged(bands: dict[str, Float32], size_px: float, posting_px: int, within: float = np.inf) -> dict[str, Float32]:
    """Average offsets over a box of size_px; unknown nodes stay unknown, and sigma becomes the box's root mean square.

    within: a neighbour is averaged only if its offset differs, on both axes, by at most this number of standard
    deviations (sigma filter, Lee 1983, doi:10.1016/0734-189X(83)90047-6, here with each node's sigma).
    """
    offset, variance = (np.stack([bands[name] for name in names]).astype(np.float64) for names in (OFFSETS, SIGMAS))
    variance **= 2
    weights = overlap(size_px, posting_px)
    reach = len(weights) // 2
    total, taken = np.zeros((4, *offset.shape[1:])), np.zeros(offset.shape[1:])
    for row, along_rows in enumerate(weights, start=-reach):
        for col, along_cols in enumerate(weights, start=-reach):
            there, spread = _neighbour(offset, row, col), _neighbour(variance, row, col)
            agrees = (np.abs(there - offset) <= within * np.sqrt(variance + spread)).all(axis=0)
            agrees &= np.isfinite(there).all(axis=0)
            weight = along_rows * along_cols * agrees
            total += weight * np.nan_to_num(np.concatenate([there, spread]))
            taken += weight
    known = np.isfinite(offset).all(axis=0)
    mean = np.where(known, total / np.maximum(taken, 1e-9), np.nan)
    values = [*mean[:2], *np.sqrt(mean[2:])]
    return bands | {name: np.asarray(value, np.float32) for name, value in zip(OFFSETS + SIGMAS, values, strict=True)}


def _neighbour(values: Float64, row: int, col: int) -> Float64:
    """Return for each node the value `row` rows and `col` columns farther, (n, rows, cols); NaN beyond the edge."""
    rows, cols = values.shape[1:]
    wide = np.pad(values, ((0, 0), (abs(row),) * 2, (abs(col),) * 2), constant_values=np.nan)
    return wide[:, abs(row) + row :, abs(col) + col :][:, :rows, :cols]

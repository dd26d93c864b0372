"""Baseline methods that average like the network: whitened correlation, averaged over neighbouring nodes.

The service does not use them. Sizes, limits and calibrations were chosen on validation pairs.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from lab.simulation.sar.system import Float32
from ml.offsets import VERSIONS as SERVED
from ml.offsets.infer import track_offsets
from ml.rasters.imagery import ImagePair
from ml.statistics.intervals import Float64

OFFSETS, SIGMAS = ("dx_px", "dy_px"), ("sigma_dx_px", "sigma_dy_px")


class Averaging(NamedTuple):
    """Settings of `averaged`. size_px: side of the box; calibration, within: see there."""

    size_px: float
    calibration: float
    within: float = np.inf


BASE = "whitened"
AVERAGES = {"whitened-mean-96": Averaging(96, 0.49), "whitened-sigma": Averaging(96, 0.37, 3.0)}
VERSIONS = SERVED | dict.fromkeys(AVERAGES, "1")


def tracked(images: ImagePair, methods: Iterable[str], search: int, posting: int) -> dict[str, dict[str, Float32]]:
    """Return the bands of each method on a small pair; methods with the same base share its tracking."""
    served: dict[str, dict[str, Float32]] = {}
    results = {}
    for method in methods:
        base = BASE if method in AVERAGES else method
        if base not in served:
            served[base] = dict(track_offsets(images, base, torch.device("cpu"), search, posting).bands)
        results[method] = served[base]
        if method in AVERAGES:
            size_px, calibration, within = AVERAGES[method]
            results[method] = averaged(served[base], size_px, posting, within, calibration)
    return results


def overlap(size_px: float, posting_px: int) -> Float64:
    """Return (n,): the share of each node's square, along one axis, in a box of size_px around the middle node."""
    nodes = size_px / posting_px
    reach = max(0, math.ceil((nodes - 1) / 2))
    return np.clip(nodes / 2 + 0.5 - np.abs(np.arange(-reach, reach + 1)), 0.0, 1.0)


def averaged(
    bands: dict[str, Float32], size_px: float, posting_px: int, within: float = np.inf, calibration: float = 1.0
) -> dict[str, Float32]:
    """Average offsets over a box of size_px; unknown nodes stay unknown.

    within: a neighbour is averaged only if its offset differs, on both axes, by at most this number of standard
    deviations (sigma filter, Lee 1983, doi:10.1016/0734-189X(83)90047-6, here with each node's sigma). calibration:
    factor on the root mean square of the averaged sigmas.
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
            weight = along_rows * along_cols * agrees
            total += weight * np.nan_to_num(np.concatenate([there, spread]))
            taken += weight
    known = np.isfinite(offset).all(axis=0)
    mean = np.where(known, total / np.maximum(taken, 1e-9), np.nan)
    values = [*mean[:2], *(calibration * np.sqrt(mean[2:]))]
    return bands | {name: np.asarray(value, np.float32) for name, value in zip(OFFSETS + SIGMAS, values, strict=True)}


def _neighbour(values: Float64, row: int, col: int) -> Float64:
    """Return for each node the value `row` rows and `col` columns farther, (n, rows, cols); NaN beyond the edge."""
    rows, cols = values.shape[1:]
    wide = np.pad(values, ((0, 0), (abs(row),) * 2, (abs(col),) * 2), constant_values=np.nan)
    return wide[:, abs(row) + row :, abs(col) + col :][:, :rows, :cols]

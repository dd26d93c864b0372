"""The detector of deformation on a whole product and its network alone, each against a control that shares no code.

The product is simulated: one track of towns and open country, as dense as a national product, with hills and bowls. Its
control smooths the same points in NumPy and SciPy only. The network's control is NumPy's product of two matrices, which
shows how fast the processor multiplies.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks
from ground_motion.runtime.device import precision
from lab.gpu.inference import CPU, cells_of, deformation_on
from lab.speed.measure import pairs, report, result

POINTS_PER_KM2, TOWN_M, KM2_PER_TOWN, KM2_PER_BOWL = 42, 3_000.0, 600, 2_400
CELL_M, SMOOTHED_CELLS = 100.0, (1, 2, 4, 8, 16, 32)
MATRIX = 2048


def run(rounds: int = 3, points: int = 400_000, side: int = 512) -> dict[str, Any]:
    """Measure a product of some points in s, and the network on side × side cells in million cells/s, on the CPU."""
    product, cells, square = simulated_product(points), cells_of(side), np.ones((MATRIX, MATRIX), dtype=np.float32)
    whole = pairs(partial(detect_tracks, [product], "model"), partial(smoothed, product), rounds)
    alone = pairs(partial(deformation_on, CPU, cells), lambda: square @ square, rounds)
    threads = f"{torch.get_num_threads()} threads"
    return report(
        "deformation",
        [
            result(f"deformation: from {points:,} points to maps, {threads}, against smoothing", "s", *whole),
            result(
                f"deformation: network on {side}² cells, {precision(CPU)}, {threads}, against a product of matrices",
                "million cells/s",
                *alone,
                amount=side**2 / 1e6,
            ),
        ],
    )


def simulated_product(points: int) -> PointCloud:
    """Simulate a track: four fifths of its points in towns, noise of 1 mm/yr, hills, and bowls of 8 mm/yr in towns."""
    rng, side_m = np.random.default_rng(1), 1e3 * (points / POINTS_PER_KM2) ** 0.5
    km2 = (side_m / 1e3) ** 2
    centres = rng.uniform(0.02, 0.98, (max(1, round(km2 / KM2_PER_TOWN)), 2)) * side_m
    in_towns = points * 4 // 5
    near_towns = centres[rng.integers(0, len(centres), in_towns)] + rng.normal(0, TOWN_M, (in_towns, 2))
    at = np.concatenate([near_towns, rng.uniform(0, side_m, (points - in_towns, 2))]).clip(0, side_m - 0.5)
    rate = rng.normal(0, 1, points).astype(np.float32)
    for centre in centres[: max(1, round(km2 / KM2_PER_BOWL))]:
        rate -= (8 * np.exp(-(((at - centre) / 800) ** 2).sum(axis=1))).astype(np.float32)
    height_m = (200 * np.sin(at[:, 0] / 2_000) * np.cos(at[:, 1] / 3_000)).astype(np.float32)
    return PointCloud(at[:, 0] + 4_000_000, at[:, 1] + 2_000_000, rate, 3035, height_m=height_m)


def smoothed(product: PointCloud) -> list[np.ndarray]:
    """Return the mean rate of cells of CELL_M, smoothed over SMOOTHED_CELLS, (rows, cols) each."""
    rows, cols = (((part - part.min()) / CELL_M).astype(np.int64) for part in (product.y, product.x))
    shape = rows.max() + 1, cols.max() + 1
    total, number = (
        np.bincount(rows * shape[1] + cols, weights, minlength=shape[0] * shape[1]).reshape(shape)
        for weights in (product.velocity_mm_yr, None)
    )
    return [
        ndimage.gaussian_filter(total, over) / (ndimage.gaussian_filter(number.astype(float), over) + 1e-6)
        for over in SMOOTHED_CELLS
    ]

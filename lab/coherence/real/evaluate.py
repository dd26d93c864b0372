"""`coherence-real`: estimates from detected images against the coherence of the complex images, in spatial blocks.

One pair so far: Sentinel-1, Morocco, 12 days with an earthquake between, about three looks. Truth: the sample coherence
from its processor. Every method gets registered images and the number of looks; windows of classical methods are tuned
for each block on all other blocks, separately for error and for correlation. `left_out`: a block's sigma is multiplied
by the factor that is right on all other blocks; the shipped network's was chosen on all blocks. `averaged`: images
averaged over 2 x 2 px; `estimated`: looks not given. No pair of a single look is available.
"""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import rasterio
import torch
from affine import Affine
from scipy import ndimage

from ground_motion.core.errors import InputError
from ground_motion.methods.coherence import CoherenceMethod
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.rasters.geotiffs import open_pair
from ground_motion.rasters.imagery import ImagePair
from ground_motion.rasters.windows import Window
from ground_motion.runtime.methods import methods
from ground_motion.statistics.intervals import Float64, Interval, bootstrap_over
from lab.benchmark import Benchmark
from lab.real_data import folder
from lab.simulation.sar.system import Float32, to_pixels

NAME, VERSION = "coherence-real", "1"
IMAGES, TRUTH = ("amp_prm_vv.tif", "amp_sec_vv.tif"), "coh_vv.tif"
LOOKS = 3.0
AVERAGED = 2  # Pixels averaged on each axis.
# Neighbouring px correlate by 0.4, across corners by 0.15: their mean over 2 x 2 has the variance of 2.1 px.
AVERAGED_LOOKS = 6.2
BLOCKS, PARTS = 4, 3  # Number along each axis: blocks of the scene, and parts of a block for its interval.
BLOCKS_KNOWN = 14  # Least number of blocks with at least half of the pixels known.
MIN_KNOWN = 0.5
EVERY_PX, EDGE_PX = 4, 8
WINDOWS = (5, 7, 9, 13, 17, 21, 29)
STATED = (3, 3)  # networks' window, px of the pair; the truth's is 3 x 10 single looks, averaged over 1 x 4
ONE_SIGMA = 0.683  # share of Gaussian errors within one standard deviation
Statistic = Callable[[Float64], float]


class RealPair(NamedTuple):
    """A pair with its truth. images: linear power, NaN unknown; averaged: pixels averaged on each axis.

    truth: sample coherence (rows, cols), NaN unknown. looks: equivalent number, None if it is to be estimated.
    """

    images: ImagePair
    truth: Float32
    looks: float | None
    averaged: int


class Block(NamedTuple):
    """One block of the scene. rows: (pixels, 3), estimate, sigma, truth; parts: the rows of each part of the block."""

    rows: Float64
    parts: list[Float64]


@lru_cache(maxsize=2)
def real_pair(averaged: int = 1) -> RealPair:
    """Read the pair and average its pixels on each axis. Raises InputError if it is missing."""
    at = folder("pairs_real", "morocco_s1")
    if not (at / TRUTH).is_file():
        raise InputError(at, f"{TRUTH} is missing", "Set GROUND_MOTION_DATA to the folder of real data")
    source = open_pair(at / IMAGES[0], at / IMAGES[1], "amplitude")
    with rasterio.open(at / TRUTH, driver="GTiff") as raster:
        truth = raster.read(1).astype(np.float32)
    power = source.read(Window(0, 0, *source.shape))
    known = np.where(truth > 0, truth, np.float32(np.nan))
    power, truth = (to_pixels(values, (averaged, averaged)) for values in (power, known))
    looks = LOOKS if averaged == 1 else AVERAGED_LOOKS
    return RealPair(ImagePair(power[0], power[1], Affine.identity(), None), truth, looks, averaged)


def blocks_of(pair: RealPair, coherence: Float32, sigma: Float32) -> list[Block]:
    """Return every block with enough known pixels. Its rows are sampled pixels away from edges and gaps."""
    known = np.isfinite(pair.truth) & np.isfinite(pair.images.reference) & np.isfinite(pair.images.secondary)
    inner = ndimage.binary_erosion(known, iterations=EDGE_PX // pair.averaged)
    values = np.stack([coherence, sigma, pair.truth], axis=-1).astype(np.float64)
    blocks = []
    for at in _cut(known.shape, BLOCKS):
        if known[at].mean() < MIN_KNOWN:
            continue
        sampled = (slice(None, None, EVERY_PX // pair.averaged),) * 2
        picked, rows = inner[at][sampled], values[at][sampled]
        parts = [rows[part][picked[part]] for part in _cut(picked.shape, PARTS)]
        blocks.append(Block(rows[picked], [part for part in parts if len(part)]))
    return blocks


def _cut(shape: tuple[int, ...], n: int) -> list[tuple[slice, slice]]:
    edges = [np.linspace(0, size, n + 1).astype(int) for size in shape]
    spans = [[slice(first, last) for first, last in pairwise(edge)] for edge in edges]
    return [(rows, cols) for rows in spans[0] for cols in spans[1]]


def _known(rows: Float64) -> Float64:
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])


def _errors(rows: Float64) -> Float64:
    known = _known(rows)
    return np.asarray(known[:, 0] - known[:, 2])


def rmse(rows: Float64) -> float:
    """Return the root mean square error of known pixels."""
    return float(np.sqrt((_errors(rows) ** 2).mean()))


def correlation(rows: Float64) -> float:
    """Return the correlation of estimate and truth of known pixels."""
    known = _known(rows)
    return float(np.corrcoef(known[:, 0], known[:, 2])[0, 1])


def _within(times: float, rows: Float64) -> float:
    return float((np.abs(_errors(rows)) <= times * _known(rows)[:, 1]).mean())


WITHIN: dict[str, Statistic] = {"within_68": partial(_within, 1.0), "within_95": partial(_within, 1.96)}
OVER_BLOCKS: dict[str, Statistic] = WITHIN | {
    "rmse": rmse,
    "bias": lambda rows: float(_errors(rows).mean()),
    "known_share": lambda rows: float(np.isfinite(rows).all(axis=1).mean()),
}


def _others(blocks: list[Block], left_out: int) -> Float64:
    """Return the rows of all blocks but one."""
    return np.concatenate([block.rows for at, block in enumerate(blocks) if at != left_out])


def tuned(tried: dict[int, list[Block]], score: Statistic) -> list[int]:
    """Return for each block the window, px, with the highest score over all other blocks. tried: window -> blocks."""
    return [
        max(tried, key=lambda window: score(_others(tried[window], left_out)))
        for left_out in range(len(next(iter(tried.values()))))
    ]


def recalibrated(blocks: list[Block]) -> list[Float64]:
    """Return the rows of each block, sigma times the factor that covers ONE_SIGMA of the errors of all other blocks."""
    rows = []
    for at, block in enumerate(blocks):
        others = _others(blocks, at)
        factor = np.quantile(np.abs(_errors(others)) / _known(others)[:, 1], ONE_SIGMA)
        rows.append(block.rows * [1.0, factor, 1.0])
    return rows


def tried_windows(method: str, pair: RealPair) -> dict[int, list[Block]]:
    """Return the blocks of a method for every window tried. Networks get STATED only, also on averaged pixels."""
    tried = {}
    for side in (STATED[0],) if CoherenceMethod.find(method).weights else WINDOWS:
        bands = estimate_coherence(pair.images, method, torch.device("cpu"), side, pair.looks).bands
        tried[side] = blocks_of(pair, bands["coherence"], bands["coherence_sigma"])
    return tried


def measured(tried: dict[int, list[Block]], n: int) -> dict[str, Interval]:
    """Return metric name -> interval over the first n blocks, with windows tuned. tried: window -> blocks."""
    metrics: dict[str, Interval] = {}
    for name, score, statistics in (
        ("rmse", lambda rows: -rmse(rows), OVER_BLOCKS),
        ("r", correlation, {"r": correlation}),
    ):
        windows = tuned(tried, score)
        blocks = [tried[window][at] for at, window in enumerate(windows)]
        if statistics is OVER_BLOCKS:
            left_out = recalibrated(blocks)[:n]
            metrics |= {f"{one}_left_out": bootstrap_over(left_out, each) for one, each in WITHIN.items()}
        windows, blocks = windows[:n], blocks[:n]
        metrics[f"window_px_{name}"] = Interval(float(np.median(windows)), float(min(windows)), float(max(windows)))
        metrics |= {one: bootstrap_over([block.rows for block in blocks], each) for one, each in statistics.items()}
        for at, block in enumerate(blocks, start=1):
            metrics[f"{name}_block_{at:02d}"] = bootstrap_over(block.parts, statistics[name])
    return metrics


def evaluate(method: str, blocks: int) -> dict[str, Interval]:
    """Measure a method on a number of blocks. Returns metric name -> interval over blocks, or over parts of a block."""
    metrics = measured(tried_windows(method, real_pair()), blocks)
    variants = {
        "estimated": real_pair()._replace(looks=None),
        "averaged": real_pair(AVERAGED),
        "averaged_estimated": real_pair(AVERAGED)._replace(looks=None),
    }
    for variant, pair in variants.items():
        of_variant = measured(tried_windows(method, pair), blocks)
        metrics |= {f"{name}_{variant}": value for name, value in of_variant.items() if "block" not in name}
    return metrics


def truth_sha256(blocks: int) -> str:
    """Return a hash of the measured pixels and of their truth, to three decimals."""
    pair = real_pair()
    nothing = np.zeros_like(pair.truth)
    measured_blocks: Sequence[Block] = blocks_of(pair, nothing, nothing)[:blocks]
    means = [f"{len(block.rows)} {block.rows[:, 2].mean():.3f}" for block in measured_blocks]
    return hashlib.sha256(repr((NAME, VERSION, LOOKS, WINDOWS, AVERAGED, means)).encode()).hexdigest()


BENCHMARK = Benchmark(
    NAME, VERSION, BLOCKS_KNOWN, "blocks of a real pair", methods("coherence"), evaluate, truth_sha256
)

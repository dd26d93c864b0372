"""Rivals of the network that average as it does: what other trackers find, averaged over neighbours or windows.

They are measured and not served. Sizes, limits and calibrations come from validation pairs
(`python -m lab.offsets.rivals.tune`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch

from lab.offsets.rivals import multi_scale
from lab.offsets.rivals.averaging import OFFSETS, SIGMAS, averaged
from lab.simulation.sar.system import Float32
from ml.offsets.infer import VERSIONS as SERVED
from ml.offsets.infer import track_offsets
from ml.rasters.imagery import ImagePair, pixels_per_cell
from ml.statistics.robust import MAD_TO_SIGMA


class Averaging(NamedTuple):
    """What is averaged over: a served method's offsets over size_px, where they agree; see averaging.averaged."""

    base: str
    size_px: float
    calibration: float
    within: float = np.inf


SIZES_PX = (48, 72, 96)
MULTI_SCALE = "ncc-multi-scale"
AVERAGES = {
    "ncc-mean-48": Averaging("ncc", 48, 0.72),
    "ncc-mean-72": Averaging("ncc", 72, 0.63),
    "ncc-mean-96": Averaging("ncc", 96, 0.60),
    "ncc-sigma": Averaging("ncc", 96, 0.43, 3.0),
    "whitened-mean-48": Averaging("whitened", 48, 0.59),
    "whitened-mean-72": Averaging("whitened", 72, 0.51),
    "whitened-mean-96": Averaging("whitened", 96, 0.49),
    "whitened-sigma": Averaging("whitened", 96, 0.37, 3.0),
}
MEDIAN = "ncc-median"  # of the whole pair: what a pair whose ground stands still is worth at most
WINDOW_PX = 32  # of ncc
NEIGHBOURS = (*AVERAGES, MULTI_SCALE)  # rivals that resolve something
RIVALS = (*NEIGHBOURS, MEDIAN)
VERSIONS = SERVED | dict.fromkeys(RIVALS, "1")


def tracked(images: ImagePair, methods: Iterable[str], search: int, posting: int) -> dict[str, dict[str, Float32]]:
    """Bands of each method, served or rival, on a small pair; what several of them average is tracked once."""
    served: dict[str, dict[str, Float32]] = {}
    results = {}
    for method in methods:
        if method == MULTI_SCALE:
            results[method] = _multi_scale(images, search, posting)
            continue
        base = AVERAGES[method].base if method in AVERAGES else "ncc" if method == MEDIAN else method
        if base not in served:
            served[base] = dict(track_offsets(images, base, torch.device("cpu"), search, posting).bands)
        results[method] = served[base]
        if method in AVERAGES:
            results[method] = of_base(served[base], AVERAGES[method], posting)
        elif method == MEDIAN:
            results[method] = of_all(served[base], posting)
    return results


def of_base(bands: dict[str, Float32], averaging: Averaging, posting: int) -> dict[str, Float32]:
    """What becomes of its base's bands."""
    return averaged(bands, averaging.size_px, posting, averaging.within, averaging.calibration)


def of_all(bands: dict[str, Float32], posting: int) -> dict[str, Float32]:
    """The median of all known nodes at each of them; sigma: their spread over the root of their windows."""
    known = np.isfinite(bands["dx_px"])
    if not known.any():
        return bands
    windows = max(1.0, float(known.sum()) * (posting / WINDOW_PX) ** 2)
    result = dict(bands)
    for name, sigma in zip(OFFSETS, SIGMAS, strict=True):
        middle = np.median(bands[name][known])
        spread = MAD_TO_SIGMA * np.median(np.abs(bands[name][known] - middle)) / np.sqrt(windows)
        result |= {
            name: np.where(known, middle, np.float32(np.nan)),
            sigma: np.where(known, spread, np.float32(np.nan)),
        }
    return {name: band.astype(np.float32) for name, band in result.items()}


def _multi_scale(images: ImagePair, search: int, posting: int) -> dict[str, Float32]:
    power = torch.from_numpy(np.stack([images.reference, images.secondary]))
    result = multi_scale.track(power, search, posting, pixels_per_cell(power))
    return {name: band.numpy() for name, band in result._asdict().items()}

"""One interface for every offset tracker: a pair in, offsets with their uncertainty out."""

from statistics import median
from typing import Any

import numpy as np
import torch
from affine import Affine

from ml.imagery import Float32, ImagePair, PairSource, pixels_per_cell
from ml.offsets import baseline, whitened
from ml.results import RasterResult
from ml.tiling import over_tiles, samples

METHODS = ("multi-kernel", "ncc", "whitened")
VERSIONS = {"multi-kernel": "1", "ncc": "2", "whitened": "2"}  # raise when the numbers change
UNITS = ("px", "px", "px", "px", "1")


def parameters(method: str) -> dict[str, Any]:
    """The constants a method runs with, for the record."""
    return {"kernels_px": _kernels(method), "search_px": baseline.SEARCH_PX, "posting_px": baseline.POSTING_PX}


def track_offsets(
    pair: ImagePair | PairSource,
    method: str,
    device: torch.device,
    search: int = baseline.SEARCH_PX,
    posting: int = baseline.POSTING_PX,
) -> RasterResult:
    """Track a pair's offsets tile by tile, px of the input: columns right, rows down.

    ValueError for a pair that is too small or shows no ground.
    """
    source = pair.source() if isinstance(pair, ImagePair) else pair
    if min(source.shape) < posting:
        raise ValueError(f"the images ({source.shape}) are smaller than one posting of {posting} px")
    kernels = _kernels(method)
    pieces = [torch.from_numpy(piece).to(device) for piece in samples(source)]
    if not pieces:
        raise ValueError("nowhere do both images show most of the ground")
    shared = median(pixels_per_cell(piece) for piece in pieces)
    margin = baseline.SINGLE_MARGIN if method == "ncc" else baseline.CHANCE_MARGIN
    whitening = whitened.whitening_of(pieces) if method == "whitened" else None

    def work(images: Float32) -> dict[str, Float32]:
        power = torch.from_numpy(images).to(device)
        if whitening:
            found = whitened.track(power, whitening, search, posting, shared)
        else:
            found = baseline.track(power, kernels, search, posting, shared, margin)
        return {name: band.cpu().numpy() for name, band in found._asdict().items()}

    halo = whitened.reach(search, posting) if whitening else baseline.reach(kernels, search, posting)
    bands = over_tiles(source, work, halo, posting)
    known = np.isfinite(bands["dx_px"])
    statistics = {"known_share": round(float(known.mean()), 4)}
    if known.any():
        length = np.hypot(bands["dx_px"], bands["dy_px"])[known]
        statistics |= {
            "median_dx_px": round(float(np.median(bands["dx_px"][known])), 4),
            "median_dy_px": round(float(np.median(bands["dy_px"][known])), 4),
            "median_length_px": round(float(np.median(length)), 4),
            "largest_length_px": round(float(length.max()), 4),
        }
    tags = {"kernels_px": " ".join(map(str, kernels)), "search_px": str(search), "posting_px": str(posting)}
    grid = source.transform @ Affine.scale(posting)
    return RasterResult(bands, UNITS, grid, source.epsg, tags, statistics)


def _kernels(method: str) -> tuple[int, ...]:
    if method == "multi-kernel":
        return baseline.KERNELS
    if method == "ncc":
        return baseline.SINGLE_KERNEL
    if method == "whitened":
        return (*whitened.COARSE_KERNELS, whitened.FINE_KERNEL)
    raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")

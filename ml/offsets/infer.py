"""One interface for every offset tracker: a pair in, offsets with their uncertainty out."""

from typing import Any

import numpy as np
import torch
from affine import Affine

from ml.imagery import ImagePair
from ml.offsets import baseline
from ml.results import RasterResult

METHODS = ("multi-kernel", "ncc")
VERSIONS = {"multi-kernel": "1", "ncc": "1"}  # raise when the numbers change
UNITS = ("px", "px", "px", "px", "1")


def parameters(method: str) -> dict[str, Any]:
    """The constants a method runs with, for the record."""
    return {"kernels_px": _kernels(method), "search_px": baseline.SEARCH_PX, "posting_px": baseline.POSTING_PX}


def track_offsets(
    pair: ImagePair,
    method: str,
    device: torch.device,
    search: int = baseline.SEARCH_PX,
    posting: int = baseline.POSTING_PX,
) -> RasterResult:
    """Track a pair's offsets, px of the input: columns right, rows down. ValueError for what cannot be tracked."""
    if min(pair.reference.shape) < posting:
        raise ValueError(f"the images ({pair.reference.shape}) are smaller than one posting of {posting} px")
    power = torch.from_numpy(np.stack([pair.reference, pair.secondary])).to(device)
    found = baseline.track(power, _kernels(method), search, posting)
    bands = {name: band.cpu().numpy() for name, band in found._asdict().items()}
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
    tags = {"kernels_px": " ".join(map(str, _kernels(method))), "search_px": str(search), "posting_px": str(posting)}
    grid = pair.transform @ Affine.scale(posting)
    return RasterResult(bands, UNITS, grid, pair.epsg, tags, statistics)


def _kernels(method: str) -> tuple[int, ...]:
    if method == "multi-kernel":
        return baseline.KERNELS
    if method == "ncc":
        return baseline.SINGLE_KERNEL
    raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")

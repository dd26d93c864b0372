"""One interface for every offset tracker: a pair in, offsets with their uncertainty out."""

from statistics import median
from typing import Any

import numpy as np
import torch
from affine import Affine

from ml.offsets import baseline, coarse, network, whitened
from ml.offsets.regrid import at_posting
from ml.rasters.imagery import Float32, ImagePair, PairSource, pixels_per_cell
from ml.rasters.results import RasterResult
from ml.rasters.tiling import over_tiles, samples

NETWORK, ONE_WINDOW = "model", "model-32px"  # the network's choice of windows; its window of 32 px everywhere
METHODS = (NETWORK, "multi-kernel", "ncc", "whitened", ONE_WINDOW)
VERSIONS = {"multi-kernel": "1", "ncc": "2", "whitened": "2", NETWORK: "4", ONE_WINDOW: "4"}  # raise with the numbers
WEIGHTS = dict.fromkeys((NETWORK, ONE_WINDOW), network.NAME)  # networks, and the names of their cards
UNITS = ("px", "px", "px", "px", "1")
FLAT = 1e-6  # of the largest value: less range than this is none


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
    kernels = _kernels(method)
    sampled = usable_samples(source, posting)
    if method in WEIGHTS:
        tracked = network.track(source, network.shipped(device, choose=method == NETWORK), search)
        bands = {name: band.numpy() for name, band in at_posting(tracked, source.shape, posting)._asdict().items()}
    else:
        on_device = [torch.from_numpy(sample).to(device) for sample in sampled]
        bands = _correlated(source, method, on_device, search, posting)
    tags = {"kernels_px": " ".join(map(str, kernels)), "search_px": str(search), "posting_px": str(posting)}
    grid = source.transform @ Affine.scale(posting)
    return RasterResult(bands, UNITS, grid, source.epsg, tags, _statistics(bands))


def _correlated(
    source: PairSource, method: str, sampled: list[torch.Tensor], search: int, posting: int
) -> dict[str, Float32]:
    """Bands of the methods that correlate windows. sampled: parts of the pair, on the device to be used."""
    kernels, device = _kernels(method), sampled[0].device
    shared = median(pixels_per_cell(sample) for sample in sampled)
    margin = baseline.SINGLE_MARGIN if method == "ncc" else baseline.CHANCE_MARGIN
    whitening = whitened.whitening_of(sampled) if method == "whitened" else None

    def work(images: Float32) -> dict[str, Float32]:
        power = torch.from_numpy(images).to(device)
        if whitening:
            tracked = whitened.track(power, whitening, search, posting, shared)
        else:
            tracked = baseline.track(power, kernels, search, posting, shared, margin)
        return {name: band.cpu().numpy() for name, band in tracked._asdict().items()}

    halo = whitened.reach(search, posting) if whitening else baseline.reach(kernels, search, posting)
    return over_tiles(source, work, halo, posting)


def _statistics(bands: dict[str, Float32]) -> dict[str, float]:
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
    return statistics


def usable_samples(source: PairSource, posting: int) -> list[Float32]:
    """Samples of a pair that can be tracked. ValueError, with the reason, for one that cannot."""
    if min(source.shape) < posting:
        raise ValueError(f"the images ({source.shape}) are smaller than one posting of {posting} px")
    sampled = samples(source)
    if not any(np.isfinite(sample).all(axis=0).any() for sample in sampled):
        raise ValueError(
            "nowhere do both images show most of the ground: they do not overlap, or one is empty; "
            "choose two images of the same track and frame"
        )
    for index, name in enumerate(("reference", "secondary")):
        values = np.concatenate([sample[index][np.isfinite(sample[index])] for sample in sampled])
        if float(np.ptp(values)) <= FLAT * float(values.max()):
            raise ValueError(f"the {name} has the same value ({values[0]:g}) everywhere; check its band and its scale")
    return sampled


def _kernels(method: str) -> tuple[int, ...]:
    if method == "multi-kernel":
        return baseline.KERNELS
    if method == "ncc":
        return baseline.SINGLE_KERNEL
    if method in WEIGHTS:
        return coarse.KERNELS_PX
    if method == "whitened":
        return (*whitened.COARSE_KERNELS, whitened.FINE_KERNEL)
    raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")

"""One interface for every estimator of coherence: a pair in, coherence and its uncertainty out."""

from typing import Any

import numpy as np
import torch

from ml.coherence import baseline, posterior
from ml.imagery import Float32, ImagePair, PairSource
from ml.results import RasterResult
from ml.tiling import over_tiles, samples

METHODS = ("guarnieri-prati", "pearson", "posterior-mean")
VERSIONS = {"guarnieri-prati": "1", "pearson": "1", "posterior-mean": "1"}  # raise when the numbers change
WINDOW_PX = 9


def parameters(method: str) -> dict[str, Any]:
    """The constants a method runs with, for the record."""
    return {"window_px": WINDOW_PX}


def estimate_coherence(
    pair: ImagePair | PairSource,
    method: str,
    device: torch.device,
    window: int = WINDOW_PX,
    looks: float | None = None,
) -> RasterResult:
    """Estimate a pair's coherence, 0-1, tile by tile. looks None: estimated from the images.

    ValueError for a method unknown, and for a pair that shows no ground.
    """
    if method not in METHODS:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    source = pair.source() if isinstance(pair, ImagePair) else pair
    speckle = baseline.speckle_of([torch.from_numpy(piece).to(device) for piece in samples(source)], looks)

    def work(images: Float32) -> dict[str, Float32]:
        power = torch.from_numpy(images).to(device)
        if method == "guarnieri-prati":
            found = baseline.guarnieri_prati(power, window, speckle=speckle)
        elif method == "posterior-mean":
            found = posterior.posterior_mean(power, window, speckle)
        else:
            found = baseline.pearson(power, window, speckle)
        return {"coherence": found.coherence.cpu().numpy(), "coherence_sigma": found.sigma.cpu().numpy()}

    bands = over_tiles(source, work, window // 2 + baseline.BRIGHT_WINDOW)
    known = np.isfinite(bands["coherence"])
    used = 1.0 if method == "pearson" else speckle.looks
    statistics = {
        "looks": round(used, 2),
        "known_share": round(float(known.mean()), 4),
        "mean_coherence": round(float(bands["coherence"][known].mean()), 4) if known.any() else 0.0,
    }
    tags = {"window_px": str(window), "looks": f"{used:.2f}"}
    return RasterResult(bands, ("1", "1"), source.transform, source.epsg, tags, statistics)

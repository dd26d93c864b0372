"""One interface for every estimator of coherence: a pair in, coherence and its uncertainty out."""

from typing import Any

import numpy as np
import torch

from ml.coherence import baseline
from ml.imagery import ImagePair
from ml.results import RasterResult

METHODS = ("guarnieri-prati", "pearson")
VERSIONS = {"guarnieri-prati": "1", "pearson": "1"}  # raise when the numbers change
WINDOW_PX = 9


def parameters(method: str) -> dict[str, Any]:
    """The constants a method runs with, for the record."""
    return {"window_px": WINDOW_PX}


def estimate_coherence(
    pair: ImagePair, method: str, device: torch.device, window: int = WINDOW_PX, looks: float | None = None
) -> RasterResult:
    """Estimate a pair's coherence, 0-1. looks None: estimated from the images. ValueError for a method unknown."""
    power = torch.from_numpy(np.stack([pair.reference, pair.secondary])).to(device)
    if method == "guarnieri-prati":
        found = baseline.guarnieri_prati(power, window, looks)
    elif method == "pearson":
        found = baseline.pearson(power, window)
    else:
        raise ValueError(f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
    bands = {"coherence": found.coherence.cpu().numpy(), "coherence_sigma": found.sigma.cpu().numpy()}
    known = np.isfinite(bands["coherence"])
    statistics = {
        "looks": round(found.looks, 2),
        "known_share": round(float(known.mean()), 4),
        "mean_coherence": round(float(bands["coherence"][known].mean()), 4) if known.any() else 0.0,
    }
    tags = {"window_px": str(window), "looks": f"{found.looks:.2f}"}
    return RasterResult(bands, ("1", "1"), pair.transform, pair.epsg, tags, statistics)

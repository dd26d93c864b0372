"""Speed of coherence estimation on a whole pair, in tiles with margins: network and classical estimators in turn."""

from functools import partial
from typing import Any

import numpy as np
import torch
from affine import Affine

from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.methods import methods
from lab.speed.measure import pairs, report, result

CONTROL = "guarnieri-prati"
WINDOW_PX = 17
LOOKS = 4.45


def run(rounds: int = 3, size_px: int = 2048) -> dict[str, Any]:
    """Measure the speed on one pair in memory, Mpx/s, on CPU and GPU (if there is one); the looks are given."""
    pair = _pair(size_px)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    return report(
        "coherence",
        [
            _against(pair, name, device, rounds)
            for device in devices
            for name in methods("coherence")
            if name != CONTROL
        ],
    )


def _pair(size_px: int) -> ImagePair:
    """Make speckle with a coherence of 0.7; the content does not affect the time."""
    rng = np.random.default_rng(1)
    first, fresh = rng.standard_normal((2, 8, size_px, size_px), dtype=np.float32)
    images = [(field**2).mean(axis=0) for field in (first, 0.7 * first + np.float32(0.51**0.5) * fresh)]
    return ImagePair(images[0], images[1], Affine(10, 0, 500_000, 0, -10, 5_000_000), 32632)


def _against(pair: ImagePair, method: str, device: str, rounds: int) -> dict[str, Any]:
    place = torch.device(device)
    ours, control = (partial(estimate_coherence, pair, name, place, WINDOW_PX, LOOKS) for name in (method, CONTROL))
    mega = pair.reference.size / 1e6
    halo = " with its halo" if methods("coherence")[method].weights else f", window {WINDOW_PX} px"
    what = f"{method}{halo}, {device}, {mega:.1f} Mpx, {torch.get_num_threads()} threads, against {CONTROL}"
    return result(what, "Mpx/s", *pairs(ours, control, rounds), amount=mega)

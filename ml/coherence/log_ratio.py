"""Change of backscatter between the images of a pair: the only visible change where plants keep coherence low."""

import numpy as np
import torch

from ml.rasters.imagery import Float32, PairSource, box_mean
from ml.rasters.windows import Window, grown, inner

WINDOW_PX = 7
TO_DECIBEL = 10 / np.log(10)


def ratio_db(source: PairSource, at: Window, device: torch.device, window: int = WINDOW_PX) -> Float32:
    """Return the ratio of secondary to reference, dB, averaged over `window`: (rows, cols) of a part, NaN unknown."""
    outer = grown(at, window // 2, source.shape)
    log = torch.log(torch.from_numpy(source.read(outer)).to(device).clamp_min(1e-9))
    ratio = box_mean(log[1:] - log[:1], window)[0] * TO_DECIBEL
    known = torch.isfinite(log).all(dim=0)
    change: Float32 = torch.where(known, ratio, torch.nan)[inner(at, outer)].cpu().numpy()
    return change

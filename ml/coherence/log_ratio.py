"""Change of backscatter between the images of a pair: where plants keep coherence low it is all that can be seen."""

import numpy as np
import torch

from ml.rasters.imagery import Float32, PairSource, Window, box_mean
from ml.rasters.tiling import over_tiles

WINDOW_PX = 7
TO_DECIBEL = 10 / np.log(10)


def backscatter_change_db(source: PairSource, device: torch.device, window: int = WINDOW_PX) -> Float32:
    """Secondary over reference in decibel, mean over a window, (rows, cols), NaN unknown; positive: brighter now.

    The scene's median is removed: a gain, or rain over everything, is no event of the ground.
    """

    def work(images: Float32, _: Window) -> dict[str, Float32]:
        log = torch.log(torch.from_numpy(images).to(device).clamp_min(1e-9))
        ratio = box_mean(log[1:] - log[:1], window)[0] * TO_DECIBEL
        blank = torch.isfinite(log).all(dim=0)
        return {"change": torch.where(blank, ratio, torch.nan).cpu().numpy()}

    change = over_tiles(source, work, window // 2)["change"]
    return np.asarray(change - np.nanmedian(change), dtype=np.float32)

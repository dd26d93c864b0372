"""Two radar images on one grid, and local statistics used by coherence and offsets."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray

from ground_motion.rasters.windows import Window
from ground_motion.runtime.box_mean import Size, box, inside

Float32 = NDArray[np.float32]
HIGH_PASS_PX = 21


class PairSource(NamedTuple):
    """A pair whose pixels are read when needed. read: window -> (2, rows, cols), linear power, NaN unknown.

    After the pair's own, earlier images of the track may follow, latest first. epsg None: a pixel grid.
    """

    shape: tuple[int, int]
    transform: Affine
    epsg: int | None
    read: Callable[[Window], Float32]


class ImagePair(NamedTuple):
    """Reference (earlier) and secondary image: (rows, cols), linear power, NaN unknown. epsg None: a pixel grid.

    earlier: images of the track before the reference, latest first, if known.
    """

    reference: Float32
    secondary: Float32
    transform: Affine = Affine.identity()
    epsg: int | None = None
    earlier: Sequence[Float32] = ()

    def source(self) -> PairSource:
        """Return images as a source that is read window by window."""
        rows, cols = self.reference.shape
        images = self.reference, self.secondary, *self.earlier

        def read(at: Window) -> Float32:
            return np.stack([image[at.row : at.row + at.rows, at.col : at.col + at.cols] for image in images])

        return PairSource((rows, cols), self.transform, self.epsg, read)


def box_mean(values: torch.Tensor, window: Size, least_share: float = 0.5) -> torch.Tensor:
    """Average known (finite) values in a window. values: (n, rows, cols); NaN where too few are known."""
    known = torch.isfinite(values)
    whole = inside(values, window)
    if known.all():
        return box(values, window).div_(whole)
    total = box(torch.where(known, values, 0.0), window)
    share = box(known.to(values.dtype), window)
    return torch.where(share >= least_share * whole, total.div_(share.clamp_min(1e-9)), torch.nan)


def high_pass(power: torch.Tensor, window: int = HIGH_PASS_PX) -> torch.Tensor:
    """Return log power minus its local mean, in local spreads. power: (n, rows, cols), linear; NaN stays."""
    log = power.clamp_min(1e-9).log_()
    mean = box_mean(log, window)
    spread = box_mean(log**2, window).sub_(mean**2).clamp_min_(1e-6).sqrt_()
    return log.sub_(mean).div_(spread)


def pixels_per_cell(power: torch.Tensor) -> float:
    """Return the number of pixels per independent cell of speckle, from the high-passed images' autocorrelation."""
    texture = high_pass(power, 15)
    known = torch.isfinite(texture)
    held = None if known.all() else known.to(texture.dtype)
    texture = texture if held is None else torch.where(known, texture, 0.0)

    def effective_length(dim: int) -> float:
        n = texture.shape[dim]
        total = 1.0
        for lag in (1, 2):
            a, b = texture.narrow(dim, lag, n - lag), texture.narrow(dim, 0, n - lag)
            own = a if held is None else a * held.narrow(dim, 0, n - lag)
            total += 2 * max(0.0, float((a * b).sum() / (own * a).sum().clamp_min(1e-9)))
        return total

    return effective_length(-1) * effective_length(-2)

"""The mean over a square window."""

from torch import Tensor
from torch.nn import functional


def box_mean(values: Tensor, size: int) -> Tensor:
    """Mean over (size, size) neighbours, size odd, one axis after the other; at the edge over those that exist.

    values: (..., rows, cols), all known.
    """
    margin = size // 2
    planes = values if values.dim() == 4 else values.reshape(-1, 1, *values.shape[-2:])
    along = functional.avg_pool2d(planes, (1, size), 1, (0, margin), count_include_pad=False)
    means = functional.avg_pool2d(along, (size, 1), 1, (margin, 0), count_include_pad=False)
    return means.reshape(values.shape)

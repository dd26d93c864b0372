"""Convolutions that end with their addition and ReLU, so that each plane is written once.

On a CPU with bfloat16 units the convolutions of our networks take less time than writing their results: oneDNN's fused
operators, the same that torch's compiler calls, halve the time of a network without changing its weights.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from ground_motion.runtime.device import has_fast_bfloat16

POINTWISE = ((0, 0), (1, 1), (1, 1), 1)  # padding, stride, dilation and groups of a 1 × 1 convolution


def convolve(layer: nn.Conv2d, x: Tensor, add: Tensor | None = None, relu: bool = False) -> Tensor:
    """Apply a convolution, add a tensor of the result's shape if there is one, then a ReLU if wanted.

    Inference on a CPU in bfloat16 (`low_precision`) uses fused operators; everything else is done as trained.
    """
    if _fuses(x):
        shape = (layer.padding, layer.stride, layer.dilation, layer.groups)
        return _fuse(layer.weight, layer.bias, x, add, relu, shape)
    y = torch.as_tensor(layer(x))
    y = y if add is None else y + add
    return torch.relu(y) if relu else y


def mix_channels(
    weight: Tensor, x: Tensor, bias: Tensor | None, add: Tensor | None = None, relu: bool = False
) -> Tensor:
    """Apply a 1 × 1 convolution, add a tensor of the result's shape if there is one, then a ReLU if wanted.

    A single image is convolved as by `convolve`; all else is a product of matrices, faster than an unfused convolution.

    weight: (out, in, 1, 1); x: (n, in, rows, cols); bias: (out,) or, one for each image, (n, out).
    """
    if _fuses(x) and len(x) == 1:
        return _fuse(weight, None if bias is None else bias.flatten(), x, add, relu)
    y = torch.matmul(weight.flatten(1), x.flatten(2)).reshape(len(x), -1, *x.shape[2:])
    for more in (None if bias is None else bias[..., None, None], add):
        y = y if more is None else y.add_(more)
    return torch.relu_(y) if relu else y


def _fuses(x: Tensor) -> bool:
    return (
        x.device.type == "cpu"
        and not torch.is_grad_enabled()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and _available()
    )


@lru_cache(maxsize=1)
def _available() -> bool:
    """Return whether this CPU multiplies in bfloat16 and this torch has the fused operators; tried once."""
    if not has_fast_bfloat16():
        return False
    weight, x = torch.zeros(2, 2, 1, 1), torch.zeros(1, 2, 2, 2)
    try:
        with torch.no_grad():
            _fuse(weight, None, x, None, relu=True)
            _fuse(weight, None, x, x, relu=True)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True


def _fuse(
    weight: Tensor, bias: Tensor | None, x: Tensor, add: Tensor | None, relu: bool, shape: tuple[Any, ...] = POINTWISE
) -> Tensor:
    weight, x = _low(weight), _low(x)
    bias = None if bias is None else bias.to(torch.bfloat16)
    shape = (weight, bias, *shape)
    convolution = torch.ops.mkldnn._convolution_pointwise
    if add is None:
        return torch.as_tensor(convolution(x, *shape, "relu" if relu else "none", [], ""))
    add = _low(add)
    if x.is_contiguous() or add.is_contiguous():  # A single channel or pixel looks like rows, which oneDNN refuses.
        y = convolution(x, *shape, "none", [], "").add_(add)
        return torch.as_tensor(y.relu_() if relu else y)
    return torch.as_tensor(convolution.binary(x, add, *shape, "add", 1.0, "relu" if relu else None, [], ""))


def _low(values: Tensor) -> Tensor:
    return values.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)

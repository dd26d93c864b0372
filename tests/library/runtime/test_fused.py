"""Fused convolutions give what the layers one after the other give, and are left out where they cannot run."""

import pytest
import torch
from torch import nn

from ground_motion.networks.residual_unet import ResidualUNet
from ground_motion.runtime import fused
from ground_motion.runtime.device import has_fast_bfloat16, low_precision

CPU = torch.device("cpu")
CLOSE = 0.02  # eight bits of values of about 1
fast = pytest.mark.skipif(not has_fast_bfloat16(), reason="this CPU has no bfloat16 units")


@fast
@pytest.mark.parametrize(("side", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (2, 2, 0), (4, 2, 1)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("size", [1, 2, 24])
def test_a_fused_convolution_is_the_convolution_with_its_addition_and_relu(side, stride, padding, relu, size):
    torch.manual_seed(0)
    layer, x = nn.Conv2d(16, 24, side, stride=stride, padding=padding), torch.randn(2, 16, 4 * size, 4 * size)
    for add in (None, torch.randn_like(layer(x))):
        with torch.inference_mode():
            exact = fused.convolve(layer, x, add, relu)
            with low_precision(CPU):
                low = fused.convolve(layer, x, add, relu)
        assert low.dtype == torch.bfloat16
        assert float((low.float() - exact).abs().max()) < CLOSE * float(exact.abs().max() + 1)


@fast
def test_a_single_pixel_and_a_single_channel_are_convolved_too():
    layer, one = nn.Conv2d(1, 1, 1), torch.ones(1, 1, 1, 1)
    with torch.inference_mode():
        exact = fused.convolve(layer, one, one, relu=True)
        with low_precision(CPU):
            assert float(fused.convolve(layer, one, one, relu=True)) == pytest.approx(float(exact), abs=CLOSE)


def test_the_network_stays_as_far_from_float32_without_the_fused_operators(monkeypatch):
    torch.manual_seed(0)
    unet, x = ResidualUNet(2).eval().fold(), torch.randn(1, 2, 64, 64)
    with torch.inference_mode():
        exact, apart = unet(x), []
        for available in (True, False):
            monkeypatch.setattr(fused, "_available", lambda available=available: available and has_fast_bfloat16())
            with low_precision(CPU):
                apart.append(float((unet(x).float() - exact).square().mean().sqrt()))
    assert apart[0] <= 1.1 * apart[1]


def test_training_never_takes_the_fused_operators():
    layer = nn.Conv2d(2, 2, 1)
    with torch.autocast("cpu", torch.bfloat16):
        fused.convolve(layer, torch.ones(1, 2, 4, 4), relu=True).float().sum().backward()
    assert layer.weight.grad is not None

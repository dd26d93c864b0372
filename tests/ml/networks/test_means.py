"""Means over windows by adding are those by pooling, whatever strips they come in."""

import pytest
import torch
from torch.nn import functional

from ml.coherence.features import DETAILS, HISTORY, INPUTS
from ml.networks import box_mean as means
from ml.networks import residual_unet


@pytest.mark.parametrize("size", [3, 7, 15, 21, (3, 11), (9, 1)])
@pytest.mark.parametrize("strip", [8, 128])
def test_a_box_is_the_pooled_one(size, strip, monkeypatch):
    monkeypatch.setattr(means, "STRIP_ROWS", strip)
    values = torch.randn(2, 3, 37, 29, generator=torch.Generator().manual_seed(1))
    high, wide = means.sides(size)
    pair = values.requires_grad_(), values.detach().clone().requires_grad_()
    pooled = functional.avg_pool2d(pair[0], (high, wide), 1, (high // 2, wide // 2), count_include_pad=False)
    mean = means.box_mean(pair[1], size)
    torch.testing.assert_close(mean, pooled, rtol=1e-5, atol=1e-6)
    for one in (pooled, mean):
        one.square().sum().backward()
    torch.testing.assert_close(pair[1].grad, pair[0].grad, rtol=1e-5, atol=1e-6)


def test_the_mean_of_whole_numbers_is_exact():
    assert bool((means.box_mean(torch.full((2, 12, 9), 3.0), 5) == 3.0).all())


@pytest.mark.parametrize("batch", [1, 2])
def test_strips_are_the_whole_and_a_part_is_that_of_the_whole(monkeypatch, batch):
    monkeypatch.setattr(residual_unet, "STRIP_VALUES", 8 * 16 * 2)  # two rows at a time
    torch.manual_seed(1)
    network = residual_unet.ResidualUNet(INPUTS, DETAILS, HISTORY, widths=(8, 8), blocks=(2, 1)).eval()
    half, detail = torch.randn(batch, INPUTS, 28, 16), torch.randn(batch, DETAILS, 56, 32)
    whole = network(half, detail).detach()  # with gradients, in one piece
    with torch.no_grad():
        torch.testing.assert_close(network(half, detail), whole, rtol=1e-5, atol=1e-6)
        for rows, cols in [((0, 28), (0, 16)), ((9, 13), (7, 8)), ((0, 3), (11, 16)), ((27, 28), (2, 5))]:
            part = network(half, detail, None, (slice(*rows), slice(*cols)))
            inner = whole[:, :, 2 * rows[0] : 2 * rows[1], 2 * cols[0] : 2 * cols[1]]
            torch.testing.assert_close(part, inner, rtol=1e-5, atol=1e-6)

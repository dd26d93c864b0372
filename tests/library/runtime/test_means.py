"""Means over windows by adding are those by pooling, whatever strips they come in."""

import pytest
import torch
from torch.nn import functional

from ground_motion.runtime import box_mean as means


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

"""Averages over ground that moves alike: far on still ground, never over an edge."""

import math

import numpy as np
import pytest
import torch

from lab.offsets.calibrate import gain_of
from ml.networks.box_mean import box_mean
from ml.offsets.averaging import WINDOWS_NODES, Averaged, Gain, averaged, calibrated

NOISE_PX, NODES = 0.05, 48


def noisy(step_px: float = 0.0, ramp_px: float = 0.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Offsets about 100 px, a step in the middle or a ramp from node to node; their truth and sigmas.

    Neighbours err alike, as windows do that share their ground.
    """
    torch.manual_seed(1)
    noise = 5 * NOISE_PX * box_mean(torch.randn(2, NODES, NODES), 5)
    truth = torch.full((2, NODES, NODES), 100.0) + ramp_px * torch.arange(NODES)
    truth[..., NODES // 2 :] += step_px
    return truth + noise, truth, torch.full_like(truth, 1.3 * NOISE_PX)


def test_still_ground_is_averaged_over_the_widest_window():
    offset, truth, sigma = noisy()
    found = averaged(offset, sigma, torch.ones(NODES, NODES, dtype=torch.bool))
    assert float((found.nodes == WINDOWS_NODES[-1]).float().mean()) > 0.5
    assert float((found.offset - truth).std()) < 0.6 * NOISE_PX
    torch.testing.assert_close(found.sigma, sigma)  # that of the answers: what averaging gains is calibrated


def test_no_average_reaches_over_an_edge_and_none_follows_a_ramp():
    offset, truth, sigma = noisy(step_px=1.0)
    found = averaged(offset, sigma, torch.ones(NODES, NODES, dtype=torch.bool))
    assert float((found.offset - truth).abs().max()) < 0.3
    offset, truth, sigma = noisy(ramp_px=0.05)
    found = averaged(offset, sigma, torch.ones(NODES, NODES, dtype=torch.bool))
    assert float(found.nodes.max()) < WINDOWS_NODES[1]
    assert float((found.offset - truth).std()) < 1.1 * NOISE_PX


def test_unknown_nodes_count_for_nothing_and_stay_unknown():
    offset, truth, sigma = noisy()
    offset[:, :, ::5] = torch.nan
    sigma[:, :, ::5] = torch.nan
    known = torch.isfinite(offset[0])
    found = averaged(offset, sigma, known)
    assert torch.equal(torch.isfinite(found.offset[0]), known)
    assert float((found.offset - truth)[:, known].std()) < 0.75 * NOISE_PX
    alone = known & (torch.arange(NODES) < 2)
    kept = averaged(torch.where(alone, offset, torch.nan), sigma, alone)
    assert torch.equal(kept.offset[:, alone], offset[:, alone])  # half of a window must be known


@pytest.mark.parametrize("folded", [False, True])
def test_sigma_falls_by_what_averaging_gains(folded):
    rng = np.random.default_rng(0)
    sides = np.repeat((1.0, *map(float, WINDOWS_NODES)), 20_000)
    errors = rng.standard_normal(len(sides)) / np.sqrt(sides)
    rows = np.concatenate([np.column_stack([sides, errors * (1 + of), np.full_like(sides, of)]) for of in (0.0, 1.0)])
    gain = Gain(**{name: tuple(values) for name, values in gain_of(rows).items()})
    found = Averaged(torch.zeros(2, 1, 1), torch.ones(2, 1, 1), torch.tensor([[9.0]]))
    expected = (2 if folded else 1) / math.sqrt(9.0)
    assert float(calibrated(found, gain, folded)[0, 0, 0]) == pytest.approx(expected, rel=0.03)

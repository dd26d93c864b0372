"""Paper 1's detector (arXiv 2005.03221): gaps filled, slow motion over-wrapped, windows judged and merged."""

import math

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.deformation import overwrapped
from ground_motion.methods.deformation.gridding.cells import RobustGrid
from ground_motion.networks.resnet import ResNet18
from ground_motion.runtime.checkpoints import read_card

RATE = 0.5  # phase, rad, from which `Judge` says that a pixel moves


class Judge(ResNet18):
    """Says that a window moves if the pixels in its middle do, with log-odds of 3."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        middle = slice(overwrapped.WINDOW // 2 - 4, overwrapped.WINDOW // 2 + 4)
        moves = (image[:, 0, middle, middle] * math.pi).abs().mean(dim=(1, 2)) > RATE
        return torch.where(moves, 3.0, -3.0)


def grid(velocity: np.ndarray) -> RobustGrid:
    count = np.isfinite(velocity).astype(np.int32)
    return RobustGrid(velocity, count, 0 * velocity, Affine(100, 0, 4_600_000.0, 0, -100, 1_741_000.0), 3035)


def test_matrix_completion_restores_a_field_of_rank_one_and_touches_nothing_known():
    row, col = np.mgrid[:60, :60] / 60
    field = (10 * np.sin(3 * row) * np.exp(-col)).astype(np.float32)
    seen = np.where(np.random.default_rng(0).random(field.shape) < 0.5, field, np.nan).astype(np.float32)
    filled, nothing = overwrapped.complete(torch.from_numpy(np.stack([seen, np.full_like(seen, np.nan)]))).numpy()
    gaps = np.isnan(seen)
    np.testing.assert_array_equal(filled[~gaps], seen[~gaps])
    assert np.sqrt(((filled - field)[gaps] ** 2).mean()) < 0.1 * field[gaps].std()
    assert np.isfinite(nothing).all()


def test_half_a_wavelength_of_motion_is_one_fringe():
    rates = torch.tensor([0.0, 55.5 / 2 / 5, -55.5 / 2 / 5])  # over five years
    torch.testing.assert_close(overwrapped.overwrap(rates, 1), torch.zeros(3), atol=1e-4, rtol=0)
    quarter = torch.tensor([55.5 / 8 / 5])
    assert overwrapped.overwrap(quarter, 1).item() == pytest.approx(math.pi / 2, abs=1e-4)
    assert overwrapped.overwrap(quarter / 16, 16).item() == pytest.approx(math.pi / 2, abs=1e-4)
    assert overwrapped.overwrap(-quarter, 1).item() == pytest.approx(-math.pi / 2, abs=1e-4)


def test_the_shipped_detector_wraps_at_several_gains():
    assert read_card(overwrapped.NAME).settings["gains"] == [1, 2, 4, 8, 16] == [*overwrapped.GAINS]


def test_a_reduced_network_judges_as_the_whole_one_and_takes_a_third_of_its_place():
    torch.manual_seed(0)
    whole, reduced = ResNet18().eval(), ResNet18(64).eval()
    for convolution in (block.convolved[at] for block in whole.blocks[-2:] for at in (0, 3)):
        left, right = torch.randn(512, 40), torch.randn(40, convolution.weight[0].numel())
        convolution.weight.data = (left @ right / 500).view_as(convolution.weight)  # a rank of 40 is kept by one of 64
    image = torch.rand(8, 1, overwrapped.WINDOW, overwrapped.WINDOW)
    before = whole(image)
    whole.reduce(64)
    reduced.load_state_dict(whole.state_dict())
    torch.testing.assert_close(reduced(image), before, rtol=1e-3, atol=1e-4)
    assert sum(values.numel() for values in reduced.parameters()) < 4.1e6


def test_the_probability_of_a_window_is_the_mean_over_gains():
    rate = torch.full((1, overwrapped.WINDOW, overwrapped.WINDOW), 0.3)  # 0.34 rad: under RATE at gain 1 alone
    by_gain = [overwrapped.judge(Judge(), rate, (gain,))[0] for gain in (1, 2)]
    assert by_gain == pytest.approx([1 / (1 + math.exp(3)), 1 / (1 + math.exp(-3))], abs=1e-3)
    assert overwrapped.judge(Judge(), rate, (1, 2))[0] == pytest.approx(sum(by_gain) / 2)


def test_windows_are_merged_around_what_they_show_and_slow_motion_shows_at_high_gains():
    velocity = np.random.default_rng(1).normal(0, 0.02, (140, 150)).astype(np.float32)
    velocity[60:76, 72:88] -= 0.8  # 4 mm in five years: 0.9 rad
    velocity[:, 140:] = np.nan
    score = overwrapped.scores(Judge(), grid(velocity), torch.device("cpu"), (1,))
    assert score.shape == velocity.shape
    row, col = np.unravel_index(score.argmax(), score.shape)
    assert math.hypot(row - 68, col - 80) < overwrapped.SIGMA
    assert score[:10, :10].max() == pytest.approx(-3, abs=1e-3)
    slower = overwrapped.scores(Judge(), grid(velocity / 3), torch.device("cpu"), (1,))
    assert slower.max() == pytest.approx(-3, abs=1e-3)
    assert overwrapped.scores(Judge(), grid(velocity / 3), torch.device("cpu"), overwrapped.GAINS[:2]).max() > -1.5


def test_ground_without_points_is_not_judged_and_a_small_product_is():
    velocity = np.full((40, 180), np.nan, dtype=np.float32)
    velocity[:, :70] = np.random.default_rng(2).normal(0, 0.05, (40, 70))
    score = overwrapped.scores(Judge(), grid(velocity), torch.device("cpu"), (1,))
    assert (score[:, 130:] == overwrapped.UNSEEN).all()
    assert score[20, 30] == pytest.approx(-3, abs=1e-3)

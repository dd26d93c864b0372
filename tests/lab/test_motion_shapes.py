"""Shapes of motion in training: shares of a peak, of every kind."""

import numpy as np
import pytest

from lab.deformation.training import motion_shapes
from lab.deformation.training.motion_shapes import bowl, draw_shape

DOWN, RIGHT = np.mgrid[-60:61, -60:61].astype(np.float32)


@pytest.mark.parametrize("draw", motion_shapes._DRAWS)
def test_every_shape_is_a_share_of_its_peak_and_ends(draw):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        share = draw(rng, 10.0, rng.uniform(0, np.pi))(DOWN, RIGHT)
        assert share.min() >= -1e-6
        assert 0.5 < share.max() <= 1 + 1e-6
        assert share[0].max() < 0.2  # 60 cells away


def test_a_bowl_is_the_benchmarks():
    share = bowl(8.0)(DOWN, RIGHT)
    np.testing.assert_allclose(share, np.exp(-(DOWN**2 + RIGHT**2) / 64), atol=1e-6)


def test_shapes_are_of_many_sizes():
    areas = [(draw_shape(np.random.default_rng(seed))(DOWN, RIGHT) > 0.5).sum() for seed in range(60)]
    assert np.quantile(areas, 0.1) < 20
    assert np.quantile(areas, 0.9) > 300

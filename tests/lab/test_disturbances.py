"""Errors of other makes and shapes of motion in training: each is what its name says."""

import numpy as np
import pytest

from ground_motion.simulation.velocity.nuisance import HALF_WAVE_MM
from lab.deformation.training import motion_shapes
from lab.deformation.training.disturbances import GROUPS, fractal

SHAPE = (100, 100)


def height(seed: int = 0):
    return (200 * fractal(np.random.default_rng(seed), SHAPE, -3.8) + 500).astype(np.float32)


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_adds_finite_rates_that_differ_from_draw_to_draw(name):
    drawn = [GROUPS[name](np.random.default_rng(seed), height()).rate_mm_yr for seed in range(6)]
    assert all(np.isfinite(rate).all() and rate.shape == SHAPE for rate in drawn)
    assert sum(bool(rate.any()) for rate in drawn) >= 4
    assert not np.array_equal(drawn[0], drawn[1])


def test_regions_are_off_by_whole_cycles_over_some_years_and_marked():
    for seed in range(20):
        done = GROUPS["regions"](np.random.default_rng(seed), height())
        values = np.unique(done.rate_mm_yr[done.wrong])
        assert values.size == 1
        assert HALF_WAVE_MM / 9 <= abs(values[0]) <= 2 * HALF_WAVE_MM / 2
        assert not done.rate_mm_yr[~done.wrong].any()


DOWN, RIGHT = np.mgrid[-60:61, -60:61].astype(np.float32)


def test_a_bowl_falls_to_a_share_of_one_over_e_at_its_radius():
    share = motion_shapes.bowl(20.0)(DOWN, RIGHT)
    assert share.max() == pytest.approx(1)
    assert (share >= 1 / np.e).sum() == pytest.approx(np.pi * 20**2, rel=0.02)


@pytest.mark.parametrize("draw", motion_shapes._DRAWS)
def test_every_shape_is_a_share_of_its_peak_and_ends(draw):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        share = draw(rng, 10.0, rng.uniform(0, np.pi))(DOWN, RIGHT)
        assert share.min() >= -1e-6
        assert 0.5 < share.max() <= 1 + 1e-6
        assert share[0].max() < 0.2  # 60 cells away

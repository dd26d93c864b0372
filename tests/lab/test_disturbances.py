"""Errors of other makes and shapes of motion in training: each is what its name says."""

import numpy as np
import pytest

from lab.deformation.training import motion_shapes
from lab.deformation.training.disturbances import GROUPS, fractal, smoothed, thinned
from lab.deformation.training.motion_shapes import bowl, draw_shape
from ml.simulation.velocity.nuisance import HALF_WAVE_MM

SHAPE = (100, 100)


def height(seed: int = 0):
    return (200 * fractal(np.random.default_rng(seed), SHAPE, -3.8) + 500).astype(np.float32)


@pytest.mark.parametrize("name", GROUPS)
def test_every_group_adds_finite_rates_that_differ_from_draw_to_draw(name):
    drawn = [GROUPS[name](np.random.default_rng(seed), height()).rate_mm_yr for seed in range(6)]
    assert all(np.isfinite(rate).all() and rate.shape == SHAPE for rate in drawn)
    assert sum(bool(rate.any()) for rate in drawn) >= 4
    assert not np.array_equal(drawn[0], drawn[1])


def test_patches_stay_below_what_counts_as_motion():
    drawn = [GROUPS["patches"](np.random.default_rng(seed), height()).rate_mm_yr for seed in range(30)]
    assert max(float(np.abs(rate).max()) for rate in drawn) <= 1.6 + 1e-6


def test_regions_are_off_by_whole_cycles_over_some_years_and_marked():
    for seed in range(20):
        done = GROUPS["regions"](np.random.default_rng(seed), height())
        values = np.unique(done.rate_mm_yr[done.wrong])
        assert values.size == 1
        assert HALF_WAVE_MM / 9 <= abs(values[0]) <= 2 * HALF_WAVE_MM / 2
        assert not done.rate_mm_yr[~done.wrong].any()


def test_a_stretched_field_is_smoother_along_its_direction():
    field = fractal(np.random.default_rng(3), SHAPE, -3.0, stretch=5.0, turn=0.0)
    down, right = np.square(np.diff(field, axis=0)).mean(), np.square(np.diff(field, axis=1)).mean()
    assert down < 0.5 * right


def test_points_are_lost_and_rates_filtered_only_where_they_were():
    rng = np.random.default_rng(5)
    velocity = rng.normal(0, 1, SHAPE).astype(np.float32)
    velocity[:, :20] = np.nan
    done = smoothed(rng, velocity)
    assert np.array_equal(np.isnan(done), np.isnan(velocity))
    assert np.nanstd(done) < 0.8 * np.nanstd(velocity)
    shares = [thinned(np.random.default_rng(seed), SHAPE).mean() for seed in range(20)]
    assert 0.05 < min(shares) < max(shares) < 0.8


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

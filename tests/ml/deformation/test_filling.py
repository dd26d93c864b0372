"""What arXiv 2005.03221 does before its network: gaps of a field are filled, and slow motion is over-wrapped."""

import numpy as np
import pytest

from ml.deformation.features.overwrap import overwrapped
from ml.deformation.gridding.interpolation import FILLS, inverse_distance, nearest, soft_impute


@pytest.mark.parametrize("way", FILLS)
def test_filling_leaves_no_gap_and_touches_nothing_known(way):
    rng = np.random.default_rng(0)
    velocity = np.where(rng.random((40, 50)) < 0.3, rng.normal(0, 3, (40, 50)), np.nan).astype(np.float32)
    filled = FILLS[way](velocity)
    known = np.isfinite(velocity)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[known], velocity[known])
    assert np.isfinite(FILLS[way](np.full((40, 50), np.nan, dtype=np.float32))).all()


def test_the_nearest_value_and_the_mean_by_distance():
    velocity = np.full((1, 9), np.nan, dtype=np.float32)
    velocity[0, 0], velocity[0, 8] = 1.0, 3.0
    assert nearest(velocity)[0, 3] == 1.0
    assert inverse_distance(velocity)[0, 4] == pytest.approx(2.0, abs=1e-3)
    assert inverse_distance(velocity)[0, 2] == pytest.approx((1 / 4 + 3 / 36) / (1 / 4 + 1 / 36), abs=1e-3)


def test_matrix_completion_restores_a_field_of_rank_one():
    row, col = np.mgrid[:60, :60] / 60
    field = (10 * np.sin(3 * row) * np.exp(-col)).astype(np.float32)
    seen = np.where(np.random.default_rng(0).random(field.shape) < 0.5, field, np.nan).astype(np.float32)
    gaps = np.isnan(seen)
    assert np.sqrt(((soft_impute(seen) - field)[gaps] ** 2).mean()) < 0.1 * field[gaps].std()


def test_half_a_wavelength_of_motion_is_one_fringe():
    rates = np.array([0.0, 55.5 / 2 / 5, -55.5 / 2 / 5], dtype=np.float32)  # over five years
    np.testing.assert_allclose(overwrapped(rates, 1), 0, atol=1e-4)
    quarter = np.array([55.5 / 8 / 5], dtype=np.float32)
    assert overwrapped(quarter, 1).item() == pytest.approx(np.pi / 2, abs=1e-4)
    assert overwrapped(quarter / 16, 16).item() == pytest.approx(np.pi / 2, abs=1e-4)
    assert overwrapped(-quarter, 1).item() == pytest.approx(-np.pi / 2, abs=1e-4)

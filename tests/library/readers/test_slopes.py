"""The straight line through a series: known motion in, the same rate out."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.readers.slopes import BLOCK_ROWS, slope_mm_yr, slopes

DATES = [date(2020, 1, 1) + timedelta(days=12 * index) for index in range(60)]
YEARS = np.array([(day - DATES[0]).days for day in DATES]) / 365.25


def test_steady_motion_has_its_rate_as_slope_whatever_its_zero():
    rates = np.array([-20.0, 0.0, 3.5, 900.0])
    moved = (rates[:, None] * YEARS + np.array([[5000.0], [0], [-7], [1e5]])).astype(np.float32)
    assert slope_mm_yr(moved, DATES) == pytest.approx(rates, abs=0.02)
    moved[np.random.default_rng(1).random(moved.shape) < 0.4] = np.nan  # gaps change nothing
    assert slope_mm_yr(moved, DATES) == pytest.approx(rates, abs=0.03)


def test_one_date_makes_no_slope_and_two_make_one_without_an_error():
    moved = np.full((3, 60), np.nan, dtype=np.float32)
    moved[1, 0] = 4
    moved[2, [0, 30]] = 0, 360 / 365.25
    result = slopes(moved, DATES)
    assert np.isnan(result.velocity_mm_yr[:2]).all()
    assert result.velocity_mm_yr[2] == pytest.approx(1)
    assert np.isnan(result.velocity_std_mm_yr).all()


def test_the_error_is_that_of_the_scatter_of_many_slopes():
    noise = np.random.default_rng(2).normal(0, 4, (5000, 60)).astype(np.float32)
    result = slopes(noise, DATES)
    assert result.velocity_std_mm_yr.mean() == pytest.approx(result.velocity_mm_yr.std(), rel=0.05)


def test_rows_beyond_a_block_are_no_different():
    moved = np.tile((7.0 * YEARS[:5]).astype(np.float32), (BLOCK_ROWS + 3, 1))
    result = slopes(moved, DATES[:5])
    assert result.velocity_mm_yr.shape == (BLOCK_ROWS + 3,)
    assert result.velocity_mm_yr.dtype == np.float32
    assert result.velocity_mm_yr == pytest.approx(7, abs=1e-3)
    assert slopes(moved[:0], DATES[:5]).velocity_mm_yr.shape == (0,)

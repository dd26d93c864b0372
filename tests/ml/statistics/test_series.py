"""The trend of a series and how sure it is."""

from datetime import date, timedelta

import numpy as np
import pytest

from ml.statistics.series import fit_series

DATES = [date(2020, 1, 1) + timedelta(days=12 * n) for n in range(120)]
YEARS = np.array([(day - DATES[0]).days for day in DATES]) / 365.25


def test_trend_and_season_are_separated():
    series = -8 * YEARS + 5 * np.sin(2 * np.pi * YEARS) + 3
    fit = fit_series(DATES, series)
    assert fit.rate_mm_yr == pytest.approx(-8)
    assert fit.sigma_mm == pytest.approx(0, abs=1e-6)
    assert fit.fit_mm == pytest.approx(series, abs=1e-4)


def test_the_stated_uncertainty_holds_the_truth_as_often_as_it_should():
    rng = np.random.default_rng(5)
    fits = [fit_series(DATES, -8 * YEARS + rng.normal(0, 3, YEARS.size)) for _ in range(400)]
    share = np.mean([abs(fit.rate_mm_yr + 8) <= fit.rate_sigma_mm_yr for fit in fits])
    assert 0.62 <= share <= 0.78


def test_noise_that_lingers_widens_the_uncertainty():
    rng = np.random.default_rng(6)
    white = rng.normal(0, 1, YEARS.size)
    lingering = np.convolve(rng.normal(0, 1, YEARS.size + 9), np.ones(10) / np.sqrt(10), mode="valid")
    assert fit_series(DATES, lingering).rate_sigma_mm_yr > 1.8 * fit_series(DATES, white).rate_sigma_mm_yr


def test_gaps_are_left_out():
    series = -8 * YEARS
    series[5:20] = np.nan
    assert fit_series(DATES, series).rate_mm_yr == pytest.approx(-8)


def test_too_few_values_give_no_curve():
    assert fit_series(DATES[:2], np.array([0.0, 1.0])) is None


def test_half_a_year_is_too_short_for_a_season():
    half = 16
    assert fit_series(DATES[:half], -8 * YEARS[:half]).rate_mm_yr == pytest.approx(-8)

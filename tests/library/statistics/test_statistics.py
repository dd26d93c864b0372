"""Trends of series, medians of layers, points along a line, and why an area was flagged."""

from datetime import date, timedelta

import numpy as np
import pytest
from shapely import Point

from ground_motion.statistics.profile import bin_values, positions_along_line
from ground_motion.statistics.reasons import track_reason
from ground_motion.statistics.robust import median_of_known
from ground_motion.statistics.series import fit_series

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
    fits = [fit_series(DATES, -8 * YEARS + rng.normal(0, 3, YEARS.size)) for _ in range(200)]
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


@pytest.mark.filterwarnings("ignore:All-NaN slice")
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12, 13])
def test_the_median_of_layers_is_that_of_what_each_pixel_knows(n):
    rng = np.random.default_rng(n)
    layers = rng.normal(0, 1, (n, 300, 90)).astype(np.float32)
    np.testing.assert_array_equal(median_of_known(layers), np.median(layers, axis=0))
    layers[rng.random(layers.shape) < 0.3] = np.nan
    layers[:, 5, 7] = np.nan
    known = median_of_known(layers)
    np.testing.assert_array_equal(known, np.nanmedian(layers, axis=0))
    assert np.isnan(known[5, 7])


def test_a_point_beside_a_bent_line_stands_as_far_along_as_its_foot():
    corners = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0]])
    along = positions_along_line(np.array([30.0, 90.0]), np.array([5.0, 50.0]), corners)
    assert along.distance_m == pytest.approx([30.0, 150.0])
    assert along.offset_m == pytest.approx([5.0, 10.0])


def test_a_piece_shows_its_median_and_nothing_where_it_has_too_few_points():
    distance = np.array([1.0, 2.0, 3.0, 11.0, 12.0, 29.9])
    usual = bin_values(distance, np.array([1.0, 5.0, 2.0, 7.0, np.nan, 4.0]), 30.0, 3)
    assert usual.n_points.tolist() == [3, 1, 1]
    assert usual.median[0] == 2.0
    assert np.isnan(usual.median[1:]).all()
    assert usual.distance_m == pytest.approx([5.0, 15.0, 25.0])


def field(rate_mm_yr: float, n: int = 4_000):
    """A disc of 500 m that moves, in 4 km by 4 km of still ground with a spread of 1 mm/yr."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 4_000, (2, n))
    velocity = rng.normal(0.3, 1, n) + np.where(np.hypot(x - 2_000, y - 2_000) < 500, rate_mm_yr, 0)
    return x, y, velocity


def test_an_area_is_compared_with_its_surroundings():
    reason = track_reason("ascending", Point(2_000, 2_000).buffer(500), *field(-6.0))
    assert reason.rate_mm_yr == pytest.approx(-5.7, abs=0.3)
    assert reason.around_mm_yr == pytest.approx(0.3, abs=0.2)
    assert reason.scatter_mm_yr == pytest.approx(1.0, abs=0.15)
    assert reason.beyond > 0.95
    assert reason.n_around > 5 * reason.n_points / 2


def test_still_ground_has_no_more_beyond_the_spread_than_chance_allows():
    assert track_reason("", Point(2_000, 2_000).buffer(500), *field(0.0)).beyond < 0.1


def test_an_area_without_surroundings_has_no_other_values():
    x, y, velocity = field(-6.0)
    inside = np.hypot(x - 2_000, y - 2_000) < 500
    evidence = track_reason("", Point(2_000, 2_000).buffer(520), x[inside], y[inside], velocity[inside]).as_dict()
    assert evidence["n_around"] == 0
    assert evidence["around_mm_yr"] is evidence["scatter_mm_yr"] is evidence["beyond"] is None

"""Rates of stations and points: intervals that hold, projections with the right sign, a plane that ties a product."""

from datetime import date

import numpy as np
import pytest

from ground_motion.statistics.stations import (
    Difference,
    Rate,
    agreement,
    points_rate,
    project_on_view,
    reference_plane,
    series_rate,
)
from tests.makers.stations import days_of, flicker

OFFSET = 1.5  # points less station, mm/yr
TO_THE_SATELLITE = (-0.62, -0.10, 0.78)


def simulated(seed: int) -> Difference:
    """A daily station with white and flicker noise, and 15 points around it whose rates are higher by OFFSET."""
    rng, n = np.random.default_rng(seed), 1825
    years = np.arange(n) / 365.25
    station = 3 * years + 4 * np.sin(2 * np.pi * years) + 2 * rng.standard_normal(n) + flicker(n, rng)
    station[rng.random(n) < 0.1] = np.nan
    seen = years[::12]
    mean = (3 + OFFSET) * seen + 2 * np.sin(2 * np.pi * seen) + flicker(seen.size, rng)
    points = mean + rng.normal(0, 0.8, (15, 1)) * seen + 2.5 * rng.standard_normal((15, seen.size))
    own, theirs = series_rate(days_of(n), station), points_rate(days_of(seen.size, 12), points, *np.zeros((2, 15)))
    assert own
    assert theirs
    return Difference(own, theirs, 15, 100.0)


def test_a_known_offset_lies_in_its_interval_as_often_as_stated():
    differences = [simulated(seed) for seed in range(500)]
    within = np.mean([abs(one.mm_yr - OFFSET) <= one.sigma_mm_yr for one in differences])
    assert 0.64 <= within <= 0.72
    found = agreement(differences)
    assert found.bias_mm_yr == pytest.approx(OFFSET, abs=3 * found.bias_sigma_mm_yr)
    assert found.scatter_mm_yr == pytest.approx(found.expected_mm_yr, rel=0.15)


def test_rates_without_series_are_as_exact_as_one_point_of_them():
    """Their noise in time is common to neighbours, so that more points do not make the mean more exact."""
    rates, none = np.random.default_rng(1).normal(3, 0.5, 400), np.empty((400, 0))
    stated = points_rate([], none, rates, np.full(400, 0.9))
    unknown = points_rate([], none, rates, np.full(400, np.nan))
    assert stated
    assert unknown
    assert (stated.mm_yr, stated.sigma_mm_yr) == pytest.approx((3, 0.9), abs=0.05)
    assert unknown.sigma_mm_yr == pytest.approx(0.5, abs=0.05)


def test_a_few_stations_that_agree_by_chance_keep_their_stated_errors():
    same = [Difference(Rate(0.0, 0.6), Rate(2.0, 0.8), 12, 100.0)] * 4
    assert agreement(same).bias_sigma_mm_yr == pytest.approx(0.5)
    assert agreement(same[:1]).bias_sigma_mm_yr == pytest.approx(1.0)


def test_correlated_noise_widens_the_interval_of_a_rate():
    rng, n = np.random.default_rng(1), 1825
    white, pink = (series_rate(days_of(n), noise) for noise in (rng.standard_normal(n), flicker(n, rng)))
    assert pink.sigma_mm_yr > 3 * white.sigma_mm_yr


def test_outliers_and_gaps_do_not_move_a_rate():
    values = 5 * np.arange(1825) / 365.25 + np.random.default_rng(2).standard_normal(1825)
    values[100:400], values[::97] = np.nan, 80.0
    assert series_rate(days_of(1825), values).mm_yr == pytest.approx(5, abs=0.3)


def test_two_campaigns_have_the_rate_and_the_error_of_their_difference():
    rate = series_rate([date(2018, 1, 1), date(2022, 1, 1)], np.array([0.0, -20.0]), np.array([0.8, 0.6]))
    assert rate.mm_yr == pytest.approx(-5, abs=0.01)
    assert rate.sigma_mm_yr == pytest.approx(0.25, abs=0.001)
    assert series_rate([date(2018, 1, 1), date(2022, 1, 1)], np.array([0.0, -20.0])) is None


def test_campaigns_that_scatter_more_than_stated_widen_the_interval():
    days = [date(2016 + 2 * index, 1, 1) for index in range(4)]
    straight, uneven = (
        series_rate(days, np.array(values), np.full(4, 0.5)) for values in ([0.0, -4, -8, -12], [0.0, -7, -5, -12])
    )
    assert uneven.sigma_mm_yr > 3 * straight.sigma_mm_yr


def test_ground_that_sinks_moves_away_from_the_satellite_and_ground_toward_it_is_positive():
    sinks = project_on_view(TO_THE_SATELLITE, np.zeros(1), np.zeros(1), np.array([-10.0]))
    assert sinks == pytest.approx([-7.8])
    assert project_on_view(TO_THE_SATELLITE, np.array([-10.0]), np.zeros(1), np.zeros(1)) == pytest.approx([6.2])
    assert project_on_view((0, 0, 1), np.array([np.nan]), np.array([np.nan]), np.array([3.0])) == pytest.approx([3.0])


def tilted(n: int, sigma: float):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 1e5, (2, n))
    values = 2 + 3e-5 * x - 1e-5 * y + rng.normal(0, sigma, n)
    return x, y, [Difference(Rate(0.0, sigma), Rate(value, 0.0), 12, 100.0) for value in values]


CORNERS = [(0.0, 0.0), (1e5, 0.0), (1e5, 1e5), (0.0, 1e5)]


def test_stations_tie_a_tilted_product():
    plane = reference_plane(*tilted(8, 0.3), CORNERS)
    assert plane.at(np.array([5e4]), np.array([5e4])) == pytest.approx([3.0], abs=0.5)
    assert plane.slope_x == pytest.approx(3e-5, abs=1e-5)


@pytest.mark.parametrize(("n", "sigma"), [(4, 0.3), (8, 3.0)])
def test_too_few_or_too_uncertain_stations_tie_nothing(n, sigma):
    assert reference_plane(*tilted(n, sigma), CORNERS) is None


def test_stations_on_one_line_tie_nothing():
    x, _, differences = tilted(8, 0.3)
    assert reference_plane(x, x, differences, CORNERS) is None

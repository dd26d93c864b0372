"""Motion along lines: profile, and where a line breaks."""

import numpy as np
import pytest
import shapely

from lab.simulation.seeds import Purpose, generator
from lab.structures.routes import draw_route
from ml.structures.lines import breaks_of, points_along, profile_of

LINE = shapely.LineString([(0, 0), (3000, 0)])


def rail(step_mm=0.0, at_m=1500.0, spacing_m=12.0, sigma_mm=1.5):
    """Return points of a straight line of 3 km, with ground beside it that rests."""
    rng = np.random.default_rng(4)
    on = np.arange(0, 3000, spacing_m)
    beside = rng.uniform(0, 3000, 60)
    x = np.concatenate([on + rng.normal(0, 3, on.size), beside])
    y = np.concatenate([rng.normal(0, 5, on.size), rng.choice([-1, 1], 60) * rng.uniform(15, 40, 60)])
    value = np.concatenate([np.where(on > at_m, step_mm, 0.0), np.zeros(60)]) + rng.normal(0, sigma_mm, on.size + 60)
    along = points_along(LINE, x, y, 3.0)
    return along, value[along.point], np.full(along.point.size, sigma_mm)


def test_points_are_ordered_by_station_and_far_ones_left_out():
    along = points_along(LINE, np.array([2000.0, 500.0, 700.0]), np.array([0.0, 5.0, 60.0]), 3.0)
    assert along.point.tolist() == [1, 0]
    assert along.station_m == pytest.approx([500, 2000])


def test_points_on_the_line_are_told_from_those_beside_it():
    along, _, _ = rail()
    beside = along.point >= 250
    assert along.on_line[~beside].mean() > 0.85
    assert np.median(along.on_line[beside]) < np.percentile(along.on_line[~beside], 10)


def test_a_step_is_placed_with_its_height_and_sign():
    (found,) = breaks_of(*rail(step_mm=-30.0), 3000.0)
    assert found.station_m == pytest.approx(1500, abs=25)
    assert found.height == pytest.approx(-30, abs=6)
    assert found.from_m <= 1505
    assert found.to_m >= 1495


@pytest.mark.parametrize("step_mm", [0.0, 4.0])
def test_what_rests_or_stays_below_the_threshold_is_no_break(step_mm):
    assert breaks_of(*rail(step_mm=step_mm), 3000.0) == []


def test_an_owner_may_ask_for_higher_steps_only():
    assert breaks_of(*rail(step_mm=-30.0), 3000.0, min_height=50.0) == []


def test_unknown_values_are_left_out():
    along, value, sigma = rail(step_mm=-30.0)
    value[::7] = np.nan
    (found,) = breaks_of(along, value, sigma, 3000.0)
    assert found.station_m == pytest.approx(1500, abs=30)


def test_a_line_without_points_breaks_nowhere():
    along = points_along(LINE, np.empty(0), np.empty(0), 3.0)
    assert breaks_of(along, np.empty(0), np.empty(0), 3000.0) == []


def test_a_profile_has_the_slope_and_curvature_of_the_ground_and_gaps():
    along, _, sigma = rail()
    value = 0.01 * along.station_m + 1e-5 * along.station_m**2
    far = along.station_m < 2000
    near = type(along)(along.point[far], along.station_m[far], along.on_line[far])
    profile = profile_of(near, value[far], sigma[far], np.array([1000.0, 2500.0]))
    assert profile.mean[0] == pytest.approx(20, abs=0.5)
    assert profile.slope[0] == pytest.approx(0.03, abs=0.003)
    assert profile.curvature[0] == pytest.approx(2e-5, abs=1e-5)
    assert np.isnan(profile.mean[1])
    assert profile.sigma[0] >= sigma.min(), "near points share errors: many are no more certain than one"


def test_steps_of_a_drawn_route_are_found():
    route = draw_route(generator(Purpose.TEST, "route", 1), 12_000.0, steps=True)
    along = points_along(route.line, route.x_m, route.y_m, 3.0)
    found = breaks_of(along, route.value_mm[along.point], route.sigma_mm[along.point], route.line.length)
    near = [min(abs(place.station_m - step) for place in found) for step in route.steps_m]
    assert np.mean(np.array(near) < 100) >= 0.7

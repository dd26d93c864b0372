"""Motion along lines: profile, and where a line breaks."""

import numpy as np
import pytest
import shapely

from ground_motion.methods.structures.lines import breaks_of, points_along, profile_of, weigh_by_motion
from lab.simulation.seeds import Purpose, generator
from lab.structures.routes import draw_route

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


@pytest.mark.parametrize("length_m", [150, 300, 1000])
def test_a_short_line_breaks_as_surely_as_a_long_one(length_m):
    """The median of its scores is that of the break itself."""
    rng = np.random.default_rng(length_m)
    x = np.arange(0, length_m, 5.0)
    along = points_along(shapely.LineString([(0, 0), (length_m, 0)]), x, rng.normal(0, 3, x.size), 3.0)
    quiet, sigma = rng.normal(0, 1, x.size), np.ones(x.size)
    step = np.where(x > length_m / 2, 40.0, 0.0)
    (found,) = breaks_of(along, (quiet + step)[along.point], sigma, length_m)
    assert found.station_m == pytest.approx(length_m / 2, abs=25)
    assert breaks_of(along, quiet[along.point], sigma, length_m) == []


def test_ground_that_rests_beside_the_line_does_not_slow_it_down():
    rng = np.random.default_rng(2)
    side = rng.choice([-1, 1], 150) * rng.uniform(5, 30, 150)
    x, y = rng.uniform(0, 2000, 300), np.concatenate([rng.normal(0, 8, 150), side])
    value = np.where(np.arange(300) < 150, -20.0, 0.0) + rng.normal(0, 1.5, 300)
    along = points_along(shapely.LineString([(0, 0), (2000, 0)]), x, y, 3.0)
    value, sigma = value[along.point], np.full(along.point.size, 1.5)
    profile = profile_of(weigh_by_motion(along, value, sigma), value, sigma, np.arange(12.5, 2000, 25))
    assert np.nanmedian(profile.mean) == pytest.approx(-20, abs=1)
    assert np.nanmedian(profile_of(along, value, sigma, profile.station_m).mean) > -15, "without their motion"


@pytest.mark.parametrize("gap_m", [100, 140, 145, 200])
def test_no_station_of_a_gap_moves_less_or_more_than_the_line(gap_m):
    rng = np.random.default_rng(3)
    x = np.concatenate([np.arange(0, 500 - gap_m / 2, 5.0), np.arange(500 + gap_m / 2, 1000, 5.0)])
    along = points_along(shapely.LineString([(0, 0), (1000, 0)]), x, rng.normal(0, 3, x.size), 3.0)
    value, sigma = (rng.normal(-20, 1, x.size))[along.point], np.ones(along.point.size)
    profile = profile_of(along, value, sigma, np.arange(350, 650, 12.5))
    known = np.isfinite(profile.mean)
    assert 0 < known.sum() < known.size
    assert (np.abs(profile.mean[known] + 20) < 3 * profile.sigma[known]).all()


def test_a_point_that_is_far_off_hides_no_break():
    along, value, sigma = rail(step_mm=30.0)
    value[np.argmin(np.abs(along.station_m - 1450))] = 5000.0
    assert [place.station_m for place in breaks_of(along, value, sigma, 3000)] == [pytest.approx(1500, abs=50)]


def test_the_slope_of_a_break_is_as_uncertain_as_its_width():
    rng, held = np.random.default_rng(6), []
    for _ in range(20):
        x = np.arange(0, 2000, 8.0)
        value = 30.0 * np.clip((x - 1000) / 30 + 0.5, 0, 1) + rng.normal(0, 1.5, x.size)
        seen = x + rng.normal(0, 10, x.size)
        along = points_along(shapely.LineString([(0, 0), (2000, 0)]), seen, rng.normal(0, 8, x.size), 3.0)
        breaks = breaks_of(along, value[along.point], np.full(along.point.size, 1.5), 2000)
        held += [abs(found.ratio - 1.0) <= 2 * found.ratio_sigma for found in breaks]
    assert np.mean(held) >= 0.7

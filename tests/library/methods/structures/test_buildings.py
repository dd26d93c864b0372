"""Ledger of buildings: which points are whose, what they say, and when they cannot say anything."""

import numpy as np
import pytest
import shapely

from ground_motion.methods.structures.buildings import ledger_of, motion_around
from ground_motion.methods.structures.footprints import candidates_of, footprints_of
from lab.simulation.seeds import Purpose, generator
from lab.structures.towns import draw_town

UNKNOWN = np.nan


def boxes(*sides):
    return np.array([shapely.box(*box) for box in sides], dtype=object)


def ledger_on(polygons, x_m, y_m, rate_mm_yr, sigma_mm_yr=0.5, years=5.0):
    footprints = footprints_of(polygons)
    pairs = candidates_of(footprints, x_m, y_m, np.full(len(x_m), UNKNOWN))
    sigma = np.full(len(x_m), sigma_mm_yr)
    return ledger_of(footprints, pairs, x_m, y_m, rate_mm_yr, sigma, years, np.random.default_rng(1))


def street(sinking_mm_yr=-12.0, tilt_mm_yr=0.0, points=15):
    """Return points and rates on three halls of 60 x 30 m, 80 m apart, of which the middle one moves by itself."""
    rng = np.random.default_rng(2)
    halls = boxes((0, 0, 60, 30), (140, 0, 200, 30), (280, 0, 340, 30))
    x, y, rate = [], [], []
    for number in range(3):
        at = rng.uniform((140 * number, 0), (140 * number + 60, 30), (points, 2))
        own = sinking_mm_yr + tilt_mm_yr * (at[:, 0] - 170) / 60 if number == 1 else 0.0
        x.append(at[:, 0] + rng.normal(0, 10, points))
        y.append(at[:, 1] + rng.normal(0, 10, points))
        rate.append(own + rng.normal(0, 0.5, points))
    ground = rng.uniform((-60, -60), (400, 90), (60, 2))
    x.append(ground[:, 0])
    y.append(ground[:, 1])
    rate.append(rng.normal(0, 0.5, 60))
    return halls, np.concatenate(x), np.concatenate(y), np.concatenate(rate)


def test_a_hall_that_sinks_between_two_that_rest_is_told_from_them():
    ledger = ledger_on(*street())
    low, middle, high = ledger.rate_mm_yr
    assert low[1] < -12 < high[1] or abs(middle[1] + 12) < 1.5
    assert (np.abs(middle[[0, 2]]) < 1.5).all()
    assert ledger.deviation_mm_yr[2, 1] < -5
    assert ledger.rate_known.all()
    assert (ledger.moving > 0).tolist() == [False, True, False]


def test_a_tilt_is_measured_with_its_steepness_and_one_below_its_noise_has_a_limit_only():
    ledger = ledger_on(*street(sinking_mm_yr=-6.0, tilt_mm_yr=20.0, points=40))
    low, middle, high = ledger.tilt_mm_m_yr
    assert low[1] <= 20 / 60 <= high[1]
    assert middle[1] == pytest.approx(20 / 60, abs=0.1)
    assert np.isnan(middle[[0, 2]]).all()
    assert (high[[0, 2]] < 0.1).all()


def test_damage_follows_the_years_and_a_town_that_sinks_evenly_has_none():
    sinking = ledger_on(*street(), years=5.0)
    assert sinking.damage[1] == 3  # 60 mm against the ground around
    assert sinking.damage[[0, 2]].max() <= 2
    halls, x, y, rate = street(sinking_mm_yr=0.0)
    evenly = ledger_on(halls, x, y, rate - 20.0)
    assert (evenly.rate_mm_yr[1] < -18).all()
    assert (evenly.damage <= 1).all()


def test_a_building_without_points_cannot_be_told():
    halls, x, y, rate = street()
    far = np.append(halls, boxes((900, 900, 910, 910)))
    ledger = ledger_on(far, x, y, rate)
    assert not ledger.rate_known[3]
    assert np.isnan(ledger.tilt_mm_m_yr[:, 3]).all()
    assert ledger.points[3] == 0


def test_a_point_high_above_the_ground_is_not_of_the_street():
    house = footprints_of(boxes((0, 0, 12, 12)))
    at = np.array([6.0, 6.0]), np.array([25.0, 25.0])
    pairs = candidates_of(house, *at, np.array([0.0, 15.0]))
    street_share = pairs.ground / (pairs.ground + np.bincount(pairs.point, pairs.weight, 2))
    assert street_share[1] < 0.1 < street_share[0]


def test_the_ground_around_is_a_plane_that_one_moving_block_does_not_tilt():
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 200, (200, 2))
    rate = 0.02 * places[:, 0]
    block = (np.abs(places - 100) < 20).all(axis=1)
    rate[block] -= 15
    around = motion_around(np.array([[100.0, 100.0], [40.0, 60.0]]), places, rate)
    assert around == pytest.approx([2.0, 0.8], abs=0.2)


def test_intervals_hold_on_a_town_drawn_by_other_rules():
    town = draw_town(generator(Purpose.TEST, "ledger", 1), 600.0)
    footprints = footprints_of(town.polygons)
    pairs = candidates_of(footprints, town.x_m, town.y_m, town.above_ground_m)
    points = (town.x_m, town.y_m, town.measured_mm_yr, town.sigma_mm_yr)
    low, _, high = ledger_of(footprints, pairs, *points, 5.0, np.random.default_rng(1)).rate_mm_yr
    held = (low <= town.rate_mm_yr) & (town.rate_mm_yr <= high)
    assert 0.8 < held.mean() < 0.98


def test_a_footprint_without_area_is_refused():
    with pytest.raises(ValueError, match="1 footprints have no area"):
        footprints_of(np.array([shapely.Polygon(), shapely.box(0, 0, 1, 1)], dtype=object))

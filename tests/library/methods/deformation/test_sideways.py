"""Figures by which causes differ: motion along the ground, toward the middle, down a slope, and the edge's width."""

import numpy as np
import pytest
from shapely import Point

from ground_motion.methods.deformation.places.sideways import (
    edge_width,
    flatness,
    rates_of,
    sideways,
    slope_fit,
    slope_of,
)
from ground_motion.rasters.areas import SortedPoints
from ground_motion.rasters.line_of_sight import line_of_sight_at
from ground_motion.simulation.ground import deformation
from ground_motion.simulation.ground.frame import Motion

GRID = 3035
AT = (4_321_000.0, 3_210_000.0)  # 10° E: the grid's north is true north
HALF, AREA = Point(0, 0).buffer(400), Point(0, 0).buffer(900)
GROUND = deformation.Ellipse(480, 480, 0)


def seen(motion_at, direction: str, slope: float = 0.0, seed: int = 1) -> SortedPoints:
    """4,000 points of one direction over 6 km, with an error of 0.5 mm/yr each; heights rise toward the east."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-3000, 3000, (2, 4000))
    motion, los = motion_at(x, y), line_of_sight_at(direction, GRID, *AT)
    rate = motion.east_mm_yr * los.x + motion.north_mm_yr * los.y + motion.up_mm_yr * los.up
    return SortedPoints(
        x, y, (rate + rng.normal(0, 0.5, x.size)).astype(np.float32), (100 + slope * x).astype(np.float32), los
    )


def both(motion_at, slope: float = 0.0) -> list[SortedPoints]:
    return [seen(motion_at, "ascending", slope), seen(motion_at, "descending", slope, 2)]


def mine(x, y):
    return deformation.longwall_mining(x, y, deformation.Panel(600, 500, 30), 30.0, 300.0)


def fill(x, y):
    return deformation.settling_ground(x, y, GROUND, -20.0)


def bowl(x, y):
    return deformation.groundwater_bowl(x, y, GROUND, -20.0, 1.0)


def slide(x, y):
    """Westward and down, where the ground rises to the east by 0.3."""
    inside = np.hypot(x, y) < 400
    return Motion(-20.0 * inside, 0.0 * x, -6.0 * inside)


def test_looks_are_turned_with_the_grid():
    assert line_of_sight_at("ascending", GRID, *AT) == pytest.approx((-0.60, -0.13, 0.79), abs=1e-3)
    west = line_of_sight_at(
        "ascending", GRID, 2_650_000.0, 2_800_000.0
    )  # 11° W: true north lies 15° right of the grid's
    turn = np.degrees(np.arctan2(-0.60, -0.13) - np.arctan2(west.x, west.y))
    assert abs(turn) == pytest.approx(15, abs=2)
    assert line_of_sight_at("", GRID, *AT) is None


def test_mined_ground_goes_toward_the_middle_and_a_fill_straight_down():
    assert sideways(both(mine), AREA, HALF).inward > 0.15
    for motion in (fill, bowl):
        assert abs(sideways(both(motion), AREA, HALF).inward) < 0.04
        assert sideways(both(motion), AREA, HALF).share < 0.1


def test_a_slide_goes_along_the_ground_and_down_its_slope():
    tracks = both(slide, 0.3)
    slope = slope_of(tracks, HALF)
    assert slope == pytest.approx((0.3, 0.0), abs=0.01)
    assert sideways(tracks, AREA, HALF).share > 0.6
    assert slope_fit(tracks, rates_of(tracks, AREA, HALF), slope) > 0.95
    assert slope_fit(tracks[:1], rates_of(tracks[:1], AREA, HALF), slope) > 0.9  # it rises in this track


def test_ground_that_sinks_on_a_slope_does_not_slide_down_it():
    tracks = both(fill, 0.3)
    assert slope_fit(tracks, rates_of(tracks, AREA, HALF), slope_of(tracks, HALF)) < 0.5
    assert slope_fit(tracks, rates_of(tracks, AREA, HALF), (0.0, 0.0)) == pytest.approx(0, abs=0.05)


def test_nothing_is_said_of_motion_along_the_ground_from_one_side():
    assert sideways([seen(mine, "ascending"), seen(mine, "ascending", seed=2)], AREA, HALF) == (0.0, 0.0, False)


def test_a_fill_has_a_sharper_edge_and_a_flatter_middle_than_a_bowl():
    sharp, smooth = seen(fill, "ascending"), seen(bowl, "ascending")
    assert edge_width(sharp, HALF) < 0.7 * edge_width(smooth, HALF)
    assert flatness(sharp, HALF) > flatness(smooth, HALF) + 0.05

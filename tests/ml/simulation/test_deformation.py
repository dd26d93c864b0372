"""The forward models against quantities known beforehand."""

import math

import numpy as np
import pytest

from ml.simulation.ground.deformation import (
    Downslope,
    Ellipse,
    Panel,
    SlideBody,
    groundwater_bowl,
    landslide,
    longwall_mining,
    mine_water_dome,
    turn_to_axes,
)

POSTING_M = 10.0
EAST_M, NORTH_M = np.meshgrid(np.arange(-2_500.0, 2_500.0, POSTING_M), np.arange(-2_500.0, 2_500.0, POSTING_M))
ORIGIN = np.zeros(1)


@pytest.mark.parametrize("bearing_deg", [0.0, 35.0])
def test_the_volume_lost_over_a_panel_is_full_subsidence_times_its_area(bearing_deg):
    motion = longwall_mining(EAST_M, NORTH_M, Panel(600.0, 400.0, bearing_deg), 30.0, influence_m=250.0)
    volume = motion.up_mm_yr.sum() * POSTING_M**2
    assert volume == pytest.approx(-30.0 * 600.0 * 400.0, rel=1e-3)


def test_a_wide_panel_sinks_fully_in_the_middle_and_half_above_its_edge():
    panel = Panel(3_000.0, 3_000.0, 0.0)
    middle = longwall_mining(ORIGIN, ORIGIN, panel, 30.0, influence_m=200.0)
    edge = longwall_mining(ORIGIN + 1_500.0, ORIGIN, panel, 30.0, influence_m=200.0)
    assert middle.up_mm_yr[0] == pytest.approx(-30.0, rel=1e-6)
    assert edge.up_mm_yr[0] == pytest.approx(-15.0, rel=1e-6)


def test_mining_drift_is_r_over_root_two_pi_times_the_tilt():
    influence_m = 250.0
    motion = longwall_mining(EAST_M, NORTH_M, Panel(700.0, 400.0, 50.0), 30.0, influence_m)
    tilt_north, tilt_east = np.gradient(-motion.up_mm_yr, POSTING_M)
    factor_m = influence_m / math.sqrt(2 * math.pi)
    inner = (slice(2, -2), slice(2, -2))
    assert motion.east_mm_yr[inner] == pytest.approx(factor_m * tilt_east[inner], abs=0.02)
    assert motion.north_mm_yr[inner] == pytest.approx(factor_m * tilt_north[inner], abs=0.02)


@pytest.mark.parametrize(("model", "peak_mm_yr"), [(groundwater_bowl, -10.0), (mine_water_dome, 7.0)])
def test_a_bowl_and_a_dome_are_vertical_and_strongest_in_the_middle(model, peak_mm_yr):
    motion = model(EAST_M, NORTH_M, Ellipse(1_000.0, 800.0, 30.0), peak_mm_yr)
    assert model(ORIGIN, ORIGIN, Ellipse(1_000.0, 800.0, 30.0), peak_mm_yr).up_mm_yr[0] == peak_mm_yr
    assert np.abs(motion.up_mm_yr).max() <= abs(peak_mm_yr)
    assert not motion.east_mm_yr.any()
    assert not motion.north_mm_yr.any()


def test_a_groundwater_bowl_falls_to_one_part_in_e_on_its_ellipse_along_the_bearing():
    east_m, north_m = np.array([1_000.0, 0.0]), np.array([0.0, 800.0])
    motion = groundwater_bowl(east_m, north_m, Ellipse(1_000.0, 800.0, bearing_deg=90.0), -10.0)
    assert motion.up_mm_yr == pytest.approx(-10.0 / math.e)


def test_a_dome_ends_at_its_edge():
    outside = mine_water_dome(np.array([1_001.0]), ORIGIN, Ellipse(1_000.0, 1_000.0, 0.0), 7.0)
    assert outside.up_mm_yr[0] == 0


def _slope_facing_east(shape: tuple[int, ...], angle_deg: float) -> Downslope:
    ones = np.ones(shape)
    angle = math.radians(angle_deg)
    return Downslope(ones * math.cos(angle), ones * 0.0, ones * -math.sin(angle))


def test_a_landslide_moves_down_its_slope_at_the_given_speed():
    body = SlideBody(600.0, 300.0, 90.0, edge_m=20.0)
    motion = landslide(ORIGIN, ORIGIN, body, _slope_facing_east((1,), 20.0), 25.0)
    assert np.hypot(motion.east_mm_yr, motion.up_mm_yr)[0] == pytest.approx(25.0)
    assert motion.up_mm_yr[0] / motion.east_mm_yr[0] == pytest.approx(-math.tan(math.radians(20.0)))


def test_a_landslide_has_sharp_edges_and_keeps_to_its_outline():
    across_m = np.array([0.0, 125.0, 155.0])  # centre, just inside the edge, outside; the slide runs to the east
    body = SlideBody(600.0, 300.0, 90.0, edge_m=20.0)
    motion = landslide(np.zeros(3), across_m, body, _slope_facing_east((3,), 20.0), 25.0)
    assert motion.speed_mm_yr() == pytest.approx([25.0, 25.0, 0.0])


def test_a_landslide_does_not_climb():
    body = SlideBody(600.0, 300.0, 90.0, edge_m=20.0)
    with pytest.raises(ValueError, match="positive speed"):
        landslide(ORIGIN, ORIGIN, body, _slope_facing_east((1,), 20.0), -25.0)


def test_a_bearing_of_ninety_degrees_points_east():
    along_m, across_m = turn_to_axes(np.array([5.0]), np.array([2.0]), 90.0)
    assert along_m[0] == pytest.approx(5.0)
    assert across_m[0] == pytest.approx(-2.0)  # to the right of east is south

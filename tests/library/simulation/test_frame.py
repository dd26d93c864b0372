"""Directions: what a satellite sees of a motion, and that the map's north is not true north."""

import math

import numpy as np
import pytest

from ground_motion.simulation.ground.frame import Motion, frame_at, project_to_los_mm_yr, to_geographic
from ground_motion.simulation.velocity.region import ASCENDING, DESCENDING


def test_vertical_motion_seen_from_both_tracks_decomposes_back_to_the_truth():
    up_mm_yr = np.array([-30.0, 0.0, 7.5])
    motion = Motion(np.zeros(3), np.zeros(3), up_mm_yr)
    seen = np.stack([project_to_los_mm_yr(motion, track.los) for track in (ASCENDING, DESCENDING)])
    sensitivity = np.array([[track.los.east, track.los.up] for track in (ASCENDING, DESCENDING)])
    east, up = np.linalg.solve(sensitivity, seen)
    assert up == pytest.approx(up_mm_yr, abs=1e-9)
    assert east == pytest.approx(0, abs=1e-9)


def test_ground_that_moves_west_comes_closer_to_the_ascending_satellite_only():
    westward = Motion(np.array([-10.0]), np.zeros(1), np.zeros(1))
    assert project_to_los_mm_yr(westward, ASCENDING.los)[0] > 0
    assert project_to_los_mm_yr(westward, DESCENDING.los)[0] < 0


@pytest.mark.parametrize(("track", "heading_deg"), [(ASCENDING, 350.8), (DESCENDING, 191.5)])
def test_the_line_of_sight_has_length_one_and_fits_a_near_polar_orbit(track, heading_deg):
    assert math.hypot(*track.los) == pytest.approx(1, abs=0.002)  # two decimals
    assert track.los.track_angle_deg() == pytest.approx(heading_deg, abs=0.1)
    assert 29 < track.los.incidence_angle_deg() < 46


def test_a_step_to_true_north_leaves_the_longitude_as_it_is():
    frame = frame_at(-12.0, 47.0)
    start, end = (to_geographic(*frame.to_grid(np.array([0.0]), np.array([north_m]))) for north_m in (0.0, 1_000.0))
    assert end[0][0] == pytest.approx(start[0][0], abs=2e-4)  # degrees: 15 m, against 280 m along grid north
    assert end[1][0] > start[1][0]
    assert math.degrees(frame.grid_turn_rad) == pytest.approx(16.5, abs=1.0)

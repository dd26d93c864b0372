"""`deformation-wide`: what lies in its scenes, and what the search finds in them."""

import numpy as np
import pytest

from lab.deformation.wide import scenes
from lab.deformation.wide.evaluate import MATCHING_IOU, measure_bowl, measure_still, truth_sha256
from lab.deformation.wide.scenes import CASES, FRAMES, bowl_scene, still_scene

pytestmark = [pytest.mark.realdata, pytest.mark.long, pytest.mark.usefixtures("real_files")]


def test_scenes_are_the_same_every_time_and_hold_every_case_on_every_frame():
    first, again = (bowl_scene(5) for _ in range(2))
    assert np.array_equal(first.points.velocity_mm_yr, again.points.velocity_mm_yr)
    still = still_scene(first.frame).points.velocity_mm_yr
    assert np.abs(first.points.velocity_mm_yr - still).max() == pytest.approx(abs(first.bowl.peak_mm_yr), rel=0.05)
    cases = {
        (scene.frame, scene.bowl.diameter_km, scene.bowl.peak_mm_yr)
        for scene in (bowl_scene(number) for number in range(48))
    }
    assert len(cases) == 4 * len(CASES)
    assert truth_sha256(4) == "d5d61b3fe935c5efc0fa988eda5739a8c149ee66a4e2665a2a86b357c44c51fc"


def test_a_fast_wide_bowl_is_found_and_a_still_scene_is_quiet():
    moving = measure_bowl(4 * CASES.index((30.0, -10.0)) + 1)
    assert moving.overlap >= MATCHING_IOU
    assert 0.4 < moving.peak_ratio < 1.6
    assert measure_still(1) == 0


def test_real_frames_are_known_by_less_than_half_and_calibrating_lowers_their_long_waves():
    for frame in FRAMES[:2]:
        released = scenes._released(frame).velocity_mm_yr
        calibrated = still_scene(frame).points.velocity_mm_yr
        assert 30_000 < released.size < 45_000
        assert np.std(calibrated) < 0.9 * np.std(released)
        assert abs(np.median(calibrated)) < 0.5

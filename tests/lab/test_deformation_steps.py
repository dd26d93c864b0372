"""Figures of steps in series: what counts as undone, and draws that are what they say."""

import numpy as np
import pytest

from lab.deformation.step_series import MOTIONS, Errors, draw_days, draw_errors, draw_noise, region_around
from lab.deformation.steps import compare, on_motion, on_region, stepped_tile
from lab.simulation.seeds import Purpose
from ml.deformation.series.steps import HALF_WAVE_MM
from ml.deformation.series.summary import summarise


def test_an_error_is_undone_at_its_date_and_by_its_cycles_only():
    days = np.arange(0, 1_800, 12)
    errors = Errors(np.array([[60], [60], [60], [0]]), np.array([[1], [1], [-1], [0]]))
    put_in = errors.added_mm(days.size)
    np.testing.assert_allclose(put_in[:, -1], np.array([1, 1, -1, 0]) * HALF_WAVE_MM)
    assert (put_in[:, 59] == 0).all()
    seen = put_in + np.random.default_rng(1).normal(0, 2, put_in.shape)
    seen[1] = np.roll(seen[1], 20)  # undone elsewhere
    seen[1, :20] = 0
    counts = compare(summarise(seen.astype(np.float32), days), errors)
    assert counts == (3, 2, 1)


def test_snow_leaves_summers_and_errors_at_winters_only():
    rng = np.random.default_rng(2)
    days = draw_days(rng, True)
    gaps = np.flatnonzero(np.diff(days) > 40) + 1
    assert 2 <= gaps.size <= 8
    errors = draw_errors(rng, 500, days, True)
    assert set(np.unique(errors.at)) == {0, *gaps}
    assert (errors.at > 0).mean() == pytest.approx(0.1, abs=0.02)


def test_noise_is_as_strong_as_it_says():
    years = np.arange(0, 1_800, 6) / 365.25
    noise = draw_noise(np.random.default_rng(3), 400, years, 4.0)
    steps = np.diff(noise, axis=1)
    assert 0.4 * 4 < np.median(np.abs(steps)) / 0.6745 / np.sqrt(2) < 1.1 * 4


def test_a_region_surrounds_a_point_and_not_everything():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 2_000, (2, 2_000))
    sizes = [region_around(rng, x, y).mean() for _ in range(20)]
    assert min(sizes) > 0.001
    assert max(sizes) < 0.35


@pytest.mark.parametrize("motion", MOTIONS)
def test_real_motion_is_left_alone(motion):
    rng = np.random.default_rng(5)
    assert np.mean([on_motion(rng, motion, 3.0, False)[1] for _ in range(3)]) < 0.01


def test_regions_are_found():
    counts = [on_region(np.random.default_rng(seed), 3.0) for seed in range(6)]
    assert sum(one.undone for one in counts) > 0.7 * sum(one.put_in for one in counts)


def test_a_tile_is_nearly_as_it_was_before_the_errors():
    released, mended = stepped_tile(Purpose.TEST, 0)
    wrong = np.abs(released.velocity_mm_yr - mended.velocity_mm_yr) > 2
    assert 0.001 < wrong.mean() < 0.2
    assert np.abs(released.velocity_mm_yr[wrong]).mean() > 2 * np.abs(mended.velocity_mm_yr[wrong]).mean()

"""Since when a series moves, and whether faster than before."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.methods.deformation.motion.model import base
from ground_motion.methods.deformation.motion.noise import NoiseModel, Whitening
from ground_motion.methods.deformation.motion.series import SeriesMotion, Trend, series_motion
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM

FIRST = date(2019, 1, 3)
DAYS = np.arange(0, 5 * 365.25, 12)
YEARS = DAYS / 365.25
DATES = [FIRST + timedelta(days=int(day)) for day in DAYS]
CHANGED = FIRST + timedelta(days=3 * 365)


def motion_of(values_mm: np.ndarray, seed: int = 1, noise_mm: float = 2.0) -> SeriesMotion:
    motion = series_motion(DATES, values_mm + np.random.default_rng(seed).normal(0, noise_mm, DAYS.size))
    assert motion is not None
    return motion


def late_dates(day: date | None) -> float:
    return abs((day - CHANGED).days) / 12


def test_weights_are_those_of_the_whole_covariance():
    noise, days = NoiseModel(0.6, 40.0), np.array([0.0, 6, 12, 30, 200, 206])
    covariance = 0.4 * np.eye(6) + 0.6 * np.exp(-np.abs(days[:, None] - days) / 40)
    rows = np.random.default_rng(0).normal(size=(3, 6))
    whitening = Whitening(days, (noise,))
    np.testing.assert_allclose(whitening.weight_rows(rows)[0], rows @ np.linalg.inv(covariance), atol=1e-10)
    assert whitening.log_determinant[0] == pytest.approx(np.linalg.slogdet(covariance)[1])


@pytest.mark.parametrize(
    ("before", "after", "trend"),
    [(-3, -14, Trend.FASTER), (-14, -5, Trend.SLOWER), (-12, 0, Trend.AT_REST), (0, -12, Trend.BEGAN)],
)
def test_a_change_of_the_rate_is_dated_and_named(before: float, after: float, trend: Trend):
    motion = motion_of(before * YEARS + (after - before) * np.clip(YEARS - 3, 0, None))
    assert motion.trend == trend
    assert late_dates(motion.changed.day) <= 2
    assert motion.changed.first <= CHANGED <= motion.changed.last
    assert motion.before.mm_yr == pytest.approx(before, abs=1)
    assert motion.now.mm_yr == pytest.approx(after, abs=1.5)
    since = {
        Trend.FASTER: motion.accelerating_since,
        Trend.AT_REST: motion.at_rest_since,
        Trend.BEGAN: motion.moving_since,
    }
    assert {name for name, day in since.items() if day} == {trend} & since.keys()
    assert all(late_dates(day) <= 2 for day in since.values() if day)


def test_even_motion_with_a_season_has_no_change_and_no_date():
    motion = motion_of(-8 * YEARS + 6 * np.sin(2 * np.pi * YEARS))
    assert motion.trend is Trend.STEADY
    assert motion.changes == ()
    assert motion.moving_since is None
    assert motion.now.mm_yr == pytest.approx(-8, abs=3 * motion.now.sigma_mm_yr)
    assert motion.season_mm == pytest.approx(6, abs=0.8)
    assert motion.season_month in (3, 4, 5)  # a quarter of a year after 3 January


def test_noise_that_lingers_is_no_change_and_widens_the_rate():
    rng = np.random.default_rng(4)
    lingering = np.convolve(rng.normal(0, 1, DAYS.size + 19), np.ones(20) / np.sqrt(20), mode="valid")
    motion = motion_of(4 * lingering)
    assert motion.changes == ()
    assert motion.noise.share > 0.3
    assert motion.now.sigma_mm_yr > 2 * motion_of(0 * YEARS).now.sigma_mm_yr


def test_ground_that_slows_evenly_has_not_been_at_rest_since_the_series_begins():
    motion = motion_of(-31 * YEARS + 3 * YEARS**2)
    assert motion.trend is Trend.SLOWING
    assert motion.at_rest_since is None
    assert motion.now.mm_yr == pytest.approx(-1, abs=2)


def test_a_rate_that_grows_evenly_is_an_acceleration_since_the_beginning():
    motion = motion_of(-1 * YEARS - 3 * YEARS**2)
    assert motion.trend is Trend.SPEEDING
    assert [one.kind for one in motion.changes] == ["curve"]
    assert motion.before.mm_yr == pytest.approx(-1, abs=2)
    assert motion.now.mm_yr == pytest.approx(-31, abs=2)


def test_an_unwrapping_error_is_no_motion_and_a_jump_is_no_change_of_the_rate():
    wrong = motion_of(-5 * YEARS + HALF_WAVE_MM * (YEARS > 2.5))
    assert wrong.trend is Trend.STEADY
    assert not {one.kind for one in wrong.changes} - {"unwrapping"}
    assert wrong.now.mm_yr == pytest.approx(-5, abs=0.7)
    (jump,) = motion_of(-5 * YEARS - 15 * (YEARS > 2.5)).changes
    assert jump.kind == "step"
    assert jump.size == pytest.approx(-15, abs=2)


def test_wild_values_and_gaps_do_not_matter():
    values = -10 * np.clip(3 - YEARS, 0, None) + np.random.default_rng(2).normal(0, 2, DAYS.size)
    values[20] += 60
    values[(DAYS % 365.25 < 130) & (DAYS > 0)] = np.nan
    motion = series_motion(DATES, values)
    assert motion.trend is Trend.AT_REST
    assert np.isnan(motion.values_mm[20])
    assert np.isfinite(motion.fit_mm).all()


def test_few_dates_or_a_short_span_show_nothing():
    assert series_motion(DATES[:20], np.zeros(20)) is None
    assert series_motion(DATES[:30], np.zeros(30)) is None


def test_the_half_yearly_wave_needs_dates_in_all_seasons():
    summers = DAYS[(DAYS % 365.25) > 215]
    assert len(base(DAYS)) == 6
    assert len(base(summers)) == 4

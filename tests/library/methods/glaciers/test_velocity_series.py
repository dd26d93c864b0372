"""Offsets become metres a day on the ground, and overlapping pairs become one series."""

import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.methods.glaciers.series import PairVelocities, velocity_series
from ground_motion.methods.offsets.motion import (
    GroundMotion,
    Nodes,
    PixelScale,
    against_stable,
    ground_motion,
    into_cells,
    stable_ground,
)

UTM_29 = 32629


def nodes(longitude: float, dx_px: float, dy_px: float) -> Nodes:
    x, y = Transformer.from_crs(4326, UTM_29, always_xy=True).transform(longitude, 60.0)
    one = np.ones(1)
    return Nodes(x * one, y * one, dx_px * one, dy_px * one, 0.1 * one)


def test_twelve_metres_to_the_right_in_twelve_days_are_a_metre_a_day_to_the_east_and_down_is_south():
    result = ground_motion(nodes(-9.0, 1.2, 0.0), UTM_29, PixelScale(10.0, 12))  # the zone's own meridian
    assert result.east_m_day[0] == pytest.approx(1.0, abs=1e-6)
    assert result.north_m_day[0] == pytest.approx(0.0, abs=1e-6)
    assert result.sigma_m_day[0] == pytest.approx(0.1 * 10 / 12)
    down = ground_motion(nodes(-9.0, 0.0, 1.2), UTM_29, PixelScale(10.0, 12))
    assert down.north_m_day[0] == pytest.approx(-1.0, abs=1e-6)


def test_away_from_the_meridian_the_map_is_turned_against_true_north():
    """Three degrees west of it, at 60 N, grid north points 2.6 degrees to the west of true north."""
    result = ground_motion(nodes(-12.0, 0.0, -1.2), UTM_29, PixelScale(10.0, 12))
    turned = np.degrees(np.arctan2(result.east_m_day[0], result.north_m_day[0]))
    assert turned == pytest.approx(-3 * np.sin(np.radians(60)), abs=0.05)
    assert np.hypot(result.east_m_day[0], result.north_m_day[0]) == pytest.approx(1.0)


def scattered(n: int = 2000, shift: float = 0.3, sigma: float = 0.05) -> GroundMotion:
    rng = np.random.default_rng(1)
    return GroundMotion(shift + sigma * rng.normal(size=n), sigma * rng.normal(size=n), np.full(n, 0.02))


def test_what_stable_ground_seems_to_do_is_taken_out_and_its_scatter_is_the_error():
    motion = scattered()
    motion.east_m_day[:200] += 3.0  # a glacier
    stationary = np.arange(2000) >= 200
    ground = stable_ground(motion, stationary)
    assert ground.where == "stationary"
    assert ground.east_m_day == pytest.approx(0.3, abs=0.01)
    assert ground.rmse_m_day == pytest.approx(0.05, rel=0.1)
    own = against_stable(motion, ground)
    assert np.median(own.east_m_day[:200]) == pytest.approx(3.0, abs=0.02)
    np.testing.assert_allclose(own.sigma_m_day, ground.rmse_m_day)


def test_a_slide_in_what_was_taken_for_stable_is_no_error():
    motion = scattered()
    motion.east_m_day[:100] += 3.0
    assert stable_ground(motion, np.ones(2000, dtype=bool)).rmse_m_day == pytest.approx(0.05, rel=0.15)


def test_without_stationary_ground_the_slowest_quarter_is_the_reference_and_is_named():
    ground = stable_ground(scattered(), np.zeros(2000, dtype=bool))
    assert (ground.where, ground.n) == ("slowest", 500)
    assert 0 < ground.rmse_m_day < 0.05
    nothing = GroundMotion(*(np.full(5, np.nan) for _ in range(3)))
    assert stable_ground(nothing, np.ones(5, dtype=bool)) is None


def test_a_cell_is_the_weighted_mean_of_its_nodes_and_no_surer_than_they_are():
    motion = GroundMotion(np.array([1.0, 3.0, np.nan]), np.zeros(3), np.array([0.1, 0.2, 0.1]))
    result = into_cells(motion, np.array([0, 0, 1]), 3)
    assert result.east_m_day[0] == pytest.approx((1.0 / 0.01 + 3.0 / 0.04) / (1 / 0.01 + 1 / 0.04))
    assert 0.1 < result.sigma_m_day[0] < 0.2
    assert np.isnan(result.east_m_day[1:]).all()


def pairs(start: list[float], end: list[float], east: list[float], sigma: list[float]) -> PairVelocities:
    east_m_day = np.array(east)[:, None]
    return PairVelocities(
        np.array(start), np.array(end), east_m_day, np.zeros_like(east_m_day), np.array(sigma)[:, None]
    )


def test_pairs_that_do_not_overlap_come_out_as_they_went_in():
    result = velocity_series(pairs([0, 12, 48], [12, 24, 60], [1.0, 2.0, 3.0], [0.1, 0.2, 0.3]))
    np.testing.assert_allclose(result.speed_m_day[:, 0], [1, 2, 3])
    np.testing.assert_allclose(result.sigma_m_day[:, 0], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(result.day, [6, 18, 54])


def test_two_pairs_of_one_step_are_their_weighted_mean():
    result = velocity_series(pairs([0, 0], [12, 12], [1.0, 2.0], [0.1, 0.2]))
    assert result.speed_m_day[0, 0] == pytest.approx((1 / 0.01 + 2 / 0.04) / (1 / 0.01 + 1 / 0.04))
    assert result.sigma_m_day[0, 0] == pytest.approx((1 / 0.01 + 1 / 0.04) ** -0.5)


def test_a_longer_pair_and_half_of_it_give_the_other_half():
    """One metre a day over 24 days and half a metre in the first 12 are one and a half in the last 12."""
    result = velocity_series(pairs([0, 0], [24, 12], [1.0, 0.5], [0.01, 0.01]))
    np.testing.assert_allclose(result.speed_m_day[:, 0], [0.5, 1.5], atol=0.01)


def test_what_only_a_longer_pair_covers_is_taken_alike():
    result = velocity_series(pairs([0], [24], [1.0], [0.05]))
    assert result.day.size == 1  # no date in between
    result = velocity_series(pairs([0, 12], [24, 36], [1.0, 1.0], [0.05, 0.05]))
    np.testing.assert_allclose(result.speed_m_day[:, 0], 1.0, atol=1e-6)
    assert (result.sigma_m_day > 0.05).all()  # a step is known less well than the mean of two


def test_least_squares_find_the_truth_of_a_year_of_overlapping_pairs():
    rng = np.random.default_rng(2)
    dates = np.arange(0, 372, 12.0)
    truth = 1.0 + 0.5 * np.sin(dates[:-1] / 40)
    spans = [(i, i + n) for n in (1, 2) for i in range(dates.size - n)]
    means = [truth[i:j].mean() for i, j in spans]
    noisy = np.array(means) + 0.05 * rng.normal(size=len(spans))
    result = velocity_series(
        pairs([dates[i] for i, _ in spans], [dates[j] for _, j in spans], list(noisy), [0.05] * len(spans))
    )
    left = result.speed_m_day[:, 0] - truth
    assert left.std() < 0.05  # better than any pair alone
    assert left.std() == pytest.approx(float(result.sigma_m_day.mean()), rel=0.5)


def test_a_wrong_match_among_pairs_that_overlap_moves_no_step():
    """A sure pair of 12 days that says 40 m/day where four pairs of 6 days and its neighbours say half a metre."""
    starts = [0, 6, 12, 18, 24, 30, 0, 6, 12, 18, 24]
    spans = [6] * 6 + [12] * 5
    east = [0.5] * 8 + [40.0] + [0.5] * 2
    result = velocity_series(
        pairs(starts, [a + b for a, b in zip(starts, spans, strict=True)], east, [0.1] * 6 + [0.02] * 5)
    )
    np.testing.assert_allclose(result.speed_m_day[:, 0], 0.5, atol=0.1)


def test_a_jump_that_all_pairs_show_is_no_wrong_match():
    starts = [0, 6, 12, 18, 0, 6, 12]
    ends = [6, 12, 18, 24, 12, 18, 24]
    truth = np.array([0.5, 0.5, 30.5, 30.5])
    east = [*truth, *(truth[i : i + 2].mean() for i in range(3))]
    result = velocity_series(pairs(starts, ends, east, [0.05] * 7))
    np.testing.assert_allclose(result.speed_m_day[:, 0], truth, rtol=0.05)


def test_what_no_pair_shows_stays_unknown():
    result = velocity_series(pairs([0, 12], [12, 24], [1.0, np.nan], [0.1, 0.1]))
    assert np.isnan(result.speed_m_day[1, 0])


@pytest.mark.parametrize(
    ("given", "fault"),
    [(pairs([12], [0], [1.0], [0.1]), "ends before"), (pairs([0, 12], [12, 24], [1.0], [0.1]), "do not fit")],
)
def test_pairs_that_make_no_sense_are_refused(given, fault):
    with pytest.raises(ValueError, match=fault):
        velocity_series(given)

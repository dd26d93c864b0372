"""Living series: forecast, screening, closed loops, the sequential inversion, and bends."""

from dataclasses import replace
from datetime import date, timedelta
from unittest.mock import Mock

import numpy as np
import pytest

from ground_motion.methods.deformation.living import kept, screening
from ground_motion.methods.deformation.living.changes import MIN_SCORE, bends, cluster_deviations, clusters_of
from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.inversion import ACTIVE_DATES, Interferogram, begin, extend, undo_cycles
from ground_motion.methods.deformation.living.screening import Ground, levelled, screen

HALF_WAVE_MM = 27.75
FIRST = date(2020, 1, 1)
DATES = [FIRST + timedelta(days=12 * number) for number in range(160)]
KNOWN = 120  # dates of the release


def made_ground(points: int) -> Ground:
    rng = np.random.default_rng(1)
    return Ground(
        rng.uniform(0, 9_000, points), rng.uniform(0, 9_000, points), rng.uniform(0, 300, points).astype("f4")
    )


@pytest.fixture
def ground() -> Ground:
    return made_ground(4_000)


def years(dates=DATES) -> np.ndarray:
    return np.array([(day - FIRST).days for day in dates]) / 365.25


def series(ground: Ground, noise_mm: float = 1.0) -> np.ndarray:
    """Return steady series with a season, (points, dates), mm."""
    rng = np.random.default_rng(2)
    rate = rng.normal(0, 3, ground.x_m.size)
    wave = rng.normal(0, 2, ground.x_m.size)
    curve = rate[:, None] * years() + wave[:, None] * np.sin(2 * np.pi * years())
    return (curve + noise_mm * rng.standard_normal(curve.shape)).astype(np.float32)


def delays(ground: Ground, seed: int) -> np.ndarray:
    """Return the delay of every date, (points, dates), mm: a plane, relief and a wave of 16 km."""
    rng = np.random.default_rng(seed)
    plane = np.outer(ground.x_m / 1e4, rng.normal(0, 8, len(DATES)))
    relief = np.outer(ground.height_m / 1e3, rng.normal(0, 20, len(DATES)))
    return plane + relief + np.outer(np.sin(ground.y_m / 2_500), rng.normal(0, 5, len(DATES)))


def pairs(values: np.ndarray, number: int, sigma_mm: float = 0.5, reach: int = 3) -> list[Interferogram]:
    rng = np.random.default_rng(number)
    sigma = np.full(len(values), sigma_mm, dtype=np.float32)
    return [
        Interferogram(
            DATES[earlier],
            (values[:, number] - values[:, earlier] + sigma * rng.standard_normal(len(values))).astype(np.float32),
            sigma,
        )
        for earlier in range(number - reach, number)
    ]


def prolonged(ground: Ground, truth: np.ndarray, seen: np.ndarray):
    """Prolong the release by all later dates; return what became of each."""
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    found = []
    for number in range(KNOWN, len(DATES)):
        state, new = extend(state, DATES[number], pairs(seen, number))
        found.append(new)
    return found


def test_a_steady_series_is_forecast_and_the_doubt_grows(ground):
    truth = series(ground, noise_mm=0.0)
    curve = forecast(DATES[:KNOWN], truth[:, :KNOWN])
    assert np.abs(curve.on(DATES[-1]) - truth[:, -1]).max() < 0.01
    noisy = forecast(DATES[:KNOWN], series(ground)[:, :KNOWN])
    assert np.median(noisy.noise_mm) == pytest.approx(1.0, abs=0.05)
    assert np.all(noisy.sigma_mm(DATES[-1]) > noisy.sigma_mm(DATES[KNOWN]))


def test_series_with_gaps_are_forecast_each_by_its_own_dates(ground):
    truth = series(ground, noise_mm=0.0)
    gaps = truth.copy()
    gaps[::2, 10:50] = np.nan
    gaps[3, :] = np.nan
    curve = forecast(DATES[:KNOWN], gaps[:, :KNOWN])
    known = np.arange(len(truth)) != 3
    assert np.abs(curve.on(DATES[-1]) - truth[:, -1])[known].max() < 0.01
    assert np.isnan(curve.on(DATES[-1])[3])


def test_delay_is_screened_and_a_bowl_stays(ground):
    delay = delays(ground, 3)[:, 0]
    away = np.hypot(ground.x_m - 4_500, ground.y_m - 4_500)
    bowl = -20 * np.exp(-((away / 300) ** 2))
    left = levelled(ground, (delay + bowl).astype(np.float32), np.zeros(away.size, dtype=int), 1000)
    left -= screen(ground, left).shared_mm
    assert np.abs(left)[away > 1_500].mean() < 0.4 * np.abs(delay - delay.mean()).mean()
    assert np.median(left[away < 100]) < -16


@pytest.mark.parametrize("lost_m", [900, 4_500, 7_000])
def test_zero_and_slope_of_a_pair_are_found_however_much_ground_lost_a_cycle(ground, lost_m):
    lost = ground.x_m < lost_m
    moved = np.where(lost, HALF_WAVE_MM, 0.0) + 5 + ground.x_m / 3_000
    left = levelled(ground, moved.astype(np.float32), np.zeros(lost.size, dtype=int), HALF_WAVE_MM)
    assert np.abs(left / HALF_WAVE_MM - np.rint(left / HALF_WAVE_MM)).max() < 0.02
    assert np.median(left[lost] - left[~lost][0]) == pytest.approx(HALF_WAVE_MM, abs=0.5)


@pytest.mark.parametrize(("slope_mm_km", "step_mm"), [(0, 14), (0.5, 22)])
def test_ground_that_lies_apart_keeps_its_cycle(ground, slope_mm_km, step_mm):
    """A plane that follows the nearer ground alone leads a whole cycle past the ground beyond the gap."""
    apart = ground.x_m > 6_000
    there = ground._replace(x_m=ground.x_m + 9_000 * apart, height_m=np.full(apart.size, np.nan))
    waves = 1.5 * np.sin(ground.x_m / 300) + np.random.default_rng(1).normal(0, 1, apart.size)
    delay = np.where(apart, step_mm, slope_mm_km * ground.x_m / 1_000) + waves
    left = levelled(there, delay.astype(np.float32), np.zeros(apart.size, dtype=int), HALF_WAVE_MM)
    assert abs(np.median(left[apart]) - np.median(left[~apart])) < 2


@pytest.mark.parametrize(("north_m", "fits"), [(6_000, 3), (10_000, 1)])
def test_points_that_were_anchored_anew_have_their_own_zero(ground, monkeypatch, north_m, fits):
    fit = Mock(wraps=screening._robust_coefficients)
    monkeypatch.setattr(screening, "_robust_coefficients", fit)
    later = ground.y_m > north_m
    left = levelled(ground, np.where(later, 9.0, 2.0).astype(np.float32), later.astype(int), HALF_WAVE_MM)
    assert np.abs(left).max() < 0.1
    assert fit.call_count == fits


def test_cycles_that_a_date_shows_alone_are_undone_and_those_of_two_dates_are_motion():
    nan, cycle = np.nan, HALF_WAVE_MM
    seen = np.array(
        [
            [1, 1 + cycle, 2],  # The second pair lost a cycle,
            [1 - cycle, 1 - cycle, 1 - cycle],  # and here all pairs did.
            [1 + cycle, 1 + cycle, 1 + cycle],  # The date before showed it, too: motion.
            [nan, 20, nan],  # This is no whole cycle.
            [nan, nan, nan],
            [200 * cycle, 200 * cycle, 200 * cycle],
        ],
        dtype=np.float32,
    )
    cycles, undone = undo_cycles(seen, np.zeros(6, dtype="f4"), np.array([0, 0, 1, 0, 1, 200], dtype=np.int16), cycle)
    assert cycles.tolist() == [0, -1, 1, 1, 1, 200]
    assert undone == 5
    expected = [[1, 1, 2], [1, 1, 1], [1 + cycle] * 3, [nan] * 3, [nan] * 3, [200 * cycle] * 3]
    np.testing.assert_allclose(seen, expected, rtol=1e-6, atol=1e-4)


def test_new_passes_prolong_a_release_through_delay_and_lost_cycles(ground):
    truth = series(ground)
    seen = truth + delays(ground, 4)
    away = np.hypot(ground.x_m - 2_000, ground.y_m - 2_000)
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    for number in range(KNOWN, len(DATES)):
        given = pairs(seen, number)
        given[number % 3].change_mm[away < 400] += HALF_WAVE_MM
        state, new = extend(state, DATES[number], given)
    error = new.displacement_mm - truth[:, -1]
    assert new.undone > 20
    assert np.sqrt(np.mean(error**2)) < 2.0
    assert np.abs(np.median(error[away < 400])) < 2.0


def test_doubt_grows_with_the_passes_and_holds(ground):
    truth = series(ground)
    found = prolonged(ground, truth, truth + delays(ground, 5))
    assert np.median(found[-1].sigma_mm) > np.median(found[0].sigma_mm)
    errors = np.array([new.displacement_mm - truth[:, KNOWN + at] for at, new in enumerate(found)])
    within = np.mean(np.abs(errors) <= np.array([new.sigma_mm for new in found]))
    assert 0.6 < within < 0.9


def test_motion_toward_the_satellite_is_positive_and_followed(ground):
    truth = series(ground)
    inside = np.hypot(ground.x_m - 5_000, ground.y_m - 5_000) < 300
    truth[inside, KNOWN:] += 40 * (years()[KNOWN:] - years()[KNOWN - 1])
    found = prolonged(ground, truth, truth + delays(ground, 6))
    assert np.median(found[-1].displacement_mm[inside] - truth[inside, -1]) == pytest.approx(0, abs=4)
    assert np.median(found[-1].deviation_mm[inside]) > 35


def test_a_date_without_a_measurement_is_unknown_and_the_next_is_not(ground):
    truth = series(ground)
    truth[:10, KNOWN:] += 8
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    given = pairs(truth, KNOWN)
    for pair in given:
        pair.change_mm[:10] = np.nan
    state, new = extend(state, DATES[KNOWN], given)
    assert np.isnan(new.displacement_mm[:10]).all()
    assert np.isfinite(new.displacement_mm[10:]).all()
    _, after = extend(state, DATES[KNOWN + 1], pairs(truth, KNOWN + 1))
    assert np.abs(after.displacement_mm[:10] - truth[:10, KNOWN + 1]).max() < 5


def test_a_burst_that_is_missing_for_long_makes_no_false_motion(ground):
    """Half of the ground loses its chain of pairs, and goes on from where it was."""
    truth = series(ground)
    seen, south = truth + delays(ground, 8), ground.y_m < 4_500
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    for number in range(KNOWN, len(DATES)):
        given = pairs(seen, number, reach=ACTIVE_DATES)
        for pair in given:
            if {DATES.index(pair.earlier), number} & set(range(KNOWN + 4, KNOWN + 10)):
                pair.change_mm[south] = np.nan
        state, new = extend(state, DATES[number], given)
        assert np.isfinite(new.displacement_mm[south]).any() == (number not in range(KNOWN + 4, KNOWN + 12))
    error = new.displacement_mm - truth[:, -1]
    assert np.sqrt(np.mean(error**2)) < 2.5
    assert np.abs(np.median(error[south])) < 1.5


def test_what_is_kept_does_not_grow_with_the_passes(ground):
    truth = series(ground)
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    shapes = set()
    for number in range(KNOWN, KNOWN + 8):
        state, _ = extend(state, DATES[number], pairs(truth, number))
        shapes.add((state.position_mm.shape, state.covariance.shape, len(state.days)))
    assert shapes == {((4_000, ACTIVE_DATES), (4_000, ACTIVE_DATES, ACTIVE_DATES), ACTIVE_DATES)}


@pytest.mark.parametrize("number", [KNOWN - 1, KNOWN + 20])
def test_a_pass_that_no_pair_ties_to_the_series_is_refused(ground, number):
    truth = series(ground)
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    with pytest.raises(ValueError, match=f"no interferogram leads from .* to {DATES[number]}"):
        extend(state, DATES[number], pairs(truth, number))


def test_ground_that_begins_to_move_is_reported_and_a_cycle_lost_on_one_date_is_not():
    ground = made_ground(25_000)
    truth = series(ground)
    x, y = ground.x_m - 5_000, ground.y_m - 5_000
    inside = np.hypot(x, y) < 500
    truth[inside, KNOWN + 5 :] -= 60 * (years()[KNOWN + 5 :] - years()[KNOWN + 5])
    found = prolonged(ground, truth, truth + delays(ground, 7))
    clusters = clusters_of(ground)
    seen = np.column_stack([cluster_deviations(clusters, new.deviation_mm) for new in found])
    lost = 40
    seen[lost, 12] += HALF_WAVE_MM
    after = [bends(DATES[KNOWN - 1], DATES[KNOWN:end], seen[:, : end - KNOWN]) for end in range(KNOWN + 4, 151)]
    east, north = clusters.cells.centre(clusters.tested)
    moving = np.hypot(east - 5_000, north - 5_000) < 350
    still = np.hypot(east - 5_000, north - 5_000) > 800
    reported = [np.abs(found.score) >= MIN_SCORE for found in after]
    assert still[lost]
    assert not np.any(reported, axis=0)[still].any()
    assert reported[-1][moving].mean() > 0.8
    assert np.median(after[-1].change_mm_yr[moving]) == pytest.approx(-60, rel=0.3)
    assert np.median(np.abs(after[-1].since[moving] - 5)) <= 2


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("stays_years", "unknown", "reported"),
    [
        (2.0, np.s_[:0], [0]),
        (0.5, np.s_[:0], [0]),
        (0.3, np.s_[:0], []),  # Every broken line leads back.
        (0.5, np.s_[:, 20], [0]),
        (0.5, np.s_[0, 1::2], [0]),
    ],
)
def test_a_jump_that_relaxes_is_reported_in_its_own_direction_or_not_at_all(stays_years, unknown, reported, sign):
    since = np.maximum(years(DATES[:31]) - years(DATES[6:7]), 0)
    values = np.random.default_rng(9).normal(0, 1, (60, 31))
    values[0] += 16 * np.exp(-since / stays_years) * (since > 0)
    values[unknown] = np.nan
    found = bends(FIRST - timedelta(days=12), DATES[:31], sign * values)
    assert np.isfinite(found.score).all()
    assert np.flatnonzero(sign * found.score >= MIN_SCORE).tolist() == reported
    assert np.all(sign * found.change_mm_yr[reported] > 0)


def test_a_release_date_without_values_leaves_the_drift_and_an_old_state_counts_beyond_eight_bits(ground, tmp_path):
    truth = series(ground)
    truth[:, 100:104] = np.nan
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    assert np.isfinite(state.drift).all()
    old = replace(state, anchor=np.full(len(truth), 127, dtype=np.int8))
    kept.save(tmp_path / "state.npz", kept.Kept(old, (), np.zeros((1, 0)), np.arange(len(truth), dtype=np.int32)))
    given = pairs(truth, KNOWN)
    for pair in given:
        pair.change_mm[:50] = np.nan
    loaded, _ = extend(kept.load(tmp_path / "state.npz").state, DATES[KNOWN], given)
    state, _ = extend(loaded, DATES[KNOWN + 1], pairs(truth, KNOWN + 1, reach=1))
    assert np.isfinite(state.drift_mm).all()
    assert set(state.anchor) == {127, 128}

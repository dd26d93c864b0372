"""Living series: forecast, screening, closed loops, the sequential inversion, and bends."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.methods.deformation.living.changes import MIN_SCORE, bends, cluster_deviations, clusters_of
from ground_motion.methods.deformation.living.forecast import forecast
from ground_motion.methods.deformation.living.inversion import ACTIVE_DATES, Interferogram, begin, extend, undo_cycles
from ground_motion.methods.deformation.living.screening import Ground, aligned, screen

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
    found = screen(ground, (delay + bowl).astype(np.float32))
    assert np.abs(found.shared_mm - delay)[away > 1_500].mean() < 0.4 * np.abs(delay - delay.mean()).mean()
    assert np.median((delay + bowl - found.shared_mm)[away < 100]) < -16


def test_two_fields_are_made_alike_but_for_what_differs_locally(ground):
    moved = np.where(ground.x_m < 900, 10.0, 0.0) + 5 + ground.x_m / 3_000
    alike = aligned(ground, moved.astype(np.float32), np.zeros_like(ground.height_m))
    assert np.abs(alike[ground.x_m > 900]).max() < 0.5
    assert np.median(alike[ground.x_m < 900]) == pytest.approx(10, abs=0.5)


def test_a_closed_loop_shows_which_pair_lost_a_cycle():
    nan = np.nan
    seen = np.array(
        [
            [1, 1 + HALF_WAVE_MM, 2],  # the second is wrong
            [1 - 2 * HALF_WAVE_MM, 1, nan],  # one of two: nobody knows which
            [50, 51, 52],  # all pairs show it: motion
            [nan, nan, 3],
            [nan, nan, nan],
        ],
        dtype=np.float32,
    )
    assert undo_cycles(seen, HALF_WAVE_MM) == 2
    np.testing.assert_allclose(seen[0], [1, 1, 2], atol=1e-4)
    assert np.isnan(seen[1]).all()
    np.testing.assert_allclose(seen[2], [50, 51, 52])
    assert seen[3, 2] == 3
    assert np.isnan(seen[4]).all()


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
    state = begin(ground, DATES[:KNOWN], [truth[:, :KNOWN]], HALF_WAVE_MM)
    given = pairs(truth, KNOWN)
    for pair in given:
        pair.change_mm[:10] = np.nan
    state, new = extend(state, DATES[KNOWN], given)
    assert np.isnan(new.displacement_mm[:10]).all()
    assert np.isfinite(new.displacement_mm[10:]).all()
    _, after = extend(state, DATES[KNOWN + 1], pairs(truth, KNOWN + 1))
    assert np.abs(after.displacement_mm[:10] - truth[:10, KNOWN + 1]).max() < 5


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

"""Series of points: trend, season and noise; whole cycles are undone, ground that jumps is not."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.methods.deformation.series.evidence import SeriesEvidence, series_evidence
from ground_motion.methods.deformation.series.neighbours import agree
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.methods.deformation.series.summary import join_summaries, summarise

DAYS = np.arange(0, 5 * 365, 12)
YEARS = DAYS / 365.25
MIDDLE = YEARS - YEARS.mean()


def series(n: int, *, rate_mm_yr: float = 0.0, noise_mm: float = 3.0, seed: int = 1, years=YEARS) -> np.ndarray:
    """White noise on a line, (n, dates)."""
    noise = np.random.default_rng(seed).normal(0, noise_mm, (n, years.size))
    return (noise + rate_mm_yr * years).astype(np.float32)


def after(year: float, years=YEARS) -> np.ndarray:
    return (years >= year).astype(np.float32)


def undone(summary) -> np.ndarray:
    return np.unique(summary.steps.point[summary.steps.cycles != 0])


def test_the_rate_of_a_series_without_noise_is_free_of_season_and_acceleration():
    values = -7 * YEARS + 4 * np.sin(2 * np.pi * (YEARS - 0.3)) + 3 * MIDDLE**2 / 2
    one = summarise(np.float32(values)[None], DAYS)
    assert one.rate_mm_yr[0] == pytest.approx(-7, abs=0.05)
    assert one.noise_mm_yr[0] < 0.1
    assert not one.steps.point.size


def test_a_wild_value_does_not_change_the_rate():
    values = series(200)
    values[:, -4] += 150
    assert np.median(np.abs(summarise(values, DAYS).rate_mm_yr)) < 0.25


def test_noise_of_the_rate_is_what_the_rates_scatter_by_and_half_of_what_the_halves_differ_by():
    values = series(3_000)
    summary = summarise(values, DAYS)
    scatter = summary.rate_mm_yr.std()
    assert np.median(summary.noise_mm_yr) == pytest.approx(scatter, rel=0.1)
    assert summary.odd_even_mm_yr.std() == pytest.approx(2 * scatter, rel=0.1)


def test_related_noise_is_less_sure():
    related = series(500)
    for at in range(1, YEARS.size):
        related[:, at] = 0.7 * related[:, at - 1] + np.sqrt(1 - 0.49) * related[:, at]
    white, red = (summarise(values, DAYS) for values in (series(500), related))
    assert np.median(red.noise_mm_yr) > 1.7 * np.median(white.noise_mm_yr)
    assert red.rate_mm_yr.std() > 1.7 * white.rate_mm_yr.std()


@pytest.mark.parametrize("cycles", [-2, -1, 1, 2])
def test_a_step_of_whole_cycles_is_undone_and_the_true_rate_is_back(cycles):
    clean = series(300, rate_mm_yr=-5)
    stepped = clean + cycles * np.float32(HALF_WAVE_MM) * after(2.2)
    summary, truth = summarise(stepped, DAYS), summarise(clean, DAYS)
    assert undone(summary).size >= 297
    rows = undone(summary)
    np.testing.assert_allclose(summary.rate_mm_yr[rows], truth.rate_mm_yr[rows], atol=0.02)
    assert set(summary.steps.cycles[summary.steps.cycles != 0]) == {cycles}
    assert np.median(np.abs(DAYS[summary.steps.date] / 365.25 - 2.2)) < 0.05
    as_released = [np.polyfit(YEARS, one, 1)[0] for one in stepped[rows[:50]] - clean[rows[:50]]]
    np.testing.assert_allclose(summary.step_mm_yr[rows[:50]], as_released, rtol=0.05)


def test_two_errors_of_one_series_are_undone_together():
    there_and_back = np.float32(HALF_WAVE_MM) * (after(1.5) - after(3.4))
    summary = summarise(series(300) + there_and_back, DAYS)
    assert undone(summary).size >= 270
    np.testing.assert_allclose(summary.rate_mm_yr[undone(summary)], 0, atol=1.2)


@pytest.mark.parametrize("cycles", [0.5, 0.7, 1.4, 1.5])
def test_a_jump_of_another_size_is_left_alone(cycles):
    summary = summarise(series(500) + cycles * np.float32(HALF_WAVE_MM) * after(2.2), DAYS)
    assert undone(summary).size <= 1
    assert np.unique(summary.steps.point).size >= 400  # it was seen
    assert not summary.step_mm_yr[summary.steps.point].any()


MOTIONS = {
    "it speeds up": 12 * MIDDLE**2,
    "it begins": 40 * np.clip(YEARS - 2.5, 0, None),
    "it comes to rest": 80 * (1 - np.exp(-1.2 * YEARS)),
    "a slide of four months": HALF_WAVE_MM / (1 + np.exp(-(YEARS - 2.2) * 12)),
    "every spring": 15 * np.floor(YEARS + 0.7),
}


@pytest.mark.parametrize("motion", MOTIONS.values(), ids=MOTIONS)
def test_gradual_and_yearly_motion_is_left_alone(motion):
    summary = summarise(series(500) - motion.astype(np.float32), DAYS)
    assert undone(summary).size <= 1


def test_another_wavelength_has_other_cycles():
    l_band = 117.95
    values = series(200) + np.float32(l_band) * after(2.2)
    assert undone(summarise(values, DAYS, l_band)).size >= 195
    assert not undone(summarise(series(200) + np.float32(HALF_WAVE_MM) * after(2.2), DAYS, l_band)).size


def snowy(first_month: float = 5.5, last_month: float = 10.5) -> np.ndarray:
    """Days of eight summers."""
    days = np.arange(0, 8 * 365, 6)
    month = days % 365.25 / 365.25 * 12
    return days[(month > first_month) & (month < last_month)]


def test_a_winter_joined_by_a_wrong_cycle_is_joined_again():
    days = snowy()
    years = days / 365.25
    clean = series(300, rate_mm_yr=-3, noise_mm=2.5, years=years)
    wrong = clean + np.float32(HALF_WAVE_MM) * after(4.2, years)
    summary = summarise(wrong, days)
    assert undone(summary).size >= 200
    np.testing.assert_allclose(summary.rate_mm_yr[undone(summary)], -3, atol=1.5)
    np.testing.assert_array_equal(days[summary.steps.date] // 365, 4)  # the first image of the season after it


def test_errors_of_whole_images_hide_no_wrong_cycle():
    days = snowy()
    years = days / 365.25
    wrong = series(1_000, noise_mm=2.5, years=years)
    wrong[:100] += np.float32(HALF_WAVE_MM) * after(4.2, years)
    of_images = np.random.default_rng(7).normal(0, 8, days.size).astype(np.float32)
    found = undone(summarise(wrong + of_images, days))
    assert np.count_nonzero(found < 100) >= 70
    assert np.count_nonzero(found >= 100) <= 9


def test_ground_that_moves_every_winter_stays():
    days = snowy()
    years = days / 365.25
    winters = np.float32(HALF_WAVE_MM) * np.floor(years)
    assert undone(summarise(series(300, noise_mm=2.5, years=years) - winters, days)).size <= 1


def test_missing_dates_change_nothing_but_the_certainty():
    """A block whose points miss the same dates is computed in another way than one whose points miss their own."""
    values = series(64, rate_mm_yr=4) + np.float32(HALF_WAVE_MM) * after(3.1)
    values[:, 40:44] = np.nan
    alike = summarise(values, DAYS)
    own = values.copy()
    own[0, 50] = np.nan
    apart = summarise(own, DAYS)
    for name in ("rate_mm_yr", "step_mm_yr", "odd_even_mm_yr", "noise_mm_yr"):
        np.testing.assert_allclose(getattr(alike, name)[1:], getattr(apart, name)[1:], rtol=2e-3, atol=2e-3)
    without = summarise(np.delete(values, range(40, 44), axis=1), np.delete(DAYS, range(40, 44)))
    np.testing.assert_allclose(alike.rate_mm_yr, without.rate_mm_yr, atol=0.05)


def test_series_with_few_dates_have_no_summary():
    values = series(5)
    values[2, 8:] = np.nan
    values[3] = np.nan
    summary = summarise(values, DAYS)
    np.testing.assert_array_equal(np.isnan(summary.rate_mm_yr), [False, False, True, True, False])
    assert not summary.step_mm_yr.any()
    assert summarise(values[:0], DAYS).rate_mm_yr.shape == (0,)
    with pytest.raises(ValueError, match="7 columns of displacement for"):
        summarise(values[:, :7], DAYS)


def test_a_series_of_a_few_weeks_among_years_is_merely_unsure():
    values = series(3)
    values[1, 15:] = np.nan
    summary = summarise(values, DAYS)
    assert summary.noise_mm_yr[1] > 5 * summary.noise_mm_yr[0]


def test_pieces_of_a_product_are_the_product():
    """The errors of its images are a median of each piece's points: the sizes of steps differ by little."""
    values = series(2_500, noise_mm=2.0) + np.float32(HALF_WAVE_MM) * after(2.2) * (np.arange(2_500) % 7 == 0)[:, None]
    whole, parts = (
        summarise(values, DAYS),
        join_summaries([summarise(values[:999], DAYS), summarise(values[999:], DAYS)]),
    )
    np.testing.assert_allclose(whole.steps.size_mm, parts.steps.size_mm, atol=0.3)
    alike = [[*one[1:], *one.steps._replace(size_mm=whole.steps.size_mm)] for one in (whole, parts)]
    for one, other in zip(*alike, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def places():
    """1,500 points on 4 km², and how far each is from the middle, m."""
    x, y = np.random.default_rng(3).uniform(0, 2_000, (2, 1_500))
    return x, y, np.hypot(x - 1_000, y - 1_000)


def test_a_region_unwrapped_wrongly_is_mended(places):
    x, y, off = places
    jump = np.where(off < 500, np.float32(HALF_WAVE_MM), 0)
    values = series(1_500) + jump[:, None] * after(2.2)
    summary = agree(summarise(values, DAYS), x, y)
    assert (np.abs(summary.rate_mm_yr - summarise(series(1_500), DAYS).rate_mm_yr) < 0.1).mean() > 0.98


def test_neighbours_confirm_what_is_in_doubt_in_noise(places):
    x, y, off = places
    noise, inside = series(1_500, noise_mm=6.0), off < 500
    values = noise + np.float32(HALF_WAVE_MM) * inside[:, None] * after(2.2)
    alone = summarise(values, DAYS)
    together = agree(alone, x, y)
    assert np.isin(np.flatnonzero(inside), undone(alone)).mean() < 0.93
    assert np.isin(np.flatnonzero(inside), undone(together)).mean() > 0.95
    assert not np.isin(np.flatnonzero(off > 900), undone(together)).any()
    truth = summarise(noise, DAYS).rate_mm_yr[inside]
    assert (np.abs(together.rate_mm_yr[inside] - truth) < 0.5).mean() > 0.9


SUDDEN = {
    "a slope slides in a wet week": lambda x, off: np.where(off < 500, -60 * (1 - (off / 500) ** 2), 0),
    "an earthquake": lambda x, off: 15 + x / 40,
    "a block slides by less than a cycle": lambda x, off: np.where(off < 500, 0.89 * HALF_WAVE_MM, 0),
}


@pytest.mark.parametrize("jump", SUDDEN.values(), ids=SUDDEN)
def test_ground_that_jumps_stays_though_some_of_it_jumps_by_a_cycle(places, jump):
    x, y, off = places
    values = series(1_500) + jump(x, off).astype(np.float32)[:, None] * after(2.2)
    alone = summarise(values, DAYS)
    assert undone(alone).size >= 20  # a point by itself cannot know
    together = agree(alone, x, y)
    assert undone(together).size <= 5
    np.testing.assert_allclose(
        together.rate_mm_yr + together.step_mm_yr, alone.rate_mm_yr + alone.step_mm_yr, atol=1e-3
    )


def test_evidence_names_the_jump_that_made_the_motion_of_an_area():
    dates = [date(2020, 1, 1) + timedelta(days=int(day)) for day in DAYS]
    first = next(day for day in dates if (day - dates[0]).days / 365.25 >= 2.2)
    values = series(100) - 14 * after(2.2)
    values[:20] = series(20, rate_mm_yr=-5, seed=2)
    slid = series_evidence(values.astype(np.float32), dates, HALF_WAVE_MM)
    assert abs((slid.jump_date - first).days) <= 12
    assert slid.jump_share == pytest.approx(0.8, abs=0.05)
    assert slid.jump_mm == pytest.approx(-14, abs=0.5)
    assert slid.jump_cycles == 0
    assert slid.odd_even_mm_yr < 0.1
    error = series_evidence(series(100) - np.float32(HALF_WAVE_MM) * after(2.2), dates, HALF_WAVE_MM)
    assert error.jump_cycles == -1
    assert error.as_dict()["jump_date"] == error.jump_date.isoformat()
    steady = series_evidence(series(100, rate_mm_yr=-5), dates, HALF_WAVE_MM)
    assert steady.jump_share == 0
    assert steady.jump_date is None
    assert series_evidence(series(2)[:, :5], dates[:5], HALF_WAVE_MM) == SeriesEvidence()

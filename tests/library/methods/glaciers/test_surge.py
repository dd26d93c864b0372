"""Surges in velocity series: what stands far out of season and trend for long and over an area, and nothing else."""

import numpy as np
import pytest

from ground_motion.methods.glaciers.surges import season_and_trend, surges

DAYS = np.arange(0, 5 * 365.25, 12) + 6


def glacier(rise: float = 0.0, begin: float = 900, end: float = 1300, cells: int = 10, summer: float = 0.0) -> tuple:
    rng = np.random.default_rng(4)
    speed = 0.5 + summer * np.exp(-0.5 * (((DAYS % 365.25) - 170) / 25) ** 2)
    speed = speed + rise * ((begin <= DAYS) & (end >= DAYS))
    sigma = np.full((DAYS.size, cells), 0.06)
    return DAYS, speed[:, None] + sigma * rng.normal(size=sigma.shape), sigma


def test_a_surge_is_found_with_its_onset_and_its_end():
    (result,) = surges(*glacier(rise=2.0), cell_km2=0.05)
    assert result.onset.day == pytest.approx(900, abs=12)
    assert result.end.day == pytest.approx(1300, abs=12)
    assert all(1 < moment.sigma_days < 12 for moment in (result.onset, result.end))
    assert result.peak_m_day == pytest.approx(2.5, abs=0.15)
    assert result.usual_m_day == pytest.approx(0.5, abs=0.05)
    assert 900 <= result.peak.day <= 1300
    assert result.cells.all()


@pytest.mark.parametrize("wrong", [np.s_[85:87, :3], np.s_[85]], ids=["a third of a glacier", "one whole pair"])
def test_wrong_matches_move_neither_onset_nor_peak(wrong):
    day, speed, sigma = glacier(rise=0.8)
    speed[wrong] = 40.0
    (result,) = surges(day, speed, sigma, cell_km2=0.05)
    assert result.onset.day == pytest.approx(900, abs=12)
    assert result.peak_m_day == pytest.approx(1.3, abs=0.15)


def test_a_surge_that_goes_on_has_no_end():
    series = glacier(rise=2.0, begin=1500, end=9999)
    (result,) = surges(*series, cell_km2=0.05)
    assert result.end is None
    assert result.onset.day == pytest.approx(1500, abs=12)


def test_a_doubling_is_reported_after_three_pairs_and_not_before():
    day, speed, sigma = glacier(rise=0.6, begin=900, end=9999)
    first = int(np.argmax(day >= 900))
    detected = [bool(surges(day[:n], speed[:n], sigma[:n], cell_km2=0.05)) for n in range(first, first + 5)]
    assert detected == [False, False, False, True, True]


@pytest.mark.parametrize(
    "series",
    [glacier(), glacier(rise=0.15), glacier(rise=2.0, begin=900, end=920), glacier(summer=0.6)],
    ids=["steady", "too little", "two pairs only", "every summer"],
)
def test_what_is_no_surge_is_not_reported(series):
    assert surges(*series, cell_km2=0.05) == ()


@pytest.mark.parametrize(("pairs", "found"), [(3, 0), (5, 1)])
def test_three_pairs_of_six_days_are_too_short_for_a_surge(pairs, found):
    day, speed, sigma = glacier()
    speed[70 : 70 + pairs] += 2.0
    assert len(surges(day / 2, speed, sigma, cell_km2=0.05)) == found


def test_a_surge_of_too_small_an_area_is_not_reported():
    day, speed, sigma = glacier()
    speed[70:110, :4] += 2.0
    assert surges(day, speed, sigma, cell_km2=0.05) == ()
    assert len(surges(day, speed, sigma, cell_km2=0.07)) == 1


def test_gaps_do_not_end_a_surge():
    day, speed, sigma = glacier(rise=2.0)
    speed[80:83] = np.nan
    assert len(surges(day, speed, sigma, cell_km2=0.05)) == 1


def test_where_nothing_is_known_nothing_is_reported():
    day, speed, sigma = glacier(rise=2.0)
    assert surges(day, np.full_like(speed, np.nan), sigma, cell_km2=0.05) == ()
    assert surges(day[:3], speed[:3], sigma[:3], cell_km2=0.05) == ()


def test_series_that_do_not_fit_are_refused():
    day, speed, sigma = glacier()
    with pytest.raises(ValueError, match="do not fit"):
        surges(day[:-1], speed, sigma, cell_km2=0.05)


def test_season_and_trend_are_found_beside_a_surge():
    day, speed, sigma = glacier(rise=2.0, summer=0.3)
    usual, spread = season_and_trend(day, speed, sigma)
    quiet = 0.5 + 0.3 * np.exp(-0.5 * (((DAYS % 365.25) - 170) / 25) ** 2)
    assert np.abs(usual.mean(axis=1) - quiet).max() < 0.2
    assert (spread < 0.15).all()

"""The numerics of the workbench, on data whose answer is known beforehand."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.statistics.many_series import fit_parabolas
from ground_motion.statistics.relations import BANDS, MAX_SINGLE, density, relation, robust_line
from monitor.pages.desk.differences import Cells, cells_of_points, difference, picture

DATES = [date(2019, 1, 1) + timedelta(days=12 * n) for n in range(100)]
YEARS = np.array([(day - DATES[0]).days for day in DATES]) / 365.25


def test_a_robust_line_is_not_moved_by_a_fifth_of_outliers():
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 10, 5000)
    y = 3 - 0.7 * x + rng.normal(0, 0.1, x.size)
    y[: x.size // 5] += 50
    slope, intercept = robust_line(x, y)
    assert slope == pytest.approx(-0.7, abs=0.02)
    assert intercept == pytest.approx(3, abs=0.15)
    assert np.polyfit(x, y, 1)[1] > 10  # least squares is moved
    found = relation(x, np.exp(x))  # bent
    assert found.spearman == pytest.approx(1)
    assert found.pearson < 0.9


def test_points_without_a_value_are_left_out_and_too_few_are_nothing():
    x = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    assert relation(x, 2 * x).n == 4
    assert relation(x[:3], x[:3]) is None
    found = relation(np.ones(50), np.arange(50.0))  # what does not vary goes together with nothing
    assert np.isnan([found.pearson, found.slope]).all()
    assert sum(band.n for band in found.bands) == 50


def test_every_point_is_counted_once_and_few_come_themselves():
    rng = np.random.default_rng(2)
    few, many = (relation(*rng.normal(size=(2, n))) for n in (MAX_SINGLE, MAX_SINGLE + 1))
    assert few.x.size == MAX_SINGLE
    assert many.x.size == 0
    assert sum(band.n for band in many.bands) == many.n
    assert len(many.bands) == BANDS
    counted = density(np.array([1.0, 1.0, 2.0]), np.array([5.0, 5.0, 7.0]), bins=2)
    assert counted.counts.tolist() == [[2, 0], [0, 1]]


def cells(values, sigma=0.5, first=0) -> Cells:
    place = np.arange(first, first + len(values))
    return Cells(place, np.zeros_like(place), np.array(values, dtype=float), np.full(len(values), sigma))


def test_a_common_shift_is_no_change_and_a_jump_is_one():
    before = np.zeros(100)
    after = before + 1.5
    after[:10] -= 9
    found = difference(cells(before), cells(after))
    assert found.median_mm_yr == 1.5
    assert found.spread_mm_yr == 0
    assert found.share_beyond == pytest.approx(0.1)
    assert found.usual_sigma_mm_yr == pytest.approx(0.5 * 2**0.5)


def test_noise_of_the_stated_size_leaves_five_percent_beyond_two_sigma():
    first, second = np.random.default_rng(3).normal(0, 2, (2, 40_000))
    found = difference(cells(first, 2.0), cells(second, 2.0))
    assert found.share_beyond == pytest.approx(0.0455, abs=0.004)
    assert found.spread_mm_yr == pytest.approx(2 * 2**0.5, rel=0.02)
    found = difference(cells([1, 2, 3]), cells([5, 5, 5, 5], first=2))
    assert (found.column.tolist(), found.n_only_first, found.n_only_second) == ([2], 2, 3)
    assert np.isnan(difference(cells([1], np.nan), cells([2])).share_beyond)
    assert difference(cells([1]), cells([1], first=9)) is None


def test_points_of_one_cell_are_averaged_and_the_map_puts_them_back():
    longitude, latitude = np.array([7.0001, 7.0002, 7.1]), np.array([51.5001, 51.5001, 51.45])
    made = cells_of_points(longitude, latitude, np.array([1.0, 3.0, 9.0]), np.array([0.2, 0.4, 1.0]), zoom=9)
    assert sorted(made.velocity_mm_yr) == [2.0, 9.0]
    assert made.sigma_mm_yr[made.velocity_mm_yr == 2.0] == pytest.approx(0.3)
    drawn = picture(made.column, made.row, made.velocity_mm_yr, 9)
    rows, columns = np.nonzero(drawn.change_mm_yr == 9.0)
    assert drawn.longitude[columns[0]] == pytest.approx(7.1, abs=0.006)
    assert drawn.latitude[rows[0]] == pytest.approx(51.45, abs=0.004)
    assert np.isfinite(drawn.change_mm_yr).sum() == 2


def test_acceleration_and_yearly_wave_are_found_despite_gaps():
    clean = -4 * YEARS + 0.5 * -3 * YEARS**2 + 6 * np.sin(2 * np.pi * YEARS + 0.4)
    series = np.array([clean, np.zeros_like(clean), clean]).astype(np.float32)
    series[0, ::3] = np.nan
    series[2, 7:] = np.nan
    found = fit_parabolas(DATES, series)
    assert found.acceleration_mm_yr2[:2] == pytest.approx([-3, 0], abs=0.01)
    assert found.season_mm[:2] == pytest.approx([6, 0], abs=0.05)
    assert np.isnan(found.acceleration_mm_yr2[2])

"""The numerics of the workbench, on data whose answer is known beforehand."""

import numpy as np
import pytest

from ground_motion.statistics.relations import BANDS, MAX_SINGLE, density, relation, robust_line


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

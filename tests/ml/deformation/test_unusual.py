"""Means of rates beside what is usual around them."""

import numpy as np

from ml.deformation.features.unusual import LEAST_MM_YR, unusual

SIDE = 160
ROW, COL = np.mgrid[:SIDE, :SIDE]


def ground(noise_mm_yr: float, seed: int = 0, smooth: int = 1):
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, noise_mm_yr, (SIDE // smooth, SIDE // smooth))
    return np.kron(coarse, np.ones((smooth, smooth))).astype(np.float32), np.full((SIDE, SIDE), 9)


def patch(rate_mm_yr: float, half: int = 6):
    return np.where((np.abs(ROW - 80) < half) & (np.abs(COL - 80) < half), rate_mm_yr, 0).astype(np.float32)


def test_on_quiet_ground_the_least_rate_is_the_limit():
    rate, points = ground(0.3)
    ratio = unusual(rate + patch(-2 * LEAST_MM_YR), points)
    assert abs(ratio[80, 80] - 2) < 0.2
    assert ratio[20:60, 20:60].max() < 0.5


def test_the_same_rate_is_usual_where_much_else_moves_as_fast():
    rate, points = ground(1.5, smooth=10)
    ratio = unusual(rate + patch(-2 * LEAST_MM_YR), points)
    assert ratio[80, 80] < 1.3


def test_one_cell_is_nothing_and_what_is_unknown_is_zero():
    rate, points = ground(0.1)
    rate[80, 80] = 40.0
    rate[:, :40] = np.nan
    points[:, :40] = 0
    ratio = unusual(rate, points)
    assert (ratio[:, :40] == 0).all()
    assert ratio.max() < 1
    lonely = np.full((SIDE, SIDE), np.nan, dtype=np.float32)
    lonely[80, 80] = 40.0
    assert (unusual(lonely, np.where(np.isnan(lonely), 0, 9)) == 0).all()


def test_it_does_not_depend_on_what_lies_beyond_its_reach():
    rate, points = ground(0.5)
    whole, part = unusual(rate, points), unusual(rate[:100], points[:100])
    np.testing.assert_allclose(whole[:40], part[:40], rtol=1e-4)

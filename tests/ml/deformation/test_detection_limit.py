"""The smallest rate that would be found: fewer points and more delay hide more; two tracks hide less."""

import numpy as np
import pytest
from scipy import ndimage

from ml.deformation.detection_limit import CONSTANTS, HIGHEST_MM_YR, smallest_rate

CELL_M = 100.0


def still(scatter_mm_yr: float = 0.3, share: float = 0.5, delay_mm_yr: float = 0.0, seed: int = 1):
    """Rates and numbers of points of 16 km of still ground, (160, 160). delay: its standard deviation."""
    rng = np.random.default_rng(seed)
    rate = rng.normal(0, scatter_mm_yr, (160, 160))
    wave = ndimage.gaussian_filter(rng.normal(size=rate.shape), 12, mode="wrap")
    rate = (rate + delay_mm_yr * wave / wave.std()).astype(np.float32)
    n_points = np.where(rng.random(rate.shape) < share, 3, 0)
    return np.where(n_points > 0, rate, np.float32(np.nan)), n_points


def middle(*tracks) -> float:
    limit = smallest_rate([rate for rate, _ in tracks], [n for _, n in tracks], CELL_M)
    return float(np.median(limit[60:100, 60:100]))


def test_fewer_points_and_more_delay_hide_more_and_a_second_track_hides_less():
    clear = middle(still())
    assert 0.5 * CONSTANTS.rate_mm_yr < clear < middle(still(share=0.06)) < middle(still(share=0.03))
    assert clear < middle(still(delay_mm_yr=0.4)) < middle(still(delay_mm_yr=0.8))
    assert middle(still(delay_mm_yr=0.8), still(delay_mm_yr=0.8, seed=2)) < middle(still(delay_mm_yr=0.8))


def test_a_bowl_hides_little_of_its_own_surroundings():
    rate, n_points = still()
    row, col = np.mgrid[0:160, 0:160]
    bowl = -20 * np.exp(-((row - 80) ** 2 + (col - 80) ** 2) / 8.0**2)
    assert middle((rate + bowl.astype(np.float32), n_points)) < 2 * middle((rate, n_points))


def test_where_no_point_stands_nothing_is_found_and_the_cells_are_those_given():
    rate, n_points = still()
    rate[:, 100:], n_points[:, 100:] = np.nan, 0
    limit = smallest_rate([rate[:, :157]], [n_points[:, :157]], CELL_M)
    assert limit.shape == (160, 157)
    assert np.isnan(limit[:, 125:]).all()
    assert np.nanmax(limit) <= HIGHEST_MM_YR
    assert np.isfinite(limit[:, :90]).all()


def test_rates_in_larger_units_have_larger_limits():
    rate, n_points = still()
    once, thrice = (smallest_rate([rate], [n_points], CELL_M, scale) for scale in (1.0, 3.0))
    assert np.nanmedian(thrice) == pytest.approx(3 * np.nanmedian(once))

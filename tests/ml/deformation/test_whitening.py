"""The whitening filter alone as a detector: bowls against coloured noise, on made fields."""

import numpy as np
import pytest

from ml.deformation.gridding.cells import grid_robust
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import detect_deformation
from ml.deformation.whitening import WhiteningConfig, whitening
from ml.simulation.ground.terrain import fractal_field
from tests.ml.deformation.test_deformation import areas, with_bowl

SIDE_M = 9_600.0


def field(seed: int, delay_mm_yr: float = 0.0) -> PointCloud:
    """Still ground: white noise of 1 mm/yr a point, and delay whose spectrum falls with the third power."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, 25_000))
    delay = delay_mm_yr * fractal_field(rng, 128, -3.0)
    rate = rng.normal(0, 1, x.size) + delay[(y / 100).astype(int), (x / 100).astype(int)]
    return PointCloud(x + 4_599_200, y + 1_739_200, rate.astype(np.float32), 3035)


@pytest.mark.parametrize("delay_mm_yr", [0.0, 0.5])
def test_still_ground_and_delay_raise_nothing(delay_mm_yr):
    assert areas(field(1, delay_mm_yr), "whitening") == []


def test_a_slope_of_the_rates_is_no_motion():
    points = field(2)
    tilted = points.velocity_mm_yr + (points.x - points.x.mean()).astype(np.float32) / 1_000
    assert areas(points._replace(velocity_mm_yr=tilted), "whitening") == []


@pytest.mark.parametrize("radius_m", [400.0, 800.0, 2_000.0])
@pytest.mark.parametrize(("rate_mm_yr", "kind"), [(-6.0, "subsidence"), (6.0, "uplift")])
def test_bowls_of_any_width_are_found_with_their_sign(radius_m, rate_mm_yr, kind):
    (area,) = areas(with_bowl(field(3, 0.3), rate_mm_yr, radius_m / np.sqrt(2)), "whitening")
    assert area.kind == kind
    centre = area.polygon.centroid
    assert np.hypot(centre.x - 4_604_000, centre.y - 1_744_000) < radius_m


def test_the_score_decides_and_not_the_rate_alone():
    points = with_bowl(field(4), -4.0, 800.0 / np.sqrt(2))
    grid = grid_robust(points)
    flagged = [
        (np.nan_to_num(whitening(points, grid, WhiteningConfig(score_at_half=at)).probability) > 0.5).sum()
        for at in (3.0, 1e3)
    ]
    assert flagged[0] > 10
    assert flagged[1] == 0


def test_cells_wider_than_100_m_are_taken_as_they_are():
    rng = np.random.default_rng(5)
    x, y = (values.ravel() for values in np.meshgrid(np.arange(96) * 450.0, np.arange(96) * 450.0))
    away = np.hypot(x - 21_600, y - 21_600)
    rate = rng.normal(0, 0.3, x.size) - 20 * np.exp(-((away / 4_000) ** 2))
    points = PointCloud(x + 225, y + 225, rate.astype(np.float32), 3035, posting_m=450.0)
    result = detect_deformation(points, "whitening")
    assert result.transform.a == 450
    assert result.maps.probability[48, 48] > 0.5

"""Why an area was flagged: its points against those around it."""

import numpy as np
import pytest
from shapely import Point

from ml.statistics.reasons import track_reason


def field(rate_mm_yr: float, n: int = 4_000):
    """A disc of 500 m that moves, in 4 km by 4 km of still ground with a spread of 1 mm/yr."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 4_000, (2, n))
    velocity = rng.normal(0.3, 1, n) + np.where(np.hypot(x - 2_000, y - 2_000) < 500, rate_mm_yr, 0)
    return x, y, velocity


def test_an_area_is_compared_with_its_surroundings():
    reason = track_reason("ascending", Point(2_000, 2_000).buffer(500), *field(-6.0))
    assert reason.rate_mm_yr == pytest.approx(-5.7, abs=0.3)
    assert reason.around_mm_yr == pytest.approx(0.3, abs=0.2)
    assert reason.scatter_mm_yr == pytest.approx(1.0, abs=0.15)
    assert reason.beyond > 0.95
    assert reason.n_around > 5 * reason.n_points / 2


def test_still_ground_has_no_more_beyond_the_spread_than_chance_allows():
    assert track_reason("", Point(2_000, 2_000).buffer(500), *field(0.0)).beyond < 0.1


def test_an_area_without_surroundings_has_no_other_values():
    x, y, velocity = field(-6.0)
    inside = np.hypot(x - 2_000, y - 2_000) < 500
    evidence = track_reason("", Point(2_000, 2_000).buffer(520), x[inside], y[inside], velocity[inside]).as_dict()
    assert evidence["n_around"] == 0
    assert evidence["around_mm_yr"] is evidence["scatter_mm_yr"] is evidence["beyond"] is None


def test_points_far_away_change_nothing():
    x, y, velocity = field(-6.0)
    area = Point(2_000, 2_000).buffer(500)
    far = np.append(x, x + 50_000), np.append(y, y), np.append(velocity, velocity + 99)
    assert track_reason("", area, x, y, velocity) == track_reason("", area, *far)

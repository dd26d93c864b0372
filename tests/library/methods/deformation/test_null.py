"""Thresholds that a product's own surrogates set."""

from functools import partial

import numpy as np
import pytest

from ground_motion.methods.deformation import product
from ground_motion.methods.deformation.bowls.edges import CANDIDATE
from ground_motion.methods.deformation.decision import as_strong
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas
from ground_motion.methods.deformation.null.tail import block_maxima, tail_of
from ground_motion.methods.deformation.product import PER_1000KM2, SIDE_CELLS, detect_product


@pytest.mark.parametrize(("maxima", "level"), [(400, 0.02), (60, 0.1), (16, 0.3)])
def test_so_many_maxima_of_new_noise_exceed_a_threshold_as_was_expected(maxima, level):
    """Each draw shows maxima of ten products; how many of a hundred others exceed the threshold is counted."""
    rng = np.random.default_rng(1)
    draw = partial(rng.gumbel, 0, 0.8)
    thresholds = np.array([tail_of(draw(size=maxima), 10.0).threshold(level) for _ in range(300)])
    exceeding = (draw(size=(100, 300, maxima // 10 or 1)) > thresholds[:, None]).sum(axis=-1).mean()
    assert level / 3 < exceeding < 1.3 * level


def test_a_threshold_and_what_is_expected_above_it_agree_and_rare_events_are_beyond_the_draws():
    tail = tail_of(np.random.default_rng(2).exponential(1.0, 300), 4.0)
    for level in (1.0, 0.1, 0.001):
        assert tail.expected(tail.threshold(level)) == pytest.approx(level)
    assert tail.threshold(0.001) > np.log(300) + 1
    assert tail_of(np.array([1.0]), 4.0) is None
    quiet = tail_of(np.full(300, -20.0), 4.0)  # Nothing was examined: one presumed tail from CANDIDATE on.
    assert quiet.start == CANDIDATE
    assert quiet.expected(0.0) < 0.02 < quiet.expected(CANDIDATE)


def test_blocks_without_a_known_cell_have_no_maximum():
    values = np.full((45, 30), np.nan, dtype=np.float32)
    values[3, 3], values[4, 4], values[44, 29] = 1.0, 2.0, -3.0
    assert sorted(block_maxima(values)) == [-3.0, 2.0]


def field(side_m: float, n: int, seed: int = 4) -> PointCloud:
    """Points of ground whose errors are waves of a kilometre, stronger in the west."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, side_m, (2, n))
    phases, turns = rng.uniform(0, 2 * np.pi, (2, 30))
    ways = (x[:, None] * np.cos(turns) + y[:, None] * np.sin(turns)) * 2 * np.pi / rng.uniform(1_500, 4_000, 30)
    waves = np.sin(ways + phases).sum(axis=1) * np.where(x < side_m / 2, 0.4, 0.1)
    return PointCloud(x, y, (waves + rng.normal(0, 0.5, n)).astype(np.float32), 32633)


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(product, "DRAWN_CELLS", 6_000)


def test_waves_of_a_product_are_below_its_own_threshold_and_a_bowl_that_exceeds_them_is_not(few_draws):
    points = field(6_000, 12_000)
    bowl = -20 * np.exp(-((points.x - 3_600) ** 2 + (points.y - 2_400) ** 2) / 600**2)
    moved = points._replace(velocity_mm_yr=(points.velocity_mm_yr + bowl).astype(np.float32))
    result, null = detect_product([moved], "model")
    ((area, _),) = flagged_areas(result, [moved])
    assert area.polygon.centroid.x == pytest.approx(3_600, abs=300)
    assert null.expected_false_areas == pytest.approx(PER_1000KM2 * product.MIN_KM2 / 1000)
    assert min(null.thresholds) > 0
    stated = [as_strong(null.as_dict(), score) for score in (0.5, 0.9, 0.999, 1.0)]
    assert stated[0] == pytest.approx(null.expected_false_areas, rel=0.05)
    assert stated == sorted(stated, reverse=True)
    assert len(flagged_areas(detect_tracks([moved], "model"), [moved])) >= 1
    again = detect_product([moved], "model")
    assert again[1] == null
    np.testing.assert_array_equal(again[0].maps.probability, result.maps.probability)
    sentence = null.sentence()
    assert f"{null.expected_false_areas:.2g}" in sentence


def test_other_methods_are_returned_as_they_are():
    points = field(3_000, 3_000)
    result, null = detect_product([points], "matched-filter")
    assert null is None
    np.testing.assert_array_equal(result.maps.probability, detect_tracks([points], "matched-filter").maps.probability)


def test_a_large_product_is_drawn_in_blocks_of_all_kinds_of_noise():
    points = field(6 * 100.0 * SIDE_CELLS, 60_000)
    result = detect_tracks([points], "matched-filter")
    ((drawn,),) = product._surrogates(np.random.default_rng(0), [points], result, 20 * product.DRAWN_CELLS)
    assert drawn.x.size < 0.3 * points.x.size
    east = points.velocity_mm_yr[points.x > 3 * 100 * SIDE_CELLS]
    loud = np.abs(drawn.velocity_mm_yr) > np.abs(east).max()
    assert 0.01 < loud.mean() < 0.9


@pytest.mark.parametrize(("side_m", "n"), [(1_000, 40), (50_000, 60)])  # Cells of the latter have too few points.
def test_ground_with_too_few_points_is_judged_by_the_method_alone_and_the_result_says_so(side_m, n):
    points = field(side_m, n)
    result, null = detect_product([points], "model")
    assert null.expected_false_areas is None
    assert "Too little ground" in null.sentence()
    np.testing.assert_allclose(result.maps.probability, detect_tracks([points], "model").maps.probability, rtol=1e-4)

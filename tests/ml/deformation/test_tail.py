"""Scores in decades of their own scene's maxima, and bowls that another track contradicts."""

import numpy as np
import pytest

from ml.deformation.bowls.search import best_bowls
from ml.deformation.bowls.tail import FROM_DECADES, MOST_STRETCH, on_own_tail
from ml.deformation.gridding.points import PointCloud
from tests.ml.deformation.test_coloured_noise import field
from tests.ml.deformation.test_deformation import with_bowl


def maxima(stretch: float, n: int = 200) -> np.ndarray:
    """Scores with n isolated maxima whose excesses fall `stretch` times more slowly than those of noise."""
    score = np.full((400, 400), -5.0, dtype=np.float32)
    rows, cols = np.divmod(np.random.default_rng(1).choice(400, n, replace=False), 20)
    score[10 + 20 * rows, 10 + 20 * cols] = FROM_DECADES + stretch * np.random.default_rng(2).exponential(0.434, n)
    return score


def test_maxima_as_rare_as_those_of_noise_keep_their_decades():
    score = maxima(1.0)
    np.testing.assert_allclose(on_own_tail(score), score, atol=0.5)


def test_on_a_scene_with_a_long_tail_a_high_score_is_worth_less():
    score = maxima(4.0)
    rare = on_own_tail(score)
    assert rare.max() - FROM_DECADES == pytest.approx((score.max() - FROM_DECADES) / 3.7, rel=0.15)
    assert (np.argsort(rare, axis=None, kind="stable") == np.argsort(score, axis=None, kind="stable")).all()
    assert rare.min() == score.min()


def test_few_places_that_move_do_not_lengthen_the_tail_and_many_only_to_a_limit():
    score = maxima(1.0)
    score[5, 5] = 12.0
    assert on_own_tail(score)[5, 5] == pytest.approx(12.0, abs=1.5)
    assert on_own_tail(maxima(100.0)).max() >= FROM_DECADES + (maxima(100.0).max() - FROM_DECADES) / MOST_STRETCH - 1e-3


def found_at_the_middle(*rates_mm_yr: float) -> float:
    """The score of a bowl that each track shows with a rate of its own."""
    tracks: list[PointCloud] = [with_bowl(field(seed, 0.3), rate, 500.0) for seed, rate in enumerate(rates_mm_yr, 11)]
    bowls = best_bowls(tracks)
    row, col = bowls.score.shape[0] // 2, bowls.score.shape[1] // 2
    return float(bowls.score[row - 4 : row + 4, col - 4 : col + 4].max())


def test_a_bowl_that_the_other_track_does_not_show_scores_less_than_one_that_nothing_contradicts():
    alone, contradicted = found_at_the_middle(-4.0), found_at_the_middle(-4.0, 0.0)
    assert contradicted < alone - 1
    assert found_at_the_middle(-4.0, -4.0) > alone
    assert found_at_the_middle(-4.0, 4.0) > contradicted + 1  # as of ground that moves east or west

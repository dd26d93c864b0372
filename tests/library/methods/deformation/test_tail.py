"""Scores in decades of their own scene's maxima, and bowls that another track contradicts."""

import numpy as np
import pytest
import torch

from ground_motion.methods.deformation.bowls.tail import FROM_DECADES, MAX_STRETCH, rescale_by_tail
from ground_motion.methods.deformation.bowls.views import MAX_AGAINST, MIN_POINTS, BowlFits, together


def maxima(stretch: float, n: int = 200) -> np.ndarray:
    """Scores with n isolated maxima whose excesses fall `stretch` times more slowly than those of noise."""
    score = np.full((400, 400), -5.0, dtype=np.float32)
    rows, cols = np.divmod(np.random.default_rng(1).choice(400, n, replace=False), 20)
    score[10 + 20 * rows, 10 + 20 * cols] = FROM_DECADES + stretch * np.random.default_rng(2).exponential(0.434, n)
    return score


def test_maxima_as_rare_as_those_of_noise_keep_their_decades():
    score = maxima(1.0)
    np.testing.assert_allclose(rescale_by_tail(score), score, atol=0.5)


def test_on_a_scene_with_a_long_tail_a_high_score_is_worth_less():
    score = maxima(4.0)
    rare = rescale_by_tail(score)
    assert rare.max() - FROM_DECADES == pytest.approx((score.max() - FROM_DECADES) / 3.7, rel=0.15)
    assert (np.argsort(rare, axis=None, kind="stable") == np.argsort(score, axis=None, kind="stable")).all()
    assert rare.min() == score.min()


def test_few_places_that_move_do_not_lengthen_the_tail_and_many_only_to_a_limit():
    score = maxima(1.0)
    score[5, 5] = 12.0
    assert rescale_by_tail(score)[5, 5] == pytest.approx(12.0, abs=1.5)
    assert (
        rescale_by_tail(maxima(100.0)).max() >= FROM_DECADES + (maxima(100.0).max() - FROM_DECADES) / MAX_STRETCH - 1e-3
    )


def view(amplitude_mm_yr: float, points: float = 20.0, information: float = 4.0) -> BowlFits:
    return BowlFits(*(torch.tensor([each]) for each in (amplitude_mm_yr * information, information, points)))


def against(other: BowlFits) -> float:
    """By how many decades another track contradicts a bowl of -4 mm/yr."""
    alone, _, both = together([view(-4.0), other])
    assert both.against >= alone.against
    return float(alone.against)


def test_a_bowl_that_another_track_does_not_show_is_contradicted():
    assert 0.3 < against(view(0.0)) < 1.5
    assert against(view(0.0, information=1e4)) == pytest.approx(MAX_AGAINST, abs=2.0)
    assert against(view(-0.5)) < against(view(0.0))


def test_motion_up_down_or_sideways_is_not_contradicted_nor_is_it_by_too_few_points():
    assert against(view(-4.0)) == against(view(4.0)) == against(view(-1.3)) == 0
    assert against(view(0.0, points=MIN_POINTS - 1)) == 0
    assert together([view(-4.0)])[0].against == 0


def test_tracks_that_show_the_same_bowl_show_it_together():
    *_, both = together([view(-4.0), view(-4.0)])
    assert float(both.amplitude) == pytest.approx(-4.0)
    assert float(both.error) < float(view(-4.0).error)

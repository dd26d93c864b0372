"""Probability of motion: right as often as it says, and lower where motion is rare."""

import numpy as np
import pytest

from ground_motion.methods.deformation.reliability import (
    PLACE_CELLS,
    Reliability,
    fit,
    highest_of_places,
    reliability_of,
)


def places(n: int, share: float, seed: int = 0):
    """Scores whose log-odds stand 3 apart between places that move and others, and which move."""
    rng = np.random.default_rng(seed)
    moves = rng.random(n) < share
    logit = rng.normal(0, 1.5, n) + np.where(moves, 1.5, -1.5)
    return 1 / (1 + np.exp(-logit)), moves


@pytest.mark.parametrize("base_rate", [0.5, 0.1, 0.02])
def test_what_is_stated_happens_as_often_at_any_base_rate(base_rate):
    reliability = fit(*places(20_000, 0.3, 1))
    score, moves = places(200_000, base_rate, 2)
    stated = reliability.probability(score, base_rate)
    for low, high in ((0.01, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 0.9)):
        own = (stated >= low) & (stated < high)
        assert abs(stated[own].mean() - moves[own].mean()) < 0.05


def test_the_rarer_motion_is_the_less_likely_it_is():
    reliability = Reliability(0.0, 1.0)
    assert reliability.probability(0.5, 0.5) == pytest.approx(0.5)
    assert reliability.probability(0.5, 0.005) == pytest.approx(0.005)
    assert 0 < reliability.probability(0.0) < reliability.probability(1.0) < 1


def test_outcomes_that_are_all_alike_cannot_be_fitted():
    with pytest.raises(ValueError, match="places that move"):
        fit(np.array([0.1, 0.9]), np.array([True, True]))


def test_a_place_has_the_highest_score_of_its_cells():
    score = np.full((2 * PLACE_CELLS, 2 * PLACE_CELLS + 3), np.nan, dtype=np.float32)
    score[3, 4], score[3, 5] = 0.2, 0.7
    highest = highest_of_places(score)
    assert highest.shape == (2, 2)
    assert highest[0, 0] == np.float32(0.7)
    assert np.isnan(highest).sum() == 3


def test_a_card_states_it_for_one_track_and_for_several():
    settings = {"reliability": {"1": {"offset": 0.5, "slope": 1.0}, "2": {"offset": 0.1, "slope": 2.0}}}
    assert reliability_of(settings, 3) == Reliability(0.1, 2.0)
    assert reliability_of({}, 1) is None

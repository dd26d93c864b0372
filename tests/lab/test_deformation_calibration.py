"""Weights of the one decision: a witness that knows is heard, and false alarms stay at their limit."""

import numpy as np
import pytest

from ground_motion.methods.deformation.decision import Weights
from ground_motion.runtime.checkpoints import WEIGHTS
from lab.deformation.calibration import (
    IMPOSSIBLE,
    Evidence,
    at_alarms,
    evidence_of,
    flagged,
    odds_of,
)
from lab.simulation.tiles import CELLS

SIZE = 12  # cells of a place
MISLED = Weights(0.2, 0.0, 1.0, 0.0, 0.0, 0.0)


def tile(number: int, moves: bool) -> Evidence:
    """Places where two witnesses speak: the first one only of motion, the second one of errors as well."""
    rng = np.random.default_rng(number)
    terms = np.full((CELLS, CELLS, len(Weights._fields)), -3.0)
    terms[..., -1] = 1.0
    heart = np.zeros((CELLS, CELLS), dtype=bool)
    for is_motion in (True, False) if moves else (False,):
        row, col = rng.integers(0, CELLS - SIZE, 2)
        place = slice(row, row + SIZE), slice(col, col + SIZE)
        terms[*place, 0] = rng.normal(1.0 if is_motion else -1.0, 0.7)
        terms[*place, 2] = rng.normal(2.0, 0.7)
        if is_motion:
            heart[place] = True
    return Evidence(terms.astype(np.float16), np.ones((CELLS, CELLS), dtype=bool), heart, heart if moves else None)


@pytest.fixture(scope="module")
def seen() -> list[Evidence]:
    return [tile(number, number % 2 == 0) for number in range(60)]


def test_the_highest_offset_within_the_limit_is_found(seen):
    none, some, all_of_them = (at_alarms(seen, MISLED, alarms) for alarms in (0.0, 3.0, 1e6))
    assert none[0] < some[0] < all_of_them[0]
    assert none[1].alarms == 0
    assert 0 < some[1].alarms <= 3
    assert none[1].bowls + none[1].objects < all_of_them[1].bowls + all_of_them[1].objects == 2


def test_areas_are_drawn_as_in_service_and_unknown_cells_are_in_none():
    one = tile(0, True)
    one.terms[:50] = IMPOSSIBLE
    (odds,) = odds_of([one], MISLED)
    assert (odds[:50] < -1e3).all()
    peak = np.full((CELLS, CELLS), -9.0, dtype=np.float32)
    peak[20:30, 20:30], peak[24:26, 24:26], peak[60:61, 60:61] = -1.0, 1.0, 5.0  # begun and ended; too small
    (area,) = flagged(peak, one.toward)
    assert area.mask.sum() == 100


def test_evidence_holds_what_the_decision_sees_of_one_track_and_of_both():
    one, both = evidence_of(WEIGHTS, 50_000)
    assert [tile.heart is None for tile in one] == [True, True, False, False, False]
    assert [tile.disturbed for tile in both] == [False, True, False, False, False]
    for seen in (*one, *both):
        assert seen.terms.shape == (CELLS, CELLS, len(Weights._fields))
        assert seen.heart is None or (seen.heart & seen.moves).any()
    assert not np.array_equal(one[0].terms, both[0].terms)

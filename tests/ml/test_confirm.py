"""Confirmation of a change: what one bad day does, and what an event does."""

from datetime import date, timedelta

import numpy as np
import pytest

from ml.coherence.confirm import EPOCH, Evidence, confirmed

FIRST = date(2021, 1, 1)


def day(number: int) -> date:
    return FIRST + number * timedelta(days=12)


def evidence(z: dict[tuple[int, int], float], cells: int = 4) -> list[Evidence]:
    """Pairs (first, second date) with one z everywhere."""
    return [Evidence(day(a), day(b), np.full((cells, cells), value, dtype=np.float32)) for (a, b), value in z.items()]


EVENT = {(0, 1): 0.0, (1, 2): -6.0, (0, 2): -3.5, (1, 3): -4.0, (2, 3): 0.2}  # between dates 1 and 2


def test_a_loss_in_every_pair_that_spans_it_is_confirmed_with_its_date():
    found = confirmed(evidence(EVENT))
    assert (found.onset_day == (day(2) - EPOCH).days).all()
    assert found.change_sigma == pytest.approx(np.full((4, 4), -4.5))
    assert found.confidence == pytest.approx(np.full((4, 4), 1 - 1 / 4.5**2))


@pytest.mark.parametrize(
    "z",
    [
        {(0, 1): 0.0, (1, 2): -6.0, (0, 2): -5.0, (1, 3): 0.0, (2, 3): -6.0},  # one wet day: date 2
        {(1, 2): -6.0, (0, 2): -5.0},  # the same, and nothing known that came after
        {(1, 2): -4.0, (0, 2): -3.5, (1, 3): -4.0},  # never far enough out of the past
        {(1, 2): -6.0, (0, 2): -2.0, (1, 3): -4.0},  # one pair does not see it
        {(1, 2): -6.0, (0, 2): np.nan, (1, 3): -4.0},  # one pair knows nothing
    ],
)
def test_what_one_image_explains_or_one_pair_denies_is_not_confirmed(z):
    assert np.isnan(confirmed(evidence(z)).confidence).all()


def test_nothing_is_looked_for_outside_of_the_span():
    assert np.isnan(confirmed(evidence(EVENT), span=(day(2), day(4))).confidence).all()
    assert np.isfinite(confirmed(evidence(EVENT), span=(day(1), day(3))).confidence).all()


def test_cells_are_judged_one_by_one():
    pairs = evidence(EVENT)
    for one in pairs:
        one.change_sigma[0] = 0.0
    found = confirmed(pairs)
    assert np.isnan(found.onset_day[0]).all()
    assert np.isfinite(found.onset_day[1:]).all()


def test_rasters_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one grid"):
        confirmed([*evidence(EVENT), *evidence({(0, 1): 0.0}, cells=5)])
    with pytest.raises(ValueError, match="at least one"):
        confirmed([])

"""Confirmation of a change: what one bad day does, and what an event does."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.methods.coherence.confirm import EPOCH, IMAGE_SIGMA, PLACE_SIGMA, PairChange, confirm

FIRST = date(2021, 1, 1)


def day(number: int) -> date:
    return FIRST + number * timedelta(days=12)


def evidence(z: dict[tuple[int, int], float], cells: int = 4) -> list[PairChange]:
    """Pairs (first, second date) with one z everywhere."""
    return [PairChange(day(a), day(b), np.full((cells, cells), value, dtype=np.float32)) for (a, b), value in z.items()]


def gls_score(z: dict[tuple[int, int], float], lowered: list[tuple[int, int]]) -> float:
    """Estimate one loss in the lowered pairs by whitening with the Cholesky factor, in its standard deviations."""
    shares = np.array([[len({*one} & {*other}) for other in z] for one in z])  # images in common; 2 with itself
    covariance = np.eye(len(z)) + IMAGE_SIGMA**2 * shares + PLACE_SIGMA**2
    loss, seen = (
        np.linalg.solve(np.linalg.cholesky(covariance), values)
        for values in ([-1.0 if pair in lowered else 0.0 for pair in z], [*z.values()])
    )
    return float(loss @ seen / np.linalg.norm(loss))


EVENT = {(0, 1): 0.0, (1, 2): -6.0, (0, 2): -3.5, (1, 3): -4.0, (2, 3): 0.2}  # between dates 1 and 2


def test_a_loss_in_every_pair_that_spans_it_is_confirmed_with_its_date():
    result = confirm(evidence(EVENT))
    assert (result.onset_day == (day(2) - EPOCH).days).all()
    together = gls_score(EVENT, lowered=[(1, 2), (0, 2), (1, 3)])
    assert result.change_sigma == pytest.approx(np.full((4, 4), -together))
    assert result.confidence == pytest.approx(np.full((4, 4), 1 - 1 / together**2))


@pytest.mark.parametrize(
    "z",
    [
        {(0, 1): 0.0, (1, 2): -6.0, (0, 2): -5.0, (1, 3): 0.0, (2, 3): -6.0},  # one wet day: date 2
        {(1, 2): -6.0, (0, 2): -5.0},  # the same, and nothing known that came after
        {(1, 2): -2.5, (0, 2): -2.2, (1, 3): -2.4},  # all together not far enough out of the past
        {(1, 2): -6.0, (0, 2): -2.0, (1, 3): -4.0},  # date 1 explains it as well
        {(1, 2): -6.0, (0, 2): 1.2, (1, 3): -4.0, (0, 1): 0.0, (2, 3): 0.0},  # one pair rose
        {(1, 2): -6.0, (0, 2): np.nan, (1, 3): -4.0},  # one pair knows nothing
    ],
)
def test_what_one_image_explains_or_one_pair_denies_is_not_confirmed(z):
    assert np.isnan(confirm(evidence(z)).confidence).all()


def test_ordinary_pairs_beside_an_event_separate_it_from_a_bad_image():
    """Pairs over two steps have little left to lose; that the next pairs are as ever before is what shows it."""
    spanning = {(1, 2): -5.0, (0, 2): -1.0, (1, 3): -1.0}
    unknown, ordinary, bad = ({**spanning, (0, 1): z, (2, 3): last} for z, last in ((np.nan, np.nan), (0, 0), (0, -5)))
    weights = {12: 0.65, 24: 0.35}
    reported = []
    for z in (unknown, ordinary, bad):
        pairs = [one._replace(before=weights[(one.secondary - one.reference).days]) for one in evidence(z)]
        reported.append(np.isfinite(confirm(pairs).confidence).all())
    assert reported == [False, True, False]


def test_ground_that_stays_incoherent_is_confirmed_once_a_pair_without_its_first_image_shows_it():
    before = {(0, 1): 0.0, (1, 2): -5.0, (0, 2): -2.0}
    one_more = {**before, (2, 3): -5.0, (1, 3): -2.0}
    two_more = {**one_more, (3, 4): -5.0, (2, 4): -2.0}
    assert np.isnan(confirm(evidence(one_more)).confidence).all()  # image 2 explains it as well
    assert (confirm(evidence(two_more)).onset_day == (day(2) - EPOCH).days).all()


def test_around_cells_that_are_sure_the_weaker_ones_are_reported_too():
    pairs = evidence(EVENT, cells=30)
    for one in pairs:
        one.change_sigma[:, :10] = 0.0
        one.change_sigma[:, 20:] *= 0.5
    reported = np.isfinite(confirm(pairs).confidence)
    assert reported[:, 13:].all()
    assert not reported[:, :8].any()
    assert np.isnan(confirm([one._replace(change_sigma=0.5 * one.change_sigma) for one in pairs]).confidence).all()


def test_nothing_is_looked_for_outside_of_the_span():
    assert np.isnan(confirm(evidence(EVENT), span=(day(2), day(4))).confidence).all()
    assert np.isfinite(confirm(evidence(EVENT), span=(day(1), day(3))).confidence).all()


def test_cells_are_judged_where_they_are():
    pairs = evidence(EVENT, cells=20)
    for one in pairs:
        one.change_sigma[:10] = 0.0
        one.change_sigma[-1, -1] = np.nan
    result = confirm(pairs)
    assert np.isnan(result.onset_day[:8]).all()
    assert np.isfinite(result.onset_day[12:, :-1]).all()
    assert np.isnan(result.onset_day[-1, -1])


def test_rasters_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match="one grid"):
        confirm([*evidence(EVENT), *evidence({(0, 1): 0.0}, cells=5)])
    with pytest.raises(ValueError, match="at least one"):
        confirm([])

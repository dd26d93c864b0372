"""Real chips measured twice: what is left of sums that add up to nothing is the error of one pair."""

from datetime import date

import numpy as np
import pytest

from lab.offsets import baselines, real_evaluate
from lab.offsets.real_chips import ChipPair

RNG = np.random.default_rng(7)


def chip(place, polarisation, day, days=12):
    return ChipPair(place, polarisation, date(2022, 1, day), days, RNG.normal(size=(2, 96, 96)).astype(np.float32))


DRAWN = (("a", "VV", 1), ("a", "VV", 13), ("a", "VH", 1), ("b", "VV", 1), ("b", "VV", 14), ("b", "VH", 14))
PAIRS = [chip(*one) for one in DRAWN]


@pytest.fixture(autouse=True)
def pairs(request, monkeypatch):
    if request.node.get_closest_marker("realdata") is None:
        monkeypatch.setattr(real_evaluate, "_pairs", lambda: PAIRS)
    yield
    for cached in (real_evaluate.polarisations, real_evaluate.triplets):
        cached.cache_clear()


def test_polarisations_of_the_same_dates_are_subtracted_and_places_alternate():
    found = real_evaluate.polarisations()
    assert [[(sign, pair.place, pair.polarisation) for sign, pair in one] for one in found] == [
        [(1.0, "a", "VV"), (-1.0, "a", "VH")],
        [(1.0, "b", "VV"), (-1.0, "b", "VH")],
    ]
    assert all(one[0][1].reference == one[1][1].reference for one in found)


def test_a_triplet_is_two_pairs_that_meet_less_the_pair_of_the_outer_dates():
    ((first, second, whole),) = real_evaluate.triplets()
    assert (first[0], second[0], whole[0]) == (1.0, 1.0, -1.0)
    assert whole[1].days == 24
    np.testing.assert_array_equal(whole[1].log_power[0], PAIRS[0].log_power[0])
    np.testing.assert_array_equal(whole[1].log_power[1], PAIRS[1].log_power[1])


def test_what_is_left_is_scaled_to_the_error_of_one_pair(monkeypatch):
    """Offsets with independent errors of 0.1 px in each pair leave 0.1 px."""

    def tracked(images, methods, search, posting):
        names = ("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px")
        return {method: {name: RNG.normal(0, 0.1, (60, 60)) for name in names} for method in methods}

    monkeypatch.setattr(baselines, "tracked", tracked)
    for what in (real_evaluate.polarisations, real_evaluate.triplets):
        assert real_evaluate.compare_sums(what, ["ncc"], 1)["ncc"]["rmse"].value == pytest.approx(0.1, rel=0.05)


@pytest.mark.realdata
def test_real_chips_make_as_many_measurements_as_the_benchmarks_state():
    for what, name in (
        (real_evaluate.polarisations, real_evaluate.POLARISATIONS),
        (real_evaluate.triplets, real_evaluate.CLOSURE),
    ):
        assert len(what()) == real_evaluate.SIZES[name]

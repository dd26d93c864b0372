"""Triplet closure: exact shifts close, noise does not, and every method is judged at the same nodes."""

import json

import numpy as np
import pytest

from ingest.errors import InputError
from lab.offsets.rivals import closure
from lab.simulation.sar.recipes import constant_shift
from lab.simulation.seeds import Purpose, generator


def test_exact_shifts_close_and_a_wrong_sign_does_not():
    first, second = np.full((2, 3, 3), 0.4), np.full((2, 3, 3), -0.9)
    np.testing.assert_allclose(closure.closure(first, second, first + second), 0, atol=1e-12)
    assert (closure.closure(first, second, first - second) != 0).all()


def test_independent_errors_close_by_the_root_of_three():
    errors = np.random.default_rng(2).normal(0, 0.1, (3, 2, 100, 100))
    left = closure.closure(*errors).reshape(2, -1).T[:, None]
    assert closure.rms(left, 0) == pytest.approx(0.1 * np.sqrt(3), rel=0.02)


def test_only_nodes_that_every_method_knows_count_and_outliers_are_counted_apart():
    rows = np.zeros((4, 2, 2))
    rows[0, 1] = np.nan
    rows[0, 0], rows[1, 0], rows[2, 0, 0] = 0.9, 5.0, 0.3
    assert closure.rms(rows, 0) == pytest.approx(0.3 / 2)
    assert closure.outlier_share(rows, 0) == pytest.approx(1 / 3)
    rows[2, 1, 0] = 0.6
    assert closure.over_best(rows, 0, [1]) == pytest.approx(0.5)


def test_three_images_of_one_ground_moved_as_wholes_close_to_within_their_noise():
    first = constant_shift(generator(Purpose.TEST, "offsets-closure", 0), 0.95, 128).power
    again = np.roll(first[0], (0, 1), (0, 1))
    triplet = closure.Triplet("stacks", np.stack([first[0], first[1], again]))
    rows = closure.closures(("ncc", "whitened"), [triplet], 0)
    inside = rows.reshape(12, 12, 2, 2)[3:-3, 3:-3].reshape(-1, 2, 2)
    assert len(closure.common(inside)) > 30
    assert 0 < closure.rms(inside, 1) < closure.rms(inside, 0) < 0.15


def test_the_model_is_compared_at_its_own_area():
    exact = {f"closure_{group}": closure.Interval(0.02, np.nan, np.nan) for group in ("stacks", "unseen_place")}
    twice = {name: closure.Interval(0.08, np.nan, np.nan) for name in exact}
    made = closure.compared({"model": exact, "ncc": twice}, {"model": 64.0, "ncc": 32.0})
    assert made["over_rivals_stacks"].value == pytest.approx(0.5)


def test_resolution_of_another_file_is_refused_by_name(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"metrics": {}}))
    with pytest.raises(InputError, match=r"other\.json"):
        closure.sides_of(path)


def test_a_missing_stack_is_named(tmp_path):
    with pytest.raises(InputError, match=r"lely_1\.npy"):
        closure.stack_triplets(tmp_path, 1)


@pytest.mark.realdata
def test_real_triplets_are_of_dates_that_follow_each_other_and_stand_by_place(real_data):
    chips = closure.chip_triplets(real_data / "opera_rtc_10sgd", 4)
    assert [one.group for one in chips] == ["unseen_place"] * 4 + ["trained_places"] * 4
    stacks = closure.stack_triplets(real_data / "pairs_real" / "speckle_stacks", 2)
    assert len(stacks) == 2 * len(closure.PLACES)
    assert all(one.power.shape == (3, 256, 256) for one in stacks)
    rows = closure.closures(("ncc",), chips, 0)
    assert closure.rms(rows, 0) < 0.3

"""Inverting a network of interferograms: numbers in, numbers out."""

from datetime import date, timedelta

import numpy as np
import pytest

from ground_motion.readers.velocity import interferograms
from ground_motion.readers.velocity.interferograms import invert

DATES = [date(2020, 1, 1) + timedelta(days=12 * step) for step in range(8)]
PAIRS = np.array([(i, j) for i in range(8) for j in range(i + 1, min(i + 4, 8))])
RADIANS_PER_MM = 4 * np.pi / 55.46576


def changes(series):
    """What perfect interferograms of series (n, dates) hold: (pairs, n)."""
    return (series[:, PAIRS[:, 1]] - series[:, PAIRS[:, 0]]).T


@pytest.fixture
def series():
    steps = np.random.default_rng(1).normal(0, 5, size=(40, 7))
    return np.column_stack([np.zeros(40), steps.cumsum(axis=1)])


def test_pairs_give_the_series_back_also_where_some_are_missing(series):
    inversion = invert(changes(series), PAIRS, 8, RADIANS_PER_MM)
    assert inversion.displacement_mm == pytest.approx(series, abs=1e-4)
    assert inversion.rmse_mm == pytest.approx(0, abs=1e-5)
    assert inversion.temporal_coherence == pytest.approx(1)
    change = changes(series)
    missing = np.random.default_rng(2).random(change.shape) < 0.3
    missing[PAIRS[:, 1] - PAIRS[:, 0] == 1] = False  # consecutive dates stay connected
    change[missing] = np.nan
    assert len(np.unique(missing, axis=1).T) > 30  # many patterns
    assert invert(change, PAIRS, 8, RADIANS_PER_MM).displacement_mm == pytest.approx(series, abs=1e-4)


@pytest.mark.parametrize(("frequent", "matrix_values"), [(0, 2**21), (10**6, 2**21), (10**6, 200)])
def test_however_pixels_are_grouped_they_come_out_the_same(series, monkeypatch, frequent, matrix_values):
    change = changes(series) + np.random.default_rng(4).normal(0, 2, size=(len(PAIRS), 40))
    change[np.random.default_rng(5).random(change.shape) < 0.4] = np.nan
    expected = invert(change, PAIRS, 8, RADIANS_PER_MM)
    assert len(set(expected.connected)) > 1
    monkeypatch.setattr(interferograms, "FREQUENT", frequent)
    monkeypatch.setattr(interferograms, "MATRIX_VALUES", matrix_values)
    inversion = vars(invert(change, PAIRS, 8, RADIANS_PER_MM))
    assert len(inversion) == 4
    for name, values in inversion.items():
        assert values == pytest.approx(getattr(expected, name), abs=1e-4, nan_ok=True), name


def test_the_solution_is_that_of_least_squares(series):
    noisy = changes(series) + np.random.default_rng(3).normal(0, 2, size=(len(PAIRS), 40))
    design = np.zeros((len(PAIRS), 8))
    design[np.arange(len(PAIRS)), PAIRS[:, 1]] = 1
    design[np.arange(len(PAIRS)), PAIRS[:, 0]] = -1
    expected = np.linalg.lstsq(design[:, 1:], noisy, rcond=None)[0].T
    inversion = invert(noisy, PAIRS, 8, RADIANS_PER_MM)
    assert inversion.displacement_mm[:, 1:] == pytest.approx(expected, abs=1e-4)
    assert (inversion.rmse_mm > 0.5).all()
    assert (inversion.temporal_coherence < 1).all()


def test_a_wrong_fringe_in_one_pair_lowers_the_temporal_coherence(series):
    change = changes(series)
    change[5, :20] += 55.46576 / 2 / 3  # a third of a fringe
    inversion = invert(change, PAIRS, 8, RADIANS_PER_MM)
    assert inversion.temporal_coherence[:20].max() < 0.99 < inversion.temporal_coherence[20:].min()


def test_a_pixel_that_falls_apart_keeps_its_largest_piece_and_nothing_is_invented(series):
    change = changes(series)
    change[(PAIRS[:, 0] < 3) & (PAIRS[:, 1] >= 3), 0] = np.nan  # the first three dates have nothing to do with the rest
    change[:, 7] = np.nan
    inversion = invert(change, PAIRS, 8, RADIANS_PER_MM)
    assert inversion.connected[:2].tolist() == [5, 8]
    assert np.isnan(inversion.displacement_mm[0, :3]).all()
    assert inversion.displacement_mm[0, 3:] == pytest.approx(series[0, 3:] - series[0, 3], abs=1e-4)
    assert np.isnan(inversion.displacement_mm[7]).all()
    assert inversion.connected[7] == 1


def test_without_redundancy_nothing_is_said_of_the_noise(series):
    chain = PAIRS[PAIRS[:, 1] - PAIRS[:, 0] == 1]
    change = (series[:, chain[:, 1]] - series[:, chain[:, 0]]).T
    inversion = invert(change, chain, 8, RADIANS_PER_MM)
    assert np.isnan(inversion.rmse_mm).all()
    assert np.isnan(inversion.temporal_coherence).all()


def test_a_pair_the_other_way_round_counts_backwards(series):
    pairs = PAIRS.copy()
    pairs[3] = pairs[3][::-1]
    change = changes(series)
    change[3] *= -1
    assert invert(change, pairs, 8, RADIANS_PER_MM).displacement_mm == pytest.approx(series, abs=1e-4)

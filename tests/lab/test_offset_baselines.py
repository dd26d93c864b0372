"""Baseline methods of offsets that average: what an average may do, and what it must leave alone."""

import numpy as np
import pytest
from affine import Affine

from ground_motion.methods.offsets import infer
from ground_motion.rasters.imagery import ImagePair
from lab.offsets import baselines, real_evaluate
from lab.offsets.baselines import EQUAL, averaged, box_px, overlap
from lab.offsets.evaluate import AT, make_constant
from lab.simulation.seeds import Purpose

POSTING_PX = 8


def bands(dx, dy=None, sigma=0.1):
    dx = np.asarray(dx, np.float32)
    dy = np.zeros_like(dx) if dy is None else np.asarray(dy, np.float32)
    spread = np.where(np.isfinite(dx), np.float32(sigma), np.float32(np.nan))
    return {"dx_px": dx, "dy_px": dy, "sigma_dx_px": spread, "sigma_dy_px": spread, "quality": np.ones_like(dx)}


def noise(rows=40, cols=40, scale=0.1):
    return np.random.default_rng(3).normal(0, scale, (rows, cols))


@pytest.mark.parametrize(("area_px", "window_px"), [(64, 32), (110, 24), (40, 32), (172, 32)])
def test_a_window_and_its_box_have_the_noise_of_the_stated_area(area_px, window_px):
    window, box = np.ones(round(10 * window_px)), np.ones(round(10 * box_px(area_px, window_px)))
    together = np.convolve(window / window.sum(), box / box.sum())
    assert 0.1 / (together**2).sum() == pytest.approx(area_px, rel=0.01)


@pytest.mark.parametrize("size_px", [48, 72, 96])
def test_a_box_mean_of_white_noise_has_the_variance_of_its_weights_and_keeps_a_slope(size_px):
    field = noise(90, 90)
    inner = slice(12, -12)
    weights = np.outer(overlap(size_px, POSTING_PX), overlap(size_px, POSTING_PX))
    expected = 0.1 * np.sqrt((weights**2).sum()) / weights.sum()
    mean = averaged(bands(field), size_px, POSTING_PX)["dx_px"][inner, inner]
    assert mean.std() == pytest.approx(expected, rel=0.25)
    slope = np.tile(np.arange(90) * 0.01, (90, 1))
    result = averaged(bands(slope), size_px, POSTING_PX)["dx_px"][inner, inner]
    np.testing.assert_allclose(result, slope[inner, inner], atol=1e-5)


def test_a_mean_leaves_unknown_nodes_unknown_and_does_not_count_them():
    field = np.ones((12, 12))
    field[6, 6] = np.nan
    result = averaged(bands(field), 72, POSTING_PX)
    assert np.isnan(result["dx_px"][6, 6])
    np.testing.assert_allclose(np.delete(result["dx_px"].ravel(), 6 * 12 + 6), 1)
    np.testing.assert_allclose(np.delete(result["sigma_dx_px"].ravel(), 6 * 12 + 6), 0.1, rtol=1e-6)


def test_a_sigma_filter_keeps_a_step_that_a_mean_blurs_and_still_lowers_the_noise_beside_it():
    step = np.where(np.arange(40) < 20, 0.0, 2.0) + noise()
    filtered = averaged(bands(step), 72, POSTING_PX, within=2.5)["dx_px"]
    blurred = averaged(bands(step), 72, POSTING_PX)["dx_px"]
    assert abs(filtered[:, 19].mean()) < 0.02
    assert abs(filtered[:, 20].mean() - 2) < 0.02
    assert blurred[:, 19].mean() > 0.5
    assert filtered[5:-5, 19].std() < 0.05


def test_every_baseline_brings_a_shift_back_with_its_sign_and_their_base_is_tracked_once(monkeypatch):
    pair = make_constant(0.9, 0, Purpose.TEST)
    truth = pair.dx_px.mean(), pair.dy_px.mean()
    images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
    tracked, track = [], infer.track_offsets

    def counted(pair, method, *rest):
        tracked.append(method)
        return track(pair, method, *rest)

    monkeypatch.setattr(baselines, "track_offsets", counted)
    results = baselines.tracked(images, EQUAL, 6, POSTING_PX)
    assert sorted(tracked) == ["multi-kernel", "ncc", "whitened"]
    assert set(results) == set(EQUAL)
    for found in results.values():
        inner = slice(4, -4)
        assert np.nanmedian(found["dx_px"][inner, inner]) == pytest.approx(truth[0], abs=0.05)
        assert np.nanmedian(found["dy_px"][inner, inner]) == pytest.approx(truth[1], abs=0.05)
        assert np.nanmax(found["sigma_dx_px"]) < 0.5


def test_a_shift_of_the_whole_pair_is_taken_off_and_nothing_is_known_without_one():
    known = [[0.3, -0.1, 0.1, 0.1, 0, 0, 1.0], [0.5, -0.3, 0.1, 0.1, 0, 0, 1.0]]
    errors = np.array([*known, [np.nan, np.nan, np.nan, np.nan, 0, 0, 0.0]])
    left = real_evaluate.without_median(errors, errors)
    np.testing.assert_allclose(left[:2, :2], [[-0.1, 0.1], [0.1, -0.1]])
    assert left[2, AT.known] == 0
    assert (real_evaluate.without_median(errors, errors[2:])[:, AT.known] == 0).all()


@pytest.mark.realdata
def test_the_unseen_place_is_measured_apart_and_the_chips_own_shift_is_taken_off(real_data, monkeypatch):
    metrics = real_evaluate.compare(("ncc",), 4)["ncc"]
    for where in ("unseen_place", "trained_places"):
        assert metrics[f"rmse_registered_{where}"].value < metrics[f"rmse_{where}"].value < 0.3
        assert metrics[f"rmse_centred_{where}"].value <= metrics[f"rmse_registered_{where}"].value * 1.05
    low, high = sorted(metrics[f"rmse_{where}"].value for where in ("unseen_place", "trained_places"))
    assert low <= metrics["rmse"].value <= high

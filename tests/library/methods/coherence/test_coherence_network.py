"""The network of coherence: what must hold whatever it learnt, and what the shipped weights promise."""

import math

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.coherence import NETWORK, infer, network
from ground_motion.methods.coherence.change import scatterer_bands
from ground_motion.methods.coherence.infer import estimate_coherence
from ground_motion.methods.coherence.network import NAME, CoherenceNetwork, Settings, load_shipped, network_of, register
from ground_motion.methods.coherence.registration import facts_of, shift_image
from ground_motion.rasters.imagery import ImagePair
from ground_motion.runtime.device import torch_threads
from lab.coherence.evaluate import errors, estimated, make_structured
from lab.simulation.sar.pairs import SarPair
from lab.simulation.sar.recipes import constant_shift
from lab.simulation.seeds import Purpose, generator

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pair() -> SarPair:
    return constant_shift(generator(Purpose.TEST, "coherence-network", 1), gamma=0.7, size=128)


def image_pair(power: np.ndarray) -> ImagePair:
    return ImagePair(power[0], power[1], Affine(10, 0, 500_000, 0, -10, 5_000_000), 32632)


def test_the_shift_between_two_images_is_found_to_a_part_of_a_pixel(pair):
    facts = facts_of([torch.from_numpy(pair.power)])
    assert facts.shift_px == pytest.approx((float(pair.dy_px.mean()), float(pair.dx_px.mean())), abs=0.1)
    assert facts.peak > 0.2


def test_the_shift_is_found_where_coherence_is_low():
    estimate = []
    for scene in range(12):
        pair = constant_shift(generator(Purpose.TEST, "coherence-low", scene), gamma=0.26, size=128)
        shift = facts_of([torch.from_numpy(pair.power)]).shift_px
        estimate.append(math.hypot(shift[0] - float(pair.dy_px.mean()), shift[1] - float(pair.dx_px.mean())) < 0.7)
    assert sum(estimate) >= 11


def test_the_shift_of_small_squares_is_no_closer_to_zero_than_that_of_the_whole():
    pair = constant_shift(generator(Purpose.TEST, "coherence-squares", 2), gamma=0.7, size=384)
    power, truth = torch.from_numpy(pair.power), (float(pair.dy_px.mean()), float(pair.dx_px.mean()))
    cut = [power[:, row : row + 64, col : col + 64] for row in range(0, 384, 64) for col in range(0, 384, 64)]
    assert facts_of(cut).shift_px == pytest.approx(truth, abs=0.06)
    assert facts_of(cut).own_looks == pytest.approx(facts_of([power]).own_looks, rel=0.05)


def test_tiles_computed_two_at_a_time_are_those_computed_one_after_the_other(pair, monkeypatch):
    monkeypatch.setattr(infer, "TILE_PX", 48)
    bands = []
    for threads in (1, 2):
        with torch_threads(threads):
            bands.append(estimate_coherence(image_pair(pair.power), NETWORK, CPU, looks=4.45).bands)
            assert torch.get_num_threads() == threads
    for name, values in bands[0].items():
        np.testing.assert_allclose(bands[1][name], values, atol=1e-4, err_msg=name)


def test_images_that_share_nothing_are_left_where_they_are():
    rng = np.random.default_rng(3)
    pairs = [torch.from_numpy(rng.gamma(4, 0.25, (2, 96, 96))) for _ in range(40)]  # in double precision too
    assert all(facts_of([pair]).shift_px == (0.0, 0.0) for pair in pairs)


def test_a_moved_image_holds_the_same_ground_and_nothing_beyond_its_edge():
    rows = torch.arange(40.0)[:, None] + torch.zeros(1, 40)
    wave = 2 + torch.sin(rows / 3)
    estimate = shift_image(wave, (0.5, -3.0))
    assert torch.allclose(estimate[5:30, 5:], 2 + torch.sin((rows + 0.5) / 3)[5:30, 5:], atol=2e-3)
    assert torch.isnan(estimate[:, :3]).all()
    assert torch.isnan(estimate[-2:]).all()


def test_what_is_made_in_strips_is_the_whole(pair, monkeypatch):
    power = torch.from_numpy(pair.power).clone()
    power[0, 40:47, :9] = torch.nan
    facts = facts_of([power], 4.45)._replace(shift_px=(2.3, -1.6))
    log_power = register(power, facts)
    windows, within = ((3, 11), None), (slice(11, 77), slice(64, 101))
    answered = load_shipped(torch.device("cpu")).estimate(power, facts, windows)
    monkeypatch.setattr(network, "STRIP_ROWS", 20)
    torch.testing.assert_close(register(power, facts), log_power, rtol=0, atol=0, equal_nan=True)
    parts = load_shipped(torch.device("cpu")).estimate(power, facts, windows, within=within)
    for part, all_of_it in zip(parts, answered, strict=True):
        for values, all_values in zip(part, all_of_it, strict=True):
            torch.testing.assert_close(values, all_values[within], rtol=0, atol=1e-5, equal_nan=True)


def test_the_window_that_is_asked_for_is_the_one_that_is_summed():
    """Without training the answer is a ratio of sums over the window: constant where one pixel holds all the power."""
    torch.manual_seed(0)
    ready = CoherenceNetwork(network_of(NAME).eval(), Settings(), "")
    power = torch.full((2, 64, 64), 1.0)
    power[:, 32, 32] = 2000.0
    facts = facts_of([power], 1.0)._replace(shift_px=(0.0, 0.0))
    (found,) = ready.estimate(power, facts, [(3, 11)])
    differs = (found.coherence - found.coherence[10, 10]).abs() > 1e-3
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[31:34, 27:38] = True
    value = found.coherence[32, 32]
    assert float((found.coherence[inside] - value).abs().max()) < 0.02
    assert float((found.coherence[30, 26:39] - value).abs().min()) > 0.0
    assert differs.any()


def test_the_shipped_network_beats_the_best_windows_on_pairs_it_never_saw():
    squares = {NETWORK: [], "guarnieri-prati": [], "posterior-mean": []}
    windows = {"guarnieri-prati": 17, "posterior-mean": 7}
    for scene in range(900, 904):
        made_pair = make_structured(0.5, scene, Purpose.TEST)
        for method, estimate in squares.items():
            bands = estimated(method, made_pair, windows.get(method, 9))
            estimate.append(float((errors(bands, made_pair)[:, 0] ** 2).mean()))
    rmse = {method: np.mean(estimate) ** 0.5 for method, estimate in squares.items()}
    assert rmse[NETWORK] < 0.15  # measured: 0.139
    assert rmse[NETWORK] < 0.62 * rmse["guarnieri-prati"]  # measured: 0.57 times
    assert rmse[NETWORK] < 0.66 * rmse["posterior-mean"]  # measured: 0.60 times


def test_the_answer_hardly_changes_when_the_images_are_exchanged(pair):
    one, other = (
        estimate_coherence(image_pair(power), NETWORK, CPU, looks=4.45).bands["coherence"]
        for power in (pair.power, pair.power[::-1].copy())
    )
    inner = (slice(12, -12),) * 2
    assert float(np.nanmean(np.abs(one[inner] - other[inner]))) < 0.03


def test_what_is_unknown_stays_unknown_and_spoils_nothing_beside_it(pair):
    power = pair.power.copy()
    power[1, :40] = np.nan
    whole = estimate_coherence(image_pair(pair.power), NETWORK, CPU, looks=4.45).bands
    estimate = estimate_coherence(image_pair(power), NETWORK, CPU, looks=4.45).bands
    assert np.isnan(estimate["coherence"][:37]).all()
    assert np.isfinite(estimate["coherence_sigma"][46:-4, 6:-6]).all()
    assert float(np.nanmedian(np.abs(estimate["coherence"] - whole["coherence"])[60:])) < 0.05


def test_the_network_does_not_know_where_tiles_end(monkeypatch):
    rng = np.random.default_rng(5)
    power = rng.gamma(4, 0.25, (2, 490, 300)).astype(np.float32)
    power[1] = 0.6 * power[0] + 0.4 * power[1]
    power[:, 300:420, 150:] *= 10.0
    power[:, ::50, ::30] *= 1000.0
    power[0, 200:230, 90:140] = np.nan
    images = image_pair(power)
    whole = estimate_coherence(images, NETWORK, CPU, looks=4.0).bands
    for core in (96, 160):
        monkeypatch.setattr(infer, "TILE_PX", core)
        cut = estimate_coherence(images, NETWORK, CPU, looks=4.0).bands
        for name, values in whole.items():
            np.testing.assert_array_equal(np.isfinite(cut[name]), np.isfinite(values), err_msg=name)
            np.testing.assert_allclose(cut[name], values, atol=1e-3, err_msg=name)


def test_one_pass_gives_the_coherence_of_the_window_and_that_of_the_scatterers(pair):
    one, other = (
        estimate_coherence(image_pair(pair.power), NETWORK, CPU, window, looks=4.45).bands for window in (None, (3, 11))
    )
    assert list(one) == ["coherence", "coherence_sigma", "scatterers_coherence", "scatterers_coherence_sigma"]
    for name in scatterer_bands(one):
        np.testing.assert_array_equal(one[name], other[name])
    assert float(np.nanstd(one["coherence"] - other["coherence"])) > 1e-3


def test_earlier_images_follow_the_pair_and_change_the_answer(pair):
    rng = np.random.default_rng(2)
    earlier = rng.gamma(4, 0.25, (3, *pair.power.shape[1:])).astype(np.float32)
    images = np.concatenate([pair.power, earlier])
    source = image_pair(pair.power).source()
    with_past = source._replace(read=lambda at: images[:, at.row : at.row + at.rows, at.col : at.col + at.cols])
    alone, after = (estimate_coherence(one, NETWORK, CPU, looks=4.45).bands["coherence"] for one in (source, with_past))
    assert np.isfinite(after[8:-8, 8:-8]).all()
    assert float(np.nanmean(np.abs(after - alone))) > 1e-3

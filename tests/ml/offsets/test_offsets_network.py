"""The offsets network: its training, its inference, and what the shipped weights answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from affine import Affine

from lab.offsets.calibrate import tables_of
from lab.offsets.evaluate import width_px
from lab.simulation.sar.recipes import stepped
from lab.simulation.seeds import Purpose, generator
from ml.networks.cc_res_siamnet import NODE_PX, STRIP_ROWS, CCResSiamNet
from ml.offsets import coarse, network
from ml.offsets.baseline import Offsets
from ml.offsets.infer import track_offsets
from ml.offsets.regrid import at_posting
from ml.offsets.resampling import gathered, in_parts
from ml.offsets.texture import texture
from ml.rasters.imagery import ImagePair, PairSource
from ml.runtime.device import precision
from tests.makers.offset_pairs import pair_of

CPU = torch.device("cpu")


def test_parts_of_a_pixel_are_gathered_as_a_band_limited_image_moves():
    spectrum = torch.fft.rfft2(torch.randn(64, 64, generator=torch.Generator().manual_seed(2)))
    down, right = torch.fft.fftfreq(64)[:, None], torch.fft.rfftfreq(64)
    spectrum = spectrum * torch.exp(-20 * (down**2 + right**2))

    def moved_by(dx: float, dy: float) -> torch.Tensor:
        return torch.fft.irfft2(spectrum * torch.exp(2j * torch.pi * (down * dy + right * dx)), s=(64, 64))

    shift = torch.zeros(2, 4, 4)
    shift[0], shift[1] = 0.40625, -1.28125
    assert torch.equal(in_parts(shift + 0.01), shift)
    wanted = moved_by(0.40625, -1.28125)[16:48, 16:48]
    assert float((gathered(moved_by(0, 0), shift, 16, 16) - wanted).std() / wanted.std()) < 0.06


def test_texture_does_not_know_the_gain_and_leaves_holes_at_zero():
    log = torch.randn(1, 60, 60, generator=torch.Generator().manual_seed(1))
    log[0, 20:40, 20:40] = torch.nan
    seen = texture(log)
    assert bool((seen[0, 20:40, 20:40] == 0).all())
    torch.testing.assert_close(texture(log + 2.3), seen, atol=1e-4, rtol=0)
    assert 0.8 < float(seen[0, :20].std()) < 1.2


def test_the_network_answers_in_strips_as_it_does_at_once():
    """Within what convolutions of different heights are rounded by."""
    tracker, size = network.shipped(CPU), 2 * STRIP_ROWS + 64
    images = torch.randn(1, 2, size, 96, generator=torch.Generator().manual_seed(1))
    nodes = torch.zeros(1, 2, size // NODE_PX, 96 // NODE_PX)
    given = images, nodes + 0.1, nodes + 0.4, torch.ones_like(nodes[:, :1])
    at_once = tracker.network(*given)  # as in training
    with torch.no_grad():
        in_strips = tracker.network(*given)
    for one, other in zip(at_once, in_strips, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def random_tracker(**changes) -> network.Tracker:
    torch.manual_seed(0)
    siamnet = CCResSiamNet(nodes=16).eval()
    torch.nn.init.normal_(siamnet.choice.answer.weight, std=0.5)
    return replace(
        network.Tracker(siamnet, 2, network.Calibration(), network.Calibration(), CPU, exact=True), **changes
    )


def test_blocks_do_not_show_in_the_answer():
    source = pair_of(2.3, -1.2, size=256).source()
    whole_way = network.track(source, random_tracker(), 6)
    cut_up = network.track(source, random_tracker(block=128), 6)
    for name in Offsets._fields:
        one, other = getattr(whole_way, name), getattr(cut_up, name)
        assert torch.equal(torch.isfinite(one), torch.isfinite(other))
        torch.testing.assert_close(other, one, atol=1e-3, rtol=0, equal_nan=True)


def test_where_the_search_finds_nothing_in_reach_nothing_is_known(monkeypatch):
    def matched_in_one_corner(*_: object) -> coarse.Search:
        tracked = torch.full((2, 16, 16), torch.nan)
        tracked[:, 0, 0] = 0.0
        return coarse.Search(tracked, torch.full((16, 16), coarse.Reason.NO_MATCH), 6)

    monkeypatch.setattr(coarse, "searched", matched_in_one_corner)
    known = network.answered(pair_of(0.0, 0.0, size=256).source(), random_tracker(), 6).known
    assert bool((known[:8, :8] > 0).all())  # three nodes of the search, of 16 px, beyond the one
    assert float(known[8:].max()) == float(known[:, 8:].max()) == 0


@pytest.mark.parametrize("posting", [4, 16, 20])
def test_another_posting_is_read_off_the_networks_grid(posting):
    y, x = torch.meshgrid(*(torch.arange(20) * NODE_PX + NODE_PX / 2,) * 2, indexing="ij")
    ramp = x / 100 + y / 50
    tracked = at_posting(Offsets(ramp, ramp, ramp, ramp, ramp), (160, 160), posting).dx_px
    middle = torch.arange(160 // posting) * posting + posting / 2
    wanted = (middle / 100 + middle[:, None] / 50)[1:-1, 1:-1]
    torch.testing.assert_close(tracked[1:-1, 1:-1], wanted)


def test_sigma_is_widened_where_errors_are_wider_than_it():
    rng = np.random.default_rng(0)
    log_sigma, local_scatter = rng.uniform(-4, -1, 20_000), rng.uniform(-1, 1, 20_000)
    cell = rng.choice([0.1, 1.2], 20_000)
    wide = np.where(local_scatter > 0, 1.5, 1.0) * np.where(cell < 0.2, 2.0, 1.0)
    errors = 2 * wide * rng.standard_normal(20_000)
    tables = network.Calibration(**tables_of(np.column_stack([log_sigma, errors, local_scatter, cell])))
    stretched = np.exp(
        np.interp(log_sigma, tables.log_sigma, tables.add)
        + np.interp(local_scatter, tables.log_local_scatter, tables.add_local_scatter)
        + np.interp(cell, tables.log_cell_px, tables.add_cell_px)
    )
    for part in (local_scatter > 0.2, local_scatter < -0.2, cell < 0.2, cell > 0.2):
        assert np.mean(np.abs(errors / stretched)[part] < 1) == pytest.approx(0.6827, abs=0.025)


@pytest.mark.parametrize("method", ["model", "model-32px"])
@pytest.mark.parametrize(("dx", "dy"), [(0.5, -0.25), (-1.3, 0.7)])
def test_a_shift_comes_back_with_its_sign_and_is_not_drawn_to_whole_pixels(dx, dy, method):
    bands = track_offsets(pair_of(dx, dy), method, CPU).bands
    assert float(np.nanmedian(bands["dx_px"])) == pytest.approx(dx, abs=0.03)
    assert float(np.nanmedian(bands["dy_px"])) == pytest.approx(dy, abs=0.03)
    assert np.isfinite(bands["dx_px"][2:-2, 2:-2]).all()


def test_the_network_is_surer_than_one_window_and_reports_how_sure():
    pair = pair_of(0.3, -0.4, gamma=0.7, size=256)
    tracked, single = (track_offsets(pair, method, CPU).bands for method in ("model", "ncc"))
    inner = slice(4, -4)
    error, other = (bands["dx_px"][inner, inner] - 0.3 for bands in (tracked, single))
    assert np.nanstd(error) < 0.75 * np.nanstd(other)
    within = np.abs(error) <= tracked["sigma_dx_px"][inner, inner]
    assert 0.5 <= float(within.mean()) <= 0.9


def test_choosing_windows_gains_on_even_ground():
    even, tracker = pair_of(0.3, -0.4, gamma=0.6, size=256).source(), network.shipped(CPU)
    rough, fine = (network.track(even, replace(tracker, choose=choose), 6).dx_px for choose in (False, True))
    inner = slice(4, -4)
    assert float((fine - 0.3)[inner, inner].std()) < 0.75 * float((rough - 0.3)[inner, inner].std())


@pytest.mark.parametrize(("gamma", "widest_px"), [(0.5, 46), (0.7, 34), (0.9, 26)])
def test_a_step_of_half_a_pixel_is_blurred_no_more_than_the_model_card_states(gamma, widest_px):
    """The card states 42, 29 and 22 px, 10 to 90 %; the mean over these six steps has 33, 31 and 22 px."""
    profiles = []
    for scene in range(6):
        along_rows = scene % 2 == 1
        pair = stepped(generator(Purpose.TEST, "offsets-network-step", scene), along_rows, gamma=gamma)
        images = ImagePair(pair.power[0], pair.power[1], Affine.identity(), None)
        bands = track_offsets(images, "model", CPU, 6, 4).bands
        lines = bands["dy_px"].T if along_rows else bands["dx_px"]
        profiles.append(np.nanmedian(lines[8:-8], axis=0) / 0.5)
    mean = np.mean(profiles, axis=0)
    assert width_px(mean, 4) < widest_px
    assert mean[:8] == pytest.approx(0, abs=0.15)  # neither side is drawn to the other
    assert mean[-8:] == pytest.approx(1, abs=0.15)


def test_bfloat16_changes_offsets_by_less_than_a_hundredth_of_a_pixel():
    source = pair_of(0.4, 0.1, gamma=0.8).source()
    tracker = network.shipped(CPU)
    plain, exact = (network.track(source, replace(tracker, exact=exact), 6) for exact in (False, True))
    difference = (plain.dx_px - exact.dx_px).abs()
    assert float(difference[torch.isfinite(difference)].quantile(0.99)) < 0.01


def test_float32_can_be_asked_for_and_a_run_records_it(monkeypatch):
    pair, tracker = pair_of(0.4, 0.1, gamma=0.8, size=128), network.shipped(CPU)
    assert track_offsets(pair, "model", CPU).tags["precision"] == precision(CPU)
    monkeypatch.setenv("ML_PRECISION", "float32")
    result, exact = track_offsets(pair, "model", CPU), network.track(pair.source(), replace(tracker, exact=True), 6)
    assert result.tags["precision"] == result.parameters["precision"] == "float32"
    assert np.array_equal(result.bands["dx_px"], exact.dx_px.numpy(), equal_nan=True)
    assert "precision" not in track_offsets(pair, "ncc", CPU).parameters


def refused(pair: ImagePair | PairSource, match: str) -> None:
    for method in ("model", "multi-kernel"):
        with pytest.raises(ValueError, match=match):
            track_offsets(pair, method, CPU)


def test_bad_pairs_have_a_reason():
    good = pair_of(0.0, 0.0, size=96)
    nothing = np.full_like(good.reference, np.nan)
    left, right = good.reference.copy(), good.secondary.copy()
    left[:, 40:], right[:, :56] = np.nan, np.nan
    refused(good._replace(secondary=nothing), "do not overlap, or one is empty")
    refused(ImagePair(left, right, Affine.identity(), None), "do not overlap")
    refused(good._replace(secondary=np.full_like(good.reference, 3.0)), "secondary has the same value .3. everywhere")
    refused(ImagePair(good.reference[:4], good.secondary[:4], Affine.identity(), None), "smaller than one posting")

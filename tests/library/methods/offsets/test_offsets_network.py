"""The offsets network: its training, its inference, and what the shipped weights answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.methods.offsets import coarse, network
from ground_motion.methods.offsets.baseline import Offsets
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.methods.offsets.resampling import interpolate_to_posting
from ground_motion.methods.offsets.texture import texture
from ground_motion.methods.offsets.tracking import PRIOR
from ground_motion.networks.cc_res_siamnet import NODE_PX, OFFSETS, STATED, WEIGHTS, CCResSiamNet
from ground_motion.rasters.imagery import ImagePair, PairSource
from ground_motion.runtime.device import precision
from lab.offsets.evaluate import width_px
from lab.simulation.sar.recipes import stepped
from lab.simulation.seeds import Purpose, generator
from tests.makers.offset_pairs import pair_of

CPU = torch.device("cpu")


def test_texture_does_not_know_the_gain_and_leaves_holes_at_zero():
    log = torch.randn(1, 60, 60, generator=torch.Generator().manual_seed(1))
    log[0, 20:40, 20:40] = torch.nan
    seen = texture(log)
    assert bool((seen[0, 20:40, 20:40] == 0).all())
    torch.testing.assert_close(texture(log + 2.3), seen, atol=1e-4, rtol=0)
    assert 0.8 < float(seen[0, :20].std()) < 1.2


def random_tracker(form: str = WEIGHTS, **changes) -> network.Tracker:
    torch.manual_seed(0)
    siamnet = CCResSiamNet(form, PRIOR[form]).eval()
    torch.nn.init.normal_(siamnet.answer.weight, std=0.1)
    return replace(network.Tracker(siamnet, CPU, exact=True), **changes)


def test_the_branches_hear_of_each_other_and_both_forms_have_their_output():
    pair = torch.randn(1, 2, 64, 96)
    for form, shape in ((WEIGHTS, (1, sum(STATED.values()), 8, 12)), (OFFSETS, (1, 4, 64, 96))):
        siamnet, channels = random_tracker(form).network, torch.zeros(1, PRIOR[form], 8, 12)
        with torch.no_grad():
            answer, other = siamnet(pair, channels), siamnet(torch.cat([pair[:, :1], -pair[:, 1:]], dim=1), channels)
        assert answer.shape == shape
        assert not torch.allclose(answer, other, atol=1e-3)


@pytest.mark.parametrize("form", [WEIGHTS, OFFSETS])
def test_blocks_do_not_show_in_the_answer(form):
    source = pair_of(2.3, -1.2, size=512).source()
    whole_way = network.track(source, random_tracker(form), 6)
    cut_up = network.track(source, random_tracker(form, block=128), 6)
    assert float(torch.isfinite(whole_way.dx_px).float().mean()) > 0.8
    for name in Offsets._fields:
        one, other = getattr(whole_way, name), getattr(cut_up, name)
        assert torch.equal(torch.isfinite(one), torch.isfinite(other))
        torch.testing.assert_close(other, one, atol=1e-3, rtol=0, equal_nan=True)


def test_wide_ground_without_values_spoils_nothing_beside_it():
    pair = pair_of(0.4, -0.3, size=512)
    pair.secondary[96:416, :320] = np.nan
    found = network.track(pair.source(), random_tracker(), 6).dx_px
    beside = torch.cat([found[4:10].flatten(), found[54:60].flatten(), found[12:52, 44:60].flatten()])
    assert float(torch.isfinite(beside).float().mean()) > 0.95
    assert not bool(torch.isfinite(found[16:48, 4:36]).any())


def test_where_the_search_finds_nothing_in_reach_nothing_is_known(monkeypatch):
    def matched_in_one_corner(*_: object, **__: object) -> coarse.Search:
        tracked = torch.full((2, 16, 16), torch.nan)
        tracked[:, 0, 0] = 0.0
        return coarse.Search(tracked, torch.full((16, 16), coarse.Reason.NO_MATCH), 6)

    monkeypatch.setattr(coarse, "search_pair", matched_in_one_corner)
    found = network.track(pair_of(0.0, 0.0, size=256).source(), network.load_shipped(CPU, ""), 6).dx_px
    assert (
        float(torch.isfinite(found[:8, :8]).float().mean()) > 0.95
    )  # up to three nodes of the search, 16 px each, beyond its match
    assert not bool(torch.isfinite(found[8:]).any() | torch.isfinite(found[:, 8:]).any())


@pytest.mark.parametrize("posting", [4, 16, 20])
def test_another_posting_is_read_off_the_networks_grid(posting):
    y, x = torch.meshgrid(*(torch.arange(20) * NODE_PX + NODE_PX / 2,) * 2, indexing="ij")
    ramp = x / 100 + y / 50
    tracked = interpolate_to_posting(Offsets(ramp, ramp, ramp, ramp, ramp), (160, 160), posting).dx_px
    middle = torch.arange(160 // posting) * posting + posting / 2
    wanted = (middle / 100 + middle[:, None] / 50)[1:-1, 1:-1]
    torch.testing.assert_close(tracked[1:-1, 1:-1], wanted)


@pytest.mark.parametrize("method", ["model", "cc-res-siamnet", "law"])
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


@pytest.mark.parametrize(("gamma", "widest_px", "off"), [(0.5, 51, 0.25), (0.7, 30, 0.15), (0.9, 27, 0.15)])
def test_a_step_of_half_a_pixel_is_blurred_no_more_than_in_the_benchmark(gamma, widest_px, off):
    """`offsets-constant` has 51, 24 and 26 px, 10 to 90 %; the mean of these six steps gives 49, 24 and 26 px."""
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
    assert mean[:8] == pytest.approx(0, abs=off)  # neither side is drawn to the other
    assert mean[-8:] == pytest.approx(1, abs=off)


def test_bfloat16_changes_offsets_by_less_than_a_hundredth_of_a_pixel():
    source = pair_of(0.4, 0.1, gamma=0.8).source()
    tracker = network.load_shipped(CPU)
    plain, exact = (network.track(source, replace(tracker, exact=exact), 6) for exact in (False, True))
    difference = (plain.dx_px - exact.dx_px).abs()
    assert float(difference[torch.isfinite(difference)].quantile(0.99)) < 0.01


def test_float32_can_be_asked_for_and_a_run_records_it(monkeypatch):
    pair, tracker = pair_of(0.4, 0.1, gamma=0.8, size=128), network.load_shipped(CPU)
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

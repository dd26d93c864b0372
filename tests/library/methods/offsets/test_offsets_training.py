"""How the offsets network is trained: where its crops begin, what it is taught on, what is left behind."""

import json
from datetime import date

import numpy as np
import pytest
import torch

from ground_motion.cli.program import main
from ground_motion.methods.offsets import network
from ground_motion.methods.offsets.autocorrelation import SCALES_PX
from ground_motion.methods.offsets.texture import texture
from ground_motion.methods.offsets.tracking import Answer, fit_windows
from ground_motion.networks.cc_res_siamnet import OFFSETS, WEIGHTS
from ground_motion.runtime.checkpoints import read_card
from lab.offsets import real_chips, recipe, training_task
from lab.offsets.crops import SEED, Crops, Settings, crop_at, draw, sources, turned
from lab.offsets.dataset import make_scene
from lab.offsets.training_task import loss_of
from lab.simulation.seeds import Purpose
from tests.makers.offset_pairs import pair_of

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("measured_in_this_process")


def peak_of(reference: torch.Tensor, secondary: torch.Tensor) -> tuple[int, int]:
    """dx, dy of the highest circular correlation."""
    surface = torch.fft.irfft2(torch.fft.rfft2(reference).conj() * torch.fft.rfft2(secondary), s=reference.shape)
    row, col = divmod(int(surface.argmax()), reference.shape[1])
    rows, cols = reference.shape
    return (col + cols // 2) % cols - cols // 2, (row + rows // 2) % rows - rows // 2


def seen(dx: float, dy: float) -> tuple[torch.Tensor, torch.Tensor]:
    """What the network sees of a pair, and how it moved, (2, 160, 160) each."""
    pair = pair_of(dx, dy)
    moved = torch.tensor([dx, dy])[:, None, None].expand(2, 160, 160)
    return texture(torch.from_numpy(np.log(np.stack([pair.reference, pair.secondary])))), moved


BANDS = np.array([[0.35, 0.8, 5.0, 1.0], [0.4, 0.9, 5.0, 1.0]], dtype=np.float32)
BANDS = np.concatenate([BANDS, np.zeros((2, len(SCALES_PX)), np.float32)], axis=1)


@pytest.mark.parametrize("seed", range(6))
def test_turning_a_pair_turns_its_truth_and_its_bands(seed):
    before = seen(3.0, -2.0)
    images, shift, bands = turned(np.random.default_rng(seed), *before, BANDS)
    assert peak_of(*images) == (round(float(shift[0].mean())), round(float(shift[1].mean())))
    transposed = abs(round(float(shift[0].mean()))) == 2
    np.testing.assert_array_equal(bands, BANDS[::-1] if transposed else BANDS)


def test_a_crop_is_gathered_at_its_start_and_the_law_finds_what_is_left():
    images, truth = seen(1.4, -1.3)
    start = torch.zeros(2, 12, 12)
    start[0], start[1] = 1, -1
    crop = crop_at(images, truth, start, BANDS, WEIGHTS, 16, 24)
    assert peak_of(*crop.texture) == (0, 0)
    found = fit_windows(crop.held, crop.start, crop.autocorrelation, 72).offset[:, 4:-4, 4:-4]
    assert found.flatten(1).median(dim=1).values.tolist() == pytest.approx([1.4, -1.3], abs=0.05)
    torch.testing.assert_close(crop.truth[0], torch.full((12, 12), 1.4))


def test_the_loss_falls_as_offsets_near_the_truth_and_does_not_count_the_unknown():
    images, truth = seen(0.0, 0.0)
    crop = crop_at(images, truth, torch.zeros(2, 12, 12), BANDS, OFFSETS, 0, 0)
    log_sigma, known = torch.full((2, 12, 12), -2.0), crop.held.known
    found = [Answer(torch.full((2, 12, 12), off), log_sigma, known, known) for off in (0.0, 0.1, 0.3)]
    at = [float(loss_of(one, crop, 1.0)) for one in found]
    assert at == sorted(at)
    hidden = crop._replace(held=crop.held._replace(known=torch.zeros(12, 12)))
    assert float(loss_of(Answer(crop.truth + 1, crop.truth, *(crop.held.known,) * 2), hidden, 1.0)) == 0


def test_the_shift_that_chips_have_by_themselves_is_found():
    pair = pair_of(0.21, -0.13, size=128)
    log = np.log(np.stack(pair[:2]))
    chips = real_chips.ChipPair("a", "VV", date(2023, 1, 1), 12, log)
    assert real_chips.own_shift(chips) == pytest.approx([0.21, -0.13], abs=0.02)
    noise = np.log(np.random.default_rng(0).exponential(size=log.shape)).astype(np.float32)
    assert real_chips.own_shift(chips._replace(log_power=noise)) is None


def test_training_refuses_what_belongs_to_the_benchmarks():
    with pytest.raises(ValueError, match="never see"):
        make_scene(0, Purpose.BENCHMARK)


@pytest.mark.parametrize("form", [WEIGHTS, OFFSETS])
def test_crops_are_kept_with_what_inference_computes(tmp_path, form):
    settings = Settings(form, scenes=2, hard_share=0.0, crops=3, crop_px=64)
    crops = Crops(settings, tmp_path)
    kept = crops.at(2)
    crop = draw(np.random.default_rng([SEED, 2]), settings, sources(settings, tmp_path))
    parts = [(one.texture, one.channels, *one.held, one.start, one.truth) for one in (kept, crop)]
    for one, other in zip(*parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-3)
    torch.testing.assert_close(kept.autocorrelation.energy, crop.autocorrelation.energy, rtol=0.02, atol=0.02)


@pytest.mark.parametrize(("dx", "dy"), [(0.5, -0.25), (1.75, 0.0)])
def test_an_imposed_shift_moves_what_stands_there(dx, dy):
    y, x = np.mgrid[:80, :80].astype(np.float32)
    bump = np.exp(-((x - 40) ** 2 + (y - 36) ** 2) / 50).astype(np.float32)
    wanted = np.exp(-((x - 40 - dx) ** 2 + (y - 36 - dy) ** 2) / 50)
    np.testing.assert_allclose(real_chips.moved(bump, dx, dy), wanted, atol=1e-3)


@pytest.mark.realdata
def test_the_test_place_the_sea_and_later_dates_are_never_trained_on(real_data):
    pairs = real_chips.chip_pairs(real_data / "opera_rtc_10sgd")
    trained = [pair for pair in pairs if pair.trained_on]
    assert len(trained) == 40
    assert {pair.place for pair in trained} == {"292320-IW2", "292322-IW2"}
    assert max(pair.reference for pair in trained) < real_chips.TRAIN_BEFORE
    assert all(pair.days <= 12 for pair in pairs)


@pytest.mark.long
@pytest.mark.parametrize("form", [WEIGHTS, OFFSETS])
def test_the_recipe_trains_and_leaves_weights_that_track(monkeypatch, tmp_path, form):
    monkeypatch.setattr(training_task, "VALIDATION_PAIRS", 1)  # of each kind of ground
    monkeypatch.setattr(training_task, "VALIDATION_PX", 96)
    monkeypatch.setattr(recipe, "CALIBRATED", 3)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"form": form, "scenes": 2, "hard_scenes": 2, "crops": 2, "crop_px": 64, "batch": 2}))
    arguments = ["train", "offsets", "--out", str(tmp_path), "--config", str(config), "--steps", "2", "--minutes", "5"]
    assert main([*arguments, "--device", "cpu"]) == 0
    name = "offsets" if form == WEIGHTS else "cc-res-siamnet"
    card = read_card(name, tmp_path)
    assert {"g50_mae", "g50_law_mae", "varying_mae", "varying_within_68"} <= set(card.figures)
    tracked = network.track(pair_of(0.0, 0.0, size=96).source(), network.load_shipped(CPU, name, tmp_path), 6)
    assert tracked.dx_px.shape == (12, 12)

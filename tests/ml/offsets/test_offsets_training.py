"""How the offsets network is trained: where its crops begin, what it is taught on, what is left behind."""

import json
from datetime import date

import numpy as np
import pytest
import torch

from lab.offsets import real_chips
from lab.offsets.dataset import make_scene, prepared
from lab.offsets.recipe import RECIPE
from lab.offsets.training_task import Settings, bias_of, cut, turned
from lab.simulation.seeds import Purpose
from ml.__main__ import main
from ml.networks.box_mean import box_mean
from ml.offsets import network
from ml.offsets.texture import texture
from ml.runtime.checkpoints import WEIGHTS, read_card
from tests.makers.offset_pairs import pair_of

CPU = torch.device("cpu")


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


@pytest.mark.parametrize("seed", range(6))
def test_turning_a_pair_turns_its_truth(seed):
    images, shift = turned(np.random.default_rng(seed), *seen(3.0, -2.0))
    assert peak_of(*images) == (round(float(shift[0].mean())), round(float(shift[1].mean())))


def test_a_crop_is_gathered_near_its_truth_and_its_target_is_what_is_left():
    for seed in range(5):
        crop = cut(np.random.default_rng(seed), *seen(1.0, -1.0), 96)
        if float(crop.beyond.abs().max()) == 0 and float(crop.target.std(dim=(1, 2)).max()) == 0:
            assert peak_of(*crop.texture) == tuple(int(part.mean()) for part in crop.target)
            return
    pytest.fail("no start of five was the same everywhere")


def test_what_is_wrong_with_a_whole_crop_costs_and_noise_of_its_windows_does_not():
    rng = torch.Generator().manual_seed(0)
    sigma, target, known = 0.1, torch.zeros(4, 2, 14, 14), torch.ones(4, 1, 14, 14)
    noise = sigma * box_mean(torch.randn(4, 2, 14, 14, generator=rng), 3) * 3
    answer = torch.cat([noise, torch.full_like(noise, float(np.log(sigma)))], dim=1)
    alone = float(bias_of(answer, target, known))
    assert alone < 2
    answer[:, :2] += 0.5 * sigma
    assert float(bias_of(answer, target, known)) > alone + 0.5
    assert float(bias_of(answer, target, torch.zeros_like(known))) == 0


def test_training_goes_on_from_weights_and_the_card_says_from_which(tmp_path):
    settings = Settings(scenes=1, hard_scenes=1, begin=str(WEIGHTS), width=16)
    network_, task, card = RECIPE.prepare(settings, tmp_path, 0)
    assert card.training["begun_from"] == read_card("offsets").weights_sha256
    shipped = network.shipped(CPU).network.state_dict()
    assert all(torch.equal(value, shipped[name]) for name, value in network_.state_dict().items())
    assert (tmp_path / "scenes.npy").exists()
    assert (tmp_path / "hard.npy").exists()


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


def test_prepared_scenes_are_the_same_again_and_another_number_is_refused(tmp_path):
    scenes = prepared(tmp_path, 2, size=48)
    assert scenes.shape == (2, 5, 48, 48)
    again = np.array(scenes)
    (tmp_path / "scenes.npy").unlink()
    np.testing.assert_array_equal(prepared(tmp_path, 2, size=48), again)
    with pytest.raises(ValueError, match="name another folder"):
        prepared(tmp_path, 3, size=48)


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
def test_the_recipe_trains_calibrates_and_leaves_weights_that_track(tmp_path, capsys):
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps({"scenes": 2, "hard_scenes": 2, "nodes": 16, "crop_px": 48, "batch": 2, "calibration_pairs": 2})
    )
    arguments = ["train", "offsets", "--out", str(tmp_path), "--config", str(config), "--steps", "2", "--minutes", "5"]
    assert main([*arguments, "--device", "cpu"]) == 0
    card = read_card("offsets", tmp_path)
    assert card.network["nodes"] == 16
    by_gamma = {f"{of}{name}_g50" for of in ("", "near_", "choice_") for name in ("sigma", "within_68")}
    assert by_gamma | {"own_epe", "near_epe", "choice_epe"} <= set(card.figures)
    tracked = network.track(pair_of(0.0, 0.0, size=96).source(), network.tracker_of(card, tmp_path, CPU), 6)
    assert tracked.dx_px.shape == (12, 12)

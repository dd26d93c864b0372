"""What the deformation network is trained on: tiles on disk, samples made of them, the loss, the thresholds."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ground_motion.cli.program import main
from ground_motion.methods.deformation.features.channels import CHANNELS
from ground_motion.methods.deformation.kinds import kind_of
from ground_motion.methods.deformation.overwrapped import WINDOW
from ground_motion.networks.deformation_unet import DeformationUnet
from ground_motion.networks.resnet import ResNet18
from ground_motion.rasters.areas import KINDS
from ground_motion.runtime.checkpoints import read_card
from ground_motion.simulation.ground.deformation import Ellipse
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import (
    GroundwaterSubsidence,
    MineWaterUplift,
    PressureSource,
    QuarrySettlement,
)
from lab.deformation import gains, wrapped
from lab.deformation.measures.benchmark_tiles import NATIONAL, field_tile, still_tile
from lab.deformation.measures.scoring import truth_of
from lab.deformation.training.compose import Recipe, sample, still, superimposed, tile_pool, weak_motion
from lab.deformation.training.dataset import NOTHING, fill, tile_arrays
from lab.deformation.training.train import DeformationTrainingTask, Settings, as_batch, loss_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import with_sources

TILES = 6


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("tiles"), TILES, Purpose.TEST)


@pytest.fixture(scope="module")
def pool(cache):
    return tile_pool(cache, 0, TILES)


def test_what_was_put_in_and_what_is_wrong_add_up_to_what_is_released():
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1500, 1500, 0), -8.0, flatness=1.0)
    arrays = tile_arrays(with_sources(still_tile(NATIONAL, 1, Purpose.TEST), (bowl,)))
    parts = {name: arrays[name].astype(np.float32) for name in ("released", "errors", "truth")}
    off = parts["released"] - parts["errors"] - parts["truth"]
    assert np.abs(parts["truth"]).max() > 5
    assert np.nanmedian(np.abs(off)) < 0.1  # the released are rounded to 0.1
    assert set(np.unique(arrays["kind"])) == {KINDS.index("groundwater_subsidence"), NOTHING}


def test_kinds_follow_what_moves_the_ground_and_which_way():
    ellipse, here = Ellipse(400, 400, 0), Offset(0, 0)
    assert KINDS[kind_of(PressureSource(here, 1000.0, 5.0))] == "uplift"
    assert KINDS[kind_of(PressureSource(here, 1000.0, -5.0))] == "groundwater_subsidence"
    assert KINDS[kind_of(MineWaterUplift(here, ellipse, 5.0))] == "uplift"
    assert KINDS[kind_of(QuarrySettlement(here, ellipse, -5.0))] == "fill_or_quarry"


def test_motion_laid_over_errors_is_found_again_in_their_difference(cache, pool):
    number, order, recipe = int(pool.quiet[0]), np.array([0]), Recipe()
    motion = weak_motion(np.random.default_rng(0), cache, number, order)
    moving = superimposed(np.random.default_rng(1), cache, number, order, motion, recipe)[0].velocity_mm_yr
    resting = superimposed(np.random.default_rng(1), cache, number, order, still(1), recipe)[0].velocity_mm_yr
    known = np.isfinite(moving)
    left = (moving - resting - motion.at_points[0])[known]
    assert np.ptp(left) < 0.02  # but for the background, which is taken off as a whole
    assert abs(left.mean()) < 1.0


def test_samples_are_what_a_detector_gets(pool):
    recipe = Recipe(crop=64)
    for seed in range(12):
        one = sample(np.random.default_rng(seed), pool, 1 + seed % 2, recipe)
        assert len(one.tracks) == 1 + seed % 2
        for track in one.tracks:
            np.testing.assert_array_equal(np.isfinite(track.velocity_mm_yr), track.n_points > 0)
            np.testing.assert_array_equal(track.distance_m == 0, track.n_points > 0)
        assert one.rate_mm_yr.shape == one.kind.shape == (64, 64)
        batch = as_batch([one])
        assert bool(torch.isfinite(batch["image"]).all())
    again = sample(np.random.default_rng(11), pool, 2, recipe)
    np.testing.assert_array_equal(again.rate_mm_yr, one.rate_mm_yr)


def batch_of_truth() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A bowl of uplift, and the answer that is right in every channel."""
    row, col = np.mgrid[:32, :32] - 16.0
    rate = torch.from_numpy(6 * np.exp(-(row**2 + col**2) / 64).astype(np.float32))[None]
    kind = torch.where(rate > 0.5, 1, NOTHING).long()
    right = torch.zeros(1, 9, 32, 32)
    for i, threshold in enumerate((1.0, 2.0, 3.0)):
        right[:, i] = torch.where(rate >= threshold, 12.0, -12.0)
    right[:, 4] = 12.0
    right[:, 8] = torch.arcsinh(rate / 2)
    everywhere = torch.ones(1, 32, 32, dtype=torch.bool)
    return right, {"rate": rate, "kind": kind, "reached": everywhere, "wrong": ~everywhere}


def test_the_right_answer_costs_nothing_and_every_wrong_one_something_where_there_are_points():
    right, batch = batch_of_truth()
    assert float(loss_of(right, batch)) < 0.01
    for channel, wrong in ((0, -right[:, 0]), (1, -right[:, 1]), (4, right[:, 4] * 0), (8, -right[:, 8])):
        answer = right.clone()
        answer[:, channel] = wrong
        assert float(loss_of(answer, batch)) > 0.05
    batch["reached"][:, :8] = False
    answer = right.clone()
    answer[:, :, :8] = 5.0
    assert float(loss_of(answer, batch)) == pytest.approx(float(loss_of(right, batch)))


def test_an_unwrapping_error_is_no_motion_and_costs_more_than_other_still_ground(cache, pool):
    number, order = int(pool.quiet[0]), np.array([0])
    for blocks in (0.0, 1.0):
        (drawn,) = superimposed(np.random.default_rng(2), cache, number, order, still(1), Recipe(blocks=blocks))
        assert bool(drawn.wrong.any()) == (blocks > 0)
    right, batch = batch_of_truth()
    answer = right.clone()
    answer[:, 0, :4, :4] = 3.0
    before = float(loss_of(answer, batch))
    batch["wrong"][:, :4, :4] = True
    assert float(loss_of(answer, batch)) > 3 * before
    assert float(loss_of(right, batch)) < 0.01


def test_a_network_learns_from_a_handful_of_samples(pool):
    torch.manual_seed(0)
    training_task = DeformationTrainingTask(pool, pool, Settings(batch=4))
    batch = training_task.batch(np.random.default_rng(0))
    network = DeformationUnet(CHANNELS, widths=(16, 16, 16, 16))
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = training_task.loss(network, batch, 0.5)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_the_command_trains_and_writes_weights_with_their_card(tmp_path):
    config = tmp_path / "c.json"
    config.write_text('{"widths": [8, 8, 8, 8], "tiles": 6, "batch": 2}')
    options = ["--config", str(config), "--out", str(tmp_path), "--minutes", "5", "--steps", "2"]
    assert main(["train", "deformation", *options]) == 0
    card = read_card("deformation", tmp_path)
    assert card.training["steps"] == 2
    assert card.training["settings"]["tiles"] == 6


def test_windows_with_motion_in_the_middle_are_told_from_others(pool):
    rng = np.random.default_rng(4)
    drawn = wrapped.interferograms(rng, 40) | wrapped.of_fields(rng, pool, 40)
    for kind in ("interferogram", "field"):
        image, moves = drawn[kind], drawn[f"{kind}_moves"]
        assert image.shape == (40, 1, WINDOW, WINDOW)
        assert image.abs().max() <= 1
        assert 0 < moves.sum() < 40
    task, network = wrapped.WrappedTask(pool, pool, wrapped.Settings(batch=4, pretraining=0.5)), ResNet18()
    batch = task.batch(rng)
    only = {name: torch.zeros_like(values) if "field" in name else values for name, values in batch.items()}
    torch.testing.assert_close(task.loss(network.eval(), batch, 0.4), task.loss(network, only, 0.4))
    assert task.loss(network, batch, 0.6) != task.loss(network, only, 0.6)


def test_a_window_whose_middle_moves_is_drawn_around_it():
    speed = np.zeros((100, 100))
    speed[48:52, 50:54] = 3.0
    places = wrapped._places(np.random.default_rng(0), speed)
    assert (np.abs(places[1:] + WINDOW // 2 - 51) <= 10).all()


def test_the_threshold_keeps_both_sorts_of_tiles_to_their_false_alarms(monkeypatch):
    moving = field_tile(NATIONAL, 50_001, Purpose.VALIDATION)
    still = replace(moving, sources=(), motions=())
    truth = np.abs(truth_of(moving, moving.tracks[:1]))
    for tile, counts in ((still, [1, 1, 0, 0]), (moving, [0, 0, 0, 0])):  # Moving ground has no false alarm.
        row, col = np.unravel_index(truth.argmax(), truth.shape)
        score = np.full(truth.shape, -9.0, dtype=np.float32)
        score[max(0, row - 10) : row + 10, max(0, col - 10) : col + 10] = 2.0
        planes = iter((score, np.ones_like(score)))
        monkeypatch.setattr(gains, "score_track", lambda *_: ("score", "rate"))
        monkeypatch.setattr(gains, "placed", lambda plane, transform, tile, planes=planes: next(planes))
        monkeypatch.setattr(gains, "THRESHOLDS", np.array([0.0, 1.0, 3.0, 50.0]))
        assert gains.alarms_in(ResNet18(), tile) == counts
    alarms = np.zeros((10, 2, 4))
    alarms[0, 0], alarms[1, 1] = [90, 9, 0, 0], [0, 0, 4, 0]
    assert gains.threshold_for(alarms) == 3.0
    alarms[1, 1, 2] = 90
    assert gains.threshold_for(alarms) == 50.0

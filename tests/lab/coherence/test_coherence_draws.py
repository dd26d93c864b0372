"""Training pairs of coherence: real texture, what processors do to images, a history before a pair."""

import dataclasses

import numpy as np
import pytest

from ingest.errors import InputError
from lab import real_data
from lab.coherence.training import textures, validate
from lab.coherence.training.processing import resampled_on_map
from lab.coherence.training.scenes import textured_pair, with_unseen
from lab.coherence.training.task import CoherenceSettings, CoherenceTrainingTask, begin_with
from lab.simulation.sar.cache import fill
from lab.simulation.sar.ground import gamma_texture, smooth_field
from lab.simulation.sar.pairs import simulate_pair
from lab.simulation.sar.recipes import even_ground, homogeneous
from lab.simulation.sar.system import GRDH
from lab.simulation.seeds import Purpose, generator
from ml.coherence import TRUTHS
from ml.coherence.features import HISTORY, features, history_features, temporal
from ml.coherence.network import NAME, CoherenceNetwork, Settings, registered, untrained
from ml.coherence.registration import facts_of
from ml.runtime.checkpoints import Card, save

torch = pytest.importorskip("torch")
SMALL = {"widths": (8, 8), "blocks": (1, 1), "residual": True}


def seeded(name: str, scene: int = 0) -> np.random.Generator:
    return generator(Purpose.TEST, f"coherence-draws {name}", scene)


@pytest.fixture(scope="module")
def cut():
    """A texture as one would be cut from a stack: blobs of a few px, and a very bright corner."""
    rng = seeded("texture")
    field = gamma_texture(smooth_field(rng, (180, 200), (6.0, 6.0)), 1.5)
    field[:40, :40] *= 40.0
    return (field,)


# ---- texture ----


def test_edges_that_power_does_not_show_are_in_the_coherence_alone():
    ground = even_ground(GRDH, 64, 0.7)
    unseen = [with_unseen(seeded("unseen", scene), ground, GRDH.fine) for scene in range(8)]
    for one in unseen:
        assert one.power is ground.power
        assert 0 <= one.gamma.min() <= one.gamma.max() <= 0.98
    assert (ground.gamma == ground.gamma[0, 0]).all()  # what was handed over stays as it was
    assert sum(one.gamma.std() > 0.05 for one in unseen) >= 6
    assert sum(float(np.median(one.gamma)) == pytest.approx(0.7) for one in unseen) >= 4


def test_a_missing_stack_is_named_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv(real_data.VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match=r"speckle_stacks.*Set GROUND_MOTION_DATA"):
        textures.textures_of(textures.TAUGHT)


@pytest.mark.realdata
def test_places_that_teach_and_places_that_are_kept_share_no_pixel(real_data, monkeypatch):
    monkeypatch.setenv("GROUND_MOTION_DATA", str(real_data))
    west, east = textures.TAUGHT["lely west"], textures.KEPT["lely east"]
    assert west.columns.stop == east.columns.start
    assert not {cut.place for cut in textures.TAUGHT.values()} & {"marais2"}
    read = textures.textures_of(textures.TAUGHT)
    assert len(read) == sum(cut.weight for cut in textures.TAUGHT.values())
    assert all(abs(np.median(texture) - 1) < 0.01 for texture in read)


# ---- what processors do ----


def test_a_map_holds_the_same_ground_and_interpolation_raises_the_looks():
    pair = homogeneous(seeded("map"), 0.6, 0.0, size=160, sample=True)
    pair = pair._replace(gamma=np.linspace(0.2, 0.9, 160, dtype=np.float32)[:, None] * np.ones((1, 160), np.float32))
    onto = [resampled_on_map(seeded("map", scene), pair, 128) for scene in range(8)]
    assert {one.power.shape for one in onto} == {(2, 128, 128)}
    for one in onto:
        assert one.power.mean() == pytest.approx(pair.power.mean(), rel=0.15)
        assert one.power.min() > 0
        assert np.corrcoef(one.gamma.mean(axis=1), np.arange(128))[0, 1] > 0.95
    assert np.mean([one.looks for one in onto]) > pair.looks


def test_a_shift_keeps_its_size_on_the_map(monkeypatch):
    monkeypatch.setattr("lab.coherence.training.processing.STEP", (2.0, 2.0))
    pair = homogeneous(seeded("turned"), 0.9, 1.0, size=160, sample=True)
    laid = resampled_on_map(seeded("turned", 1), pair, 64)
    length = np.hypot(laid.dx_px, laid.dy_px)
    assert length.mean() == pytest.approx(np.hypot(pair.dx_px, pair.dy_px).mean() / 2, rel=0.02)
    assert facts_of([torch.from_numpy(laid.power)], laid.looks).shift_px == pytest.approx(
        (laid.dy_px.mean(), laid.dx_px.mean()), abs=0.15
    )


# ---- a history ----


def earlier_pair(scene: int):
    """Even coherence on strong texture, with four earlier images that keep none of the reference's speckle."""
    rng = seeded("history", scene)
    ground = even_ground(GRDH, 96, 0.6)
    texture = gamma_texture(smooth_field(rng, ground.gamma.shape, (3.0, 3.0)), 0.8)
    ground = ground._replace(power=ground.power * texture)
    still = np.zeros((2, *ground.gamma.shape), dtype=np.float32)
    return simulate_pair(rng, GRDH, ground, still, sample=True, earlier=[np.zeros_like(ground.gamma)] * 4)


def test_earlier_images_show_the_ground_of_the_pair_and_their_own_speckle():
    pair = earlier_pair(0)
    assert pair.earlier.shape == (4, 96, 96)
    logs = np.log(pair.earlier)
    assert np.corrcoef(logs.mean(axis=0).ravel(), np.log(pair.mean_power[0]).ravel())[0, 1] > 0.9
    ratio = np.log(pair.earlier / pair.mean_power[0])
    assert abs(np.corrcoef(ratio[0].ravel(), np.log(pair.power[0] / pair.mean_power[0]).ravel())[0, 1]) < 0.1


def test_the_temporal_mean_cancels_texture_in_what_the_network_sees():
    pair = earlier_pair(1)
    facts = facts_of([torch.from_numpy(pair.power)], pair.looks)
    log = registered(torch.from_numpy(pair.power), facts)[None]
    row = torch.tensor([facts.row()])
    past = temporal(torch.log(torch.from_numpy(pair.earlier)))[None]
    freed = history_features(log, past, row)
    assert freed.shape == (1, HISTORY, 48, 48)
    assert torch.isfinite(freed).all()
    seen = features(log, row).half
    assert float(freed[:, :4].var()) < 0.5 * float(seen[:, :4].var())  # the level, pixel by pixel


def test_gaps_of_a_history_are_marked_and_spoil_nothing():
    pair = earlier_pair(2)
    earlier = torch.log(torch.from_numpy(pair.earlier))
    earlier[:, :20] = torch.nan
    earlier[0, 40:] = torch.nan
    past = temporal(earlier)
    assert torch.isnan(past[:, :20]).all()
    assert torch.isfinite(past[:, 20:]).all()
    facts = facts_of([torch.from_numpy(pair.power)], pair.looks)
    log = registered(torch.from_numpy(pair.power), facts)[None]
    freed = history_features(log, past[None], torch.tensor([facts.row()]))
    assert torch.isfinite(freed).all()
    assert freed[0, -1, :10].min() == 1
    assert freed[0, -1, 10:].max() == 0


def test_a_network_begins_with_weights_that_know_no_history(tmp_path):
    torch.manual_seed(0)
    save(tmp_path, Card("coherence", NAME, "1", SMALL), untrained(SMALL))
    network = untrained(SMALL | {"history": True})
    begin_with(network, tmp_path)
    ready = CoherenceNetwork(network.eval(), Settings(), "")
    pair = earlier_pair(3)
    power = torch.from_numpy(pair.power)
    facts, past = facts_of([power], pair.looks), temporal(torch.log(torch.from_numpy(pair.earlier)))
    one, other = ready.estimate(power, facts), ready.estimate(power, facts, past)
    for truth, estimate in one.items():
        torch.testing.assert_close(estimate.coherence, other[truth].coherence)


def test_a_network_without_a_place_for_a_history_refuses_one():
    ready = CoherenceNetwork(untrained(SMALL).eval(), Settings(), "")
    pair = earlier_pair(4)
    power = torch.from_numpy(pair.power)
    with pytest.raises(ValueError, match="no optional channels"):
        ready.estimate(power, facts_of([power], 4.0), temporal(torch.log(torch.from_numpy(pair.earlier))))


def test_batches_mix_both_grounds_and_show_histories_to_some_steps(tmp_path, cut):
    simulated = fill(tmp_path / "simulated", 2, 64, "draws", lambda rng, size: textured_pair(rng, size, cut))
    before = fill(tmp_path / "history", 2, 64, "draws", lambda rng, size: textured_pair(rng, size, cut, 4), 4)
    assert simulated.earlier is None
    assert before.earlier.shape == (2, 4, 64, 64)
    settings = CoherenceSettings(size=64, batch=4, with_history=0.5)
    task = CoherenceTrainingTask([simulated, before], settings, textured=1)
    batches = [task.batch(np.random.default_rng([3, step])) for step in range(8)]
    shown = [batch for batch in batches if "optional" in batch]
    assert 1 <= len(shown) < 8
    assert shown[0]["optional"].shape == (4, HISTORY, 32, 32)
    assert torch.isfinite(shown[0]["optional"]).all()
    none = dataclasses.replace(settings, with_history=0.0)
    assert "optional" not in CoherenceTrainingTask([simulated, before], none, 1).batch(np.random.default_rng(1))


# ---- networks side by side ----


def test_a_network_is_judged_with_a_history_only_where_it_has_a_place_for_one():
    torch.manual_seed(0)
    without, with_place = (
        CoherenceNetwork(untrained(SMALL | {"history": history}).eval(), Settings(), "") for history in (False, True)
    )
    case = validate.Case(earlier_pair, history=True)
    first, second = validate.measured([without, with_place], case, 2)
    assert first == {truth: [] for truth in TRUTHS}
    assert {truth: [rows.shape for rows in of_pairs] for truth, of_pairs in second.items()} == {
        truth: [(400, 3)] * 2 for truth in TRUTHS
    }
    plain, _ = validate.measured([without, with_place], case._replace(history=False), 1)
    rows = plain[TRUTHS[0]][0]
    assert rows[:, 1] == pytest.approx(0.6, abs=0.02)
    assert validate.STATISTICS["bias"](rows) == pytest.approx(rows[:, 0].mean() - 0.6, abs=0.02)


@pytest.mark.realdata
def test_averaged_pairs_have_more_looks_than_before(real_data, monkeypatch):
    monkeypatch.setenv("GROUND_MOTION_DATA", str(real_data))
    fine, coarse = validate.kept_pair(1), validate.averaged_pair(1)
    assert coarse.power.shape == (2, 64, 64)
    assert fine.looks < coarse.looks < 4.5 * fine.looks
    assert coarse.sample_gamma.mean() == pytest.approx(fine.sample_gamma.mean(), abs=0.1)

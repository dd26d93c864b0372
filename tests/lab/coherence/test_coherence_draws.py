"""Training pairs of coherence: real texture, what processors do to images, a history before a pair."""

import numpy as np
import pytest

from ground_motion.methods.coherence.features import INPUTS, features, no_history, temporal
from ground_motion.methods.coherence.network import NAME, CoherenceNetwork, Settings, network_of, register
from ground_motion.methods.coherence.registration import facts_of
from ground_motion.runtime.methods import methods
from lab.coherence.training import samples, task, textures
from lab.coherence.training.samples import Drawing, Sample, Samples, coherence_over, sample_of
from lab.coherence.training.scenes import coherence_pair, patched, resampled_on_map, roughened
from lab.coherence.training.task import CoherenceSettings, prepare
from lab.simulation.sar.ground import gamma_texture, smooth_field
from lab.simulation.sar.pairs import sample_coherence, simulate_pair
from lab.simulation.sar.recipes import even_ground, homogeneous
from lab.simulation.sar.system import GRDH
from lab.simulation.seeds import Purpose, generator

torch = pytest.importorskip("torch")
SMALL = (8, 8)  # widths
LEVEL, HISTORY = 3, slice(3, 6)  # channels of `Seen.image`


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


def test_patches_that_power_does_not_show_are_in_part_of_the_ground():
    gamma = np.full((128, 128), 0.7, dtype=np.float32)
    unseen = [patched(seeded("unseen", scene), gamma, (1, 1)) for scene in range(8)]
    assert all(0 <= one.min() <= one.max() <= 0.98 for one in unseen)
    assert (gamma == gamma[0, 0]).all()  # what was handed over stays as it was
    assert all(one.std() > 0.01 and float(np.median(one)) == pytest.approx(0.7) for one in unseen)


def test_rough_ground_varies_everywhere_but_ground_without_coherence_gains_none():
    gamma = np.full((128, 128), 0.7, dtype=np.float32)
    gamma[:, :40] = 0
    rough = [roughened(seeded("rough", scene), gamma, (1, 1)) for scene in range(8)]
    assert all(not one[:, :40].any() and 0 < one[:, 40:].min() < one[:, 40:].max() <= 0.99 for one in rough)
    parts = np.stack([one[:, 44:].reshape(8, 16, -1, 12).std(axis=(1, 3)) for one in rough])
    assert (parts > 0).all()
    assert np.quantile(parts, 0.9) > 0.03


@pytest.mark.realdata
def test_places_that_teach_and_places_that_are_kept_share_no_pixel(real_files):
    taught, kept = (textures.CUTS[use] for use in (textures.TAUGHT, textures.KEPT))
    assert taught[0].place == kept[0].place
    assert taught[0].columns.stop == kept[0].columns.start
    assert "marais2" not in {cut.place for cut in taught}
    read = textures.textures_of(textures.TAUGHT)
    assert len(read) == sum(cut.weight for cut in taught)
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
    monkeypatch.setattr("lab.coherence.training.scenes.STEP", (2.0, 2.0))
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


def history_of(pair):
    return torch.log(torch.from_numpy(np.concatenate([pair.power[:1], pair.earlier])))


def seen_of(pair, past):
    facts = facts_of([torch.from_numpy(pair.power)], pair.looks)
    log = register(torch.from_numpy(pair.power), facts)[None]
    return features(log, past[None], torch.tensor([facts.row()]))


def test_the_temporal_mean_cancels_texture_in_what_the_network_sees():
    pair = earlier_pair(1)
    seen = seen_of(pair, temporal(history_of(pair)))
    assert seen.image.shape == (1, INPUTS, 96, 96)
    assert torch.isfinite(seen.image).all()
    assert float(seen.image[:, LEVEL].var()) < 0.5 * float(seen.image[:, :2].mean(dim=1).var())
    bare = seen_of(pair, no_history(torch.from_numpy(pair.power)))
    assert not bare.image[:, HISTORY].any()
    assert float(seen.planes[:, 4:6].var()) < 0.7 * float(bare.planes[:, 4:6].var())  # squares of power


def test_gaps_of_a_history_count_as_none_and_spoil_nothing():
    pair = earlier_pair(2)
    images = history_of(pair)
    images[1:, :20] = torch.nan
    images[1, 40:] = torch.nan
    past = temporal(images)
    assert torch.isnan(past[:, :20]).all()
    assert past[2, 25, 0].exp() == pytest.approx(5)
    assert past[2, 50, 0].exp() == pytest.approx(4)
    seen = seen_of(pair, past)
    assert torch.isfinite(seen.image).all()
    assert not seen.image[0, HISTORY, :20].any()


def test_a_history_changes_the_answer_only_where_it_is_known():
    torch.manual_seed(0)
    ready = CoherenceNetwork(network_of(NAME, SMALL).eval(), Settings(), "")
    pair = earlier_pair(3)
    power = torch.from_numpy(pair.power)
    past = temporal(history_of(pair))
    past[:, :, :48] = torch.nan
    facts = facts_of([power], pair.looks)
    (one,), (other,) = (ready.estimate(power, facts, [None], earlier) for earlier in (None, past))
    torch.testing.assert_close(one.coherence[:, :12], other.coherence[:, :12])
    assert float((one.coherence - other.coherence)[:, 60:].abs().mean()) > 1e-4


# ---- samples ----


def coherence(sample: Sample, window: tuple[int, int]) -> np.ndarray:
    return coherence_over(torch.from_numpy(sample.moments.astype(np.float32))[None], window)[0].numpy()


def test_the_truth_of_any_window_follows_from_the_moments_that_a_sample_keeps():
    pair = coherence_pair(seeded("moments", 3), 64)
    sample, inner = sample_of(pair), (slice(8, -8),) * 2
    for window in ((3, 3), (3, 11), (15, 15)):
        true = sample_coherence(pair.moments, window)
        np.testing.assert_allclose(coherence(sample, window)[inner], true[inner], atol=5e-3)
    np.testing.assert_allclose(sample.gamma, pair.gamma, atol=1e-3)
    even = sample_of(homogeneous(seeded("moments even"), 0.6, 0.0, sample=True))
    assert coherence(even, (15, 15)).std() < 0.5 * coherence(even, (3, 3)).std()


def test_averaged_pixels_have_the_moments_of_their_sum():
    pair = coherence_pair(seeded("pooled", 1), 64)
    coarse = sample_of(pair, (2, 2), 32)
    assert coarse.log_power.shape == (2, 32, 32)
    fine = sample_coherence(pair.moments, (2, 2))[1::2, 1::2]  # windows of two end at odd pixels
    np.testing.assert_allclose(coherence(coarse, (1, 1)), fine, atol=5e-3)
    assert coarse.numbers[-1] > 1.2  # independent pixels in a mean


def test_what_a_narrow_mean_leaves_over_is_unknown():
    narrow = sample_of(coherence_pair(seeded("narrow", 1), 64), (1, 4), 32)
    assert narrow.log_power.shape == (2, 32, 32)
    assert np.isfinite(narrow.log_power[:, :, :16]).all()
    assert np.isnan(narrow.log_power[:, :, 16:]).all()


def test_samples_are_kept_and_turned_with_their_truth(tmp_path, cut, monkeypatch):
    monkeypatch.setattr(textures, "textures_of", lambda use: cut)
    drawing = Drawing(samples=2, size=32, textured_share=0.5, history_share=1.0)
    kept = Samples(drawing, tmp_path)
    again = samples._drawn(drawing, 1)
    np.testing.assert_array_equal(kept.arrays[2][1], again["moments"])
    whole = Sample(**again)
    for flips in ((1, 0, 0), (0, 1, 1)):
        turned = whole.turned(flips)
        back = coherence(turned, (3, 3)).T if flips[2] else coherence(turned, (3, 3))
        np.testing.assert_allclose(back[:: 1 - 2 * flips[0], :: 1 - 2 * flips[1]], coherence(whole, (3, 3)), atol=1e-3)
    batch = kept.batch(np.random.default_rng(0), 5, 1.0)
    assert batch["moments"].shape == (5, 4, 32, 32)
    assert (batch["facts"][:, 1] == 1).all()


@pytest.mark.realdata
@pytest.mark.parametrize("method", [name for name, row in methods("coherence").items() if row.weights])
def test_a_few_steps_teach_every_network(real_files, monkeypatch, tmp_path, method):
    monkeypatch.setattr(task, "SCENES", 1)  # nothing is validated here
    settings = CoherenceSettings(method=method, samples=2, size=64, batch=2)
    network, training, _ = prepare(settings, tmp_path, 0)
    torch.manual_seed(0)
    batch = training.batch(np.random.default_rng(1))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        losses.append(training.loss(network, batch, 0.0))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert float(losses[-1].detach()) < 0.8 * float(losses[0].detach())

"""Simulated pairs and hard scenes: speckle obeys its physics, images hold what truth states, no scene comes twice."""

import numpy as np
import pytest
from scipy import ndimage, stats

from lab.simulation.kept import kept
from lab.simulation.sar import hard_scenes, motion
from lab.simulation.sar.ground import Likely, Points, even, structured
from lab.simulation.sar.pairs import MARGIN_PX, padded, sample_coherence, simulate_pair
from lab.simulation.sar.recipes import even_ground, moving
from lab.simulation.sar.series import change_series
from lab.simulation.sar.system import GRDH, RTC, Places, Spread, System, scatterers
from lab.simulation.seeds import Purpose, generator


def rng_of(scene: int = 0) -> np.random.Generator:
    return generator(Purpose.TEST, "test-sar", scene)


def still(ground):
    return np.zeros((2, *ground.gamma.shape), dtype=np.float32)


def even_power(gamma: float, size: int = 256) -> np.ndarray:
    ground = even_ground(GRDH, size, gamma)
    return simulate_pair(rng_of(), GRDH, ground, still(ground)).power


# ---- the system ----


def test_scatterers_stand_where_they_were_put():
    rng = rng_of()
    places = Places(*rng.uniform(0, 64, (2, 30)).astype(np.float32))
    amplitudes = scatterers(rng, (2, 30))
    estimate = Spread(places, (64, 64)).spectrum(amplitudes)
    frequency = np.fft.fftfreq(64)
    rows, cols = (np.exp(-2j * np.pi * np.outer(at.astype(float), frequency)) for at in places)
    exact = np.einsum("ln,nr,nc->lrc", amplitudes, rows, cols)
    inside = np.abs(frequency) <= 0.25
    error = np.abs(estimate - exact)[:, inside][:, :, inside]
    assert error.max() < 1e-4 * np.abs(exact).max()


def test_power_on_even_ground_follows_a_gamma_distribution_of_its_looks():
    power = even_power(0.5)[0]
    power /= power.mean()
    looks = 1 / float(power.var())
    assert 4.3 <= looks <= 5.0
    assert stats.kstest(power[::3, ::3].ravel(), "gamma", args=(looks, 0, 1 / looks)).statistic < 0.02


SAMPLED = System(10.0, (1.0, 1.0), 2, 0.0, True)


@pytest.mark.parametrize("system", [GRDH, RTC, System(10.0, (1.2, 3.0), 3, 0.4), SAMPLED])
def test_the_looks_that_are_stated_are_the_looks_of_the_images(system):
    ground = even_ground(system, 160, 0.5)
    power = simulate_pair(rng_of(), system, ground, still(ground)).power[0]
    assert power.mean() ** 2 / power.var() == pytest.approx(system.equivalent_looks, rel=0.06)


def test_speckle_correlates_over_pixels_as_its_band_predicts():
    power = even_power(0.5)[0]
    x = power - power.mean()
    estimate = [float((x[:, lag:] * x[:, :-lag]).mean() / (x**2).mean()) for lag in (1, 2, 3)]
    frequency = np.fft.fftfreq(4096)
    edge = 0.5 / GRDH.resolution_px[1]
    band = np.where(np.abs(frequency) <= edge, 0.75 + 0.25 * np.cos(np.pi * frequency / edge), 0.0)
    shared = np.abs(np.fft.ifft(band**2)) ** 2
    np.testing.assert_allclose(estimate, shared[1:4] / shared[0], atol=0.02)


@pytest.mark.parametrize("gamma", [0.3, 0.5, 0.7, 0.9])
def test_powers_correlate_as_the_square_of_the_coherence(gamma):
    first, second = even_power(gamma, 384)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(gamma**2, abs=0.02)


# ---- ground and truth ----


def test_the_truth_of_even_ground_is_what_was_put_in():
    ground = even_ground(GRDH, 64, 0.6)
    field = still(ground) + np.array([0.8, -1.7], dtype=np.float32)[:, None, None]
    pair = simulate_pair(rng_of(), GRDH, ground, field, sample=True)
    np.testing.assert_allclose(pair.dx_px, 0.8, atol=1e-3)
    np.testing.assert_allclose(pair.dy_px, -1.7, atol=1e-3)
    np.testing.assert_allclose(pair.gamma, 0.6, atol=1e-3)
    sampled = sample_coherence(pair.moments, (5, 5)).mean()
    assert sampled == pytest.approx(0.6, abs=0.05)  # and a little above: a sample is never 0


def test_a_stable_point_is_coherent_where_its_surroundings_are_not():
    size = padded(64)
    point = Points(*(np.array([value], np.float32) for value in (48.3, 47.6, 3000.0, 1.0)))
    ground = even(size, 0.1)._replace(points=point)
    pair = simulate_pair(rng_of(), GRDH, ground, still(ground), sample=True)
    at = tuple(int(value) - MARGIN_PX for value in (48, 48))
    assert pair.gamma[at] > 0.95
    assert sample_coherence(pair.moments, (5, 5))[at] > 0.9
    assert pair.gamma[5, 5] == pytest.approx(0.1, abs=1e-3)
    assert pair.power[0].max() > 30 * np.median(pair.power[0])


@pytest.mark.parametrize("scene", range(6))
def test_structured_ground_with_layover_still_gives_a_finite_truth(scene):
    likely = Likely(relief=1, layover=1, town=1, water=1, roads=1, change=1)
    ground = structured(rng_of(scene), padded(48), GRDH, likely)
    pair = simulate_pair(rng_of(scene), GRDH, ground, still(ground), 1.0, sample=True)
    for part in pair[:5]:
        assert np.isfinite(part).all()
    assert (pair.power > 0).all()
    assert ((pair.gamma >= 0) & (pair.gamma <= 1)).all()
    np.testing.assert_allclose(pair.dx_px, 0, atol=1e-4)


# ---- motion ----


@pytest.mark.parametrize("kind", motion.MOTIONS)
def test_every_kind_of_motion_stays_within_its_description(kind):
    fields = np.stack([motion.MOTIONS[kind](rng_of(scene), (96, 96), (1, 1)) for scene in range(12)])
    length = np.hypot(fields[:, 0], fields[:, 1]).max(axis=(1, 2))
    most = {"zero": 0, "constant": 4.3, "fractional": 9, "glacier": 20.5, "landslide": 6, "fault": 2.01, "bowl": 3.01}
    assert length.max() <= most[kind]
    assert kind == "zero" or length.max() > 0.5
    if kind == "fractional":
        assert fields.var(axis=(2, 3)) == pytest.approx(0.5, abs=0.01)


def test_a_fault_is_where_the_truth_has_it_and_half_on_each_side():
    size = padded(96)
    field = motion.step(size, (1, 1), 2.0, along_rows=False)
    ground = even_ground(GRDH, 96, 0.9)
    pair = simulate_pair(rng_of(), GRDH, ground, field)
    assert pair.dx_px[:, :40].max() < 0.02
    assert pair.dx_px[:, 56:].min() > 1.98
    middle = np.interp(1.0, pair.dx_px.mean(axis=0), np.arange(96))
    assert middle == pytest.approx(47.5, abs=1.6)  # the reference stands half of the step and a part of a pixel away


def test_a_moving_pair_shows_its_motion_at_its_truth():
    """Where the field is smooth, the secondary looked up at x + d is the reference at x."""
    pair = moving(rng_of(3), "bowl", 96, Likely(gamma=(0.95, 0.98), water=0, town=0, change=0, layover=0, roads=0))
    y, x = np.mgrid[0:96, 0:96].astype(float)
    logs = np.log(pair.power)
    back = ndimage.map_coordinates(logs[1], [y + pair.dy_px, x + pair.dx_px], order=1, mode="nearest")
    inner = (slice(12, -12),) * 2
    moved = np.corrcoef(logs[0][inner].ravel(), back[inner].ravel())[0, 1]
    as_is = np.corrcoef(logs[0][inner].ravel(), logs[1][inner].ravel())[0, 1]
    assert moved > max(0.6, as_is)


# ---- series ----


def test_the_fall_of_coherence_is_where_and_when_it_should_be():
    series = change_series(rng_of(), 3, size=96)
    assert series.power.shape == (6, 96, 96)
    event = series.event > 0.5
    assert event.sum() == 30 * 30
    assert series.gamma[-1][event].mean() == pytest.approx(0.2, abs=0.06)
    assert series.gamma[-2][event].mean() > 0.45


# ---- files ----


def squares(number: int) -> dict[str, np.ndarray]:
    return {"square": np.full((2, 2), number**2, dtype=np.float16), "half": np.array(number / 2, dtype=np.float32)}


def test_draws_are_kept_and_go_on_where_they_stopped(tmp_path):
    first = kept(tmp_path, 5, squares, "squares")
    np.testing.assert_array_equal(first["square"][:, 0, 0], [0, 1, 4, 9, 16])
    np.testing.assert_array_equal(first["half"], [0, 0.5, 1, 1.5, 2])
    done = np.lib.format.open_memmap(tmp_path / "done.npy", "r+")
    done[3:] = 0
    held = np.lib.format.open_memmap(tmp_path / "square.npy", "r+")
    held[:] = -1
    again = kept(tmp_path, 5, squares, "squares")["square"]
    np.testing.assert_array_equal(again[:, 0, 0], [-1, -1, -1, 9, 16])
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 0
    with pytest.raises(ValueError, match="name another folder"):
        kept(tmp_path, 6, squares, "squares")


def test_a_scene_is_the_same_whoever_draws_it_and_no_other_purpose_or_name_draws_it():
    drawn = {
        (purpose, name, scene): generator(purpose, name, scene).bytes(16)
        for purpose in Purpose
        for name in ("deformation-national", "offsets-fields")
        for scene in range(50)
    }
    assert len({*drawn.values()}) == len(drawn)
    assert generator(Purpose.BENCHMARK, "offsets-fields", 7).bytes(16) == drawn[Purpose.BENCHMARK, "offsets-fields", 7]
    with pytest.raises(ValueError, match="less than 0"):
        generator(Purpose.TEST, "x", -1)


KINDS = {maker.__name__.strip("_"): maker for maker in hard_scenes.MAKERS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_whole(kind):
    for scene in range(3):
        pair = KINDS[kind](generator(Purpose.TEST, f"hard-{kind}", scene), 64)
        assert pair.power.shape == (2, 64, 64)
        assert all(np.isfinite(part).all() for part in pair[:4])
        assert (pair.power > 0).all()

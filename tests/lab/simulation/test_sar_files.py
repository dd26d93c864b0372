"""Pairs ahead of time, the report's pictures, and how far simulated chips are from the real ones."""

import numpy as np
import pytest
from PIL import Image

from lab.simulation.sar import report
from lab.simulation.sar.cache import fill, opened
from lab.simulation.sar.realism import Place, of_speckle, statistics, two_sample_auc
from lab.simulation.sar.recipes import training_pair
from lab.simulation.seeds import Purpose, generator


def test_a_cache_holds_the_pairs_of_training_and_goes_on_where_it_stopped(tmp_path):
    cache = fill(tmp_path, 3, size=32, processes=1)
    pair = training_pair(generator(Purpose.TRAINING, "sar-pairs", 1), 32)
    np.testing.assert_allclose(cache.log_power[1], np.log(pair.power), atol=0.01)
    np.testing.assert_allclose(cache.dx_px[1], pair.dx_px, atol=0.01)
    np.testing.assert_allclose(cache.sample_gamma[1], pair.sample_gamma, atol=1e-3)
    done = np.lib.format.open_memmap(tmp_path / "done.npy", "r+")
    done[:] = 0
    held = np.lib.format.open_memmap(tmp_path / "gamma.npy", "r+")
    held[:] = -1
    fill(tmp_path, 3, size=32, processes=1)
    assert (opened(tmp_path).gamma >= 0).all()
    with pytest.raises(ValueError, match="read-only"):
        opened(tmp_path).gamma[0] = 0


def test_a_cache_of_another_size_is_refused(tmp_path):
    fill(tmp_path, 2, size=32, processes=1)
    with pytest.raises(ValueError, match="name another folder"):
        fill(tmp_path, 2, size=48, processes=1)


def test_the_pictures_are_small_and_show_something(tmp_path):
    for path in report.pictures(tmp_path, None):
        assert path.stat().st_size < 400_000
        with Image.open(path) as picture:
            assert np.asarray(picture).std() > 20


def test_the_classifier_separates_noise_from_structure_and_not_noise_from_noise():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(24, 64, 64)).astype(np.float32)
    smooth = np.repeat(np.repeat(rng.normal(size=(12, 32, 32)), 2, axis=1), 2, axis=2).astype(np.float32)
    same, _ = two_sample_auc([Place("a", noise[:4]), Place("b", noise[4:8])], noise[8:], rounds=15)
    other, _ = two_sample_auc([Place("a", smooth[:6]), Place("b", smooth[6:])], noise[8:], rounds=40)
    assert 0.3 < same.value < 0.7
    assert other.value > 0.95


@pytest.mark.realdata
def test_chips_have_the_statistics_of_the_real_land_chips(real_data):
    real = report.real_places(real_data / "opera_rtc_10sgd")
    assert len(real) == 3
    made = report.simulated_chips(12)
    ours = statistics(made[:, 0]) | of_speckle(made[:, 0], made[:, 1])
    theirs = [statistics(p.log_power) | of_speckle(p.log_power[:-1], p.log_power[1:]) for p in real]
    for name, margin in {
        "spread": 0.08,
        "lag 0,1": 0.1,
        "lag 1,0": 0.1,
        "lag 0,4": 0.12,
        "lag 4,0": 0.12,
        "quantile 0.01": 0.2,
        "quantile 0.99": 0.4,
        "looks of the evenest tenth": 2.5,
        "date to date": 0.15,
        "change, lag 0,1": 0.05,
        "change, lag 1,0": 0.05,
    }.items():
        values = [one[name] for one in theirs]
        assert min(values) - margin <= ours[name] <= max(values) + margin, name

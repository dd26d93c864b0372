"""Pairs that are simulated ahead of training and kept in files."""

import numpy as np
import pytest

from lab.simulation.sar.cache import fill, opened
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

"""The simulated images: what was put in is what the truth states, and the images show it."""

import numpy as np
import pytest
import rasterio
from scipy import ndimage

from ground_motion.readers.formats.registry import open_scenes
from ground_motion.simulation.files.scenes import write_pair, write_series
from ground_motion.simulation.sar.scenes import SceneConfig, SceneSeries, simulate_scenes


@pytest.fixture(scope="module")
def series(region) -> SceneSeries:
    return simulate_scenes(region)


def inside(where: np.ndarray) -> np.ndarray:
    """Without the edge, where the brightness of what lies beyond is common to both images."""
    return ndimage.binary_erosion(where, iterations=8)


def correlation(first: np.ndarray, second: np.ndarray, where: np.ndarray) -> float:
    """Of the intensities, each against its surroundings: what texture leaves to speckle."""
    parts = [image / ndimage.uniform_filter(image, 15) for image in (first, second)]
    return float(np.corrcoef(parts[0][where], parts[1][where])[0, 1])


def test_the_same_region_gives_the_same_images_and_another_seed_others(region, region_at_rest):
    once, again, other = (simulate_scenes(one, SceneConfig(pixels=64)) for one in (region, region, region_at_rest))
    np.testing.assert_array_equal(once.power, again.power)
    assert not np.array_equal(once.power, other.power)


def test_intensities_correlate_as_the_square_of_the_coherence(series):
    truth = series.coherence[0]
    for gamma in (0.75, 0.0):
        where = inside(np.abs(truth - gamma) < 0.01)
        assert where.sum() > 300
        assert correlation(series.power[0], series.power[1], where) == pytest.approx(gamma**2, abs=0.06)


def test_what_moves_moves_so_far_and_only_then(series):
    config = series.config
    still, moving = series.dx_px[config.moves_from - 1], series.dx_px[config.moves_from]
    assert not still.any()
    length_px = np.hypot(moving, series.dy_px[config.moves_from]).max()
    assert length_px == pytest.approx(config.speed_m_day * config.repeat_days / config.posting_m, rel=1e-4)
    assert moving.max() > 0  # bearing 120 degrees: to the east …
    assert series.dy_px[config.moves_from].max() > 0  # … and south, which is down


def test_the_changed_surface_loses_its_coherence_once(series):
    config = series.config
    index = config.changed_at - 1
    lost = (series.coherence[index] < 0.05) & (series.coherence[index - 1] > 0.7)
    area_m2 = lost.sum() * config.posting_m**2
    assert area_m2 == pytest.approx(np.pi / 4 * config.changed_m[0] * config.changed_m[1], rel=0.1)
    assert (series.coherence[index + 1][lost] > 0.7).all()


def test_files_read_back_as_opera_images_that_state_they_are_simulated(series, tmp_path):
    files = write_series(series, tmp_path / "scenes")
    scenes = [open_scenes(path)[0] for path in files]
    assert [scene.header.acquired_at for scene in scenes] == list(series.dates)
    assert all(scene.header.simulated for scene in scenes)
    assert {str(scene.header.direction) for scene in scenes} == {"ascending"}
    np.testing.assert_allclose(scenes[0].power(), series.power[0])


def test_a_pair_comes_with_its_truth(region, tmp_path):
    small = simulate_scenes(region, SceneConfig(pixels=64))
    names = [path.name for path in write_pair(small, 5, tmp_path)]
    assert names == ["reference.tif", "secondary.tif", "truth.tif"]
    with rasterio.open(tmp_path / "truth.tif") as truth:
        assert truth.descriptions == ("dx_px", "dy_px", "coherence")
        np.testing.assert_array_equal(truth.read(3), small.coherence[5])

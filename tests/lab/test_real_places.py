"""Real still ground for benchmarks and training: what the smooth fit takes and leaves."""

import numpy as np
import pytest

from lab.deformation.injected.places import place, residual_field, smooth_fit


def test_a_plane_goes_and_a_bowl_and_spikes_stay():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, 5_000, (2, 4_000))
    plane = 2.0 + 0.4 * x / 1_000 - 0.3 * y / 1_000
    bowl = -4 * np.exp(-((x - 2_000) ** 2 + (y - 3_000) ** 2) / 500**2)
    spikes = np.where(rng.random(x.size) < 0.02, 20.0, 0.0)
    left = plane + bowl + spikes - smooth_fit(x, y, plane + bowl + spikes)
    np.testing.assert_allclose(left, bowl + spikes, atol=0.3)


def test_a_block_of_houses_keeps_its_slope_and_loses_its_median():
    x, y = np.meshgrid(np.arange(0, 300.0, 10), np.arange(0, 100.0, 10))
    rate = 7.0 + 0.01 * (x - x.mean()).ravel()
    left = rate - smooth_fit(x.ravel(), y.ravel(), rate)
    np.testing.assert_allclose(left, rate - 7.0, atol=1e-6)


@pytest.mark.realdata
def test_what_is_left_of_real_places_is_centred_noise(real_files):
    sizes = {name: [points.x.size for points in residual_field(place(name))] for name in ("ustica", "cyprus", "donana")}
    assert sizes == {"ustica": [11_590, 11_759], "cyprus": [17_340], "donana": [573, 914]}
    for points in residual_field(place("ustica")):
        assert abs(float(np.median(points.velocity_mm_yr))) < 0.1

"""The measures of resolution themselves: of windows whose width is known beforehand."""

import json

import numpy as np
import pytest

from lab import figures
from lab.offsets import results
from lab.offsets.rivals import resolution
from ml.statistics.intervals import Interval

POSITIONS = np.arange(24) * 8.0


def ramp(width_px, scenes=6, noise=0.0):
    """Responses (scenes, axes, positions) of a box to a step."""
    clean = np.clip((POSITIONS - POSITIONS.mean()) / width_px + 0.5, 0, 1)
    return clean + np.random.default_rng(1).normal(0, noise, (scenes, 2, len(POSITIONS)))


@pytest.mark.parametrize("width_px", [40, 72, 104])
def test_a_box_is_as_wide_as_it_is(width_px):
    assert resolution.equivalent_width_px(ramp(width_px), 8) == pytest.approx(width_px, rel=0.06)


def test_noise_does_not_narrow_a_box():
    noisy = ramp(72, scenes=200, noise=0.05)
    assert resolution.equivalent_width_px(noisy, 8) == pytest.approx(72, rel=0.1)
    alone = np.diff(noisy, axis=2)
    assert 8 * alone.sum(axis=2).mean() ** 2 / (alone**2).sum(axis=2).mean() < 50  # what it guards against


def test_a_box_averaged_over_as_wide_a_box_is_half_as_wide_again():
    along = np.diff(ramp(72, scenes=2), axis=2, prepend=0.0)
    kernel = np.ones(9) / 9
    padded = np.apply_along_axis(lambda line: np.convolve(line, kernel, mode="full"), 2, along)
    assert resolution.equivalent_width_px(np.cumsum(padded, axis=2), 8) == pytest.approx(1.5 * 72, rel=0.05)


def test_the_area_of_an_oblong_box_is_its_area():
    down, right = ramp(104), ramp(56)
    steps = [part[index] for index in range(6) for part in (down, right)]
    assert resolution.equivalent_side_px(steps) ** 2 == pytest.approx(104 * 56, rel=0.05)


def test_an_unknown_response_has_no_width():
    broken = ramp(72)
    broken[0, 0, 5] = np.nan
    assert np.isnan(resolution.equivalent_width_px(broken, 8))
    assert np.isnan(resolution.equivalent_width_px(ramp(72, scenes=1), 8))


def test_a_window_of_32_px_has_about_its_own_area_and_a_mean_of_it_that_of_both():
    methods = ("ncc", "ncc-mean-72")
    steps = [resolution.small_step_responses(methods, 0.9, scene, size=224) for scene in range(4)]
    sides = {method: resolution.equivalent_side_px([one[method] for one in steps]) for method in methods}
    assert sides["ncc"] == pytest.approx(32, rel=0.25)
    both = 72**2 / (72 - 32 / 3)  # of a box of 72 px over one of 32 px: 1 / sum w^2 of a trapezium
    assert sides["ncc-mean-72"] == pytest.approx(both, rel=0.15)


def test_a_curve_is_a_power_law_and_beyond_its_ends_that_of_independent_noise():
    curve = [(32.0, 0.08), (128.0, 0.01)]
    assert resolution.sigma_at(32, curve) == pytest.approx(0.08)
    assert resolution.sigma_at(64, curve) == pytest.approx(np.sqrt(0.08 * 0.01))
    assert resolution.sigma_at(256, curve) == pytest.approx(0.005)
    assert resolution.sigma_at(16, curve) == pytest.approx(0.16)


def test_a_method_on_the_lowest_curve_is_at_one_and_one_without_resolution_counts_for_nothing():
    at = {"model": 60.0, "ncc": 30.0, "ncc-mean-72": 90.0, "whitened": np.nan, "ncc-sigma": 60.0}
    curve = [(30.0, 0.1), (90.0, 0.02)]
    on_it = resolution.sigma_at(60, curve)
    sigma = {"model": on_it, "ncc": 0.1, "ncc-mean-72": 0.02, "whitened": 0.001, "ncc-sigma": 0.09}
    assert resolution.over_rivals("model", at, sigma, [name for name in at if name != "model"]) == pytest.approx(1)
    lower = sigma | {"ncc-sigma": on_it / 2}
    assert resolution.over_rivals("model", at, lower, [name for name in at if name != "model"]) == pytest.approx(2)


def test_results_are_what_a_table_reads_and_what_is_no_number_is_null(tmp_path):
    path = tmp_path / "r.json"
    results.write(
        path, "lab.offsets.rivals.resolution", {"ncc": {"a": results.exact(2.0), "b": Interval(*3 * [np.nan])}}, ""
    )
    assert json.loads(path.read_text())["methods"]["ncc"]["metrics"]["b"]["value"] is None
    table = figures.render({"results": ["r"], "metrics": ["a", "b"]}, tmp_path)
    assert "| `a` | 2.00 |" in table
    assert f"| `b` | {figures.NO_VALUE} |" in table

"""`offsets-foreign`: its pairs show what their scenes say, are the same again, and its figures have their names."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from affine import Affine

from ground_motion.cli.program import main
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.rasters.imagery import ImagePair
from lab.offsets import foreign_evaluate
from lab.offsets.foreign_families import FAMILIES, alike
from lab.offsets.foreign_imaging import Scene, imaged
from lab.simulation.seeds import Purpose, generator

FROZEN_SHA256 = "642b288a3cd3cd6e40ba8002d9d8f0bd180c8abf42545484c058750a98e0c327"  # of one pair of each family


@pytest.fixture(autouse=True, scope="module")
def made_once():
    """Every pair of the benchmark is made once for all tests: they read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign_evaluate, "make_pair", cache(foreign_evaluate.make_pair))
        yield


def drawn(scene: Scene, size: int = 128, number: int = 0):
    return imaged(generator(Purpose.TEST, "offsets-foreign", number), scene, size)


def even(**of) -> Scene:
    return Scene(alike(1.3, -0.6), alike(1, 1), alike(0.9), **of)


def test_what_a_pair_shows_moves_as_its_truth_says():
    pair = drawn(even(looks=4), 160)
    assert (pair.dx_px.mean(), pair.dy_px.mean()) == (pytest.approx(1.3), pytest.approx(-0.6))
    images = ImagePair(*pair.power, Affine.identity(), None)
    bands = track_offsets(images, "whitened", torch.device("cpu"), 6).bands
    assert np.nanmedian(bands["dx_px"]) == pytest.approx(1.3, abs=0.03)
    assert np.nanmedian(bands["dy_px"]) == pytest.approx(-0.6, abs=0.03)


def test_truth_is_of_what_the_reference_shows():
    """Ground that stretches: what stands at y midway is at y - dy / 2 in the reference."""
    stretched = Scene(lambda y, x: np.stack([0 * y, 0.1 * y]), alike(1, 1), alike(0.9))
    dy = drawn(stretched, 64).dy_px
    y = np.arange(64) + 0.5
    slope, start = np.polyfit(y, dy.mean(axis=1), 1)
    assert slope == pytest.approx(0.1 / 0.95, rel=1e-3)
    assert abs(start) <= 0.5 * 0.1 / 0.95 + 1e-3  # all is moved by up to half a pixel


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pair_of_every_family_is_whole(family):
    pair = foreign_evaluate.make_pair(foreign_evaluate.NAMES.index(family))
    for part in pair[:4]:
        assert np.isfinite(part).all()
    assert (pair.power > 0).all()
    assert 0.2 < float(pair.gamma.max()) <= 1
    has_noise = bool((pair.gamma < foreign_evaluate.MIN_COHERENCE).any())
    assert has_noise == (family in ("shadow", "calving"))


def test_the_command_gives_figures_of_each_family_of_pairs_that_are_still_the_same(tmp_path):
    out = tmp_path / "out.json"
    arguments = ["--benchmark", "offsets-foreign", "--method", "ncc", "--size", "1", "--json", str(out)]
    assert main(["evaluate", "offsets", *arguments]) == 0
    result = json.loads(out.read_text())
    wanted = {*foreign_evaluate.METRICS, "noise_known_share"}
    wanted |= {f"{family}_{name}" for family in FAMILIES for name in foreign_evaluate.METRICS}
    assert set(result["metrics"]) == wanted | {"shadow_noise_known_share", "calving_noise_known_share"}
    # Where this fails figures are no longer comparable: undo it, or raise the version and measure all anew.
    assert result["truth_sha256"] == FROZEN_SHA256
    assert 0 < result["metrics"]["folded_epe"]["value"] < 0.5

"""The arms of the ablation run through the same benchmark as everything else, here with random weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ml.deformation.baseline import MatchedFilterConfig
from ml.deformation.features.overwrap import GAINS
from ml.deformation.gridding import grid_robust
from ml.deformation.network import DeformationNetwork
from ml.lab.deformation import ablation
from ml.lab.deformation.ablation import ABLATION_MODELS, AblationConfig, detect_ablation
from ml.lab.deformation.benchmark_tiles import CELLS, NATIONAL, cloud, still_tile
from ml.lab.deformation.evaluate import METHODS, figures_of, gains, measure
from ml.lab.deformation.tuning import raised, results
from ml.networks.deformation_unet import DeformationUnet
from ml.networks.patch_classifier import PatchClassifier
from ml.runtime.checkpoints import Card
from ml.simulation.seeds import Purpose


@pytest.fixture
def random_weights(monkeypatch):
    """Every arm has weights at random and thresholds that flag something."""
    torch.manual_seed(0)
    module, classifier = DeformationUnet(widths=(8, 8, 8, 8), means=False), PatchClassifier().eval()
    at = {"fine": 0.0, "wide": 1e3, "gap": 1.5}
    labels = dict.fromkeys(["1", "mean", "max", *(f"gain-{gain}" for gain in GAINS)], at)

    def card(name: str) -> Card:
        fill = next((way for way in ("nearest", "idw", "soft-impute") if way in name), "none")
        return Card("deformation", name, "0", {}, {"fill": fill, "despiked": "raw" not in name, "calibration": labels})

    monkeypatch.setattr(ablation, "read_card", card)
    monkeypatch.setattr(ablation, "_network", lambda name: DeformationNetwork(card(name), module))
    monkeypatch.setattr(ablation, "_patch_network", lambda name: classifier)


@pytest.fixture(scope="module")
def points():
    return cloud(still_tile(NATIONAL, 0, Purpose.TEST).tracks[0])


@pytest.mark.parametrize("name", ["unet-soft-impute-raw", "unet-gain-4", "unet-gains-max", "patches-mean"])
def test_every_arm_says_something_within_reach_of_a_point(random_weights, points, name):
    requested = []

    def grid_of(despiked):
        requested.append(despiked)
        return grid_robust(points, despiked=despiked, workers=1)

    result = detect_ablation(grid_of, ABLATION_MODELS[name])
    assert requested == ["raw" not in name]
    p = result.maps.probability
    assert np.nanmin(p) >= 0
    assert np.nanmax(p) <= 1
    col, row = ~result.transform @ (points.x, points.y)
    assert np.isfinite(p[row.astype(int), col.astype(int)]).all()
    assert np.isnan(p).any()


def test_the_maximum_over_gains_is_never_below_their_mean(random_weights, points):
    grid = grid_robust(points, workers=1)
    mean, highest = (
        detect_ablation(lambda _: grid, ABLATION_MODELS[f"unet-gains-{how}"]).maps.probability
        for how in ("mean", "max")
    )
    assert (highest >= mean - 1e-6)[np.isfinite(mean)].all()
    alone = detect_ablation(lambda _: grid, AblationConfig("deformation-unet-wrapped", (4,))).maps.probability
    assert (highest >= alone - 1e-6)[np.isfinite(mean)].all()


def test_every_arm_is_a_method_of_the_benchmark():
    assert set(ABLATION_MODELS) < set(METHODS)
    assert {"model", "matched-filter"} < set(METHODS)


def test_arms_are_measured_beside_a_method_on_the_same_tiles(random_weights):
    scores = measure(NATIONAL, [ABLATION_MODELS["unet-none"], MatchedFilterConfig()], 1, Purpose.TEST)
    one_track, filtered = (figures_of(scores, i) for i in range(2))
    assert set(CELLS) < set(one_track)
    assert not any(key.startswith("both_") for key in one_track)  # an arm looks at one track
    assert any(key.startswith("both_") for key in filtered)
    assert set(gains(scores, 0, 1)) == set(CELLS)
    assert gains(scores, 1, 1)["pd_3mm_800m"].value == 0


def test_one_run_tells_what_a_higher_threshold_would_have_flagged(points):
    """Shifting the logistic curve afterwards is the same as detecting again."""
    low, high = MatchedFilterConfig(score_at_half=3.0), MatchedFilterConfig(score_at_half=4.0)
    shifted = results([points], [low, high], "score_at_half")[1]
    again = results([points], [high], "score_at_half")[0]
    np.testing.assert_allclose(shifted.maps.probability, again.maps.probability, atol=1e-5)
    same = raised(again, 0.0)
    np.testing.assert_allclose(same.maps.uplift, again.maps.uplift, atol=1e-6)
    assert replace(low, score_at_half=4.0) == high

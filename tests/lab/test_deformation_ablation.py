"""Ablation models run through the same benchmark as everything else, here with random weights from a folder."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.deformation.ablation import ABLATION_MODELS, PATCHES, AblationConfig, detect_ablation, recipe_of
from lab.deformation.benchmark_tiles import CELLS, NATIONAL, cloud, still_tile
from lab.deformation.evaluate import METHODS, config_of, figures_of, gains, measure
from lab.deformation.patch_classifier import PatchClassifier
from lab.deformation.training.train import Settings
from lab.deformation.tuning import raised, results
from lab.simulation.seeds import Purpose
from ml.__main__ import main
from ml.deformation.baseline import MatchedFilterConfig
from ml.deformation.features.overwrap import GAINS
from ml.deformation.gridding.cells import grid_robust
from ml.networks.deformation_unet import DeformationUnet
from ml.runtime.checkpoints import Card, save


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small networks with random weights as files, and thresholds that flag something."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("ablation")
    at = {"fine": 0.0, "agreed": 1e3, "gap": 1.5}
    calibration = dict.fromkeys(["1", "mean", "max", *(f"gain-{gain}" for gain in GAINS)], at)
    arguments = {"widths": [8, 8, 8, 8], "means": False}
    for weights in ("deformation-unet-none", "deformation-unet-soft-impute-raw", "deformation-unet-wrapped", PATCHES):
        fill = "soft-impute" if "soft-impute" in weights or weights == PATCHES else "none"
        settings = {"fill": fill, "despiked": "raw" not in weights, "calibration": calibration}
        network = PatchClassifier() if weights == PATCHES else DeformationUnet(**arguments)
        save(folder, Card("deformation", weights, "0", {} if weights == PATCHES else arguments, settings), network)
    return folder


@pytest.fixture(scope="module")
def points():
    return cloud(still_tile(NATIONAL, 0, Purpose.TEST).tracks[0])


@pytest.mark.parametrize("name", ["unet-soft-impute-raw", "unet-gain-4", "unet-gains-max", "patches-mean"])
def test_an_ablation_model_gives_a_probability_within_reach_of_a_point(folder, points, name):
    requested = []

    def grid_of(despiked):
        requested.append(despiked)
        return grid_robust(points, despiked=despiked, workers=1)

    result = detect_ablation(grid_of, config_of(name, folder))
    assert requested == ["raw" not in name]
    p = result.maps.probability
    assert np.nanmin(p) >= 0
    assert np.nanmax(p) <= 1
    col, row = ~result.transform @ (points.x, points.y)
    assert np.isfinite(p[row.astype(int), col.astype(int)]).all()
    assert np.isnan(p).any()


def test_the_maximum_over_gains_is_never_below_their_mean(folder, points):
    grid = grid_robust(points, workers=1)
    mean, highest = (
        detect_ablation(lambda _: grid, config_of(f"unet-gains-{how}", folder)).maps.probability
        for how in ("mean", "max")
    )
    assert (highest >= mean - 1e-6)[np.isfinite(mean)].all()
    alone = detect_ablation(
        lambda _: grid, AblationConfig("deformation-unet-wrapped", (4,), folder=folder)
    ).maps.probability
    assert (highest >= alone - 1e-6)[np.isfinite(mean)].all()


def test_every_ablation_model_is_a_method_of_the_benchmark():
    assert set(ABLATION_MODELS) < set(METHODS)
    assert {"model", "matched-filter"} < set(METHODS)


def test_every_ablation_model_has_a_recipe_that_training_accepts():
    for config in ABLATION_MODELS.values():
        task, settings, steps = recipe_of(config.weights)
        assert steps >= 500
        assert task == (PATCHES if config.weights == PATCHES else "deformation")
        if task == "deformation":
            accepted = Settings(**settings)
            assert accepted.name == config.weights
            assert accepted.despiked == ("raw" not in config.weights)
            assert accepted.wrapped == bool(config.gains)


def test_without_a_folder_the_command_that_trains_an_ablation_model_is_named(tmp_path, capsys):
    arguments = [
        "evaluate",
        "deformation",
        "--method",
        "unet-nearest",
        "--size",
        "1",
        "--json",
        str(tmp_path / "a.json"),
    ]
    assert main(arguments) == 2
    message = capsys.readouterr().err
    assert "python -m ml train deformation --config F.json --steps 500" in message
    assert '"fill": "nearest"' in message
    assert main([*arguments, "--weights", str(tmp_path)]) == 2
    assert "this model has no card" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_an_ablation_model_is_evaluated_with_the_weights_of_a_folder(folder, tmp_path):
    written = tmp_path / "a.json"
    main(
        [
            "evaluate",
            "deformation",
            "--method",
            "unet-none",
            "--weights",
            str(folder),
            "--size",
            "1",
            "--json",
            str(written),
        ]
    )
    card = json.loads((folder / "deformation-unet-none.json").read_text())
    assert json.loads(written.read_text())["weights_sha256"] == card["weights_sha256"]


def test_ablation_models_are_measured_beside_a_method_on_the_same_tiles(folder):
    scores = measure(NATIONAL, [config_of("unet-none", folder), MatchedFilterConfig()], 1, Purpose.TEST)
    one_track, filtered = (figures_of(scores, i) for i in range(2))
    assert set(CELLS) < set(one_track)
    assert not any(key.startswith("both_") for key in one_track)  # an ablation model looks at one track
    assert any(key.startswith("both_") for key in filtered)
    assert set(gains(scores, 0, 1)) == set(CELLS)
    assert gains(scores, 1, 1)["pd_3mm_800m"].value == 0


def test_one_run_gives_what_a_higher_threshold_would_have_flagged(points):
    """Shifting the logistic curve afterwards is the same as detecting again."""
    low, high = MatchedFilterConfig(score_at_half=3.0), MatchedFilterConfig(score_at_half=4.0)
    shifted = results([points], [low, high], "score_at_half")[1]
    again = results([points], [high], "score_at_half")[0]
    np.testing.assert_allclose(shifted.maps.probability, again.maps.probability, atol=1e-5)
    same = raised(again, 0.0)
    np.testing.assert_allclose(same.maps.uplift, again.maps.uplift, atol=1e-6)
    assert replace(low, score_at_half=4.0) == high

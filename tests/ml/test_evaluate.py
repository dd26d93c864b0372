"""The benchmark: same tiles for everybody, figures with their interval, in the JSON of the contract."""

import json

import numpy as np
import pytest

from ml.__main__ import main
from ml.coherence import evaluate as coherence
from ml.deformation import evaluate as deformation
from ml.intervals import bootstrap
from ml.offsets import evaluate as offsets

DEFORMATION = {
    "false_alarms_per_1000km2", "pd_3mm_800m", "pd_4mm_300m", "pd_4mm_800m", "pd_3mm_2000m", "object_precision",
    "object_recall", "object_f1", "median_iou", "pixel_iou", "class_macro_f1", "ece", "auc",
}  # fmt: skip


def test_a_bootstrap_interval_holds_its_value():
    interval = bootstrap(np.array([0.0, 1.0] * 100), scale=10)
    assert interval.low < interval.value == 5.0 < interval.high


def test_the_command_writes_the_json_of_the_contract(tmp_path, capsys):
    out = tmp_path / "result.json"
    assert main(["evaluate", "deformation", "--json", str(out), "--size", "2"]) == 0
    result = json.loads(out.read_text())
    assert set(result) == {
        "task", "benchmark", "benchmark_version", "truth_sha256", "method", "model_version", "weights_sha256", "device",
        "seconds", "commit", "command", "metrics",
    }  # fmt: skip
    assert result["truth_sha256"] == deformation.truth_sha256(result["benchmark"], 2)
    assert set(result["metrics"]) >= DEFORMATION | {f"both_{name}" for name in DEFORMATION}
    assert set(result["metrics"]["pd_4mm_800m"]) == {"value", "low", "high"}


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("coherence", {"rmse", "bias_max", "rmse_misregistered", "within_68", "within_95"}),
        (
            "offsets",
            {
                "sigma_g50", "sigma_g70", "sigma_g90", "bias_max", "epe", "rmse", "outlier_share", "within_68",
                "within_95", "known_share",
            },
        ),
    ],
)  # fmt: skip
def test_pairs_are_measured_under_the_names_of_the_contract(task, names, tmp_path, capsys):
    out = tmp_path / "result.json"
    assert main(["evaluate", task, "--json", str(out), "--size", "2"]) == 0
    result = json.loads(out.read_text())
    assert set(result["metrics"]) == names
    assert result["truth_sha256"] == (coherence if task == "coherence" else offsets).truth_sha256(2)
    for interval in result["metrics"].values():
        assert interval["low"] <= interval["value"] <= interval["high"]


def test_a_pair_of_the_benchmark_is_the_same_whoever_makes_it_and_holds_its_truth():
    power, shift = offsets.make_pair(0.9, 3)
    again, _ = offsets.make_pair(0.9, 3)
    np.testing.assert_array_equal(power, again)
    assert max(map(abs, shift)) <= 1.5
    first, second = (np.fft.fft2(image - image.mean()) for image in power)
    peak = np.unravel_index(np.argmax(np.fft.ifft2(second * first.conj()).real), power.shape[1:])
    half = power.shape[1] // 2
    found = [(place + half) % power.shape[1] - half for place in peak]
    assert found == [round(shift[1]), round(shift[0])]


def test_a_folder_that_is_missing_is_named(tmp_path, capsys):
    assert main(["evaluate", "deformation", "--json", str(tmp_path / "no" / "r.json")]) == 2
    assert "folder does not exist" in capsys.readouterr().err

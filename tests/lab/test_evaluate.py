"""The benchmark: same tiles for everybody, figures with their interval, in the JSON of the contract."""

import json

import numpy as np
import pytest

from ground_motion.cli.program import main
from lab import results
from lab.evaluate_command import TASKS
from lab.offsets import evaluate as offsets

COHERENCE = {"rmse", "rmse_sample", "bias_max", "rmse_misregistered", "within_68", "within_95", "resolution_px"}
OFFSETS = {"bias_max", "epe", "rmse", "outlier_share", "within_68", "within_95", "known_share", "resolution_px"}
OFFSETS |= {"rmse_common"}
BY_GAMMA = {f"{name}_g{gamma}" for name in ("sigma", "known_share", "rmse_common") for gamma in (50, 70, 90)}
WHERE_KNOWN = {
    f"{name}_g{gamma}" for name in ("bias_max", "within_68", "within_95", "resolution_px") for gamma in (50, 70, 90)
}
WHERE_KNOWN |= {f"bias_{tenth:02d}" for tenth in range(1, 11)}
CONFIRMED = {"confirmed_share", "found_share", "right_onset_share", "false_confirmed_share"}
FIELDS = OFFSETS | {"epe_surest_50", "epe_surest_85", "outlier_share_surest_85", "epe_slow", "known_share_slow"}
SURGES = {f"recall{speeds}" for speeds in ("", "_0.5_to_2", "_2_to_8", "_8_to_30")}
SURGES |= {f"false_alarms_per_100_{years}" for years in ("glacier_years", "years_followed")}
SURGES |= {"onset_error_days", "onset_within_68", "onset_within_one_pair"}

CHANGE = {"auc_change", "false_alarm_share"}
CRITICAL = {"rmse", "within_68", "within_95", "known_share", "pull", "pull_share", "chip_rmse"}
CRITICAL |= {
    f"{kind}_{name}"
    for kind in ("critical", "aliased", "four-looks")
    for name in ("rmse", "within_68", "within_95", "pull")
}
FAST = {
    f"{kind}_{m_day}_{name}"
    for kind in ("glacier", "landslide")
    for m_day in (3, 10, 30)
    for name in ("known_share", "rmse", "outlier_share", "within_68")
}
FROZEN = {  # benchmark -> names of its figures, hash of its truth
    "coherence-history": (COHERENCE, "788b9ddef8548121c8d6aac525f6d9333e3ff5b7f388b96ea288ab2ef4a6300f"),
    "coherence-homogeneous": (COHERENCE, "8f865e14e350c0b06201820071ecdfc5500a35dae346b306bfb580cc7c325843"),
    "coherence-structured": (COHERENCE, "9fba3bd61fd0de62e833e5cda333e6305fc2b1ee4a854cab710d4acd374ac291"),
    "change": (CHANGE, "87c46c5f2d2371a696a5c76948787b3607742130bcc7706de90e4f86a70eba73"),
    "change-confirmed": (CONFIRMED, "7258df9fba663d178b077f95698c01c6846c5b21afb067ef63fba80c914cac75"),
    "offsets-constant": (OFFSETS | BY_GAMMA, "8da3d1450e2f8d7cd05bd0cedb2da29de1465ce1079e80b0d57f1ef9547c2cf7"),
    "offsets-fields": (FIELDS, "be035847fcccb44f99d487d9b67ac39bc16ed3f1d54f65f0d274c13a6a130305"),
    "offsets-critical": (CRITICAL, "e1f67730770dc1fa9790e2f4a069e48c9b78e6d591f2525ec739fba9ec86fcc7"),
    "offsets-textured": (CRITICAL, "440ee80b96eb9fff4c3f89df5b6488a2176a79651379edb81a7db4599871939a"),
    "offsets-fast": (FAST, "7fb344243bd2c2527cc1e99da9689d1a89426abbaa1e6b1766010d22a7fd549e"),
    "surges-fast": (SURGES, "de88168f1d17102fc0ba87aea84272ecf7210ca73913df9bfcd637f92297c277"),
}
MEASURED = {one.name: (task, one) for task, benchmarks in TASKS.items() for one in benchmarks}


@pytest.mark.parametrize("benchmark", FROZEN)
def test_the_command_writes_the_json_of_the_contract(benchmark, tmp_path, capsys):
    out, (names, _), (task, measured) = tmp_path / "result.json", FROZEN[benchmark], MEASURED[benchmark]
    method = next(name for name in ("ncc", "pearson", *measured.methods) if name in measured.methods)  # the quickest
    size = 3 if names is CRITICAL else 1 if names is FAST else 2  # one of each kind
    chosen = [] if measured is TASKS[task][0] else ["--benchmark", benchmark]
    assert main(["evaluate", task, "--json", str(out), *chosen, "--method", method, "--size", str(size)]) == 0
    result = json.loads(out.read_text())
    about = "task benchmark benchmark_version truth_sha256 method model_version weights_sha256 device seconds"
    assert set(result) == {*about.split(), "commit", "code", "command", "metrics"}
    used = "glaciers" if benchmark == "surges-fast" else task
    assert any(name.startswith(f"ground_motion/methods/{used}/") for name in result["code"])
    assert not any(name.startswith("ground_motion/methods/deformation/") for name in result["code"])
    assert not results.changed_files(result)
    assert (result["benchmark"], result["truth_sha256"]) == (benchmark, measured.truth_sha256(size))
    assert names <= set(result["metrics"]) <= names | WHERE_KNOWN
    for name, interval in result["metrics"].items():
        assert interval["low"] <= interval["value"] <= interval["high"], name


@pytest.mark.parametrize("benchmark", FROZEN)
def test_a_frozen_benchmark_is_still_the_same(benchmark):
    """Where this fails, figures are no longer comparable: undo it, or raise the version and measure all anew."""
    _, measured = MEASURED[benchmark]
    assert measured.truth_sha256(measured.size) == FROZEN[benchmark][1]


def test_an_unknown_node_is_counted_as_unknown_and_not_as_right():
    pair = offsets.make_constant(0.9, 0)
    nothing = np.full((20, 20), np.nan, dtype=np.float32)
    bands = dict.fromkeys(("dx_px", "dy_px", "sigma_dx_px", "sigma_dy_px"), nothing)
    rows = offsets.errors(bands, pair)
    assert offsets.STATISTICS["known_share"](rows) == 0
    assert np.isnan(offsets.STATISTICS["epe"](rows))


def test_a_moving_average_of_ten_pixels_answers_a_step_over_eight():
    profile = np.clip((np.arange(40) - 15) / 10, 0, 1)
    assert offsets.width_px(profile, posting=1) == pytest.approx(8, abs=0.1)


def test_a_folder_that_is_missing_is_named(tmp_path, capsys):
    assert main(["evaluate", "deformation", "--json", str(tmp_path / "no" / "r.json")]) == 2
    assert "folder does not exist" in capsys.readouterr().err

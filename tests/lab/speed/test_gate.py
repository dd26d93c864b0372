"""The gate for benchmarks: what is worse by more than both intervals allow fails; a slower machine does not."""

import json

import pytest

from lab.figures import FOLDER
from lab.speed import gate


def speed(ratio, low, high, unit="Mpx/s", value=1.0):
    row = {"what": "network", "value": value, "unit": unit, "control": 1.0, "ratio": ratio, "low": low, "high": high}
    return {"name": "made", "results": [row]}


def accuracy(name, value, low, high, **content):
    metrics = {name: {"value": value, "low": low, "high": high}}
    return {"method": "model", "metrics": metrics, "commit": "0", "command": "", **content}


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        (speed(1.4, 1.3, 1.5), speed(1.2, 1.1, 1.25), True),
        (speed(1.4, 1.3, 1.5), speed(1.2, 1.1, 1.35), False),  # the intervals meet
        (speed(1.4, 1.3, 1.5), speed(2.0, 1.9, 2.1), False),
        (speed(1.4, 1.3, 1.5, "ms"), speed(2.0, 1.9, 2.1, "ms"), True),  # of times, less is better
        (speed(1.4, 1.3, 1.5, value=9.0), speed(1.4, 1.3, 1.5, value=1.0), False),  # a slower machine
        (speed(1.4, 1.3, 1.5), {"name": "made", "results": []}, True),  # no longer measured
        (accuracy("rmse", 0.1, 0.09, 0.11), accuracy("rmse", 0.13, 0.12, 0.14), True),
        (accuracy("rmse", 0.1, 0.09, 0.11), accuracy("rmse", 0.05, 0.04, 0.06), False),
        (accuracy("both_object_f1", 0.7, 0.6, 0.8), accuracy("both_object_f1", 0.5, 0.4, 0.59), True),
        (accuracy("within_68", 0.7, 0.66, 0.74), accuracy("within_68", 0.9, 0.88, 0.92), True),  # too wide is wrong too
        (accuracy("within_68", 0.5, 0.48, 0.52), accuracy("within_68", 0.9, 0.88, 0.92), False),
        (accuracy("peak_bias", -0.1, -0.2, 0.05), accuracy("peak_bias", 0.3, 0.25, 0.35), True),
        (accuracy("recall_within_3_pairs", 0.9, 0.8, 1.0), accuracy("recall_within_3_pairs", 0.6, 0.5, 0.7), True),
        (accuracy("ground_km2", 9.0, 8.0, 10.0), accuracy("ground_km2", 2.0, 1.0, 3.0), False),  # neither good nor bad
    ],
)
def test_what_got_worse_than_both_intervals_allow_fails(old, new, fails):
    assert bool(gate.worse(old, new)) == fails


def test_results_on_different_truths_are_not_compared():
    old, new = (accuracy("rmse", 0.1, 0.1, 0.1, truth_sha256=truth) for truth in "ab")
    with pytest.raises(ValueError, match="different truths"):
        gate.worse(old, new)


def test_every_committed_result_passes_beside_itself_and_the_frozen_benchmarks_are_judged():
    for path in FOLDER.glob("*.json"):
        content = json.loads(path.read_text())
        assert gate.worse(content, content) == []
    for name in ("offsets-fields", "coherence-structured", "deformation-national", "bench-offsets"):
        assert gate.figures(json.loads((FOLDER / f"{name}.json").read_text())), name


def test_the_command_names_what_got_worse_and_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(gate, "committed", lambda name, revision: speed(1.4, 1.3, 1.5))
    new = tmp_path / "new.json"
    new.write_text(json.dumps(speed(1.2, 1.1, 1.25)))
    with pytest.raises(SystemExit) as end:
        gate.main([str(new)])
    assert end.value.code == 1
    assert "network: 1.4 (1.3 to 1.5), now 1.2 (1.1 to 1.25)" in capsys.readouterr().out

"""`deformation-foreign`: every family does what it says, nothing in it is seen by training, every method is scored."""

import json

import numpy as np
import pytest

from lab.deformation.foreign import compare, evaluate
from lab.deformation.foreign.families import FAMILIES, NUISANCES
from lab.deformation.foreign.objects import OBJECTS
from lab.deformation.foreign.tiles import BOWLS, NAME, field_tile
from lab.deformation.measures.scoring import truth_of
from lab.simulation.seeds import Purpose
from ml.__main__ import main
from ml.deformation.filters.baseline import ThresholdConfig


def tiles_of(family, count=4):
    return [field_tile(family, number, Purpose.TEST) for number in range(count)]


@pytest.mark.parametrize("family", NUISANCES)
def test_nothing_moves_in_a_family_of_nuisances(family):
    for tile in tiles_of(family, 2):
        truth = truth_of(tile, tile.tracks)
        assert truth.objects == []
        assert truth.hidden == []
        assert not truth.rate_mm_yr.any()
        assert all(not track.truth_mm_yr.any() and track.errors.rate_mm_yr.any() for track in tile.tracks)


@pytest.mark.parametrize("family", OBJECTS)
def test_an_object_moves_as_fast_as_it_says_and_can_be_detected(family):
    seen = 0
    for tile in tiles_of(family):
        (source,), (motion,) = tile.sources, tile.motions
        fastest = motion.speed_mm_yr().max()
        assert 0.2 * abs(source.peak_mm_yr) < fastest < 1.5 * abs(source.peak_mm_yr)
        seen += len(truth_of(tile, tile.tracks).objects)
        assert np.percentile(motion.speed_mm_yr(), 20) < 1.0  # most of the tile is still
    assert seen >= 3


def test_the_truth_of_the_benchmark_is_frozen():
    """A change that fails here needs a new version of the benchmark and new figures."""
    assert evaluate.truth_sha256(1) == evaluate.FROZEN_SHA256[1]


@pytest.fixture(scope="module")
def measured():
    return evaluate.measure([ThresholdConfig(), ThresholdConfig()], 1, Purpose.TEST, processes=1)


def test_every_family_is_scored_under_its_name(measured):
    metrics = evaluate.figures_of(measured, 0)
    names = {"false_alarms_per_1000km2", "object_f1", "median_iou", "both_object_recall", *BOWLS}
    names |= {f"{both}{family}_false_alarms_per_1000km2" for family in FAMILIES for both in ("", "both_")}
    names |= {f"{family}_{key}" for family in NUISANCES for key in BOWLS}
    names |= {
        f"{both}{family}_{name}" for family in OBJECTS for name in ("recall", "median_iou") for both in ("", "both_")
    }
    assert names <= set(metrics)
    assert all(interval.low <= interval.value <= interval.high for interval in metrics.values())
    assert set(evaluate.gains(measured, 0, 1)) == set(BOWLS)
    assert all(gain.value == 0 for gain in evaluate.gains(measured, 0, 1).values())


def test_the_commands_measure_it(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "measure", lambda configs, size, **_: measured)
    out = tmp_path / "result.json"
    arguments = ["--benchmark", NAME, "--method", "threshold", "--size", "1", "--json", str(out)]
    assert main(["evaluate", "deformation", *arguments]) == 0
    result = json.loads(out.read_text())
    assert (result["benchmark"], result["truth_sha256"]) == (NAME, evaluate.FROZEN_SHA256[1])
    comparable = compare.BENCHMARKS[NAME]._replace(measure=lambda *_, **__: measured)
    monkeypatch.setitem(compare.BENCHMARKS, NAME, comparable)
    monkeypatch.setattr(
        "sys.argv", ["compare", "threshold", "threshold", "--benchmark", NAME, "--size", "1", "--json", str(out)]
    )
    compare.main()
    compared = json.loads(out.read_text())
    assert compared["truth_sha256"] == result["truth_sha256"]
    assert compared["methods"]["threshold"]["metrics"].keys() == result["metrics"].keys()

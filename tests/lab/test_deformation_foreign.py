"""`deformation-foreign`: every family does what it says, nothing in it is seen by training, every method is scored."""

import json

import numpy as np
import pytest

from lab.deformation.foreign import compare, evaluate
from lab.deformation.foreign.families import FAMILIES, NUISANCES
from lab.deformation.foreign.objects import OBJECTS, FaultHalfDome, NestedBowls, PanelRow, Ring, Strip, TunnelLine
from lab.deformation.foreign.tiles import BOWLS, NAME, field_tile
from lab.deformation.measures.scoring import truth_of
from lab.simulation.seeds import Purpose
from ml.__main__ import main
from ml.deformation.filters.baseline import ThresholdConfig
from ml.simulation.ground.frame import Offset

HERE = Offset(0.0, 0.0)


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


def up(source, east, north):
    return source.motion_at(np.array(east, dtype=float), np.array(north, dtype=float), None).up_mm_yr


def test_shapes_are_those_of_their_names():
    row = PanelRow(HERE, -20.0, 0.0, 1_500.0, 40.0, (Strip(-200.0, 250.0, 1.0), Strip(200.0, 250.0, 0.5)))
    first, pillar, second = up(row, [-200, 0, 200], [0, 0, 0])
    assert (first, second) == pytest.approx((-20.0, -10.0), rel=0.02)
    assert abs(pillar) < 2
    drift = row.motion_at(np.array([-320.0, -80.0]), np.zeros(2), None).east_mm_yr
    assert drift[0] > 1 > -1 > drift[1]  # both edges toward the middle of the panel
    dome = FaultHalfDome(HERE, 8.0, 0.0, 2_000.0, 1_500.0, 40.0, 0.0)
    left, right, far = up(dome, [-100, 100, 1_500], [0, 0, 0])
    assert abs(left) < 0.1 < 7 < right < 8
    assert abs(far) < 1e-9
    inside, on, beyond = up(Ring(HERE, -9.0, 1_000.0, 200.0, 90.0, 0.0), [0, 1_000, 2_500], [0, 0, 0])
    assert on == pytest.approx(-9.0)
    assert abs(inside) < 0.01 > abs(beyond)
    line = TunnelLine(HERE, -6.0, (Offset(-2_000, 0), Offset(2_000, 0)), 200.0)
    assert up(line, [0, 1_900], [0, 0]) == pytest.approx([-6.0, -6.0])
    assert abs(up(line, [0], [1_000])[0]) < 0.1
    nested = NestedBowls(HERE, -20.0, -5.0, 2_000.0, Offset(500, 0), 300.0)
    core, rim, out = up(nested, [500, -500, 2_100], [0, 0, 0])
    assert core == pytest.approx(-20.0)
    assert -5 < rim < -4
    assert out == 0


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

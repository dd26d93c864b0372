"""`deformation-absent`: every family does what it says, training draws nothing like it, every method is scored."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lab.deformation.absent import evaluate
from lab.deformation.absent.absence import of_errors, of_motion, separability
from lab.deformation.absent.families import ERRORS, FAMILIES
from lab.deformation.absent.objects import OBJECTS
from lab.deformation.absent.tiles import BOWLS, NAME, field_tile
from lab.deformation.measures.benchmark_tiles import cloud
from lab.deformation.measures.scoring import placed, truth_of
from lab.deformation.training import compose
from lab.deformation.training.dataset import fill
from lab.simulation.seeds import Purpose
from ml.__main__ import main
from ml.deformation.features.channels import TrackCells
from ml.deformation.filters.baseline import ThresholdConfig
from ml.deformation.gridding.cells import grid_robust
from tests.waiting import once_per_run

SEEN, DRAWN, DRAWN_FROM = 16, 200, 60  # tiles of a family; samples of training, and the tiles that lend them errors


def tiles_of(family, count=4):
    return [field_tile(family, number, Purpose.TEST) for number in range(count)]


@pytest.mark.parametrize("family", ERRORS)
def test_nothing_moves_in_a_family_of_errors(family):
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


def maps_of(tile) -> list[TrackCells]:
    """A tile's tracks on its own cells, without the outermost two, as training crops them."""
    tracks = []
    for track in tile.tracks:
        grid = grid_robust(cloud(track), workers=1)
        planes = (grid.velocity_mm_yr, grid.n_points.astype(np.float32), grid.mad_mm_yr)
        rate, count, mad = (placed(plane, grid.transform, tile)[2:-2, 2:-2] for plane in planes)
        count = np.nan_to_num(count)
        tracks.append(TrackCells(rate - np.float32(np.nanmedian(rate)), count.astype(np.int32), mad, count))
    return tracks


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> dict[str, np.ndarray]:
    """Figures of what training draws, (DRAWN, figures) each: of its errors, and of its motion."""

    def make(folder: Path) -> str:
        pool = compose.tile_pool(fill(folder, DRAWN_FROM, Purpose.TEST), 0, DRAWN_FROM)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compose, "surroundings", lambda *_: np.zeros((1, 1, 1), dtype=np.float32))
            errors = [of_errors(drawn(pool, n, nothing=1.0).tracks) for n in range(DRAWN)]
            motion = [of_motion(drawn(pool, n, nothing=0.0).rate_mm_yr) for n in range(DRAWN)]
        np.savez(folder / "figures.npz", errors=np.stack(errors), motion=np.stack(motion))
        return str(folder / "figures.npz")

    with np.load(once_per_run(tmp_path_factory, "drawn by training", make)) as figures:
        return dict(figures)


def drawn(pool, number: int, **recipe: float) -> compose.Sample:
    return compose.sample(np.random.default_rng(number), pool, 2, compose.Recipe(islands=0.0, **recipe))


@pytest.mark.parametrize("family", [*ERRORS, *OBJECTS])
def test_maps_of_a_family_can_be_told_from_those_that_training_draws(training, family):
    tiles = tiles_of(family, SEEN)
    if family in ERRORS:
        own, others = [of_errors(maps_of(tile)) for tile in tiles], training["errors"]
    else:
        own = [of_motion(truth_of(tile, tile.tracks[:1]).rate_mm_yr[2:-2, 2:-2]) for tile in tiles]
        others = training["motion"]
    assert separability(np.stack(own), others) > 0.8
    assert separability(others[:SEEN], others[SEEN:]) < 0.75  # training is its own twin


def test_the_truth_of_the_benchmark_is_frozen():
    """A change that fails here needs a new version of the benchmark and new figures."""
    assert evaluate.truth_sha256(1) == evaluate.FROZEN_SHA256[1]


@pytest.fixture(scope="module")
def measured():
    measure = partial(evaluate.measure_tile, ThresholdConfig(), Purpose.TEST)
    return [measure(job) for job in range(len(FAMILIES))]


def test_every_family_is_scored_under_its_name(measured):
    metrics = evaluate.figures_of(measured)
    names = {"false_alarms_per_1000km2", "object_f1", "median_iou", "both_object_recall", *BOWLS}
    names |= {f"{both}{family}_false_alarms_per_1000km2" for family in FAMILIES for both in ("", "both_")}
    names |= {f"{family}_{key}" for family in ERRORS for key in BOWLS}
    names |= {
        f"{both}{family}_{name}" for family in OBJECTS for name in ("recall", "median_iou") for both in ("", "both_")
    }
    assert names <= set(metrics)
    assert all(interval.low <= interval.value <= interval.high for interval in metrics.values())


def test_the_command_measures_it(measured, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(evaluate, "over_seeds", lambda measure, n: measured)
    out = tmp_path / "result.json"
    arguments = ["--benchmark", NAME, "--method", "threshold", "--size", "1", "--json", str(out)]
    assert main(["evaluate", "deformation", *arguments]) == 0
    result = json.loads(out.read_text())
    assert (result["benchmark"], result["truth_sha256"]) == (NAME, evaluate.FROZEN_SHA256[1])
    assert result["metrics"].keys() == evaluate.figures_of(measured).keys()

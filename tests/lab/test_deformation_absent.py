"""Families of errors in `deformation-equal`: nothing moves in them, and training draws nothing like them."""

from pathlib import Path

import numpy as np
import pytest

from ground_motion.methods.deformation.features.channels import TrackCells
from ground_motion.methods.deformation.gridding.cells import grid_robust
from lab.deformation.absent.families import ERRORS, field_tile
from lab.deformation.measures.benchmark_tiles import cloud
from lab.deformation.measures.scoring import placed, truth_of
from lab.deformation.training import compose
from lab.deformation.training.dataset import fill
from lab.simulation.seeds import Purpose
from tests.lab.separability import figures_of_errors, separability
from tests.waiting import once_per_run

SEEN, DRAWN, DRAWN_FROM = 16, 200, 24  # tiles of a family; samples of training, and the tiles that lend them errors


def tiles_of(family, count):
    return [field_tile(family, number, Purpose.TEST) for number in range(count)]


@pytest.mark.parametrize("family", ERRORS)
def test_nothing_moves_in_a_family_of_errors(family):
    for tile in tiles_of(family, 2):
        truth = truth_of(tile, tile.tracks)
        assert truth.objects == []
        assert truth.hidden == []
        assert not truth.rate_mm_yr.any()
        assert all(not track.truth_mm_yr.any() and track.errors.rate_mm_yr.any() for track in tile.tracks)


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
def training(tmp_path_factory) -> np.ndarray:
    """Figures of the errors that training draws, (DRAWN, figures)."""

    def make(folder: Path) -> str:
        pool = compose.tile_pool(fill(folder, DRAWN_FROM, Purpose.TEST), 0, DRAWN_FROM)
        recipe = compose.Recipe(islands=0.0, nothing=1.0)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compose, "surroundings", lambda *_: np.zeros((1, 1, 1), dtype=np.float32))
            drawn = [compose.sample(np.random.default_rng(n), pool, 2, recipe) for n in range(DRAWN)]
        np.save(folder / "figures.npy", np.stack([figures_of_errors(one.tracks) for one in drawn]))
        return str(folder / "figures.npy")

    return np.load(once_per_run(tmp_path_factory, "drawn by training", make))


@pytest.mark.parametrize("family", ERRORS)
def test_maps_of_a_family_can_be_told_from_those_that_training_draws(training, family):
    own = [figures_of_errors(maps_of(tile)) for tile in tiles_of(family, SEEN)]
    assert separability(np.stack(own), training) > 0.8
    assert separability(training[:SEEN], training[SEEN:]) < 0.75  # training is its own twin

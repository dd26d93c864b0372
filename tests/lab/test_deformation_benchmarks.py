"""Frozen tiles of velocity fields, seen by no training, and what is counted on them."""

import hashlib

import numpy as np
import pytest
from affine import Affine
from shapely import contains_xy

from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas
from ground_motion.runtime.methods import methods
from ground_motion.simulation.ground.deformation import Ellipse
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import GroundwaterSubsidence
from lab.benchmark import scenes_sha256
from lab.deformation.alarms.levels import View, points_in
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_tile, cloud, digest, field_tile, still_tile
from lab.deformation.measures.scoring import areas_of, heart_of, placed, points_on
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELLS as SIDE
from lab.simulation.tiles import with_sources

FROZEN_SHA256 = "6da91f6716b983f8b9f07f50ad09daa1a3aff4de7c3386c5d1a97cf210700752"


@pytest.fixture(scope="module")
def still():
    return still_tile(NATIONAL, 0, Purpose.TEST)


@pytest.fixture(scope="module")
def moving(still):
    """One Gaussian bowl of 1.5 km, −20 mm/yr, in the middle of the tile."""
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1500, 1500, 0), -20.0, flatness=1.0)
    return with_sources(still, (bowl,))


def test_the_tiles_are_frozen():
    """A change of the simulator that fails here needs new versions of all benchmarks of velocity fields."""
    fields = [digest(field_tile(NATIONAL, number)) for number in range(8)]
    bowls = hashlib.sha256(b"".join(digest(bowl_tile(NATIONAL, key, 0)) for key in BOWLS)).digest()
    assert scenes_sha256("1", 8, [*fields, bowls]) == FROZEN_SHA256


@pytest.mark.parametrize("method", methods("deformation"))
def test_every_method_finds_a_wide_bowl_and_the_areas_that_are_scored_are_those_that_are_drawn(method, moving):
    tracks = moving.tracks[:1]
    points = cloud(tracks[0])
    result = detect_tracks([points], method)
    assert View(result, 1.0, points_in(result, [points])).limit("subsidence", *heart_of(moving, 1500.0)) >= 0
    drawn = [area for area, _ in flagged_areas(result, [points])]
    masks = [contains_xy(area.polygon, *middles(moving.transform, (SIDE, SIDE))) for area in drawn]
    bands = {name: placed(band, result.transform, moving) for name, band in result.bands().items()}
    flagged = areas_of(bands, points_on(moving, tracks))
    assert len(drawn) >= len(flagged)  # pieces of one may lie apart
    for one in flagged:
        assert any((one.mask & mask).any() for mask in masks)


def test_a_result_that_begins_inside_the_tile_is_put_where_it_belongs(moving):
    band = np.ones((10, 10), dtype=np.float32)
    known = np.argwhere(np.isfinite(placed(band, moving.transform @ Affine.translation(20, 30), moving)))
    assert known.min(axis=0).tolist() == [30, 20]
    assert known.max(axis=0).tolist() == [39, 29]

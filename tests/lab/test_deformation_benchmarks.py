"""The frozen benchmarks of velocity fields: the same tiles for everybody, seen by no training, judged as stated."""

import numpy as np
import pytest
from affine import Affine
from shapely import Point

from ground_motion.methods.deformation.filters.baseline import split_by_sign
from ground_motion.methods.deformation.infer import DeformationResult, detect_tracks, flagged_areas
from ground_motion.rasters.areas import Area, PeakRate, Place
from ground_motion.runtime.methods import methods
from ground_motion.simulation.ground.deformation import Ellipse
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import GroundwaterSubsidence
from lab.deformation import evaluate
from lab.deformation.measures.benchmark_tiles import (
    NATIONAL,
    cloud,
    still_tile,
)
from lab.deformation.measures.scoring import (
    Truth,
    areas_of,
    detects_bowl,
    drawn_on,
    on_tile,
    points_on,
    score_tile,
    truth_of,
)
from lab.deformation.measures.shapes import best_error, shape_metrics, true_shapes
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELL_M, with_sources
from lab.simulation.tiles import CELLS as SIDE

ROW, COL = np.mgrid[:SIDE, :SIDE]


@pytest.fixture(scope="module")
def still():
    return still_tile(NATIONAL, 0, Purpose.TEST)


@pytest.fixture(scope="module")
def moving(still):
    """One Gaussian bowl of 1.5 km, −20 mm/yr, in the middle of the tile."""
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1500, 1500, 0), -20.0, flatness=1.0)
    return with_sources(still, (bowl,))


def flag(tile, mask, rate_mm_yr=-10.0):
    """A detector's result that is sure of exactly the cells of a mask."""
    rate = np.full((SIDE, SIDE), rate_mm_yr, dtype=np.float32)
    return DeformationResult(split_by_sign(mask.astype(np.float32), rate, [0.0], 1.0), tile.transform, 3035)


def first_view(tile) -> tuple[list, Truth]:
    tracks = list(tile.tracks[:1])
    return tracks, truth_of(tile, tracks)


def test_the_truth_of_the_benchmark_is_frozen():
    """A change of the simulator that fails here needs a new version of the benchmark and new figures."""
    size = min(evaluate.FROZEN_SHA256)
    assert evaluate.truth_sha256(size) == evaluate.FROZEN_SHA256[size]


def test_a_perfect_detector_scores_perfectly(moving):
    tracks, truth = first_view(moving)
    score = score_tile(flag(moving, truth.known & (np.abs(truth.rate_mm_yr) >= 2.0)), moving, tracks, truth)
    assert (score.n_objects, score.n_detected, score.n_areas, score.false_alarms) == (1, 1, 1, 0)
    assert score.overlaps[0] > 0.95  # ground far from all points is not part of the truth
    metrics = evaluate.field_metrics([score] * 3)
    assert metrics["object_f1"].value == metrics["object_precision"].value == 1
    assert metrics["median_iou"].value > 0.95


def _busiest_still_corner(tile):
    """A square of 8 × 8 cells far from the middle with points in it."""
    track = tile.tracks[0]
    row, col = tile.terrain.cell_of(track.x_m, track.y_m)
    far = np.hypot(row - 50, col - 50) > 45
    i = np.flatnonzero(far)[0]
    return (np.abs(ROW - row[i]) <= 4) & (np.abs(COL - col[i]) <= 4)


def test_an_area_on_still_ground_is_a_false_alarm_and_costs_precision(moving):
    tracks, truth = first_view(moving)
    mask = (np.abs(truth.rate_mm_yr) >= 2.0) | _busiest_still_corner(moving)
    score = score_tile(flag(moving, mask), moving, tracks, truth)
    assert (score.false_alarms, score.n_detected, score.n_areas) == (1, 1, 2)
    metrics = evaluate.field_metrics([score])
    assert metrics["false_alarms_per_1000km2"].value == 10.0
    assert metrics["object_precision"].value == 0.5
    small = score_tile(flag(moving, np.hypot(ROW - 50, COL - 50) < 6), moving, tracks, truth)
    assert small.n_detected == 1  # by its centre
    assert small.overlaps[0] < 0.3


def test_what_has_too_few_points_is_neither_missed_nor_a_false_alarm(still):
    points = np.zeros((SIDE, SIDE))
    row, col = still.terrain.cell_of(still.tracks[0].x_m, still.tracks[0].y_m)
    np.add.at(points, (row, col), 1)
    from scipy import ndimage

    away = ndimage.distance_transform_edt(points == 0)
    away[:12], away[-12:], away[:, :12], away[:, -12:] = 0, 0, 0, 0
    at = np.unravel_index(away.argmax(), away.shape)
    east, north = (plane[at] for plane in still.terrain.cell_centres())
    empty = GroundwaterSubsidence(Offset(float(east), float(north)), Ellipse(60, 60, 0), -9.0, flatness=4.0)
    tile = with_sources(still, (empty,))
    tracks, truth = first_view(tile)
    assert truth.objects == []
    assert len(truth.hidden) == 1
    score = score_tile(flag(tile, np.zeros((SIDE, SIDE), dtype=bool)), tile, tracks, truth)
    assert (score.n_objects, score.n_areas, score.false_alarms) == (0, 0, 0)


@pytest.mark.parametrize("method", methods("deformation"))
def test_every_method_finds_a_wide_bowl_and_the_areas_that_are_scored_are_those_that_are_drawn(method, moving):
    tracks = moving.tracks[:1]
    points = cloud(tracks[0])
    result = detect_tracks([points], method)
    assert detects_bowl(result, moving, tracks, 1500.0)
    drawn = [area for area, _ in flagged_areas(result, [points])]
    scored = drawn_on(moving, drawn)
    assert sorted(area.kind for area in drawn) == sorted(area.name or area.kind for area in scored)
    for area, cells in zip(drawn, scored, strict=True):
        assert cells.mask.sum() * CELL_M**2 == pytest.approx(area.area_m2, rel=0.25)
    flagged = areas_of(on_tile(result, moving), points_on(moving, tracks))
    assert len(drawn) >= len(flagged)  # pieces of one may lie apart
    for one in flagged:
        assert any((one.mask & other.mask).any() for other in scored)


def drawn_circle(tile, half_m, peak, kinds=None):
    """An area of 2 km with one place, in the middle of a tile."""
    at = Point(tile.transform.c + 5_000, tile.transform.f - 5_000)
    place = Place(at.buffer(2000), at.buffer(half_m), at.buffer(half_m / 2), PeakRate(*peak))
    kinds = kinds or {}
    kind = max(kinds, key=kinds.get) if kinds else "subsidence"
    return Area(at.buffer(2000), kind, 1.0, -8.0, peak[0], np.pi * 2000**2, kinds, (place,))


def test_a_place_is_held_against_the_peak_and_the_outline_of_half_of_it(moving):
    (truth,) = true_shapes(moving, moving.tracks[:1])
    los = moving.tracks[0].geometry.los.up
    assert truth.peak_mm_yr == pytest.approx(-20 * los, rel=0.03)
    assert truth.radius_m == pytest.approx(1500, rel=0.05)
    half_m = 1500 * np.sqrt(np.log(2))
    good = drawn_circle(moving, half_m, (-20 * los, -18 * los, -22 * los))
    error = best_error([good], truth)
    assert error.ratio == pytest.approx(1, rel=0.05)
    assert error.within
    assert error.iou_half > 0.9
    poor = best_error([drawn_circle(moving, 2 * half_m, (-10 * los, -9 * los, -12 * los))], truth)
    assert poor.iou_half == pytest.approx(0.25, abs=0.08)  # of the ground that was seen
    assert not poor.within
    rising = good._replace(rate_mm_yr=8.0)
    assert best_error([rising], truth) is None
    metrics = shape_metrics([(error,), (), (poor,)])
    assert metrics["peak_within_90"].value == 0.5
    assert metrics["peak_error_median"].value == pytest.approx(0.25, abs=0.03)


def test_an_area_whose_kind_is_not_sure_is_counted_apart(moving):
    tracks, truth = first_view(moving)
    result = flag(moving, np.zeros((SIDE, SIDE), dtype=bool))
    wrong = {"mining_subsidence": 0.5, "groundwater_subsidence": 0.4, "uplift": 0.1}
    score = score_tile(result, moving, tracks, truth, [drawn_circle(moving, 1200, (-15, -14, -16), wrong)])
    assert (score.n_detected, score.n_unsure) == (1, 1)
    assert score.per_kind[:, 1:].sum() == 2  # one name too many, one missed
    assert score.per_sure_kind.sum() == 0
    sure = {"groundwater_subsidence": 0.9, "mining_subsidence": 0.1}
    score = score_tile(result, moving, tracks, truth, [drawn_circle(moving, 1200, (-15, -14, -16), sure)])
    assert score.n_unsure == 0
    assert score.per_sure_kind[:, 0].sum() == score.per_kind[:, 0].sum() == 1


def test_a_result_that_begins_inside_the_tile_is_put_where_it_belongs(moving):
    rate = np.full((10, 10), -5.0, dtype=np.float32)
    maps = split_by_sign(np.ones((10, 10)), rate, [0.0], 1.0)
    shifted = DeformationResult(maps, moving.transform @ Affine.translation(20, 30), 3035)
    bands = on_tile(shifted, moving)
    known = np.argwhere(np.isfinite(bands["probability"]))
    assert known.min(axis=0).tolist() == [30, 20]
    assert known.max(axis=0).tolist() == [39, 29]

"""The network that is shipped: its file, its manners, and what it makes of real ground."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_in, cloud, still_tile
from lab.deformation.measures.scoring import detects_bowl, score_tile, truth_of
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import with_sources
from ml.deformation.features.channels import TrackCells
from ml.deformation.gridding.cells import grid_robust
from ml.deformation.gridding.points import PointCloud
from ml.deformation.infer import detect_deformation, detect_tracks, flagged_areas
from ml.deformation.inputs import read_points
from ml.deformation.network import DeformationNetwork, calibrated, on_lattice, predict_block
from ml.rasters.areas import KINDS
from ml.runtime.checkpoints import WEIGHTS
from ml.simulation.ground.deformation import Ellipse
from ml.simulation.ground.frame import Offset
from ml.simulation.ground.sources import GroundwaterSubsidence

WEAK_BOWL = "pd_3mm_800m"


@pytest.fixture(scope="module")
def network() -> DeformationNetwork:
    return DeformationNetwork.load()


@pytest.fixture(scope="module")
def tile():
    """A still tile with one bowl of 5 mm/yr and 1 km in the middle."""
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1000, 1000, 0), -5.0, flatness=1.0)
    return with_sources(still_tile(NATIONAL, 0, Purpose.TEST), (bowl,))


def test_the_weights_are_small_and_their_card_states_how_they_came_to_be(network):
    assert (WEIGHTS / "deformation.safetensors").stat().st_size <= 10_000_000
    card = network.card
    assert card.training["command"].startswith("python -m ml train deformation")
    assert {"1", "2"} <= set(card.settings["calibration"])
    for calibration in card.settings["calibration"].values():
        assert calibration["gap"] > 0


def test_a_rate_is_never_beyond_what_was_measured_near(network):
    """At the edge of a square of 20 mm/yr the network's own rate overshoots six times."""
    velocity = np.random.default_rng(1).normal(0, 1, (64, 64)).astype(np.float32)
    velocity[27:37, 27:37] += 20
    count = np.ones(velocity.shape, dtype=np.int32)
    track = TrackCells(velocity, count, np.zeros_like(velocity), np.zeros_like(velocity))
    maps = predict_block(network, [track])
    assert maps.probability[31, 31] > 0.5
    assert velocity[28:36, 28:36].min() <= np.median(maps.rate_mm_yr[29:35, 29:35]) <= velocity.max()
    assert maps.rate_mm_yr.max() <= velocity.max()
    assert maps.rate_mm_yr.min() >= velocity.min()


def test_two_tracks_give_the_same_in_either_order(network, tile):
    grids = [grid_robust(cloud(track), workers=1) for track in tile.tracks]
    one = predict_block(network, on_lattice(grids).tracks)
    other = predict_block(network, on_lattice(grids[::-1]).tracks)
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-4)


def test_kinds_share_the_probability_and_there_is_no_value_where_nothing_was_seen(network, tile):
    lattice = on_lattice([grid_robust(cloud(tile.tracks[0]), workers=1)])
    maps = predict_block(network, lattice.tracks)
    known = np.isfinite(maps.probability)
    np.testing.assert_allclose(maps.class_probability.sum(axis=0)[known], maps.probability[known], atol=1e-5)
    np.testing.assert_array_equal(known, lattice.tracks[0].distance_m <= 200.0)
    empty = np.full((20, 20), np.nan, dtype=np.float32)
    nothing = TrackCells(empty, np.zeros((20, 20), dtype=np.int32), empty, np.full((20, 20), np.inf, dtype=np.float32))
    assert np.isnan(predict_block(network, [nothing]).probability).all()


def test_a_weak_bowl_is_found_by_one_track_and_by_both(tile):
    points = [cloud(track) for track in tile.tracks]
    for seen in (points[:1], points[1:], points):
        areas = flagged_areas(detect_tracks(seen, "model"), seen)
        assert any(area.rate_mm_yr < -1 and area.kind in KINDS for area, _ in areas)


def test_the_shipped_network_detects_eleven_weak_bowls_of_twelve_without_a_false_alarm():
    """One track of tiles of 100 km²: it detects all twelve bowls; the matched filter seven, with one false alarm."""
    bowls, false_alarms = {"model": 0, "matched-filter": 0}, 0
    for number in range(12):
        still = still_tile(NATIONAL, number, Purpose.TEST)
        tile = bowl_in(still, BOWLS[WEAK_BOWL], generator(Purpose.TEST, f"{NATIONAL} {WEAK_BOWL}", number))
        for method in bowls:
            result = detect_tracks([cloud(tile.tracks[0])], method)
            bowls[method] += detects_bowl(result, tile, tile.tracks[:1], BOWLS[WEAK_BOWL].radius_m)
        nothing = detect_tracks([cloud(still.tracks[0])], "model")
        false_alarms += score_tile(nothing, still, still.tracks[:1], truth_of(still, still.tracks[:1])).false_alarms
    assert bowls["model"] >= 11
    assert false_alarms == 0
    assert bowls["matched-filter"] <= 9  # the bounds are out of reach of what the network must beat


def test_a_product_with_no_signal_gives_nothing():
    """Still ground with white noise of 1 mm/yr, 300 points per square kilometre, its reference off by 1.6 mm/yr."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, 8000, (2, 20_000)) + np.array([[4_600_000.0], [1_740_000.0]])
        points = PointCloud(x, y, rng.normal(-1.6, 1.0, 20_000).astype(np.float32), 3035)
        assert flagged_areas(detect_deformation(points, "model"), [points]) == []
    flat = points._replace(velocity_mm_yr=np.zeros(20_000, dtype=np.float32))
    assert flagged_areas(detect_deformation(flat, "model"), [flat]) == []


@pytest.mark.realdata
def test_the_lake_bed_of_mexico_city_sinks_and_the_western_hills_do_not(real_data: Path):
    (points,) = read_points(real_data / "mexicocity_s1" / "cum.h5")
    result = detect_deformation(points, "model")
    (area, _), *_ = flagged_areas(result, [points])
    assert area.rate_mm_yr < -50
    assert area.area_m2 > 80e6
    cell = ~result.transform @ (points.x, points.y)
    p = result.maps.probability[np.floor(cell[1]).astype(int), np.floor(cell[0]).astype(int)]
    assert (p[points.velocity_mm_yr < -30] > 0.5).mean() > 0.99
    assert (p[np.abs(points.velocity_mm_yr) < 2] > 0.5).mean() < 0.2


SCORES = {"fine": 1.7, "agreed": 2.0, "gap": 1.5}


def test_an_area_begins_at_the_blend_of_two_thresholds():
    logits = torch.tensor([[-4.0, 1.0], [-4.0, 2.0]])[:, None]
    p = torch.sigmoid(calibrated(logits, SCORES))[0]
    assert p[0] < 0.01
    assert p[1] == pytest.approx(0.5, abs=1e-4)  # 0.3 · 1 + 0.7 · 2


def test_where_rates_are_unusual_or_a_bowl_stands_out_the_lowest_threshold_is_enough():
    logits = torch.tensor([[2.0, 1.25, 1.25, 9.0, 9.0, 9.0, 9.0], [-30.0] * 7])[:, None]
    of_bowls = torch.tensor([[0.0, 2.5, 0.0, 0.0, 0.0, 5.0, 4.3]])
    unusual = torch.tensor([[1.5, 1.5, 1.5, 1.0, 2 / 3, 0.0, 0.0]])
    p = torch.sigmoid(calibrated(logits, SCORES, torch.stack([of_bowls, unusual])))[0]
    assert p[0] == pytest.approx(0.5, abs=1e-4)
    assert p[1] == pytest.approx(0.5, abs=1e-4)  # 1.25 + 0.3 · 2.5
    assert p[2] < 0.4
    assert p[3] == pytest.approx(0.5, abs=1e-4)  # the limit of the rates
    assert p[4] == pytest.approx(0.2, abs=1e-3)
    assert p[5] == pytest.approx(0.5, abs=1e-4)  # usual, but out of the delay
    assert p[6] == pytest.approx(0.2, abs=1e-3)

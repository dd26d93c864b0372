"""The network that is shipped: its file, its manners, and what it makes of real ground."""

from pathlib import Path

import numpy as np
import pytest

from ground_motion.methods.deformation.decision import weights_of
from ground_motion.methods.deformation.gridding.cells import grid_robust
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.methods.deformation.nation import predict
from ground_motion.methods.deformation.network import DeformationNetwork
from ground_motion.rasters.areas import CLASSES, KINDS
from ground_motion.readers.records import Declaration
from ground_motion.simulation.ground.deformation import Ellipse
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import GroundwaterSubsidence
from lab.deformation.alarms.levels import View, points_in
from lab.deformation.measures.benchmark_tiles import BOWLS, NATIONAL, bowl_tile, cloud, still_tile
from lab.deformation.measures.scoring import heart_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import Tile, with_sources

WEAK_BOWL = "pd_3mm_800m"


@pytest.fixture(scope="module")
def network() -> DeformationNetwork:
    return DeformationNetwork.load()


@pytest.fixture(scope="module")
def tile():
    """A still tile with one bowl of 5 mm/yr and 1 km in the middle."""
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1000, 1000, 0), -5.0, flatness=1.0)
    return with_sources(still_tile(NATIONAL, 0, Purpose.TEST), (bowl,))


def test_the_card_states_how_they_came_to_be(network):
    card = network.card
    assert card.training["command"].startswith("python -m ml train deformation")
    assert set(card.settings["decision"]) == {"model", "network", "without-network"}
    for method in card.settings["decision"]:
        one, two = (weights_of(card.settings, tracks, method) for tracks in (1, 2))
        assert one.offset < 0 < max(one[:-1])
        assert two.offset < 0 < max(two[:-1])


def test_two_tracks_give_the_same_in_either_order(network, tile):
    grids = [grid_robust(cloud(track), workers=1) for track in tile.tracks]
    (one, _), (other, _) = predict(network, grids), predict(network, grids[::-1])
    np.testing.assert_allclose(one.logit, other.logit, atol=1e-3)


def test_shares_of_kinds_sum_to_one_and_there_is_no_value_where_nothing_was_seen(network, tile):
    maps, lattice = predict(network, [grid_robust(cloud(tile.tracks[0]), workers=1)])
    known = np.isfinite(maps.logit)
    np.testing.assert_allclose(maps.shares.sum(axis=0)[known], 1.0, atol=1e-5)
    np.testing.assert_array_equal(known, lattice.tracks[0].distance_m <= 200.0)


def test_a_weak_bowl_is_found_by_one_track_and_by_both(tile):
    points = [cloud(track) for track in tile.tracks]
    for seen in (points[:1], points[1:], points):
        areas = flagged_areas(detect_tracks(seen, "model"), seen)
        assert any(area.rate_mm_yr < -1 and area.kind in KINDS for area, _ in areas)


def view(tile: Tile, method: str) -> View:
    """A method's result on the first track of a tile."""
    points = [cloud(tile.tracks[0])]
    result = detect_tracks(points, method)
    return View(result, 1.0, points_in(result, points))


def test_the_shipped_network_detects_eleven_weak_bowls_of_twelve_without_a_false_alarm():
    """One track of tiles of 100 km²: it detects all twelve bowls; the matched filter seven, with one false alarm."""
    bowls, false_alarms = {"model": 0, "matched-filter": 0}, 0
    for number in range(12):
        tile = bowl_tile(NATIONAL, WEAK_BOWL, number, Purpose.TEST)
        sign, heart = CLASSES[int(tile.sources[0].peak_mm_yr > 0)], heart_of(tile, BOWLS[WEAK_BOWL].radius_m)
        for method in bowls:
            bowls[method] += view(tile, method).limit(sign, *heart) >= 0
        false_alarms += len(view(still_tile(NATIONAL, number, Purpose.TEST), "model").flagged(0.0))
    assert bowls["model"] >= 11
    assert false_alarms == 0
    assert bowls["matched-filter"] <= 9  # the bounds are out of reach of what the network must beat


def test_a_product_with_no_signal_gives_nothing():
    """Still ground with white noise of 1 mm/yr, 300 points per square kilometre, its reference off by 1.6 mm/yr."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x, y = rng.uniform(0, 8000, (2, 20_000)) + np.array([[4_600_000.0], [1_740_000.0]])
        points = PointCloud(x, y, rng.normal(-1.6, 1.0, 20_000).astype(np.float32), 3035)
        assert flagged_areas(detect_tracks([points], "model"), [points]) == []
    flat = points._replace(velocity_mm_yr=np.zeros(20_000, dtype=np.float32))
    assert flagged_areas(detect_tracks([flat], "model"), [flat]) == []


@pytest.mark.realdata
def test_the_lake_bed_of_mexico_city_sinks_and_the_western_hills_do_not(real_data: Path):
    ((track,),) = read_clusters([real_data / "mexicocity_s1" / "cum.h5"], Declaration()).clusters
    points = track.points
    result = detect_tracks([points], "model")
    (area, _), *_ = flagged_areas(result, [points])
    assert area.rate_mm_yr < -50
    assert area.area_m2 > 80e6
    assert area.kind == "groundwater_subsidence"
    cell = ~result.transform @ (points.x, points.y)
    p = result.maps.probability[np.floor(cell[1]).astype(int), np.floor(cell[0]).astype(int)]
    assert (p[points.velocity_mm_yr < -30] > 0.5).mean() > 0.99
    assert (p[np.abs(points.velocity_mm_yr) < 2] > 0.5).mean() < 0.2

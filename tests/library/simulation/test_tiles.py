"""Tiles: points, errors with their stated statistics, truth, and files that our own reader takes back."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from ground_motion.methods.deformation.gridding.points import project
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.simulation.ground.deformation import Ellipse, Panel
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import GroundwaterSubsidence, MiningSubsidence
from ground_motion.simulation.ground.terrain import LandCover
from ground_motion.simulation.velocity import nuisance
from ground_motion.simulation.velocity.noise import velocity_errors
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import CELL_M, SIDE_M, TileConfig, make_tile, with_sources


def rng(scene: int = 0) -> np.random.Generator:
    return generator(Purpose.TEST, "tiles", scene)


@pytest.fixture(scope="module")
def still():
    return make_tile(rng(3), TileConfig(signal_share=0.0, town_share=nuisance.Range(0.01, 0.01)))


@pytest.fixture(scope="module")
def ground(still):
    track = still.tracks[0]
    x_m, y_m = track.x_m - still.terrain.west_m, track.y_m - still.terrain.top_m + SIDE_M
    return nuisance.TrackGround(x_m, y_m, track.height_m, track.cover, SIDE_M)


def semivariance(x_m, y_m, rate, bounds):
    """Mean of half the squared difference of all pairs within each pair of distances."""
    position = np.column_stack([x_m, y_m])
    pairs = cKDTree(position).query_pairs(bounds[-1][1], output_type="ndarray")
    apart = np.linalg.norm(position[pairs[:, 0]] - position[pairs[:, 1]], axis=1)
    half = 0.5 * (rate[pairs[:, 0]] - rate[pairs[:, 1]]).astype(float) ** 2
    return [float(half[(apart >= low) & (apart < high)].mean()) for low, high in bounds]


NEAR = [(0, 10), (10, 20), (20, 30), (30, 60), (60, 120)]


def test_a_tile_is_the_same_whoever_makes_it_and_other_numbers_make_another(still):
    config = TileConfig(signal_share=0.0, town_share=nuisance.Range(0.01, 0.01))
    again, other = make_tile(rng(3), config), make_tile(rng(4), config)
    for mine, same, not_same in zip(still.tracks, again.tracks, other.tracks, strict=True):
        np.testing.assert_array_equal(mine.velocity_mm_yr, same.velocity_mm_yr)
        assert mine.x_m.size != not_same.x_m.size


def test_what_moves_does_not_change_where_points_are_and_how_wrong(still):
    bowl = GroundwaterSubsidence(Offset(0, 0), Ellipse(1500, 1500, 0), -10.0)
    moving = with_sources(still, (bowl,))
    for before, after in zip(still.tracks, moving.tracks, strict=True):
        np.testing.assert_array_equal(before.x_m, after.x_m)
        np.testing.assert_array_equal(before.errors.rate_mm_yr, after.errors.rate_mm_yr)
        at = np.hypot(after.x_m - still.terrain.frame.easting_m, after.y_m - still.terrain.frame.northing_m) < 300
        assert after.truth_mm_yr[at] == pytest.approx(-10.0 * after.geometry.los.up, rel=0.05)


def test_points_are_as_dense_as_the_real_service_states_and_none_stand_in_forest(still):
    floors = {LandCover.TOWN: 5_000, LandCover.SUBURB: 1_000, LandCover.OPEN: 100}
    for track in still.tracks:
        for cover, floor in floors.items():
            km2 = (still.land_cover == cover).sum() * (CELL_M / 1000) ** 2
            assert floor < (track.cover == cover).sum() / km2 < 1.25 * floor
        assert not (track.cover == LandCover.FOREST).any()


def test_the_noise_of_a_tile_has_the_semivariance_of_ustica():
    """Targets: means of the two real tracks, by distance; see docs/simulation.md."""
    place = rng(7).uniform(0, 2_500, (2, 25_000))
    semivariances = semivariance(*place, velocity_errors(rng(8), *place, nuisance.USTICA, 0.0), NEAR)
    assert semivariances == pytest.approx([0.357, 0.422, 0.545, 0.611, 0.665], abs=0.06)


@pytest.mark.realdata
def test_the_real_tracks_show_the_semivariance_that_tiles_are_made_with(real_data):
    files = sorted((real_data / "egms_ustica").glob("EGMS_L2b_*.zip"))
    assert len(files) == 2
    measured = []
    for path in files:
        batches = list(open_velocity_field(path).batches())
        at = [np.concatenate([getattr(b, name) for b in batches]) for name in ("longitude", "latitude")]
        rate = np.concatenate([b.velocity_mm_yr for b in batches])
        cloud = project(*at, rate, epsg=3035)
        measured.append(semivariance(cloud.x, cloud.y, rate, NEAR))
    place = rng(7).uniform(0, 2_500, (2, 25_000))
    simulated = semivariance(*place, velocity_errors(rng(8), *place, nuisance.USTICA, 0.0), NEAR)  # delay comes on top
    np.testing.assert_allclose(simulated, np.mean(measured, axis=0), atol=0.07)


def test_stratified_delay_follows_height_at_half_to_three_mm_per_kilometre(ground):
    low, high = nuisance.Nuisance().stratified_mm_yr_km
    assert (low, high) == (0.5, 3.0)
    error = nuisance.simulate_stratified(rng(), ground, 2.0)
    slope, _ = np.polyfit(ground.height_m / 1000, error, 1)
    assert abs(slope) == pytest.approx(2.0)
    assert error.mean() == pytest.approx(0, abs=1e-9)


def test_the_core_of_an_active_panel_has_no_points_and_its_flanks_have(still):
    panel = MiningSubsidence(Offset(0, 0), Panel(1500, 800, 20), 600.0, 250.0)
    moving = with_sources(still, (panel,))
    limit = moving.config.decorrelation_mm_yr
    for before, after in zip(still.tracks, moving.tracks, strict=True):
        east, north = moving.terrain.frame.to_local(after.x_m, after.y_m)
        speed = panel.motion_at(east, north, moving.terrain).speed_mm_yr()
        assert speed.max() <= limit
        assert speed.max() > limit / 4
        assert after.x_m.size < before.x_m.size


def test_truth_is_drawn_where_the_line_of_sight_moves_by_two_mm_and_names_kind_peak_and_size(still):
    bowl = GroundwaterSubsidence(Offset(500.0, 500.0), Ellipse(1000, 1000, 0), -10.0, flatness=1.0)
    moving = with_sources(still, (bowl,))
    track = moving.tracks[0]
    (truth,) = moving.truths(track.geometry.los)
    peak = -10.0 * track.geometry.los.up
    assert truth.source.kind == "groundwater_subsidence"
    assert truth.peak_mm_yr == pytest.approx(peak, rel=0.02)
    assert truth.mask.sum() * CELL_M**2 == pytest.approx(np.pi * 1000**2 * np.log(abs(peak) / 2), rel=0.03)

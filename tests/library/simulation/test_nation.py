"""The demo nation: everything lies on land, ice and worked panels hold no points, what is put in shows."""

import json
from itertools import pairwise

import numpy as np
import pytest
import rasterio
import torch
from shapely.geometry import Point, shape
from shapely.ops import unary_union

from ground_motion.core.geometry import project_geometry
from ground_motion.methods.deformation.places.context import NEAR_MINE_M
from ground_motion.methods.offsets.infer import track_offsets
from ground_motion.rasters.imagery import ImagePair
from ground_motion.simulation.files import borders
from ground_motion.simulation.files import nation as nation_files
from ground_motion.simulation.files.rivers import rivers_of, write_rivers
from ground_motion.simulation.nation import COLLIERIES, GLACIER, VILLAGES, Nation, glacier_speed_share, simulate_nation
from ground_motion.simulation.nation_scenes import SURGE_M_DAY, AreaImages, pair_dates, simulate_images
from ground_motion.simulation.velocity.region import ASCENDING
from tests.makers.small_nation import small

EPSG = 3035


@pytest.fixture(scope="module")
def nation() -> Nation:
    return simulate_nation(7, small(tracks=(ASCENDING,)))


@pytest.fixture(scope="module")
def images(nation) -> tuple[AreaImages, ...]:
    return simulate_images(nation)


def test_the_same_seed_gives_the_same_region(nation):
    again = simulate_nation(7, small(tracks=(ASCENDING,)))
    np.testing.assert_array_equal(again.region.terrain.height_m, nation.region.terrain.height_m)
    np.testing.assert_array_equal(again.region.tracks[0].series_mm, nation.region.tracks[0].series_mm)
    assert again.failing == nation.failing


@pytest.mark.parametrize("seed", [1, 7, 23])
def test_every_place_stands_on_land_whatever_the_seed(seed):
    land = simulate_nation(seed, small(tracks=())).region.terrain
    places = [village.at for village in VILLAGES] + [GLACIER.centre] + [colliery.at for colliery in COLLIERIES]
    east_m, north_m = (np.array(part) for part in zip(*places, strict=True))
    assert np.isfinite(land.height_m[land.cell_of(*land.frame.to_grid(east_m, north_m))]).all()


def test_no_point_stands_on_ice_or_in_the_core_of_a_worked_panel(nation):
    track, terrain = nation.region.tracks[0], nation.region.terrain
    east_m, north_m = terrain.frame.to_local(track.easting_m, track.northing_m)
    assert not (glacier_speed_share(east_m, north_m) > 0.1).any()
    fastest = min(nation.region.sources, key=lambda source: source.peak_mm_yr)
    away_m = np.hypot(east_m - fastest.centre.east_m, north_m - fastest.centre.north_m)
    assert abs(fastest.peak_mm_yr) > nation.region.config.decorrelation_mm_yr
    assert away_m.min() > 100.0


def test_a_listed_mine_is_near_each_worked_panel_but_not_on_moving_ground(nation, tmp_path):
    features = json.loads(nation_files.write_mines(nation, tmp_path / "mines.geojson").read_text())["features"]
    listed = unary_union([project_geometry(shape(feature["geometry"]), 4326, EPSG) for feature in features])
    mined = [truth for truth in nation.region.truths if truth.kind == "mining_subsidence" and truth.rate_mm_yr < -50]
    assert len(mined) == 2
    for truth in mined:
        moving = project_geometry(truth.polygon, 4326, EPSG)
        assert 0 < moving.distance(listed) < moving.centroid.distance(listed) < NEAR_MINE_M


def test_provinces_share_the_country_without_gaps_or_overlaps(nation, tmp_path):
    country, *provinces = (
        shape(feature["geometry"])
        for path in (borders.write_border(nation, tmp_path / "a"), borders.write_provinces(nation, tmp_path / "b"))
        for feature in json.loads(path.read_text())["features"]
    )
    assert len(provinces) == len(borders.PROVINCES)
    assert sum(one.area for one in provinces) == pytest.approx(country.area, rel=0.01)
    assert unary_union(provinces).area == pytest.approx(sum(one.area for one in provinces), rel=1e-3)
    seats = nation_files.geographic(nation.region.terrain.frame, [province.seat for province in borders.PROVINCES])
    assert all(outline.contains(Point(*seat)) for outline, seat in zip(provinces, seats, strict=True))


def test_pairs_are_twelve_days_apart_and_no_two_of_them_24_or_36():
    days = np.array([(date - pair_dates(13, 0)[0]).days for date in pair_dates(13, 0)])
    apart = set(np.abs(days[:, None] - days[None]).ravel().tolist())
    assert {6, 24}.isdisjoint(apart)
    assert 12 in apart
    whole = pair_dates(13, 9)
    assert 1.9 < (whole[-1] - whole[0]).days / 365.25 < 2.1
    assert [(b - a).days for a, b in pairwise(whole[-9:])] == [12] * 8


def test_the_tracker_measures_the_surge_that_was_put_in(nation, images):
    """The last pair: the middle of the tongue moves by 5 m a day along the glacier, the rock beside it stays."""
    surge = images[0]
    result = track_offsets(
        ImagePair(surge.power[-2], surge.power[-1], surge.transform, surge.epsg), "ncc", torch.device("cpu")
    )
    dx, dy = result.bands["dx_px"], result.bands["dy_px"]
    middle = tuple(slice(n // 2 - 1, n // 2 + 2) for n in dx.shape)
    expected = SURGE_M_DAY[-1] * 12 / 30
    assert np.median(np.hypot(dx[middle], dy[middle])) == pytest.approx(expected, rel=0.15)
    towards = np.degrees(np.arctan2(np.median(dx[middle]), -np.median(dy[middle])))
    assert towards == pytest.approx(GLACIER.bearing_deg, abs=10)  # grid north is within 3 degrees of true north there
    assert np.nanmedian(np.hypot(dx[:5, -5:], dy[:5, -5:])) < 0.2


@pytest.mark.parametrize("place", [1, 2], ids=["pit", "slope"])
def test_the_surface_keeps_its_speckle_until_the_event_and_loses_it_there(images, place):
    area = images[place]
    at = area.dates.index(area.event_between[1])
    middle = slice(area.power.shape[1] // 2 - 8, area.power.shape[1] // 2 + 8)

    def alike(first: int, second: int) -> float:
        return float(np.corrcoef(*(np.log(area.power[n, middle, middle]).ravel() for n in (first, second)))[0, 1])

    assert alike(at, at - 1) < 0.3  # what stands there is as bright as before, its speckle is new
    before = next(n for n in range(at - 1) if (area.dates[n + 1] - area.dates[n]).days == 12)
    assert alike(before, before + 1) > 0.4


def test_files_are_marked_as_simulated_and_two_halves_hold_every_point(nation, images, tmp_path):
    products = nation_files.write_products(nation, tmp_path)
    assert [path.name[:23] for path in products] == ["EGMS_L2b_901_0001_IW2_V", "EGMS_L2b_901_0002_IW2_V"]
    track, middle_m = nation.region.tracks[0], nation.region.terrain.frame.easting_m
    halves = [
        nation_files.part_of(track, inside, 1) for inside in (track.easting_m < middle_m, track.easting_m >= middle_m)
    ]
    assert sum(map(len, halves)) == len(track)
    written = nation_files.write_images(images, tmp_path)
    assert len({path.name for path in written}) == sum(len(area.dates) for area in images)
    with rasterio.open(written[0]) as raster:
        assert raster.tags()["SIMULATED"] == "yes"


def test_the_truth_describes_in_words_what_was_simulated(nation, images, tmp_path):
    truth_file = json.loads(nation_files.write_truth(nation, images, tmp_path / "truth.geojson").read_text())
    features = [feature["properties"] for feature in truth_file["features"]]
    assert len(features) == len(nation.region.sources) + 3
    bowl = next(one for one in features if one["kind"] == "groundwater_subsidence")
    assert bowl["description"] == "sinks by up to 19 mm a year, 4.6 km across, faster every year"
    assert [one["description"].split("; ")[1] for one in features if one["changed_on"]] == [
        "211 mm a year faster since 11 July 2023",
        "at rest since 1 August 2023",
        "48 mm a year faster since 20 July 2023",
    ]
    surge = next(one for one in features if one["kind"] == "glacier_surge")
    assert surge["description"].startswith("speeds up to 5 m a day between")
    assert surge["speed_m_day"] == SURGE_M_DAY[-1]


def test_every_river_ends_in_the_sea_or_in_another_and_lies_lower_there(nation, tmp_path):
    land = nation.region.terrain
    rivers = rivers_of(land, 2)
    height_m = land.height_m[::2, ::2]
    assert len(rivers) >= 4
    passed: set[tuple[int, int]] = set()
    for river in rivers:
        first, last = river.cells[0], river.cells[-1]
        assert np.isnan(height_m[last]) or last in passed
        assert np.nan_to_num(height_m[last]) < height_m[first]
        steps = np.abs(np.diff(np.array(river.cells), axis=0))
        assert steps.max() == 1
        passed |= set(river.cells)
    features = json.loads(write_rivers(nation, tmp_path / "rivers.geojson").read_text())["features"]
    assert {one["properties"]["waterway"] for one in features} <= {"river", "stream"}
    assert len(features) == len(rivers)

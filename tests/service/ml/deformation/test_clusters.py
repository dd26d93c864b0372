"""Clusters of points far apart: memory follows points, and each cluster gives what it gives alone."""

import json
from typing import NamedTuple

import numpy as np
import pytest
import rasterio
from shapely.geometry import shape

from ground_motion.cli.program import main
from ground_motion.core.geometry import joined_at_180, utm_epsg
from ground_motion.methods.deformation.filters.baseline import DeformationMaps
from ground_motion.methods.deformation.gridding.clusters import cluster_tracks, clusters, sphere_positions
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import DeformationResult, make_mosaic
from ground_motion.rasters.results import RasterResult, write_result
from ml.runs.stored import StoredRaster, clusters_of
from tests.makers.towns import METRES_PER_DEGREE, town, write_points

KM = 1_000.0


class Found(NamedTuple):
    """What the command writes: features, and pixels of each raster with their systems."""

    features: list[dict]
    pixels: list[int]
    systems: list[int]


@pytest.fixture
def found_in(tmp_path):
    """Areas and rasters of the command for points (n, 3)."""

    def run(*places: np.ndarray, method: str = "matched-filter") -> Found:
        table = write_points(tmp_path / "points.csv", np.concatenate(places))
        outputs = ["--out", str(tmp_path / "p.tif"), "--areas", str(tmp_path / "a.geojson")]
        given = ["--unit", "mm/yr", "--positive", "toward", "--method", method]
        assert main(["deformation", str(table), *outputs, *given]) == 0
        rasters = [tmp_path / "p.tif", *sorted(tmp_path.glob("p-*.tif"))]
        sizes = [(raster.width * raster.height, raster.crs.to_epsg()) for raster in map(rasterio.open, rasters)]
        for raster in rasters:
            raster.unlink()
        return Found(json.loads((tmp_path / "a.geojson").read_text())["features"], *map(list, zip(*sizes, strict=True)))

    return run


def test_two_cities_5000_km_apart_take_the_cells_of_both_and_show_what_each_shows_alone(found_in, capsys):
    places = town(12.5, 41.9), town(72.8, 19.1, seed=2)
    alone = [found_in(place) for place in places]
    both = found_in(*places)
    assert both.pixels == [pixels for one in alone for pixels in one.pixels]
    assert both.systems == [utm_epsg(12.5, 41.9), utm_epsg(72.8, 19.1)]
    assert sum(both.pixels) < 1000
    assert [one["geometry"] for one in both.features] == [one["geometry"] for each in alone for one in each.features]
    assert [one["properties"]["region"] for one in both.features] == [1, 2]
    mistyped = places[0].copy()
    mistyped[0, 0] += 100
    far = found_in(mistyped)
    assert "Left out (1): it lies far from all other points." in capsys.readouterr().out
    assert far.pixels == alone[0].pixels
    assert far.features[0]["geometry"] == alone[0].features[0]["geometry"]
    assert found_in(mistyped, method="model").pixels == found_in(places[0], method="model").pixels


def test_a_field_across_180_is_one_area_drawn_on_both_sides(found_in):
    (area,), pixels, (system,) = found_in(town(180.0, -16.8))
    outline = shape(area["geometry"])
    assert system in {32701, 32760}
    assert pixels[0] < 1000
    assert len(outline.geoms) == 2
    assert all(part.bounds[0] >= -180 and part.bounds[2] <= 180 for part in outline.geoms)
    assert abs(joined_at_180(outline).centroid.x) == pytest.approx(180, abs=1e-3)
    east_m = (joined_at_180(outline).bounds[2] - joined_at_180(outline).bounds[0]) * METRES_PER_DEGREE
    assert east_m < 2 * KM


def cloud(x: np.ndarray, y: np.ndarray) -> PointCloud:
    return PointCloud(x, y, np.zeros(x.size, dtype=np.float32), 32633)


def grid(x: float, y: float, side: float, step: float) -> np.ndarray:
    along = np.arange(0, side, step)
    return np.stack([axis.ravel() for axis in np.meshgrid(x + along, y + along)], axis=1)


def test_an_ordinary_field_is_one_cluster_even_with_wide_gaps():
    frame = grid(0, 0, 250 * KM, 2 * KM)
    gaps = frame[(frame[:, 0] < 80 * KM) | (frame[:, 0] > 150 * KM)]
    (whole,) = clusters(gaps)
    np.testing.assert_array_equal(whole, np.arange(len(gaps)))


def test_clusters_on_the_sphere_know_no_180():
    longitude = np.concatenate([np.linspace(179.9, 180, 50), np.linspace(-180, -179.9, 50), np.full(50, 10.0)])
    first, second = clusters(sphere_positions(longitude, np.full(150, -16.8)))
    np.testing.assert_array_equal(first, np.arange(100))
    np.testing.assert_array_equal(second, np.arange(100, 150))


def test_single_points_all_over_a_continent_leave_one_small_cluster_and_a_corridor_is_cut_into_parts_of_200_km():
    stations = grid(0, 0, 3_000 * KM, 60 * KM)
    (largest,) = clusters(stations)
    assert np.ptp(stations[largest], axis=0).max() < 200 * KM
    along = np.linspace(0, 1_490 * KM, 30_000)
    parts = clusters(np.stack([along, along * 0.8], axis=1))
    assert sum(part.size for part in parts) == along.size
    assert all(np.ptp(along[part]) <= 200 * KM for part in parts)


def test_a_track_of_two_keeps_its_place_in_each_cluster_and_points_without_a_position_are_in_none():
    (found,) = clusters(np.concatenate([grid(0, 0, KM, 100.0), [[np.inf, np.inf]]]))
    assert found.size == 100
    here, there = grid(0, 0, KM, 100.0), grid(4_000 * KM, 2_000 * KM, KM, 90.0)
    first, second = cluster_tracks([cloud(*here.T), cloud(*np.concatenate([here, there]).T)])
    assert [part.x.size for part in first] == [100, 100]
    assert [part.x.size for part in second] == [0, 144]
    np.testing.assert_array_equal(second[1].y, there[:, 1])


def result(x: float, y: float, probability: float) -> DeformationResult:
    """30 x 30 cells of 100 m, their corner at x, y."""
    plane = np.full((30, 30), np.float32(probability))
    maps = DeformationMaps(plane, plane, plane, -plane, (probability,), 0.5)
    return DeformationResult(maps, rasterio.Affine(100, 0, x, 0, -100, y), 32633)


def test_clusters_of_a_plane_are_stored_in_one_raster_and_read_one_by_one(tmp_path):
    made = [result(500 * KM, 5_000 * KM, 0.75), result(800 * KM, 4_900 * KM, 0.25)]
    whole = make_mosaic(made, [["track"], ["track"]], [{"expected_false_areas": 0.5}, {}])
    assert whole.bands.shape == (1030, 3030)
    stored = RasterResult(whole.bands, made[0].units(), whole.transform, 32633, {}, whole.statistics)
    write_result(tmp_path / "p.tif", stored, {})
    with rasterio.open(tmp_path / "p.tif") as raster:
        bands = {name: raster.read(number) for number, name in enumerate(raster.descriptions, start=1)}
        read = StoredRaster(bands, raster.transform, raster.crs.to_epsg())
    assert np.isfinite(bands["probability"]).sum() == 2 * 900
    for one, (part, figures) in zip(made, clusters_of(read, whole.statistics), strict=True):
        assert part.transform == one.transform
        np.testing.assert_array_equal(part.bands["probability"], one.maps.probability)
        assert figures["backgrounds_mm_yr"] == {"track": one.maps.backgrounds_mm_yr[0]}
    assert [part.get("null") for part in whole.statistics["clusters"]] == [{"expected_false_areas": 0.5}, None]
    assert "null" not in whole.statistics
    assert whole.statistics["cells_known"] == 1800
    assert whole.statistics["highest_probability"] == 0.75
    alone = make_mosaic(made[:1], [["track"]])  # one cluster is stored as before
    assert (alone.statistics, alone.transform) == (made[0].statistics(["track"]), made[0].transform)

"""Long-wavelength search: bowls of kilometres against a reference, in noise of long waves."""

import json
from functools import cache

import numpy as np
import pytest
from affine import Affine
from shapely import Point
from shapely.geometry import shape as geometry_of

from ground_motion.cli.program import main
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.wide.cells import WideCells, wide_cells
from ground_motion.methods.deformation.wide.ground import Station, wide_ground
from ground_motion.methods.deformation.wide.noise import WideNoise, noise_of
from ground_motion.methods.deformation.wide.scores import Scores, Shape
from ground_motion.methods.deformation.wide.search import PRIORS, ReferredRegion, Track, confirmed_regions, wide_regions
from ground_motion.readers.records import Reference

QUIET = WideNoise(white_mm2_yr2=0.3, long_mm2_yr2=0.4, exponent=2.67)
EAST_M, NORTH_M = 4_000_000.0, 2_000_000.0


def plane(side_cells: int, cell_km: float):
    """East and north of cells' middles, km."""
    middles = (np.arange(side_cells) + 0.5) * cell_km
    return np.meshgrid(middles, middles)


def noise_field(noise: WideNoise, side_cells: int, cell_km: float, seed: int):
    """(cells, cells) of that noise, cut out of a larger torus."""
    rng, size = np.random.default_rng(seed), 2 * side_cells + round(200 / cell_km)
    frequency = np.hypot(np.fft.fftfreq(size, cell_km)[:, None], np.fft.rfftfreq(size, cell_km))
    transformed = np.fft.rfft2(rng.standard_normal((size, size))) * np.sqrt(noise.power(frequency)) / cell_km
    long = np.fft.irfft2(transformed, s=(size, size))[:side_cells, :side_cells]
    return long + np.sqrt(noise.white_mm2_yr2) * rng.standard_normal(long.shape)


def points_of(east_km, north_km, rate, posting_m: float, share_known: float = 1.0) -> PointCloud:
    known = np.random.default_rng(5).random(rate.shape) < share_known
    x, y = EAST_M + 1000 * east_km[known], NORTH_M + 1000 * north_km[known]
    return PointCloud(x, y, rate[known].astype(np.float32), 3035, posting_m)


def bowl(east, north, at, radius_km, peak):
    return peak * np.exp(-((east - at[0]) ** 2 + (north - at[1]) ** 2) / radius_km**2)


def scores_of(rate) -> Scores:
    """Scores on cells of 1 km, with one point in each known cell."""
    cells = WideCells(rate, np.isfinite(rate).astype(np.int32), Affine(1000, 0, EAST_M, 0, -1000, NORTH_M))
    return Scores(cells, 0.0, QUIET, PRIORS[Reference.GNSS])


def gas_field(seed: int = 1, share_known: float = 1.0) -> PointCloud:
    """Cells of 500 m: a bowl of 30 km that sinks by 7 mm/yr in its middle, 2 outside."""
    east, north = plane(90, 0.5)
    rate = -2 + bowl(east, north, (22, 23), 11, -5) + noise_field(QUIET, 90, 0.5, seed)
    return points_of(east, north, rate, 500.0, share_known)


@cache
def gas_region(reference: Reference, share_known: float = 1.0) -> ReferredRegion:
    """The only region of that field."""
    (region,) = confirmed_regions(Track(gas_field(share_known=share_known), reference), [])
    return region


def sinking_city():
    """Cells of 450 m: a plain of 40 km that sinks by 13, in it four bowls; their places as areas."""
    east, north = plane(130, 0.45)
    rate = -13 * np.exp(-((((east - 30) ** 2 + (north - 28) ** 2) / 22**2) ** 2)) + noise_field(QUIET, 130, 0.45, 3)
    places = [((22, 25), 3.5, -35), ((38, 30), 2.5, -55), ((30, 38), 4.5, -30), ((33, 18), 3.0, -65)]
    for at, radius_km, peak in places:
        rate += bowl(east, north, at, radius_km, peak)
    areas = [Point(EAST_M + 1000 * x, NORTH_M + 1000 * y).buffer(1500 * radius) for (x, y), radius, _ in places]
    return points_of(east, north, rate, 450.0), areas


@pytest.mark.parametrize("exponent", [2.2, 2.67, 3.3])
def test_strength_and_exponent_of_noise_come_from_the_scene(exponent):
    made = WideNoise(1.0, 2.0, exponent)
    fitted = [noise_of(noise_field(made, 200, 1.0, seed).astype(np.float32), 1.0) for seed in range(4)]
    assert np.mean([one.exponent for one in fitted]) == pytest.approx(exponent, abs=0.35)
    assert np.mean([one.long_mm2_yr2 for one in fitted]) == pytest.approx(2.0, rel=0.3)
    assert np.mean([one.white_mm2_yr2 for one in fitted]) == pytest.approx(1.0, rel=0.5)


def test_bowl_that_fills_the_view_is_not_taken_for_noise():
    east, north = plane(45, 1.0)
    still = noise_field(QUIET, 45, 1.0, 2).astype(np.float32)
    moving = still + bowl(east, north, (22, 23), 15, -7).astype(np.float32)
    assert noise_of(moving, 1.0).long_mm2_yr2 < 2 * noise_of(still, 1.0).long_mm2_yr2


def test_error_of_a_bowl_is_as_large_as_stated():
    known = np.random.default_rng(0).random((120, 120)) < 0.45
    fits = []
    for seed in range(15):
        rate = np.where(known, noise_field(QUIET, 120, 1.0, seed), np.nan).astype(np.float32)
        scores = scores_of(rate)
        fits += [scores.fit(Shape(8.0), row, col) for row in (30, 90) for col in (30, 90)]
    amplitude, sigma = np.array(fits).T
    assert np.std(amplitude / sigma) == pytest.approx(1.0, abs=0.25)


def test_map_of_scores_agrees_with_the_exact_fit():
    known = np.random.default_rng(0).random((120, 120)) < 0.45
    east, north = plane(120, 1.0)
    moving = noise_field(QUIET, 120, 1.0, 1) + bowl(east, north, (60.5, 60.5), 12.5, -6)
    rate = np.where(known, moving, np.nan).astype(np.float32)
    scores = scores_of(rate)
    amplitude, sigma = next((a[60, 60], s[60, 60]) for shape, a, s in scores.amplitudes() if shape == Shape(12.5))
    exact, exact_sigma = scores.fit(Shape(12.5), 60, 60)
    assert amplitude / sigma == pytest.approx(exact / exact_sigma, rel=0.2)
    assert exact == pytest.approx(-6, abs=3 * exact_sigma)


@pytest.mark.parametrize("share_known", [1.0, 0.43])
def test_gas_field_is_found_with_and_without_a_reference(share_known):
    absolute, relative = (gas_region(reference, share_known) for reference in (Reference.GNSS, Reference.LOCAL))
    assert absolute.region.kind == relative.region.kind == "subsidence"
    assert absolute.region.peak_mm_yr == pytest.approx(-7, abs=1.5)  # what the product says
    assert relative.region.peak_mm_yr == pytest.approx(-5, abs=1.5)  # against the ground outside
    assert absolute.level_mm_yr == 0.0
    assert relative.level_mm_yr == pytest.approx(-2, abs=1.0)
    middle = Point(EAST_M + 22_000, NORTH_M + 23_000)
    assert absolute.region.core.contains(middle)
    assert relative.region.outline.area < absolute.region.outline.area  # outside sinks by 2, which only one shows


def test_scene_that_sinks_as_a_whole_is_news_only_where_the_product_is_absolute():
    east, north = plane(40, 1.0)
    rate = -8 + noise_field(QUIET, 40, 1.0, 4)
    (found,) = confirmed_regions(Track(points_of(east, north, rate, 1000.0), Reference.GNSS), [])
    assert found.region.peak_mm_yr == pytest.approx(-8, abs=1.5)
    assert confirmed_regions(Track(points_of(east, north, rate, 1000.0), Reference.LOCAL), []) == []


def test_sinking_city_is_one_region_beside_its_places():
    points, places = sinking_city()
    for reference in Reference:
        (found,) = confirmed_regions(Track(points, reference), [], places)
        assert found.region.peak_mm_yr == pytest.approx(-15, abs=6)
        assert found.region.outline.area > 1.5 * sum(place.area for place in places)
        assert all(found.region.outline.intersects(place) for place in places)


def test_region_that_is_reported_already_is_not_doubled():
    reported = [gas_region(Reference.GNSS, 1.0).region.outline]
    assert confirmed_regions(Track(gas_field(), Reference.GNSS), [], reported) == []


@pytest.mark.parametrize("noise", [QUIET, WideNoise(4.0, 8.0, 2.67)], ids=["quiet", "noisy"])
def test_still_scenes_stay_silent(noise):
    regions = []
    for seed in range(2):
        east, north = plane(100, 1.0)
        rate = noise_field(noise, 100, 1.0, seed)
        for reference in Reference:
            regions += confirmed_regions(Track(points_of(east, north, rate, 1000.0, 0.6), reference), [])
    assert regions == []


def test_neither_a_ramp_without_a_reference_nor_a_seam_between_two_frames_is_motion():
    east, north = plane(100, 1.0)
    noise = noise_field(QUIET, 100, 1.0, 8)
    ramp, seam = 0.05 * east - 3 + noise, np.where(east > 50, 0.7, -0.7) + noise
    for rate, reference in ((ramp, Reference.LOCAL), *((seam, reference) for reference in Reference)):
        assert confirmed_regions(Track(points_of(east, north, rate, 1000.0), reference), []) == []


def test_two_tracks_that_show_one_region_report_it_once_and_confirm_it():
    (found,) = wide_regions([Track(gas_field(seed), Reference.GNSS) for seed in (1, 2)])
    assert found.confirmed
    assert found.feature(3035)["properties"]["confirmed"] is True


def test_neither_still_ground_nor_a_track_elsewhere_confirms_a_region():
    east, north = plane(90, 0.5)
    still = points_of(east, north, noise_field(QUIET, 90, 0.5, 7), 500.0)
    elsewhere = gas_field(2)._replace(x=gas_field(2).x + 60_000)
    for others in ([], [still], [elsewhere]):
        (found,) = confirmed_regions(
            Track(gas_field(), Reference.GNSS), [Track(points, Reference.GNSS) for points in others]
        )
        assert not found.confirmed


def city(x, y):
    """A city that sinks by 5, with bowls of 40 to 78 in it."""
    return -5 + sum(bowl(x, y, at, 1.4, 5 - peak) for at, peak in (((9, 9), 40), ((13, 16), 78), ((19, 11), 47)))


def delta(x, y):
    """A delta that sinks by 10, with cores of 20 and 30."""
    return -10 + bowl(x, y, (9, 9), 2, -10) + bowl(x, y, (17, 15), 2, -20)


def in_a_rim(ground):
    """The same ground, but 30 % of the scene of 28 km, at its edge, stands still."""
    return lambda x, y: np.where(np.maximum(abs(x - 14), abs(y - 14)) < 14 * np.sqrt(0.7), ground(x, y), 0)


def shear(x, y):
    """A locked fault across the scene: 10 mm/yr each way over 50 km."""
    return 20 / np.pi * np.arctan((x - 50) / 10)


def stations(mm_yr):
    """Two stations that move at this rate."""
    return [Station(EAST_M + 1000 * x, NORTH_M + 1000 * y, mm_yr) for x, y in ((4, 22), (25, 3))]


@pytest.mark.parametrize(
    ("ground", "side_km", "beside", "expected"),
    [  # expected: median rate, mm/yr, and area, km²; None where nothing moves as a bounded whole
        (city, 28, stations(-5), (-5, 784)),
        (delta, 28, stations(-10), (-10, 784)),
        (in_a_rim(city), 28, [], (-5, 549)),
        (in_a_rim(delta), 28, [], (-10, 549)),
        (lambda x, y: bowl(x, y, (22, 23), 12, -7), 45, [], (-4.8, 400)),
        (city, 28, [], None),  # Nothing says where it ends.
        (delta, 28, stations(0), None),
        (lambda x, y: 0 * x, 100, [], None),
        (shear, 100, [], None),
        (lambda x, y: (x + y - 100) / 10, 100, [], None),  # This is a tilt.
        (lambda x, y: shear(x, y) + bowl(x, y, (20, 20), 1.5, -40), 100, [], None),
    ],
)
def test_ground_that_moves_as_a_whole_is_found_against_a_confirmed_datum(ground, side_km, beside, expected):
    x, y = plane(2 * side_km, 0.5)
    rate = ground(x, y) + noise_field(QUIET, 2 * side_km, 0.5, 1)
    found = wide_ground(points_of(x, y, rate, 500.0), 1.0, beside)
    assert len(found) == (expected is not None)
    for region in found:
        assert region.rate_mm_yr == pytest.approx(expected[0], abs=1)
        assert region.outline.area / 1e6 == pytest.approx(expected[1], rel=0.3)
        reported = [region.outline.buffer(-2_000)]  # Another search has found this already.
        assert wide_ground(points_of(x, y, rate, 500.0), 1.0, beside, reported) == []


@pytest.mark.parametrize("noise", [WideNoise(1.0, 0.7, 2.67), WideNoise(4.0, 8.0, 2.67), WideNoise(1.0, 4.0, 3.3)])
def test_long_waves_of_noise_are_no_ground_that_moves_as_a_whole(noise):
    x, y = plane(100, 1.0)
    for seed in range(6):
        rate = noise_field(noise, 100, 1.0, seed)
        assert wide_ground(points_of(x, y, rate - np.median(rate[:10]), 1000.0, 0.6), 1.0) == []


def test_few_cells_show_nothing():
    east, north = plane(7, 1.0)
    assert confirmed_regions(Track(points_of(east, north, np.full((7, 7), -20.0), 1000.0), Reference.GNSS), []) == []


def test_large_scenes_are_looked_at_in_wider_cells():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 400_000, (2, 300_000))
    cells = wide_cells(PointCloud(x, y, np.zeros(x.size, dtype=np.float32), 3035))
    assert cells.cell_km == 2.0


def test_command_line_writes_a_region_with_what_it_is_measured_against(tmp_path):
    points = gas_field()
    lines = [f"{x},{y},{v}" for x, y, v in zip(points.x, points.y, points.velocity_mm_yr, strict=True)]
    table, areas = tmp_path / "field.csv", tmp_path / "areas.geojson"
    table.write_text("\n".join(["easting,northing,velocity", *lines, ""]))
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        'unit = "mm/yr"\npositive = "up"\nepsg = 3035\nreference = "gnss"\n'
        "first_day = 2018-01-01\nlast_day = 2022-12-31\n"
        '[columns]\neasting = "easting"\nnorthing = "northing"\nvelocity = "velocity"\n'
    )
    command = ["deformation", str(table), "--mapping", str(mapping), "--out", str(tmp_path / "p.tif")]
    command += ["--areas", str(areas), "--method", "matched-filter"]

    def regions() -> list[dict]:
        features = json.loads(areas.read_text())["features"]
        return [one for one in features if one["properties"]["extent"] == "region"]

    assert main(command) == 0
    (region,) = regions()
    assert region["properties"]["reference"] == "gnss"
    assert region["properties"]["class"] == "subsidence"
    assert region["properties"]["peak_rate_mm_yr"] == pytest.approx(-7, abs=1.5)
    assert "GNSS" in region["properties"]["assumes"]
    assert geometry_of(region["geometry"]).area > 0
    assert main([*command, "--reference", "local"]) == 0
    (region,) = regions()
    assert region["properties"]["reference"] == "local"
    assert region["properties"]["peak_rate_mm_yr"] == pytest.approx(-5, abs=1.5)

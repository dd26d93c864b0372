"""A region as two tracks see it: points, noise, series, and the truth beneath."""

from dataclasses import replace

import numpy as np
import pytest
from shapely import contains_xy

from ground_motion.simulation.ground.frame import project_to_los_mm_yr
from ground_motion.simulation.ground.sources import outline_truth
from ground_motion.simulation.velocity.noise import VelocityNoise, velocity_errors
from ground_motion.simulation.velocity.region import RegionConfig, simulate_region
from ground_motion.simulation.velocity.series import Trend, TrendChange, fit_series, simulate_series, years_of
from tests.library.simulation.test_tiles import semivariance


def test_the_semivariance_of_still_ground_is_as_stated(region_at_rest):
    near, far = np.mean(
        [
            semivariance(track.easting_m, track.northing_m, track.fit.velocity_mm_yr, [(0, 30), (60, 120)])
            for track in region_at_rest.tracks
        ],
        axis=0,
    )
    assert near == pytest.approx(0.45, abs=0.05)
    assert far == pytest.approx(1.1, abs=0.12)


def test_the_noise_has_heavy_tails_on_one_point_in_a_hundred():
    place_m = np.random.default_rng(1).uniform(0, 20_000, (2, 40_000))
    noise = VelocityNoise(sill_mm2_yr2=0.36, nugget_mm2_yr2=0.30)  # nearly no related part, so that spikes stand alone
    error = velocity_errors(np.random.default_rng(2), *place_m, noise, series_variance=0.02)
    assert (np.abs(error) > 2.5).mean() == pytest.approx(0.01, abs=0.002)


def test_the_velocity_is_the_slope_of_the_series_within_its_stated_error(region):
    for track in region.tracks:
        years = years_of(track.dates)
        design = np.column_stack([np.ones_like(years), years, np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)])
        slope = np.linalg.lstsq(design, track.series_mm.T.astype(float), rcond=None)[0][1]
        assert slope == pytest.approx(track.fit.velocity_mm_yr, abs=1e-6)
        plain_slope = np.polyfit(years, track.series_mm.T.astype(float), 1)[0]
        off = np.abs(plain_slope - track.fit.velocity_mm_yr)
        assert (off < 2 * track.fit.velocity_std_mm_yr).mean() > 0.99


def test_the_stated_error_of_a_rate_holds_the_truth_two_times_in_three():
    rng = np.random.default_rng(5)
    years = np.linspace(0, 5, 120)
    series_mm = (4.0 * years + rng.normal(0, 2.5, (4_000, 120))).astype(np.float32)
    fit = fit_series(series_mm, years)
    assert (np.abs(fit.velocity_mm_yr - 4.0) < fit.velocity_std_mm_yr).mean() == pytest.approx(0.683, abs=0.03)
    assert np.median(fit.rmse_mm) == pytest.approx(2.5, rel=0.05)


def test_a_rate_that_changes_bends_the_series_on_its_day_and_nowhere_else():
    still = np.zeros(1)
    trend = Trend(np.array([-60.0]), still, still, still, [TrendChange(2.0, np.array([60.0]))])
    series = simulate_series(np.random.default_rng(1), trend, np.arange(5.0))
    assert series.tolist() == [[0.0, -60.0, -120.0, -120.0, -120.0]]


def test_a_parabola_is_fitted_with_its_acceleration_and_a_yearly_wave_with_its_amplitude():
    years = np.linspace(0, 5, 120)
    series_mm = (0.5 * 3.0 * years**2 + 2.0 * np.sin(2 * np.pi * years + 0.4)).astype(np.float32)[None, :]
    fit = fit_series(series_mm, years)
    assert fit.acceleration_mm_yr2[0] == pytest.approx(3.0, abs=1e-3)
    assert fit.seasonality_mm[0] == pytest.approx(2.0, abs=1e-3)
    assert fit.velocity_mm_yr[0] == pytest.approx(3.0 * 2.5, abs=0.2)


def test_what_is_measured_is_the_truth_along_the_line_of_sight_plus_noise_without_bias(region):
    for track in region.tracks:
        error = track.fit.velocity_mm_yr - project_to_los_mm_yr(track.truth, track.geometry.los)
        assert np.median(error) == pytest.approx(0, abs=0.05)
        assert np.sqrt((error**2).mean()) == pytest.approx(np.sqrt(1.12), rel=0.1)


@pytest.mark.parametrize(
    ("kind", "rate_mm_yr", "radius_m"),
    [
        ("mining_subsidence", (-40, -25), (400, 800)),
        ("groundwater_subsidence", (-12, -8), (1_500, 2_000)),
        ("mine_water_uplift", (6, 8), (1_400, 2_000)),
        ("landslide", (20, 30), (150, 300)),
    ],
)
def test_the_region_holds_one_area_of_each_kind(region, kind, rate_mm_yr, radius_m):
    assert [area.kind for area in region.truths].count(kind) == 1
    area = next(area for area in region.truths if area.kind == kind)
    assert rate_mm_yr[0] <= area.rate_mm_yr <= rate_mm_yr[1]
    assert radius_m[0] <= area.radius_m <= radius_m[1]
    assert area.polygon.is_valid


def test_moving_areas_lie_on_land_and_do_not_touch_whatever_the_seed():
    sparse = RegionConfig(
        density=RegionConfig().density._replace(town_per_km2=20.0, suburb_per_km2=20.0, open_per_km2=5)
    )
    for seed in range(3):
        region = simulate_region(seed, sparse)
        easting_m, northing_m = region.terrain.frame.to_grid(*region.terrain.cell_centres())
        sea = np.isnan(region.terrain.height_m)
        outlines = [area.polygon_grid for area in region.truths]
        assert not any(contains_xy(outline, easting_m[sea], northing_m[sea]).any() for outline in outlines)
        assert not any(a.intersects(b) for i, a in enumerate(outlines) for b in outlines[:i])


def test_a_source_too_weak_to_outline_is_an_error_that_names_it(region):
    weak = replace(region.sources[0], subsidence_mm_yr=0.5)
    with pytest.raises(ValueError, match="mining_subsidence"):
        outline_truth(weak, region.terrain, 2.0)

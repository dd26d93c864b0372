"""Simulation of a whole region: an island, its moving ground, and measurements from two tracks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.simulation.ground.frame import (
    Floats,
    LineOfSight,
    Motion,
    frame_at,
    project_to_los_mm_yr,
    to_geographic,
)
from ground_motion.simulation.ground.layout import lay_out
from ground_motion.simulation.ground.scatter import Density, scatter_points
from ground_motion.simulation.ground.sources import Source, TruthArea, outline_truth, total_motion
from ground_motion.simulation.ground.terrain import Terrain, TerrainConfig, make_land_cover, make_terrain
from ground_motion.simulation.velocity import series
from ground_motion.simulation.velocity.noise import VelocityNoise, velocity_errors
from ground_motion.simulation.velocity.nuisance import Nuisance, TrackGround, draw_errors


@dataclass(frozen=True)
class TrackGeometry:
    """A satellite track: fictional number, direction, line of sight (the same everywhere), burst and sub-swath."""

    number: int
    direction: str
    los: LineOfSight
    burst: int = 1
    sub_swath: int = 2


ASCENDING = TrackGeometry(901, "ascending", LineOfSight(-0.62, -0.10, 0.78))
DESCENDING = TrackGeometry(902, "descending", LineOfSight(0.59, -0.12, 0.80))


@dataclass(frozen=True)
class RegionConfig:
    """Settings of a region besides its seed."""

    terrain: TerrainConfig = field(default_factory=TerrainConfig)
    tracks: tuple[TrackGeometry, ...] = (ASCENDING, DESCENDING)
    density: Density = field(default_factory=Density)
    noise: VelocityNoise = field(default_factory=VelocityNoise)
    nuisance: Nuisance | None = None  # It replaces the noise by delay, ramps, seams and warm buildings as well.
    first_date: dt.date = dt.date(2019, 1, 3)
    years: int = 5
    repeat_days: int = 12
    date_count: int = 120
    series_noise_mm: tuple[float, float] = (2.0, 3.0)
    seasonal_mm: float = 0.8  # Typical amplitude of the yearly cycle on stable ground.
    truth_threshold_mm_yr: float = 2.0
    decorrelation_mm_yr: float = 150.0  # Faster ground loses its points.


@dataclass(frozen=True)
class TrackPoints:
    """Measurements of one track. All (n,) and in one order; series_mm: (n, dates), mm, + toward the satellite.

    fit: the released velocity and other figures, computed from series_mm. truth: the simulated motion without noise,
    true east, north and up. height_m: above the geoid.
    """

    geometry: TrackGeometry
    dates: tuple[dt.date, ...]
    pid: NDArray[np.str_]
    easting_m: Floats
    northing_m: Floats
    longitude_deg: Floats
    latitude_deg: Floats
    height_m: Floats
    cover: NDArray[np.uint8]
    amplitude_dispersion: Floats
    series_mm: NDArray[np.float32]
    fit: series.SeriesFit
    truth: Motion

    def __len__(self) -> int:
        return len(self.easting_m)


@dataclass(frozen=True)
class Region:
    """A simulated region. land_cover: (rows, cols) of LandCover on the terrain's grid; truths: one for each source."""

    seed: int
    config: RegionConfig
    terrain: Terrain
    land_cover: NDArray[np.uint8]
    sources: tuple[Source, ...]
    truths: tuple[TruthArea, ...]
    tracks: tuple[TrackPoints, ...]


def simulate_region(seed: int, config: RegionConfig | None = None, sources: tuple[Source, ...] | None = None) -> Region:
    """Simulate a region with a known truth; the same seed and config give the same numbers.

    sources: instead of the default four; () for a region at rest. Each part has its own random generator, so that a
    change in one leaves the others unchanged. Raises ValueError for a negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed {seed} is negative: give 0 or a positive whole number")
    config = config or RegionConfig()
    relief_rng, layout_rng, cover_rng, date_rng, *track_rngs = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(4 + len(config.tracks))
    )
    frame = frame_at(config.terrain.longitude_deg, config.terrain.latitude_deg)
    terrain = make_terrain(relief_rng, config.terrain, frame)
    layout = lay_out(layout_rng, terrain)
    moving = layout.sources if sources is None else sources
    cover = make_land_cover(cover_rng, terrain, layout.settlements, config.terrain.forest_share)
    return survey(seed, config, terrain, cover, moving, date_rng, track_rngs)


def survey(
    seed: int,
    config: RegionConfig,
    terrain: Terrain,
    cover: NDArray[np.uint8],
    moving: tuple[Source, ...],
    date_rng: np.random.Generator,
    track_rngs: Sequence[np.random.Generator],
) -> Region:
    """Simulate the measurements of the ground, with its moving sources, by every track of the config."""
    dates = series.acquisition_dates(date_rng, config.first_date, config.years, config.repeat_days, config.date_count)
    scene = Scene(terrain, cover, moving, dates)
    tracks = tuple(
        observe(rng, scene, geometry, config) for rng, geometry in zip(track_rngs, config.tracks, strict=True)
    )
    truths = tuple(outline_truth(source, terrain, config.truth_threshold_mm_yr) for source in moving)
    return Region(seed, config, terrain, cover, moving, truths, tracks)


class Scene(NamedTuple):
    """Ground with its moving sources, and the dates of observation."""

    terrain: Terrain
    land_cover: NDArray[np.uint8]
    sources: tuple[Source, ...]
    dates: tuple[dt.date, ...]


def observe(rng: np.random.Generator, scene: Scene, geometry: TrackGeometry, config: RegionConfig) -> TrackPoints:
    """Observe a scene from one track: points, truth along the line of sight, noise, series, and the fit to them."""
    terrain = scene.terrain
    easting_m, northing_m = scatter_points(rng, terrain, scene.land_cover, config.density)
    east_m, north_m = terrain.frame.to_local(easting_m, northing_m)
    speed_mm_yr = total_motion(scene.sources, east_m, north_m, terrain).speed_mm_yr()
    coherent = speed_mm_yr <= config.decorrelation_mm_yr
    easting_m, northing_m = easting_m[coherent], northing_m[coherent]
    north_to_south = np.lexsort((easting_m, -northing_m))
    easting_m, northing_m = easting_m[north_to_south], northing_m[north_to_south]
    years = series.years_of(scene.dates)
    trend = _draw_trend(rng, scene, geometry, config, easting_m, northing_m)
    series_mm = series.simulate_series(rng, trend, years)
    longitude_deg, latitude_deg = to_geographic(easting_m, northing_m)
    cell = terrain.cell_of(easting_m, northing_m)
    east_m, north_m = terrain.frame.to_local(easting_m, northing_m)
    return TrackPoints(
        geometry=geometry,
        dates=scene.dates,
        pid=np.array([f"s{geometry.number:03d}{index:06d}" for index in range(len(easting_m))]),
        easting_m=easting_m,
        northing_m=northing_m,
        longitude_deg=longitude_deg,
        latitude_deg=latitude_deg,
        height_m=terrain.height_m[cell].astype(np.float64) + rng.normal(0, 2.0, len(easting_m)),
        cover=scene.land_cover[cell],
        amplitude_dispersion=np.clip(rng.normal(0.42, 0.08, len(easting_m)), 0.08, 1.0),
        series_mm=series_mm,
        fit=series.fit_series(series_mm, years),
        truth=total_motion(scene.sources, east_m, north_m, terrain),
    )


def _draw_trend(
    rng: np.random.Generator,
    scene: Scene,
    geometry: TrackGeometry,
    config: RegionConfig,
    easting_m: Floats,
    northing_m: Floats,
) -> series.Trend:
    """Simulate each point's rate along the line of sight, its error included, its season and its noise, (n,)."""
    count = len(easting_m)
    east_m, north_m = scene.terrain.frame.to_local(easting_m, northing_m)
    velocity_mm_yr, acceleration_mm_yr2 = np.zeros(count), np.zeros(count)
    seasonal_mm = rng.normal(0, config.seasonal_mm, count)
    changes = []
    for source in scene.sources:
        los_mm_yr = project_to_los_mm_yr(source.motion_at(east_m, north_m, scene.terrain), geometry.los)
        velocity_mm_yr += los_mm_yr
        acceleration_mm_yr2 += source.acceleration_per_yr * los_mm_yr
        seasonal_mm += source.seasonal_mm_per_mm_yr * los_mm_yr
        if source.change:
            since_yr = (source.change.day - scene.dates[0]).days / series.DAYS_PER_YEAR
            changes.append(series.TrendChange(since_yr, source.change.share * los_mm_yr))
    noise_mm = rng.uniform(*config.series_noise_mm, count)
    if config.nuisance is None:
        series_variance = series.slope_variance(float(np.sqrt((noise_mm**2).mean())), series.years_of(scene.dates))
        velocity_mm_yr += velocity_errors(rng, easting_m, northing_m, config.noise, series_variance)
    else:
        land, side_m = scene.terrain, config.terrain.side_m
        cell = land.cell_of(easting_m, northing_m)
        ground = TrackGround(
            easting_m - land.west_m,
            northing_m - land.top_m + side_m,
            land.height_m[cell].astype(np.float64),
            scene.land_cover[cell],
            side_m,
        )
        errors = draw_errors(rng, ground, config.nuisance, config.years)
        velocity_mm_yr += errors.rate_mm_yr
        seasonal_mm += errors.yearly_mm
    return series.Trend(velocity_mm_yr, acceleration_mm_yr2, seasonal_mm, noise_mm, changes)

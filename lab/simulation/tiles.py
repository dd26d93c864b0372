"""Simulated tiles of 100 km² for training and the frozen benchmarks of velocity fields.

Each tile has one ground truth, observed by two tracks with separate points and errors. It holds rates only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.simulation.ground.frame import (
    Floats,
    LineOfSight,
    LocalFrame,
    Motion,
    Offset,
    frame_at,
    project_to_los_mm_yr,
)
from ground_motion.simulation.ground.scatter import Density, scatter_points
from ground_motion.simulation.ground.sources import QuarrySettlement, Source, total_motion
from ground_motion.simulation.ground.terrain import LandCover, Terrain, fractal_field
from ground_motion.simulation.velocity.nuisance import Errors, Nuisance, Range, TrackGround, draw_errors
from ground_motion.simulation.velocity.region import TrackGeometry
from lab.simulation.sources import DRAWS, STEEP_ENOUGH, Site

SIDE_M, CELL_M = 10_000.0, 100.0
CELLS = int(SIDE_M / CELL_M)
SEA_LONGITUDE_DEG, SEA_LATITUDE_DEG = 10.0, 58.4  # open Skagerrak: nobody lives there, and grid north is true north


class TileConfig(NamedTuple):
    """Parameters of a tile besides its random generator.

    signal_share: probability that a tile has sources: one, or with probability second_share most_sources. kinds: names
    in DRAWS. town_share, suburb_share, forest_share: of the tile's area; the rest is open land. relief_m: standard
    deviation of height. moving_mm_yr: rate along the line of sight at which the truth is outlined.
    """

    signal_share: float = 0.65
    second_share: float = 0.25
    most_sources: int = 2
    kinds: tuple[str, ...] = tuple(DRAWS)
    widest_m: float = 7_000.0  # Motion wider than the tile belongs to its background.
    rate_factor: float = 1.0
    density: Density = Density()
    town_share: Range = Range(-0.01, 0.03)  # A share below 0 means that there is no town.
    suburb_share: Range = Range(0.02, 0.12)
    forest_share: Range = Range(0.10, 0.50)
    relief_m: Range = Range(10.0, 250.0)
    incidence_deg: Range = Range(31.0, 44.0)
    nuisance: Nuisance = Nuisance()
    years: float = 5.0
    moving_mm_yr: float = 2.0
    decorrelation_mm_yr: float = 150.0  # faster ground loses its points


class TileTrack(NamedTuple):
    """Points of one track: arrays (n,). x, y: EPSG:3035, m; rates mm/yr, + toward the satellite.

    truth: the simulated motion along the line of sight; errors: all else, except for a release's rounding to 0.1.
    """

    geometry: TrackGeometry
    x_m: Floats
    y_m: Floats
    height_m: Floats
    cover: NDArray[np.uint8]
    truth_mm_yr: Floats
    errors: Errors

    @property
    def velocity_mm_yr(self) -> NDArray[np.float32]:
        """Return the released rates, (n,): truth plus errors, rounded to 0.1 mm/yr."""
        return np.round(self.truth_mm_yr + self.errors.rate_mm_yr, 1).astype(np.float32)


class SourceTruth(NamedTuple):
    """One source along one line of sight, (CELLS, CELLS), row 0 in the north. mask: moving cells; rate: mm/yr."""

    source: Source
    mask: NDArray[np.bool_]
    rate_mm_yr: NDArray[np.float32]

    @property
    def peak_mm_yr(self) -> float:
        """Return the rate of the cell that moves fastest, with its sign: + toward the satellite."""
        return float(self.rate_mm_yr.flat[np.argmax(np.abs(self.rate_mm_yr))])

    @property
    def kind(self) -> str:
        """Return the source's kind."""
        return self.source.kind


@dataclass(frozen=True)
class Tile:
    """A tile. land_cover: (CELLS, CELLS) of LandCover; motions: of each source, the mean in each cell."""

    config: TileConfig
    terrain: Terrain
    land_cover: NDArray[np.uint8]
    sources: tuple[Source, ...]
    motions: tuple[Motion, ...]
    tracks: tuple[TileTrack, ...]

    @property
    def transform(self) -> Affine:
        """Return the transform of the rasters of truth and land cover, EPSG:3035."""
        return Affine(CELL_M, 0, self.terrain.west_m, 0, -CELL_M, self.terrain.top_m)

    def truths(self, los: LineOfSight) -> list[SourceTruth]:
        """Return each source's truth along a line of sight, except for sources below moving_mm_yr everywhere."""
        truths = []
        for source, motion in zip(self.sources, self.motions, strict=True):
            rate = project_to_los_mm_yr(motion, los).astype(np.float32)
            mask = np.abs(rate) >= self.config.moving_mm_yr
            if mask.any():
                truths.append(SourceTruth(source, mask, rate))
        return truths


def make_tile(generator: np.random.Generator, config: TileConfig | None = None) -> Tile:
    """Draw one tile, reproducible from generator and config; all else is the same with or without sources."""
    config = config or TileConfig()
    relief_rng, cover_rng, layout_rng, *track_rngs = generator.spawn(5)
    terrain = _terrain(relief_rng, config)
    cover = _land_cover(cover_rng, terrain, config)
    tracks = tuple(
        _still_track(rng, terrain, cover, config, number, ascending)
        for rng, number, ascending in zip(track_rngs, (911, 912), (True, False), strict=True)
    )
    still = Tile(config, terrain, cover, (), (), tracks)
    return with_sources(still, _lay_out(layout_rng, still))


def with_sources(tile: Tile, sources: tuple[Source, ...]) -> Tile:
    """Add moving sources to a tile; remove points on ground that moves too fast, and on the floors of quarries."""
    if not sources:
        return tile
    at = (np.arange(2 * CELLS) + 0.5) * CELL_M / 2
    place = tile.terrain.frame.to_local(*np.meshgrid(tile.terrain.west_m + at, tile.terrain.top_m - at))
    fine = [source.motion_at(*place, tile.terrain) for source in sources]  # a cell's motion is the mean of 2 × 2 places
    motions = tuple(Motion(*(part.reshape(CELLS, 2, CELLS, 2).mean(axis=(1, 3)) for part in one)) for one in fine)
    tracks = tuple(_seen_moving(track, sources, tile) for track in tile.tracks)
    return replace(tile, sources=(*tile.sources, *sources), motions=(*tile.motions, *motions), tracks=tracks)


def _seen_moving(track: TileTrack, sources: tuple[Source, ...], tile: Tile) -> TileTrack:
    east_m, north_m = tile.terrain.frame.to_local(track.x_m, track.y_m)
    motion = total_motion(sources, east_m, north_m, tile.terrain)
    keep = motion.speed_mm_yr() <= tile.config.decorrelation_mm_yr
    for source in sources:
        if source.kind == QuarrySettlement.kind:
            up = source.motion_at(east_m, north_m, tile.terrain).up_mm_yr
            keep &= np.abs(up) < 0.9 * abs(source.peak_mm_yr)  # Machines work there, so that nothing reflects steadily.
    return TileTrack(
        track.geometry,
        track.x_m[keep],
        track.y_m[keep],
        track.height_m[keep],
        track.cover[keep],
        (track.truth_mm_yr + project_to_los_mm_yr(motion, track.geometry.los))[keep],
        Errors(track.errors.rate_mm_yr[keep], track.errors.yearly_mm[keep], track.errors.kinds),
    )


@lru_cache(maxsize=1)
def tile_frame() -> LocalFrame:
    """Return the common frame of all tiles, whose middle lies on whole kilometres of EPSG:3035."""
    return frame_at(SEA_LONGITUDE_DEG, SEA_LATITUDE_DEG)


def _terrain(rng: np.random.Generator, config: TileConfig) -> Terrain:
    """Draw fractal hills, lowest at 1 m; slopes from heights smoothed over a cell."""
    frame = tile_frame()
    height_m = fractal_field(rng, 128, -3.8)[:CELLS, :CELLS] * config.relief_m.draw(rng)
    height_m += 1.0 - height_m.min()
    smooth_m: Floats = ndimage.gaussian_filter(height_m, 1.0)
    fall_per_row, rise_per_col = (np.gradient(smooth_m, CELL_M, axis=axis) for axis in (0, 1))
    slope_east, slope_north = frame.turn_to_true(rise_per_col, -fall_per_row)  # row 0 is north
    west_m, top_m = frame.easting_m - SIDE_M / 2, frame.northing_m + SIDE_M / 2
    return Terrain(frame, west_m, top_m, CELL_M, height_m.astype(np.float32), slope_east, slope_north)


def _land_cover(rng: np.random.Generator, terrain: Terrain, config: TileConfig) -> NDArray[np.uint8]:
    """Draw towns inside suburbs, both on low ground and connected over hundreds of metres; forest on the rest."""
    height = (terrain.height_m - terrain.height_m.mean()) / max(float(terrain.height_m.std()), 1.0)
    habitable = fractal_field(rng, 128, -3.0)[:CELLS, :CELLS] - 0.5 * height
    wooded = fractal_field(rng, 128, -3.0)[:CELLS, :CELLS] + 0.3 * height
    town, suburb, forest = (s.draw(rng) for s in (config.town_share, config.suburb_share, config.forest_share))
    town = max(town, 0.0)
    cover = np.full((CELLS, CELLS), LandCover.OPEN, dtype=np.uint8)
    cover[wooded > np.quantile(wooded, 1 - forest)] = LandCover.FOREST
    cover[habitable > np.quantile(habitable, 1 - town - suburb)] = LandCover.SUBURB
    if town > 0:
        cover[habitable > np.quantile(habitable, 1 - town)] = LandCover.TOWN
    return cover


def _still_track(
    rng: np.random.Generator,
    terrain: Terrain,
    cover: NDArray[np.uint8],
    config: TileConfig,
    number: int,
    ascending: bool,
) -> TileTrack:
    """Draw a track of still ground with a random incidence; the satellite is 10° off due west (ascending) or east."""
    incidence, turn = math.radians(config.incidence_deg.draw(rng)), math.radians(10.0)  # off due west or east
    side = -1.0 if ascending else 1.0
    way = side * math.sin(incidence) * math.cos(turn), -math.sin(incidence) * math.sin(turn), math.cos(incidence)
    los = LineOfSight(*(round(part, 2) for part in way))
    geometry = TrackGeometry(number, "ascending" if ascending else "descending", los)
    x_m, y_m = scatter_points(rng, terrain, cover, config.density)
    cell = terrain.cell_of(x_m, y_m)
    south_m = terrain.top_m - SIDE_M
    at = [(terrain.top_m - y_m) / CELL_M - 0.5, (x_m - terrain.west_m) / CELL_M - 0.5]
    height_m = ndimage.map_coordinates(terrain.height_m, at, order=1, mode="nearest", output=np.float64)
    ground = TrackGround(x_m - terrain.west_m, y_m - south_m, height_m, cover[cell], SIDE_M)
    errors = draw_errors(rng, ground, config.nuisance, config.years)
    return TileTrack(geometry, x_m, y_m, height_m, cover[cell], np.zeros(x_m.size), errors)


def _lay_out(rng: np.random.Generator, tile: Tile) -> tuple[Source, ...]:
    """Draw no source, one or several, away from the tile's edge and from each other."""
    config = tile.config
    if rng.random() >= config.signal_share:
        return ()
    wanted = config.most_sources if rng.random() < config.second_share else 1
    sources: list[Source] = []
    for _ in range(20):
        name = str(rng.choice(config.kinds))
        site = Site(_site(rng, tile, name == "landslide"), tile.terrain, config.widest_m, config.rate_factor)
        if any(site.centre.distance_m(other.centre) < 3_000 for other in sources):
            continue
        if (source := DRAWS[name](rng, site)) is not None:
            sources.append(source)
        if len(sources) == wanted:
            break
    return tuple(sources)


def _site(rng: np.random.Generator, tile: Tile, on_a_slope: bool) -> Offset:
    """Draw a place at least 1 km inside the tile, mostly where points are dense; on_a_slope: only steep ground."""
    per_km2 = np.zeros(len(LandCover))
    per_km2[[LandCover.TOWN, LandCover.SUBURB, LandCover.OPEN]] = tile.config.density[:3]
    weight = np.sqrt(per_km2[tile.land_cover])
    if on_a_slope:
        steep = np.hypot(tile.terrain.slope_east, tile.terrain.slope_north) >= STEEP_ENOUGH
        weight = weight * steep
    edge = int(1_000 / CELL_M)
    inner = np.zeros_like(weight)
    inner[edge:-edge, edge:-edge] = weight[edge:-edge, edge:-edge]
    if not inner.any():
        return Offset(0.0, 0.0)
    row, col = np.unravel_index(rng.choice(inner.size, p=(inner / inner.sum()).ravel()), inner.shape)
    easting_m = tile.terrain.west_m + (col + rng.random()) * CELL_M
    northing_m = tile.terrain.top_m - (row + rng.random()) * CELL_M
    east_m, north_m = tile.terrain.frame.to_local(np.array([easting_m]), np.array([northing_m]))
    return Offset(float(east_m[0]), float(north_m[0]))

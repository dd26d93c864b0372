"""The demo nation: an invented country of 60 by 60 km, its moving ground, and five years of data from two tracks.

Lowlands with a city in the south-west, a coalfield in the south-east, mountains in the north with a valley of
landslides and a glacier; still ground over large areas between them. Places are fixed, so that the country looks the
same with every seed. Relief, points, errors of the rates and speckle depend on the seed.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.simulation.ground.deformation import Ellipse, Panel, SlideBody
from ground_motion.simulation.ground.frame import Floats, LocalFrame, Offset, frame_at
from ground_motion.simulation.ground.scatter import Density
from ground_motion.simulation.ground.sources import (
    FillSettlement,
    GroundwaterSubsidence,
    Landslide,
    MineWaterUplift,
    MiningSubsidence,
    RateChange,
    Source,
)
from ground_motion.simulation.ground.terrain import (
    LandCover,
    Settlement,
    Terrain,
    TerrainConfig,
    fractal_field,
    make_land_cover,
    terrain_on,
)
from ground_motion.simulation.velocity.nuisance import Nuisance, Range
from ground_motion.simulation.velocity.region import Region, RegionConfig, survey

COUNTRY = "Velmark"
# Changes of trend in the last half year of the data, which the newest bulletin has to name.
PANEL_HASTENED = RateChange(dt.date(2023, 7, 11), 0.6)
SLOPE_QUICKENS = RateChange(dt.date(2023, 7, 20), 1.5)
PANEL_WORKED_OUT = RateChange(dt.date(2023, 8, 1), -1.0)
VALLEY, VALLEY_M = Offset(-12_000.0, 11_000.0), 6_500.0
CITY, MINING_TOWN = Offset(-9_000.0, -12_000.0), Offset(13_000.0, -9_500.0)
SPREAD_M = 1_500.0  # Two slides lie this far apart, and from the slope that fails.
BARE_M = 3_800.0
PIT_NAME, PIT, PIT_HALF_M = "Corrow open pit", Offset(8_600.0, -12_800.0), (620.0, 460.0)


class Colliery(NamedTuple):
    """Works above ground, as lists of mines have them: beside the panels, not above. state: active or closed."""

    name: str
    at: Offset
    half_m: tuple[float, float]
    state: str


# The older field, which hardly sinks any more, is in no list.
COLLIERIES = (
    Colliery("Eastlode colliery", Offset(16_900.0, -4_900.0), (380.0, 260.0), "active"),
    Colliery("Westlode colliery", Offset(9_300.0, -6_100.0), (320.0, 240.0), "closed"),
)


class Slide(NamedTuple):
    """A landslide of the valley: size, mean speed down the slope, yearly growth, and change of the speed on one day."""

    length_m: float
    width_m: float
    speed_mm_yr: float
    growth_per_yr: float = 0.0
    change: RateChange | None = None


SLIDES = (
    Slide(900.0, 420.0, 55.0, 0.2),
    Slide(800.0, 380.0, 32.0, change=SLOPE_QUICKENS),
    Slide(700.0, 330.0, 20.0, 0.25),
    Slide(600.0, 300.0, 9.0),
)


class Village(NamedTuple):
    """A named place. suburb_m: radius of the built-up ground, 0 for a place with a name only."""

    name: str
    people: int
    at: Offset
    town_m: float
    suburb_m: float


VILLAGES = (
    Village("Marnholt", 46_300, CITY, 1_000.0, 2_000.0),
    Village("New Quay", 3_900, Offset(-13_100.0, -14_600.0), 0.0, 650.0),
    Village("Corrow Pits", 8_200, MINING_TOWN, 400.0, 900.0),
    Village("Eastlode", 2_700, Offset(16_000.0, -6_000.0), 0.0, 900.0),
    Village("Westlode", 1_300, Offset(10_400.0, -7_300.0), 0.0, 700.0),
    Village("Wetherlow", 1_900, Offset(17_000.0, -15_800.0), 0.0, 800.0),
    Village("Sallow Bridge", 1_150, Offset(2_500.0, -18_500.0), 0.0, 550.0),
    Village("Midmarsh", 780, Offset(-1_500.0, -3_500.0), 0.0, 450.0),
    Village("Hartsel", 640, Offset(-19_500.0, -2_500.0), 0.0, 450.0),
    Village("Lindern", 1_400, Offset(-12_000.0, 8_500.0), 0.0, 500.0),
    Village("Upper Lindern", 310, Offset(-10_500.0, 14_500.0), 0.0, 300.0),
    Village("Skarn", 220, Offset(11_500.0, 12_200.0), 0.0, 350.0),
    Village("Tarrow", 90, Offset(3_500.0, 21_000.0), 0.0, 250.0),
)


class Glacier(NamedTuple):
    """A glacier's tongue: half its length along its flow (bearing clockwise from true north), half its width across."""

    name: str
    centre: Offset
    half_length_m: float
    half_width_m: float
    bearing_deg: float


GLACIER = Glacier("Skarn Glacier", Offset(8_500.0, 15_500.0), 2_300.0, 800.0, 125.0)


def _region_config() -> RegionConfig:
    return RegionConfig(
        terrain=TerrainConfig(
            side_m=64_000.0, posting_m=100.0, island_radius_m=29_000.0, highest_m=1_600.0, forest_share=0.78
        ),
        density=Density(town_per_km2=5_100.0, suburb_per_km2=1_050.0, open_per_km2=100.0),
        nuisance=Nuisance(
            turbulence_mm2_yr2=Range(0.02, 0.04),
            stratified_mm_yr_km=Range(0.5, 0.6),
            ramp_mm_yr=Range(0.2, 0.5),
            seam_share=1.0,
            seam_mm_yr=Range(0.5, 0.6),
            block_share=0.0,
        ),
        first_date=dt.date(2019, 1, 9),
        date_count=150,
    )


@dataclass(frozen=True)
class NationConfig:
    """Settings of the demo. region: for the points; all others are for the images. pixels: side of an image."""

    region: RegionConfig = field(default_factory=_region_config)
    pixels: int = 192
    sparse_pairs: int = 13  # one every 48 days
    dense_dates: int = 9  # The glacier's last dates are 12 days apart.


@dataclass(frozen=True)
class Nation:
    """The demo nation: its region with points, and the position and bearing of the slope that fails."""

    region: Region
    config: NationConfig
    failing: Offset
    failing_bearing_deg: float


def simulate_nation(seed: int, config: NationConfig | None = None) -> Nation:
    """Simulate the country; the same seed and config give the same numbers. Raises ValueError for a negative seed."""
    if seed < 0:
        raise ValueError(f"seed {seed} is negative: give 0 or a positive whole number")
    config = config or NationConfig()
    relief_rng, cover_rng, date_rng, *track_rngs = (
        np.random.default_rng(child)
        for child in np.random.SeedSequence([seed, 0x4A710]).spawn(3 + len(config.region.tracks))
    )
    land = config.region.terrain
    frame = frame_at(land.longitude_deg, land.latitude_deg)
    terrain = simulate_nation_terrain(relief_rng, land, frame)
    slopes = steep_sites(terrain, len(SLIDES) + 1)
    slides, failing = slopes[:-1], slopes[-1]
    cover = _cover(cover_rng, terrain, slides, land.forest_share)
    sources = (*_city(), *_coalfield(), *(_slide(terrain, *pair) for pair in zip(slides, SLIDES, strict=True)))
    region = survey(seed, config.region, terrain, cover, sources, date_rng, track_rngs)
    return Nation(region, config, failing, _downhill_deg(terrain, failing))


def simulate_nation_terrain(rng: np.random.Generator, config: TerrainConfig, frame: LocalFrame) -> Terrain:
    """Simulate one rounded island: plains in the south, mountains with steep valleys in the north."""
    size = round(config.side_m / config.posting_m)
    axis_m = (np.arange(size) + 0.5) * config.posting_m - config.side_m / 2
    along, up = (np.abs(part) / config.island_radius_m for part in np.meshgrid(axis_m, -axis_m))
    coast = 1 - along**3 - up**3 + 0.16 * np.clip(fractal_field(rng, size, -2.8), -2.5, 2.5)
    pieces, _ = ndimage.label(coast > 0)
    land = ndimage.binary_fill_holes(pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1)
    wide = 2 * np.tanh(fractal_field(rng, size, config.spectral_slope) / 2)
    steep = fractal_field(rng, size, -3.2)
    steep -= ndimage.gaussian_filter(steep, 2_500 / config.posting_m, mode="wrap")
    steep /= steep.std()
    west_m, top_m = frame.easting_m - config.side_m / 2, frame.northing_m + config.side_m / 2
    _, north_m = frame.to_local(*np.meshgrid(west_m + axis_m + config.side_m / 2, top_m - axis_m - config.side_m / 2))
    mountains = 1 / (1 + np.exp(-(north_m - 3_500) / 2_200))
    height = 45 + 18 * wide + 4 * steep + mountains * (0.35 + 0.1 * wide + 0.16 * np.tanh(steep / 2)) * config.highest_m
    shore = np.clip(ndimage.distance_transform_edt(land) * config.posting_m / 2_500, 0, 1)
    return terrain_on(frame, config, land, height * shore)


def steep_sites(terrain: Terrain, wanted: int) -> list[Offset]:
    """Return the valley's steepest places facing east or west, where radars measure slides well, SPREAD_M apart."""
    east_m, north_m = terrain.cell_centres()
    free = np.hypot(east_m - VALLEY.east_m, north_m - VALLEY.north_m) < VALLEY_M
    facing: Floats = np.abs(ndimage.uniform_filter(terrain.slope_east, round(600 / terrain.posting_m)))
    sites: list[Offset] = []
    for _ in range(wanted):
        row, col = np.unravel_index(np.argmax(np.where(free, facing, -1.0)), facing.shape)
        sites.append(Offset(float(east_m[row, col]), float(north_m[row, col])))
        free &= np.hypot(east_m - sites[-1].east_m, north_m - sites[-1].north_m) > SPREAD_M
    return sites


def glacier_speed_share(east_m: Floats, north_m: Floats, glacier: Glacier = GLACIER) -> Floats:
    """Return each place's speed as a share (0–1) of that in the tongue's middle: low at its edges, 0 off the ice."""
    turn = math.radians(glacier.bearing_deg)
    east_m, north_m = east_m - glacier.centre.east_m, north_m - glacier.centre.north_m
    along = (east_m * math.sin(turn) + north_m * math.cos(turn)) / glacier.half_length_m
    across = (east_m * math.cos(turn) - north_m * math.sin(turn)) / glacier.half_width_m
    return np.clip(1 - across**4, 0, 1) * np.clip(1 - along**4, 0, 1)


def _cover(rng: np.random.Generator, terrain: Terrain, slides: list[Offset], forest_share: float) -> NDArray[np.uint8]:
    """Simulate the land cover: forest, open land, settlements, houses on the slopes that slide, ice."""
    houses = [Settlement(village.at, village.town_m, village.suburb_m) for village in VILLAGES]
    houses += [Settlement(slide, 0.0, 0.5 * shape.length_m) for slide, shape in zip(slides, SLIDES, strict=True)]
    cover = make_land_cover(rng, terrain, tuple(houses), forest_share)
    east_m, north_m = terrain.cell_centres()
    away_m = np.hypot(east_m - GLACIER.centre.east_m, north_m - GLACIER.centre.north_m)
    away_m += 700 * fractal_field(rng, away_m.shape[0], -3.0)
    cover[(away_m < BARE_M) & (cover == LandCover.FOREST)] = LandCover.OPEN  # No forest grows beside a glacier.
    cover[glacier_speed_share(east_m, north_m) > 0] = LandCover.ICE
    return cover


def _city() -> tuple[Source, ...]:
    """Return sources in the city: pumped ground under its growing half, and settling fill in its harbour."""
    bowl = Offset(CITY.east_m + 200, CITY.north_m + 250)
    fill = Offset(VILLAGES[1].at.east_m - 150, VILLAGES[1].at.north_m + 100)
    return (
        GroundwaterSubsidence(
            bowl, Ellipse(2_100, 1_650, 40), -19.0, acceleration_per_yr=0.15, seasonal_mm_per_mm_yr=0.35
        ),
        FillSettlement(fill, Ellipse(330, 240, 70), -13.0),
    )


def _coalfield() -> tuple[Source, ...]:
    """Return sources in the coalfield: two active panels, an older, still sinking field, a flooded part that rises."""
    east, north = MINING_TOWN
    return (
        MiningSubsidence(
            Offset(east + 2_600, north + 3_900), Panel(1_300, 300, 35), 560.0, 420.0, change=PANEL_HASTENED
        ),
        MiningSubsidence(
            Offset(east - 2_500, north + 2_700), Panel(1_000, 280, 20), 190.0, 400.0, change=PANEL_WORKED_OUT
        ),
        MiningSubsidence(Offset(east, north - 300), Panel(1_700, 1_200, 60), 10.0, 420.0, acceleration_per_yr=-0.2),
        MineWaterUplift(Offset(east + 4_000, north - 6_300), Ellipse(3_400, 2_600, 100), 7.5),
    )


def _slide(terrain: Terrain, at: Offset, slide: Slide) -> Source:
    body = SlideBody(slide.length_m, slide.width_m, _downhill_deg(terrain, at), edge_m=20.0)
    return Landslide(at, body, slide.speed_mm_yr, acceleration_per_yr=slide.growth_per_yr, change=slide.change)


def _downhill_deg(terrain: Terrain, at: Offset) -> float:
    downslope = terrain.downslope_at(np.array([at.east_m]), np.array([at.north_m]))
    return math.degrees(math.atan2(downslope.east[0], downslope.north[0]))

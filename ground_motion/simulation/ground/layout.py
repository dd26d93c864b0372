"""Layout of the island: a town on low ground, a mine next to it, a bowl and a dome apart, a landslide on a slope."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from ground_motion.simulation.ground.deformation import Ellipse, Panel, SlideBody, influence_radius_m
from ground_motion.simulation.ground.frame import Floats, Offset
from ground_motion.simulation.ground.sources import (
    GroundwaterSubsidence,
    Landslide,
    MineWaterUplift,
    MiningSubsidence,
    Source,
)
from ground_motion.simulation.ground.terrain import Settlement, Terrain

SLIDE_LENGTH_M = 600.0


class Layout(NamedTuple):
    """The settlements and the sources of one region."""

    settlements: tuple[Settlement, ...]
    sources: tuple[Source, ...]


def lay_out(rng: np.random.Generator, terrain: Terrain) -> Layout:
    """Lay out the default region: a town, villages, and four moving areas with still ground between them."""
    town_bearing_deg = _lowest_bearing_deg(rng, terrain)
    town = _polar(town_bearing_deg, 2_900.0)
    mining = _mining(rng, _polar(town_bearing_deg + 27.0, 3_200.0))
    groundwater = _groundwater(rng, _polar(town_bearing_deg + 132.0, 2_900.0))
    uplift = _uplift(rng, _polar(town_bearing_deg + 238.0, 2_800.0))
    slide = _landslide(
        rng, terrain, _steepest_free_site(terrain, (town, mining.centre, groundwater.centre, uplift.centre))
    )
    settlements = (
        Settlement(town, town_radius_m=750.0, suburb_radius_m=1_150.0),
        Settlement(mining.centre, 0.0, 450.0),
        Settlement(_nudge(rng, groundwater.centre, 500.0), 0.0, 500.0),
        Settlement(_nudge(rng, uplift.centre, 500.0), 0.0, 500.0),
        Settlement(slide.centre, 0.0, 420.0),
        Settlement(_polar(town_bearing_deg + 185.0, 4_300.0), 0.0, 350.0),
    )
    return Layout(settlements, (mining, groundwater, uplift, slide))


def _polar(bearing_deg: float, distance_m: float) -> Offset:
    bearing_rad = math.radians(bearing_deg)
    return Offset(distance_m * math.sin(bearing_rad), distance_m * math.cos(bearing_rad))


def _nudge(rng: np.random.Generator, place: Offset, by_m: float) -> Offset:
    step = _polar(rng.uniform(0, 360), by_m)
    return Offset(place.east_m + step.east_m, place.north_m + step.north_m)


def _lowest_bearing_deg(rng: np.random.Generator, terrain: Terrain) -> float:
    """Return the bearing along which the ground 2.9 km from the island's centre is lowest and all land, for a town."""
    start_deg = rng.uniform(0, 30)
    east_m, north_m = terrain.cell_centres()
    choices: list[tuple[float, float]] = []
    for bearing_deg in start_deg + np.arange(0.0, 360.0, 30.0):
        site = _polar(bearing_deg, 2_900.0)
        around = np.hypot(east_m - site.east_m, north_m - site.north_m) < 1_000.0
        height_m = np.where(np.isnan(terrain.height_m[around]), 1_000.0, terrain.height_m[around])
        choices.append((float(height_m.mean()), float(bearing_deg)))
    return min(choices)[1]


def _mining(rng: np.random.Generator, centre: Offset) -> MiningSubsidence:
    influence_m = influence_radius_m(depth_m=rng.uniform(400, 550), tan_beta=2.0)
    panel = Panel(rng.uniform(550, 750), rng.uniform(450, 600), rng.uniform(0, 180))
    full = MiningSubsidence(centre, panel, 1.0, influence_m)
    wanted_mm_yr = rng.uniform(27, 38)
    return MiningSubsidence(centre, panel, wanted_mm_yr / -full.peak_mm_yr, influence_m)


def _groundwater(rng: np.random.Generator, centre: Offset) -> GroundwaterSubsidence:
    major_m = rng.uniform(1_600, 1_800)
    return GroundwaterSubsidence(centre, Ellipse(major_m, 0.85 * major_m, rng.uniform(0, 180)), -rng.uniform(8.5, 12))


def _uplift(rng: np.random.Generator, centre: Offset) -> MineWaterUplift:
    major_m = rng.uniform(2_450, 2_650)  # Ground out to about 1.6 km moves by at least 2 mm/yr.
    return MineWaterUplift(centre, Ellipse(major_m, 0.9 * major_m, rng.uniform(0, 180)), rng.uniform(6, 8))


def _landslide(rng: np.random.Generator, terrain: Terrain, centre: Offset) -> Landslide:
    downslope = terrain.downslope_at(np.array([centre.east_m]), np.array([centre.north_m]))
    bearing_deg = math.degrees(math.atan2(downslope.east[0], downslope.north[0]))
    body = SlideBody(SLIDE_LENGTH_M, rng.uniform(240, 340), bearing_deg, edge_m=20.0)
    return Landslide(centre, body, rng.uniform(22, 30))


def _steepest_free_site(terrain: Terrain, taken: tuple[Offset, ...]) -> Offset:
    """Return the steepest place that faces east or west, well inland, and far from everything already placed.

    A radar would hardly measure a slide to the north or south. Raises ValueError if the island has no room left.
    """
    east_m, north_m = terrain.cell_centres()
    inland_m = ndimage.distance_transform_edt(np.isfinite(terrain.height_m)) * terrain.posting_m
    free = inland_m > 500.0
    for site in taken:
        free &= np.hypot(east_m - site.east_m, north_m - site.north_m) > 2_400.0
    if not free.any():
        raise ValueError("the island has no free slope for a landslide: use a larger island_radius_m or another seed")
    cells = round(SLIDE_LENGTH_M / terrain.posting_m)
    facing: Floats = np.abs(ndimage.uniform_filter(terrain.slope_east, cells))
    row, col = np.unravel_index(np.argmax(np.where(free, facing, -1.0)), facing.shape)
    return Offset(float(east_m[row, col]), float(north_m[row, col]))

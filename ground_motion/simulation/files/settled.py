"""Buildings, roads, a railway and people of the demo nation as files, in the tags of OpenStreetMap."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon

from ground_motion.simulation.files.nation import geographic, write_features
from ground_motion.simulation.ground.frame import GRID_EPSG, Offset, to_geographic
from ground_motion.simulation.ground.terrain import LandCover
from ground_motion.simulation.nation import CITY, MINING_TOWN, PIT, VILLAGES, Nation

SEED = 0x5E771ED
PEOPLE_IN_BUILDING = 4.5
MAX_IN_CELL = {LandCover.TOWN: 18, LandCover.SUBURB: 7}  # buildings on a hectare
HOUSE_CORNERS_M = ((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0))
RAILWAY = (PIT, MINING_TOWN, CITY, VILLAGES[1].at)
MAIN_PEOPLE = 1_500  # Main roads lead to places with at least this number of people.


def write_buildings(nation: Nation, path: Path) -> Path:
    """Write the footprint of every building, a square, with the tag building=yes."""
    rng, land = np.random.default_rng(SEED), nation.region.terrain
    per_cell = buildings_per_cell(nation)
    rows, cols = np.nonzero(per_cell)
    counts = per_cell[rows, cols]
    row, col = (np.repeat(part, counts) + rng.uniform(0, 1, counts.sum()) for part in (rows, cols))
    east, north = land.west_m + col * land.posting_m, land.top_m - row * land.posting_m
    corners = [np.round(to_geographic(east + x, north + y), 7) for x, y in HOUSE_CORNERS_M]
    houses = np.moveaxis(np.stack(corners), (2, 0, 1), (0, 1, 2))
    return write_features(path, [(Polygon(house), {"building": "yes"}) for house in houses])


def write_roads(nation: Nation, path: Path) -> Path:
    """Write straight roads from every village to the nearest larger place: primary between towns, else residential."""
    places = sorted(VILLAGES, key=lambda village: -village.people)
    roads = []
    for index, place in enumerate(places[1:], start=1):
        to = min(places[:index], key=lambda larger: larger.at.distance_m(place.at))
        value = "primary" if place.people >= MAIN_PEOPLE else "residential"
        roads.append((_line(nation, [place.at, to.at]), {"highway": value}))
    return write_features(path, roads)


def write_railway(nation: Nation, path: Path) -> Path:
    """Write the coal line: from the pit through the mining town to the city and its harbour."""
    return write_features(path, [(_line(nation, RAILWAY), {"railway": "rail"})])


def write_population(nation: Nation, path: Path) -> Path:
    """Write people per cell of the terrain's grid: GeoTIFF, 0 where nobody lives."""
    land = nation.region.terrain
    people = (PEOPLE_IN_BUILDING * buildings_per_cell(nation)).astype(np.float32)
    profile = {
        "driver": "GTiff",
        "dtype": "float32",
        "count": 1,
        "height": people.shape[0],
        "width": people.shape[1],
        "crs": f"EPSG:{GRID_EPSG}",
        "transform": Affine(land.posting_m, 0, land.west_m, 0, -land.posting_m, land.top_m),
    }
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(people, 1)
        raster.update_tags(SIMULATED="yes")
    return path


def buildings_per_cell(nation: Nation) -> NDArray[np.int64]:
    """Count the buildings on each cell of the terrain's grid, (rows, cols), by its land cover."""
    rng, land = np.random.default_rng(SEED), nation.region.terrain
    hectares = (land.posting_m / 100.0) ** 2
    counts = np.zeros(nation.region.land_cover.shape, dtype=np.int64)
    for cover, most in MAX_IN_CELL.items():
        here = nation.region.land_cover == cover
        counts[here] = rng.poisson(0.6 * most * hectares, int(here.sum()))
    return counts


def _line(nation: Nation, places: Sequence[Offset]) -> LineString:
    return LineString(geographic(nation.region.terrain.frame, places))

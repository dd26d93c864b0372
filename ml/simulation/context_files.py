"""What stands around a simulated region: invented villages as CSV, and its heights as GeoTIFF."""

import csv
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from ml.simulation.frame import GRID_EPSG, Offset, to_geographic
from ml.simulation.terrain import Terrain
from ml.simulation.velocity import Region

NAMES = ("Aldwick", "Brackenhythe", "Corvane", "Dunmarrow", "Elsinver", "Farthing Cove")
DISTANCES_M = (1800.0, 1400.0, 2300.0, 1200.0, 2600.0, 1600.0)
PEOPLE = (2300, 640, 180, 1100, 75, 410)


def write_villages(region: Region, path: Path) -> Path:
    """Write one village near each moving place, on land."""
    rows = []
    for truth, name, distance_m, people in zip(region.truths, NAMES, DISTANCES_M, PEOPLE, strict=False):
        longitude, latitude = _on_land(region.terrain, truth.centre, distance_m)
        rows.append([name, f"{latitude:.5f}", f"{longitude:.5f}", people, ""])
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["name", "latitude", "longitude", "population", "country"], *rows])
    return path


def _on_land(terrain: Terrain, centre: Offset, distance_m: float) -> tuple[float, float]:
    """Longitude and latitude of the first dry place at that distance, the middle of the island first."""
    inward = np.arctan2(-centre.east_m, -centre.north_m)
    turns = inward + np.radians([0, 20, -20, 40, -40, 60, -60, 90, -90, 120, -120, 180])
    east_m, north_m = centre.east_m + distance_m * np.sin(turns), centre.north_m + distance_m * np.cos(turns)
    easting_m, northing_m = terrain.frame.to_grid(east_m, north_m)
    dry = np.isfinite(terrain.height_m[terrain.cell_of(easting_m, northing_m)])
    longitude, latitude = to_geographic(easting_m, northing_m)
    return float(longitude[dry.argmax()]), float(latitude[dry.argmax()])


def write_heights(region: Region, path: Path) -> Path:
    """Write the heights of the island, metres above the sea, NaN over the sea."""
    land = region.terrain
    rows, cols = land.height_m.shape
    grid = Affine(land.posting_m, 0, land.west_m, 0, -land.posting_m, land.top_m)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float32", count=1, height=rows, width=cols, crs=f"EPSG:{GRID_EPSG}",
        transform=grid, nodata=np.nan,
    ) as raster:  # fmt: skip
        raster.write(land.height_m, 1)
        raster.update_tags(SIMULATED="yes")
    return path

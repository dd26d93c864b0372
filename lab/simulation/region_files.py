"""Writing of the files of a region to a folder, either all of them or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio import Affine
from shapely.geometry.polygon import orient

from ground_motion.simulation.files.egms import csv_bytes, egms_name, write_egms_l2b
from ground_motion.simulation.ground.frame import GRID_EPSG
from ground_motion.simulation.ground.sources import TruthArea
from ground_motion.simulation.ground.terrain import Terrain
from ground_motion.simulation.velocity.region import Region


def write_region(region: Region, folder: Path) -> tuple[Path, ...]:
    """Write points.csv, one EGMS zip per track, dem.tif and truth.geojson; return their paths.

    Files are renamed at the end and replace those there. ValueError if the folder cannot be made or written to.
    """
    staging = _make_staging(folder)
    try:
        (staging / "points.csv").write_bytes(csv_bytes(region.tracks))
        for track in region.tracks:
            write_egms_l2b(staging / f"{egms_name(track)}.zip", track)
        write_dem(staging / "dem.tif", region.terrain)
        (staging / "truth.geojson").write_text(truth_geojson(region), encoding="utf-8")
        written = tuple(folder / file.name for file in sorted(staging.iterdir()))
        for path in written:
            os.replace(staging / path.name, path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return written


def _make_staging(folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file, and the region needs a folder: name another one or move the file away")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".simulating-", dir=folder))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"cannot write to {folder} ({reason}): name a folder that you may write to") from error


def write_dem(path: Path, terrain: Terrain) -> None:
    """Write the heights: GeoTIFF, EPSG:3035, float32 metres above the geoid, NaN over the sea."""
    rows, cols = terrain.height_m.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=cols,
        height=rows,
        count=1,
        dtype="float32",
        crs=f"EPSG:{GRID_EPSG}",
        transform=Affine(terrain.posting_m, 0.0, terrain.west_m, 0.0, -terrain.posting_m, terrain.top_m),
        nodata=float("nan"),
        compress="deflate",
        predictor=3,
    ) as raster:
        raster.write(terrain.height_m, 1)
        raster.set_band_description(1, "height_m")
        raster.update_tags(simulated="true", units="m")


def truth_geojson(region: Region) -> str:
    """Return the moving areas as GeoJSON in degrees; outlines are where the rate is truth_threshold_mm_yr."""
    collection = {
        "type": "FeatureCollection",
        "simulated": True,
        "seed": region.seed,
        "outline_mm_yr": region.config.truth_threshold_mm_yr,
        "features": [_feature(area, region.terrain) for area in region.truths],
    }
    return json.dumps(collection) + "\n"


def _feature(area: TruthArea, terrain: Terrain) -> dict[str, Any]:
    """Return an area as a GeoJSON feature. rate_mm_yr: + up, or speed down the slope (a landslide); see rate_along."""
    easting_m, northing_m = terrain.frame.to_grid(np.array(area.centre.east_m), np.array(area.centre.north_m))
    ring = np.round(orient(area.polygon).exterior.coords, 7).tolist()  # Counter-clockwise, rounded to about 1 cm.
    return {
        "type": "Feature",
        "properties": {
            "class": area.kind,
            "rate_mm_yr": round(area.rate_mm_yr, 2),
            "rate_along": area.rate_along,
            "size_m": round(area.size_m, 1),
            "radius_m": round(area.radius_m, 1),
            "area_m2": round(area.area_m2),
            "centre_easting_m": round(float(easting_m), 1),
            "centre_northing_m": round(float(northing_m), 1),
            "acceleration_per_yr": area.acceleration_per_yr,
        },
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }

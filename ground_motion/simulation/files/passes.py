"""Interferograms of the passes after the demo's release, like HyP3's: a village in the west begins to sink.

All other ground goes on along its curve. Each date has a delay of its own: a slope, and a wave of some kilometres.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from ground_motion.simulation.ground.frame import GRID_EPSG, Floats
from ground_motion.simulation.nation import VILLAGES, Nation
from ground_motion.simulation.velocity.region import TrackPoints
from ground_motion.simulation.velocity.series import DAYS_PER_YEAR
from ground_motion.statistics.series import curve_terms, fit_curves

SINKING = next(village for village in VILLAGES if village.name == "Hartsel")
SINKING_M, SINKING_MM_YR = 300.0, 170.0  # The rate along the line of sight falls to 1/e at this radius.
N_PASSES, REPEAT, REACH = 9, dt.timedelta(days=12), 3
MIN_DATES = 50  # A release with fewer dates belongs to a test.
PIXEL_M = 80.0
SIDE_M = (24_000.0, 22_000.0)  # Length to the north and to the east, enough for the village and the city.
BESIDE_M = 6_000.0  # Distance of the village from the northern and western edge.
COHERENCE, NOISE_MM = 0.8, 1.0
SLOPE_MM, WAVE_MM, WAVE_M = 6.0, 3.0, 12_000.0  # delay of a date: standard deviations, and wavelength


def has_passes(track: TrackPoints) -> bool:
    """Return whether passes after the release are simulated."""
    return len(track.dates) >= MIN_DATES


def write_passes(nation: Nation, folder: Path) -> list[Path]:
    """Write the interferograms of the ascending track, each into a folder of its own; return the folders."""
    track = nation.region.tracks[0]
    if not has_passes(track):
        return []
    rng = np.random.default_rng([nation.region.seed, 0x9A55])
    frame = nation.region.terrain.frame
    east, north = (float(part) for part in frame.to_grid(np.array(SINKING.at.east_m), np.array(SINKING.at.north_m)))
    rows, cols = (round(side_m / PIXEL_M) for side_m in SIDE_M)
    grid = Affine(PIXEL_M, 0, east - BESIDE_M, 0, -PIXEL_M, north + BESIDE_M)
    x = grid.c + PIXEL_M * (np.arange(cols)[None, :] + 0.5)
    y = grid.f - PIXEL_M * (np.arange(rows)[:, None] + 0.5)
    bowl = np.exp(-((x - east) ** 2 + (y - north) ** 2) / SINKING_M**2)
    coefficients = fit_curves(track.dates, track.series_mm)
    dates = [*track.dates[-REACH:], *(track.dates[-1] + number * REPEAT for number in range(1, N_PASSES + 1))]
    seen = []
    for day in dates:
        years = np.array([(day - track.dates[0]).days / DAYS_PER_YEAR])
        curve = coefficients @ curve_terms(years, seasonal=coefficients.shape[1] > 2)[0]
        sunk_mm = SINKING_MM_YR * max(0.0, (day - track.dates[-1]).days / DAYS_PER_YEAR)
        delay = SLOPE_MM * rng.normal() * (x - east) / SIDE_M[1] + SLOPE_MM * rng.normal() * (y - north) / SIDE_M[0]
        delay = delay + WAVE_MM * rng.normal() * np.sin(2 * np.pi * (rng.random() + (x + y) / WAVE_M))
        seen.append(_on_grid(track, curve, grid, (rows, cols)) - sunk_mm * bowl + delay)
    pairs = [(later - back, later) for later in range(REACH, len(dates)) for back in range(1, REACH + 1)]
    return [
        _write(folder, track, (dates[earlier], dates[later]), seen[later] - seen[earlier], grid, rng)
        for earlier, later in pairs
    ]


def _on_grid(track: TrackPoints, values: Floats, grid: Affine, shape: tuple[int, int]) -> Floats:
    """Return the mean of the points in each pixel, (rows, cols); NaN where there is none."""
    cols, rows = (np.floor(part).astype(int) for part in ~grid @ (track.easting_m, track.northing_m))
    inside = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
    pixel = rows[inside] * shape[1] + cols[inside]
    count = np.bincount(pixel, minlength=shape[0] * shape[1])
    total = np.bincount(pixel, values[inside], minlength=count.size)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(shape)


def _write(
    folder: Path,
    track: TrackPoints,
    days: tuple[dt.date, dt.date],
    change_mm: Floats,
    grid: Affine,
    rng: np.random.Generator,
) -> Path:
    bursts, (first, second) = "000000s1n00-000000s2n01-000000s3n00", days
    name = f"S1_{track.geometry.number:03d}_{bursts}_IW_{first:%Y%m%d}_{second:%Y%m%d}_VV_INT80_51A1"
    los = track.geometry.los
    noisy = change_mm + NOISE_MM * rng.standard_normal(change_mm.shape)
    flat = np.ones(change_mm.shape)
    layers: dict[str, NDArray[np.float64]] = {
        "los_disp": np.nan_to_num(noisy) / 1000,  # file: m, toward; 0 where there is no value
        "corr": COHERENCE * flat,
        "lv_theta": np.arcsin(los.up) * flat,
        "lv_phi": np.arctan2(los.north, los.east) * flat,
    }
    (folder / name).mkdir(parents=True)
    rows, cols = change_mm.shape
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "compress": "DEFLATE", "height": rows, "width": cols}
    for layer, image in layers.items():
        path = folder / name / f"{name}_{layer}.tif"
        with rasterio.open(path, "w", **profile, transform=grid, crs=CRS.from_epsg(GRID_EPSG)) as raster:
            raster.write(image.astype(np.float32), 1)
            raster.update_tags(SIMULATED="yes")
    return folder / name

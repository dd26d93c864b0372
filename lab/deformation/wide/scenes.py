"""Scenes of the benchmark of wide motion: noise of four real frames, and one bowl in each.

The frames: North Anatolian fault, Sentinel-1, LiCSBAS, cells of 1 km, 41-45 % known. They imitate the errors left after
calibration with GNSS. A quadratic surface removes plate motion and orbits; stations every 50 km, the grid of the model
used to calibrate EGMS, fix the rates to 0.5 mm/yr each, and errors between them stay. Waves longer than about 10 km are
kept, while cells scatter as little as those of EGMS.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import rasterio
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from ground_motion.core.errors import InputError
from ground_motion.methods.deformation.gridding.points import Float64, PointCloud, project
from lab.deformation.injected.places import smooth_fit
from lab.real_data import folder
from lab.simulation.seeds import Purpose, generator

NAME = "deformation-wide"
FRAMES = ("014A_04939_131313", "094D_04913_101213", "087A_04904_121313", "167D_04884_131212")
DIAMETERS_KM = (10.0, 20.0, 30.0, 50.0)  # Diameters of the outline at a tenth of the peak.
RATES_MM_YR = (-5.0, -7.5, -10.0)
CASES = tuple((diameter, rate) for diameter in DIAMETERS_KM for rate in RATES_MM_YR)
MAX_ASPECT, FLATTEST = 2.0, 4.0
MIN_KNOWN = 0.3  # Least known share of a bowl's outline.
SMOOTHED_KM, SCATTER_MM_YR = 5.0, 0.5
STATION_KM, STATION_MM_YR, AROUND_STATION_KM, MIN_AROUND = 50.0, 0.5, 5.0, 8
EPSG = 32636


class Bowl(NamedTuple):
    """peak * exp(-r^order) of an ellipse. x_m, y_m: middle; diameter_km: of the outline of a tenth of the peak."""

    x_m: float
    y_m: float
    diameter_km: float
    aspect: float
    way_rad: float
    order: float
    peak_mm_yr: float

    def rate_mm_yr(self, x_m: Float64, y_m: Float64) -> Float64:
        """Return the rate at positions (n,), mm/yr."""
        east, north = (x_m - self.x_m) / 1000, (y_m - self.y_m) / 1000
        along = east * np.cos(self.way_rad) + north * np.sin(self.way_rad)
        across = north * np.cos(self.way_rad) - east * np.sin(self.way_rad)
        radius = self.diameter_km / 2 / np.log(10) ** (1 / self.order)
        away = np.hypot(along / np.sqrt(self.aspect), across * np.sqrt(self.aspect)) / radius
        return np.asarray(self.peak_mm_yr * np.exp(-(away**self.order)))


class Scene(NamedTuple):
    """A frame with one bowl in it, or none, and the other frames of its ground with the same.

    The errors of the others have the opposite sign, so that real motion left in two frames does not confirm itself.
    """

    frame: str
    points: PointCloud
    others: tuple[PointCloud, ...]
    bowl: Bowl | None


def still_scene(frame: str) -> Scene:
    """Return a frame with noise only."""
    beside = (_frame(one) for one in FRAMES if one != frame)
    others = tuple(points._replace(velocity_mm_yr=-points.velocity_mm_yr) for points in beside)
    return Scene(frame, _frame(frame), others, None)


def bowl_scene(number: int) -> Scene:
    """Make scene `number`: its frame and case follow from the number, place and form of its bowl are random."""
    frame = FRAMES[number % len(FRAMES)]
    points, rng = _frame(frame), generator(Purpose.BENCHMARK, NAME, number)
    diameter, peak = CASES[number // len(FRAMES) % len(CASES)]
    tree = cKDTree(np.stack([points.x, points.y], axis=1))
    while True:
        at = int(rng.integers(points.x.size))
        aspect, order = rng.uniform(1, MAX_ASPECT), rng.uniform(2, FLATTEST)
        bowl = Bowl(points.x[at], points.y[at], diameter, aspect, rng.uniform(0, np.pi), order, peak)
        known = len(tree.query_ball_point([bowl.x_m, bowl.y_m], 500 * diameter))
        if known >= MIN_KNOWN * np.pi * (diameter / 2) ** 2:
            break
    still = still_scene(frame)
    return Scene(frame, _moved(points, bowl), tuple(_moved(other, bowl) for other in still.others), bowl)


def _moved(points: PointCloud, bowl: Bowl) -> PointCloud:
    moved = points.velocity_mm_yr + bowl.rate_mm_yr(points.x, points.y)
    return points._replace(velocity_mm_yr=moved.astype(np.float32))


@cache
def _frame(frame: str) -> PointCloud:
    points = _released(frame)
    x, y = points.x / 1000, points.y / 1000
    rng = generator(Purpose.BENCHMARK, frame, 0)
    error = points.velocity_mm_yr - smooth_fit(points.x, points.y, points.velocity_mm_yr.astype(np.float64), degree=2)
    tree = cKDTree(np.stack([x, y], axis=1))
    around = tree.query_ball_point(tree.data, SMOOTHED_KM)
    error = np.array([np.median(error[near]) for near in around])
    error += rng.normal(0, SCATTER_MM_YR, x.size)
    left = np.round(error - _held_by_stations(x, y, error, rng), 2)
    return points._replace(velocity_mm_yr=left.astype(np.float32))


def _released(frame: str) -> PointCloud:
    """Read the known and unmasked cells of a frame. Raises InputError if its files are missing."""
    path = folder() / "velocity_real" / "north_anatolia_licsbas" / frame
    if not path.is_dir():
        raise InputError(path, "there is no such frame", "Fetch the real data")
    with rasterio.open(path / "vel.geo.tif") as dataset, rasterio.open(path / "mask.geo.tif") as mask:
        rate, transform = dataset.read(1), dataset.transform
        known = np.isfinite(rate) & (mask.read(1) == 1)
    row, col = np.nonzero(known)
    longitude, latitude = transform @ (col + 0.5, row + 0.5)
    return project(longitude, latitude, rate[known].astype(np.float32), epsg=EPSG)


def _held_by_stations(x_km: Float64, y_km: Float64, error: Float64, rng: np.random.Generator) -> Float64:
    """Return the part of errors (n,) that stations correct, interpolated from the stations by kriging."""
    grids = [np.arange(each.min() + STATION_KM / 2, each.max(), STATION_KM) for each in (x_km, y_km)]
    stations = np.stack([each.ravel() for each in np.meshgrid(*grids)], axis=1)
    stations += rng.uniform(-0.3, 0.3, stations.shape) * STATION_KM
    cells = np.stack([x_km, y_km], axis=1)
    around = cKDTree(cells).query_ball_point(stations, AROUND_STATION_KM)
    used = [number for number, near in enumerate(around) if len(near) >= MIN_AROUND]
    seen = np.array([np.median(error[around[number]]) for number in used])
    seen += rng.normal(0, STATION_MM_YR, seen.size)
    power = float(np.var(seen))

    def covariance(one: Float64, other: Float64) -> Float64:
        return np.asarray(power * np.exp(-cdist(one, other) / STATION_KM))

    own = covariance(stations[used], stations[used]) + STATION_MM_YR**2 * np.eye(len(used))
    mean = float(np.median(seen))
    return np.asarray(mean + covariance(cells, stations[used]) @ np.linalg.solve(own, seen - mean))

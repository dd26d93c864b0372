"""Makes a release of points with series, and HyP3 interferograms of the passes after it, of one ground."""

from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from pyproj import Transformer

from ground_motion.readers.records import Declaration, Submission
from tests.makers.generic import COMMERCIAL, csv_text
from tests.makers.geotiff import write
from tests.makers.hyp3 import PHI, THETA, several_bursts

TRACK, EPSG = 64, 32614
PIXEL_M, SIDE_PX = 50, 120
GRID = Affine(PIXEL_M, 0, 480_000, 0, -PIXEL_M, 2_156_000)
FIRST, STEP = date(2021, 1, 4), timedelta(days=12)
KNOWN, LATER = 70, 20  # dates of the release, and passes after it
N_POINTS = 10_000
DATES = [FIRST + number * STEP for number in range(KNOWN + LATER)]
DECLARED = Submission(declared=Declaration(track=TRACK, unit="mm/yr", positive="toward"))


class Ground(NamedTuple):
    """Points on pixels. rows, cols: (points,); rate_mm_yr: (points,); bowl: (points,), share of `bowl_mm`."""

    rows: np.ndarray
    cols: np.ndarray
    rate_mm_yr: np.ndarray
    bowl: np.ndarray


def made_ground(points: int = N_POINTS, seed: int = 5) -> Ground:
    rng = np.random.default_rng(seed)
    rows, cols = np.divmod(np.sort(rng.choice(SIDE_PX**2, points, replace=False)), SIDE_PX)
    away_m = PIXEL_M * np.hypot(rows - SIDE_PX / 2, cols - SIDE_PX / 2)
    return Ground(rows, cols, rng.normal(0, 2, points), np.exp(-((away_m / 500) ** 2)))


def northern(ground: Ground) -> Ground:
    """Return the points of a ground in its northern third, beside the bowl; in a file they have the same ids."""
    return Ground(*(column[ground.rows < SIDE_PX // 3] for column in ground))


def years(days) -> np.ndarray:
    return np.array([(day - FIRST).days for day in days]) / 365.25


def series(ground: Ground, dates=DATES, onset_mm_yr: float = 0.0, noise_mm: float = 0.7) -> np.ndarray:
    """Displacement, (points, dates), mm. onset_mm_yr: rate of the bowl from the end of the release on."""
    noise = noise_mm * np.random.default_rng(9).standard_normal((len(ground.rows), len(DATES)))[:, : len(dates)]
    since = np.maximum(years(dates) - years(DATES[KNOWN - 1 : KNOWN]), 0)
    return ground.rate_mm_yr[:, None] * years(dates) + ground.bowl[:, None] * onset_mm_yr * since + noise


def release(folder: Path, ground: Ground, moved: np.ndarray, dates=DATES[:KNOWN], name: str = "release.csv") -> Path:
    """Write a release as CSV; load it with DECLARED."""
    x, y = GRID @ (ground.cols + 0.5, ground.rows + 0.5)
    longitude, latitude = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, y)
    ones = np.ones(len(x))
    table = {
        COMMERCIAL["id"]: [f"P{number:05d}" for number in range(len(x))],
        COMMERCIAL["lon"]: longitude.round(7).tolist(),
        COMMERCIAL["lat"]: latitude.round(7).tolist(),
        COMMERCIAL["velocity"]: ground.rate_mm_yr.round(3).tolist(),
        "COHERENCE": (0.9 * ones).tolist(),
        "LOS_EAST": (-0.62 * ones).tolist(),
        "LOS_NORTH": (-0.10 * ones).tolist(),
        "LOS_UP": (0.778 * ones).tolist(),
    }
    days = {f"D{day:%Y%m%d}": moved[:, number].round(2).tolist() for number, day in enumerate(dates)}
    path = folder / name
    path.write_text(csv_text(table | days))
    return path


def interferograms(folder: Path, ground: Ground, moved: np.ndarray, number: int, reach: int = 3) -> list[Path]:
    """Write the pairs of a pass with the ones before it, each in a folder of its own, with a delay and a constant."""
    rng = np.random.default_rng(number)
    made = []
    for earlier in range(number - reach, number):
        name = several_bursts(DATES[earlier], DATES[number])
        change = np.zeros((SIDE_PX, SIDE_PX), dtype=np.float32)
        change[ground.rows, ground.cols] = moved[:, number] - moved[:, earlier]
        slope = np.linspace(-1, 1, SIDE_PX)[None, :] * rng.normal(0, 4)
        seen = (change + slope + 1.0 + 0.3 * rng.standard_normal(change.shape)).astype(np.float32)
        shape = np.ones((SIDE_PX, SIDE_PX), dtype=np.float32)
        images = {"los_disp": seen / 1000, "corr": 0.8 * shape, "lv_theta": THETA * shape, "lv_phi": PHI * shape}
        for layer, image in images.items():
            write(folder / name / f"{name}_{layer}.tif", image, crs=f"EPSG:{EPSG}", transform=GRID, nodata=None)
        made.append(folder / name)
    return made

"""Writing of a small velocity field whose points, around the middle, measure the motion stated in a scenario.

The rate of a point along the line of sight, mm/yr, + toward the satellite, is the sum of all stated parts. Each date
has one error per point and one that is common over kilometres; a date has the same errors in every release.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.series.steps import HALF_WAVE_MM
from ground_motion.simulation.files.egms import egms_name, write_egms_l2b
from ground_motion.simulation.ground.frame import GRID_EPSG, LineOfSight, Motion
from ground_motion.simulation.velocity.region import TrackGeometry, TrackPoints
from ground_motion.simulation.velocity.series import fit_series, years_of
from lab.replay.scenario import MIDDLE

Floats = NDArray[np.float64]

HALF_KM = 4.0
POINTS_PER_KM2 = 200.0
REPEAT_DAYS = 36
NOISE_MM, DELAY_MM = 3.0, 2.0  # Standard deviations of each point on a date, and of the delay shared over DELAY_KM.
DELAY_KM, CELL_KM = 1.5, 0.25
DEVIATIONS_ACROSS = 2.355  # standard deviations of a Gaussian across its half height


def write_field(folder: Path, data: tuple[date, date], track: int, made: Mapping[str, Any]) -> Path:
    """Write a velocity field as an EGMS zip; return its path.

    made: as in `rates_of`, and: density, points per km²; repeat, days between dates; cut_km, no points east of it;
    noise, factor on the errors; sign, factor on everything; block, a square (x_km, y_km, size_m) in which `cycles` were
    missed on a `day`; edition, ending of the file's name.
    """
    rng = np.random.default_rng([track])
    n = round(made.get("density", POINTS_PER_KM2) * (2 * HALF_KM) ** 2)
    x_km, y_km = rng.uniform(-HALF_KM, HALF_KM, (2, n))
    kept = x_km < made.get("cut_km", HALF_KM)
    x_km, y_km = x_km[kept], y_km[kept]
    every = made.get("repeat", REPEAT_DAYS)
    dates = tuple(data[1] - timedelta(days=every * step) for step in range((data[1] - data[0]).days // every, -1, -1))
    series = np.outer(rates_of(x_km, y_km, made), years_of(dates))
    series += np.stack([_errors(x_km, y_km, day, track) for day in dates], axis=1) * made.get("noise", 1.0)
    if block := made.get("block"):
        later = np.array([day >= block["day"] for day in dates])
        inside = np.maximum(np.abs(x_km - block["x_km"]), np.abs(y_km - block["y_km"])) < block["size_m"] / 2000
        series += block["cycles"] * HALF_WAVE_MM * np.outer(inside, later)
    points = _points(x_km, y_km, dates, made.get("sign", 1) * series, track)
    path = folder / f"{egms_name(points)[:-1]}{made.get('edition', 1)}.zip"
    write_egms_l2b(path, points)
    return path


def rates_of(x_km: Floats, y_km: Floats, made: Mapping[str, Any]) -> Floats:
    """Return the rate of each point, mm/yr.

    made: bowls, each with rate, x_km, y_km, size_m (its width at half depth); offset, of the reference; ramp, mm/yr per
    km eastward; seam, mm/yr added north of the middle, as between two bursts.
    """
    rates = np.full(x_km.shape, float(made.get("offset", 0.0))) + made.get("ramp", 0.0) * x_km
    for bowl in made.get("bowls", ()):
        away_km = np.hypot(x_km - bowl.get("x_km", 0.0), y_km - bowl.get("y_km", 0.0))
        rates += bowl["rate"] * np.exp(-0.5 * (away_km / (bowl["size_m"] / 1000 / DEVIATIONS_ACROSS)) ** 2)
    return np.asarray(rates + made.get("seam", 0.0) * (y_km > 0))


def _errors(x_km: Floats, y_km: Floats, day: date, track: int) -> Floats:
    rng = np.random.default_rng([day.toordinal(), track])
    cells = round(2 * HALF_KM / CELL_KM)
    delay = gaussian_filter(rng.standard_normal((cells, cells)), DELAY_KM / CELL_KM, mode="wrap")
    col, row = (np.clip(((part + HALF_KM) / CELL_KM).astype(int), 0, cells - 1) for part in (x_km, y_km))
    white = rng.standard_normal(x_km.shape)
    return np.asarray(NOISE_MM * white + DELAY_MM * delay[row, col] / max(float(delay.std()), 1e-9))


def _points(x_km: Floats, y_km: Floats, dates: Sequence[date], series_mm: Floats, track: int) -> TrackPoints:
    east = -0.62 if track % 2 else 0.62
    geometry = TrackGeometry(track, "ascending" if track % 2 else "descending", LineOfSight(east, -0.10, 0.78))
    middle = transformer(4326, GRID_EPSG).transform(*MIDDLE)
    easting, northing = np.round(middle[0] + 1000 * x_km, 2), np.round(middle[1] + 1000 * y_km, 2)
    longitude, latitude = transformer(GRID_EPSG, 4326).transform(easting, northing)
    series, n = np.round(series_mm, 1).astype(np.float32), x_km.size
    return TrackPoints(
        geometry=geometry,
        dates=tuple(dates),
        pid=np.array([f"{track}{number:07d}" for number in range(n)]),
        easting_m=easting,
        northing_m=northing,
        longitude_deg=np.asarray(longitude),
        latitude_deg=np.asarray(latitude),
        height_m=np.zeros(n),
        cover=np.zeros(n, dtype=np.uint8),
        amplitude_dispersion=np.full(n, 0.2),
        series_mm=series,
        fit=fit_series(series, years_of(tuple(dates))),
        truth=Motion.still((n,)),
    )

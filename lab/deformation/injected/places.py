"""Real noise of still ground from GROUND_MOTION_DATA: residuals of each place's rates after a smooth fit.

`deformation-injected` adds known motion to the noise; training may use the noise of places that `folds` allows.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ingest.errors import InputError
from ingest.formats import open_velocity_field
from ingest.readers.records import Declaration
from lab.real_data import folder
from ml.deformation.gridding.points import Float32, Float64, PointCloud, project
from ml.statistics.robust import MAD_TO_SIGMA

MAPPINGS = Path(__file__).parent / "mappings"
SMOOTH_M = 6_000.0  # width of a place per degree of the removed polynomial
ROUNDS = 20  # iterations of the robust fit
HUBER = 1.345  # standard deviations beyond which residuals have less weight


class StillPlace(NamedTuple):
    """A place with little or no motion. pattern: file names, one file per track; mapping: of columns, if needed."""

    name: str
    pattern: str
    mapping: str = ""


class Fold(NamedTuple):
    """Names of the places for training a model and tuning thresholds, and of those for testing."""

    name: str
    training: tuple[str, ...]
    test: tuple[str, ...]


class RealTrack(NamedTuple):
    """One track of a place, with the smooth fit removed from rates and series.

    los_up: vertical part of the line of sight, 1 where it is not stated; years: (dates,), since the first date;
    displacement_mm: (n, dates), the sign of the rates; both None where the product has no series.
    """

    points: PointCloud
    los_up: float
    years: Float64 | None
    displacement_mm: Float32 | None


PLACES = (
    StillPlace("ustica", "egms_ustica/EGMS_L2b_*.zip"),
    StillPlace("cyprus", "velocity_real/cyprus_egms_l2a/*.csv", "cyprus.toml"),
    StillPlace("donana", "velocity_real/donana_psbas/*.shp", "donana.toml"),
    StillPlace("amsterdam", "velocity_real/amsterdam_stm/example.csv", "amsterdam.toml"),
)
TESTED_TOGETHER = {"islands": ("ustica", "amsterdam"), "coasts": ("cyprus", "donana")}


def place(name: str) -> StillPlace:
    """Return the place with this name. Raises KeyError if there is none."""
    return {one.name: one for one in PLACES}[name]


def folds() -> list[Fold]:
    """Return the folds. Each place is tested in one fold, which uses none of the place's tracks for training."""
    names = [one.name for one in PLACES]
    return [Fold(name, tuple(one for one in names if one not in test), test) for name, test in TESTED_TOGETHER.items()]


def residual_field(place: StillPlace) -> tuple[PointCloud, ...]:
    """Return the points of each track with their residual rates, mm/yr; see `residual_tracks`."""
    return tuple(track.points for track in residual_tracks(place))


@lru_cache(maxsize=len(PLACES))
def residual_tracks(place: StillPlace) -> tuple[RealTrack, ...]:
    """Read every track of a place and remove the smooth fit. Raises InputError if files are missing or damaged."""
    files = sorted(folder().glob(place.pattern))
    if not files:
        raise InputError(folder() / place.pattern, "there is no such file", "Fetch the real data of this place")
    declared = Declaration(mapping=MAPPINGS / place.mapping if place.mapping else None)
    return tuple(_residual(_read(path, declared)) for path in files)


def _read(path: Path, declared: Declaration) -> RealTrack:
    """Read a track as released."""
    field = open_velocity_field(path, declared=declared)
    batches = [batch for batch in field.batches() if batch.pid.size]
    columns = [
        np.concatenate([getattr(batch, name) for batch in batches])
        for name in ("longitude", "latitude", "velocity_mm_yr", "height_m", "los_up", "displacement_mm")
    ]
    longitude, latitude, velocity, height, los_up, displacement = columns
    header = field.header
    heights = height if np.isfinite(height).any() else None
    points = project(longitude, latitude, velocity, heights, header.grid_epsg, header.posting_m)
    up = float(np.nanmedian(los_up)) if np.isfinite(los_up).any() else 1.0
    if not header.has_series:
        return RealTrack(points, up, None, None)
    days = np.array([(day - header.dates[0]).days for day in header.dates], dtype=np.float64)
    return RealTrack(points, up, days / 365.25, displacement)


def _residual(track: RealTrack) -> RealTrack:
    """Return the residuals of the smooth fit, to 0.01 mm/yr, and the series with the same rate removed."""
    points = track.points
    rate = points.velocity_mm_yr.astype(np.float64)
    left = np.round(rate - smooth_fit(points.x, points.y, rate), 2)
    still = track._replace(points=points._replace(velocity_mm_yr=left.astype(np.float32)))
    if track.displacement_mm is None or track.years is None:
        return still
    series = np.round(track.displacement_mm - np.outer(rate - left, track.years), 1)
    return still._replace(displacement_mm=series.astype(np.float32))


def smooth_fit(x: Float64, y: Float64, rate_mm_yr: Float64, degree: int | None = None) -> Float64:
    """Fit a polynomial of the place by Huber's weights; returns it at each point (n,), mm/yr.

    The default degree is the place's width over SMOOTH_M: 0 for a block of houses, 1 (a plane) for a few kilometres.
    Delay and stratification that vary within some kilometres are kept, because they are noise.
    """
    span_m = max(float(np.ptp(x)), float(np.ptp(y)))
    degree = round(span_m / SMOOTH_M) if degree is None else degree
    east, north = ((values - values.mean()) / max(span_m, 1.0) for values in (x, y))
    terms = np.stack([east**i * north**j for i in range(degree + 1) for j in range(degree + 1 - i)], axis=1)
    weight = np.ones_like(rate_mm_yr)
    for _ in range(ROUNDS):
        root = np.sqrt(weight)
        fitted: Float64 = terms @ np.linalg.lstsq(terms * root[:, None], rate_mm_yr * root, rcond=None)[0]
        away = np.abs(rate_mm_yr - fitted)
        sigma = max(float(MAD_TO_SIGMA * np.median(away)), 0.01)
        weight = 1 / np.maximum(1, away / (HUBER * sigma))
    return fitted

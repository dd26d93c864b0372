"""Changes of trend of the newest period on made ground: every one is named, and hardly anything else."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import ndimage
from shapely import Point

from ground_motion.methods.deformation.series import trend_changes

DAYS = np.arange(0, 100 * 18, 18)
YEARS = DAYS / 365.25
SIDE_M = 10_000.0


class MadeChange(NamedTuple):
    """A change of rate: its centre and radius, m, its size, mm/yr, and how many days before the last image it began."""

    x: float
    y: float
    radius_m: float
    size_mm_yr: float
    days_ago: float

    @property
    def place(self) -> Point:
        return Point(self.x, self.y)


def field(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, length_m: float) -> np.ndarray:
    """Smooth field of variance one."""
    at = [y / length_m + 1, x / length_m + 1]
    nodes = rng.standard_normal((int(SIDE_M / length_m) + 4,) * 2)
    return ndimage.map_coordinates(nodes, at, order=1) / 0.67


def noisy(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """White noise as in the demo, noise correlated in time and over the ground, seasons that differ; mm."""
    series = rng.standard_normal((x.size, DAYS.size)) * rng.uniform(2, 3, x.size)[:, None]
    kept = np.exp(-18 / 60)
    drift = np.zeros(x.size)
    for date in range(DAYS.size):
        drift = kept * drift + np.sqrt(1 - kept**2) * rng.standard_normal(x.size)
        series[:, date] += drift + field(rng, x, y, 1_500.0) + 0.5 * field(rng, x, y, 300.0)
    season = rng.exponential(1.5, x.size) + 0.8
    return series + season[:, None] * np.sin(2 * np.pi * (YEARS - 0.15 - 0.1 * field(rng, x, y, 2_000.0)[:, None]))


def made_ground(seed: int, n_changes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[MadeChange]]:
    """Make about 60,000 points, dense and sparse, with steady bowls, slopes that speed up evenly, and changes."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIDE_M, (2, 90_000))
    kept = rng.random(x.size) < np.clip(0.55 + 0.5 * field(rng, x, y, 1_000.0), 0.08, 1)
    x, y = x[kept], y[kept]
    series = noisy(rng, x, y)
    for rate, acceleration in ((-30, 0), (10, 0), (-20, 4), (-12, -3)):
        bowl = np.exp(-((np.hypot(*(at - rng.uniform(1500, 8500) for at in (x, y))) / 700) ** 2))
        series += np.outer(bowl, rate * YEARS + acceleration * (YEARS - YEARS.mean()) ** 2 / 2)
    changes: list[MadeChange] = []
    while len(changes) < n_changes:
        one = MadeChange(
            *rng.uniform(500, SIDE_M - 500, 2),
            rng.uniform(200, 400),
            rng.choice([-1, 1]) * rng.uniform(25, 40),
            rng.uniform(140, 180),
        )
        if all(np.hypot(one.x - other.x, one.y - other.y) > 1_500 for other in changes):
            changes.append(one)
            share = np.exp(-((np.hypot(x - one.x, y - one.y) / one.radius_m) ** 2))
            series += np.outer(share, one.size_mm_yr * np.clip(DAYS - DAYS[-1] + one.days_ago, 0, None) / 365.25)
    return x, y, series.astype(np.float32), changes


def outside(found: trend_changes.ChangedPlaces, changes: list[MadeChange]) -> list[float]:
    """Changes of the places beyond twice the radius of every change that was made."""
    return [
        place.change_mm_yr
        for place in found.places
        if all(place.outline.distance(one.place) > 2 * one.radius_m for one in changes)
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_every_change_of_the_newest_period_is_named_and_at_most_one_other_place(seed: int):
    x, y, series, changes = made_ground(seed, n_changes=12)
    found = trend_changes.changed_places(x, y, trend_changes.point_changes(series, DAYS))
    assert found.n_clusters >= 5_000
    missed = [
        one
        for one in changes
        if not any(
            place.outline.distance(one.place) < one.radius_m and place.change_mm_yr * one.size_mm_yr > 0
            for place in found.places
        )
    ]
    assert missed == []
    assert len(outside(found, changes)) <= 1


def test_ground_without_a_change_names_at_most_one_place_although_seasons_and_atmosphere_differ():
    x, y, series, _changes = made_ground(4, n_changes=0)
    assert len(trend_changes.changed_places(x, y, trend_changes.point_changes(series, DAYS)).places) <= 1


def test_too_few_dates_give_no_figure():
    series = np.full((2, DAYS.size), np.nan, dtype=np.float32)
    series[0, :20] = 1.0
    found = trend_changes.point_changes(series, DAYS)
    assert np.isnan(found.change_mm_yr).all()
    assert trend_changes.changed_places(np.zeros(2), np.zeros(2), found) == trend_changes.ChangedPlaces((), 0)
    assert not trend_changes.enough_dates(DAYS[:20])
    assert trend_changes.enough_dates(DAYS)

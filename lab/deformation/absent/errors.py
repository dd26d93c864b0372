"""Errors of families that training does not draw, for `deformation-equal`.

Each family adds errors to a tile and leaves its motion unchanged. Ranges are from the cited literature or choices; none
was chosen by a detector's results. Rates are mm/yr along the line of sight, + toward the satellite. Families with
series add errors of whole cycles to the series and undo them as in service (`deformation.series`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ground_motion.core.geometry import METRES_PER_DEGREE
from ground_motion.methods.deformation.series.product import SeriesReader
from ground_motion.simulation.ground.frame import Floats
from ground_motion.simulation.ground.terrain import LandCover
from ground_motion.simulation.velocity.nuisance import UNDONE, Errors
from lab.deformation.absent.fields import REGION_M, draw_waves, fault_cost, grown, valley_cost
from lab.simulation.tiles import SIDE_M, Tile, TileTrack

C_BAND_CYCLE_MM, L_BAND_CYCLE_MM = 27.73, 118.0  # half the wavelengths of 55.466 and 236 mm
STREAKS = 8.0  # length over width of ionospheric streaks, a choice
FIRST, EVERY_DAYS = date(2018, 1, 3), 12
POINT_NOISE_MM, DATE_NOISE_MM = 2.5, 1.5  # standard deviations on one date: of each point, and of a plane of delay
SNOW_MONTHS = (11, 12, 1, 2, 3, 4)  # months without dates in `winters`
HOUSE_M = 30.0

Change = Callable[[np.random.Generator, Tile], Tile]


def local(track: TileTrack, tile: Tile) -> tuple[Floats, Floats]:
    """Return the positions of a track's points, m from the south-west corner of the tile."""
    return track.x_m - tile.terrain.west_m, track.y_m - (tile.terrain.top_m - SIDE_M)


def with_errors(track: TileTrack, added_mm_yr: Floats, kind: str) -> TileTrack:
    """Return the track with errors of one kind added."""
    errors = track.errors
    return track._replace(errors=Errors(errors.rate_mm_yr + added_mm_yr, errors.yearly_mm, (*errors.kinds, kind)))


def _each_track(tile: Tile, change: Callable[[TileTrack], TileTrack]) -> Tile:
    return replace(tile, tracks=tuple(change(track) for track in tile.tracks))


def unwrapped_together(rng: np.random.Generator, tile: Tile, track: TileTrack) -> NDArray[np.bool_]:
    """Draw a region of 0.1–3 km² around a point, along a valley or at a fault; return its points as a mask."""
    x_m, y_m = local(track, tile)
    point = int(rng.integers(x_m.size))
    last = round(SIDE_M / REGION_M) - 1
    row, col = (np.clip(at / REGION_M, 0, last).astype(np.intp) for at in (SIDE_M - y_m, x_m))
    start = int(row[point]), int(col[point])
    cost = valley_cost(rng, tile.terrain.height_m) if rng.random() < 0.5 else fault_cost(rng, start)
    cells = round(math.exp(rng.uniform(math.log(0.1), math.log(3.0))) * 1e6 / REGION_M**2)
    return np.asarray(grown(cost, start, cells)[row, col])


def whole_cycles(rng: np.random.Generator, tile: Tile, track: TileTrack, cycle_mm: float) -> Floats:
    """Draw an unwrapping error of one cycle, or two with a chance of 10 %, over the span of the series, (n,), mm/yr."""
    if not track.x_m.size:
        return np.zeros(0)
    cycles = rng.choice([-1, 1]) * (1 if rng.random() < 0.9 else 2)
    return np.where(unwrapped_together(rng, tile, track), cycles * cycle_mm / tile.config.years, 0.0)


def undone(rng: np.random.Generator, track: TileTrack, tile: Tile, days: NDArray[np.intp], steps: Floats) -> TileTrack:
    """Add steps to a track's series, undo those found as in service, and add the remaining error to its rates.

    days: after FIRST; steps: (n, dates), mm, error of each date in whole cycles.
    """
    n, years = track.x_m.size, days / 365.25
    if not n:
        return track
    x_m, y_m = (at / SIDE_M - 0.5 for at in local(track, tile))
    planes = rng.normal(0, DATE_NOISE_MM, (3, days.size))
    displacement = np.outer(track.truth_mm_yr + track.errors.rate_mm_yr, years) + steps
    displacement += planes[0] + np.outer(x_m, planes[1]) + np.outer(y_m, planes[2])
    displacement += rng.normal(0, POINT_NOISE_MM, (n, days.size))
    centred = years - years.mean()
    added = steps @ centred / (centred**2).sum()  # trend of the steps by least squares
    reader = SeriesReader([FIRST + timedelta(days=int(day)) for day in days], C_BAND_CYCLE_MM)
    reader.add(displacement.astype(np.float32))
    metres = METRES_PER_DEGREE * math.cos(math.radians(50))
    found = reader.summary(10 + track.x_m / metres, 50 + (track.y_m - tile.terrain.top_m) / METRES_PER_DEGREE)
    return with_errors(track, added - found.step_mm_yr, UNDONE if reader.all_undone else "whole cycles")


def winters(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add whole cycles across winters above a snow line, in series without dates in SNOW_MONTHS.

    The line is at the 40–75 % quantile of heights. Ground above it is unwrapped in parts of 1–3 km; each part is wrong
    by one cycle across each winter with a chance of 5 % (a choice).
    """
    above = np.asarray(tile.terrain.height_m > np.quantile(tile.terrain.height_m, rng.uniform(0.40, 0.75)))
    part = _snow_parts(rng, above.shape)
    every = np.arange(0, round(365.25 * tile.config.years), EVERY_DAYS)
    months = np.array([(FIRST + timedelta(days=int(day))).month for day in every])
    days = every[~np.isin(months, SNOW_MONTHS)]
    season = np.cumsum(np.diff(days, prepend=days[0]) > 60)

    def disturbed(track: TileTrack) -> TileTrack:
        cell = tile.terrain.cell_of(track.x_m, track.y_m)
        shape = part.max() + 1, season[-1] + 1
        cycles = rng.choice([-1, 1], shape) * (rng.random(shape) < 0.05)
        cycles[:, 0] = 0
        steps = np.where(above[cell][:, None], C_BAND_CYCLE_MM * np.cumsum(cycles, axis=1)[part[cell]][:, season], 0.0)
        return undone(rng, track, tile, days, steps)

    return _each_track(tile, disturbed)


def unwrapped(rng: np.random.Generator, tile: Tile) -> Tile:
    """Shift one region by a whole cycle from a random date on, in half of the tracks; dates are 12 days apart."""
    days = np.arange(0, round(365.25 * tile.config.years), EVERY_DAYS)

    def disturbed(track: TileTrack) -> TileTrack:
        steps = np.zeros((track.x_m.size, days.size))
        if rng.random() < 0.5 and track.x_m.size:
            wrong = unwrapped_together(rng, tile, track)
            from_date = int(rng.uniform(0.1, 0.9) * days.size)
            steps[np.ix_(wrong, np.arange(from_date, days.size))] = rng.choice([-1, 1]) * C_BAND_CYCLE_MM
        return undone(rng, track, tile, days, steps)

    return _each_track(tile, disturbed)


def settling(rng: np.random.Generator, tile: Tile) -> Tile:
    """Let 10–30 % of the houses settle, each by its own rate in both tracks: 1 mm/yr on average, at most 6."""
    size = round(SIDE_M / HOUSE_M) + 1
    sinks = (rng.random((size, size)) < rng.uniform(0.1, 0.3)) * rng.exponential(1.0, (size, size)).clip(max=6.0)

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        rate = sinks[(y_m / HOUSE_M).astype(np.intp), (x_m / HOUSE_M).astype(np.intp)]
        built = np.isin(track.cover, (LandCover.TOWN, LandCover.SUBURB))
        return with_errors(track, np.where(built, -track.geometry.los.up * rate, 0.0), "settling houses")

    return _each_track(tile, disturbed)


def soil(rng: np.random.Generator, tile: Tile) -> Tile:
    """Let wet soil shrink in both tracks: by 0.5–1.5 mm/yr on valley floors, falling to 1/e at 5–15 m above them.

    Points on houses and rock stand still; all points on open land and two thirds of those in suburbs have the error.
    """
    height_m = tile.terrain.height_m.astype(np.float64)
    above_m = height_m - ndimage.gaussian_filter(ndimage.minimum_filter(height_m, 15), 5)
    shrinks = rng.uniform(0.5, 1.5) * np.exp(-above_m.clip(0) / rng.uniform(5, 15))

    def disturbed(track: TileTrack) -> TileTrack:
        rate = shrinks[tile.terrain.cell_of(track.x_m, track.y_m)]
        soft = (track.cover == LandCover.OPEN) | ((track.cover == LandCover.SUBURB) & (rng.random(rate.size) < 2 / 3))
        return with_errors(track, np.where(soft, -track.geometry.los.up * rate, 0.0), "wet soil")

    return _each_track(tile, disturbed)


def warm(rng: np.random.Generator, tile: Tile) -> Tile:
    """Let buildings expand or contract over warming or cooling years, in both tracks: up to 0.03 mm/yr per m of height.

    Each quarter of 150–600 m has one building height, 5–40 m; each point lies at a random height of its building.
    """
    quarter_m = rng.uniform(150, 600)
    size = math.ceil(SIDE_M / quarter_m)
    high_m, per_m = rng.uniform(5, 40, (size, size)), rng.uniform(0.01, 0.03) * rng.choice([-1.0, 1.0])

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        top = high_m[(y_m / quarter_m).astype(np.intp), (x_m / quarter_m).astype(np.intp)]
        built = np.isin(track.cover, (LandCover.TOWN, LandCover.SUBURB))
        rate = per_m * top * rng.beta(2, 1, x_m.size)
        return with_errors(track, np.where(built, track.geometry.los.up * rate, 0.0), "warm buildings")

    return _each_track(tile, disturbed)


def _snow_parts(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.intp]:
    """Draw parts of 1–3 km with ragged borders; return the part's number for each cell."""
    count = int(rng.integers(12, 60))
    seeds = rng.uniform(0, shape[0], (count, 2))
    row, col = np.mgrid[: shape[0], : shape[1]]
    bent = [axis + 25 * ndimage.gaussian_filter(rng.standard_normal(shape), 3) for axis in (row, col)]
    away = np.stack([np.hypot(bent[0] - at_row, bent[1] - at_col) for at_row, at_col in seeds])
    return np.asarray(away.argmin(axis=0))


def long_wave(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add ionospheric delay in L-band: gradients of 1–4 mm/yr over 10 km, streaks 3–10 km wide; a cycle is 118 mm.

    Dispersive delay is about 16 times that of C-band; split-spectrum correction leaves its long waves (Gomba et al.
    2016, doi 10.1109/TGRS.2015.2481079). In one of ten tracks a region is wrong by whole cycles.
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        waves = draw_waves(rng, -4.0, 15_000.0, 60_000.0, 16)
        steepest = np.hypot(waves.east_rad_m, waves.north_rad_m) * waves.amplitude
        value = waves.at(x_m, y_m) * rng.uniform(1.0, 4.0) / 10_000 / math.sqrt((steepest**2).sum() / 2)
        wider = math.sqrt(STREAKS)  # stretching keeps areas, so that it narrows streaks by this factor
        streaks = draw_waves(rng, -3.0, 3_000.0 * wider, 10_000.0 * wider, 24).stretched(rng.uniform(0, 180), STREAKS)
        value += streaks.at(x_m, y_m) * rng.uniform(0.2, 0.6)
        if rng.random() < 0.1:
            value += whole_cycles(rng, tile, track, L_BAND_CYCLE_MM)
        return with_errors(track, value, "ionosphere")

    return _each_track(tile, disturbed)


def untouched(rng: np.random.Generator, tile: Tile) -> Tile:
    """Return the tile unchanged; only its configuration is out of distribution."""
    return tile

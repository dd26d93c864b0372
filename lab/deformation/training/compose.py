"""Training samples composed on the fly: motion of one cached tile, or a weak bowl, added to the errors of another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.methods.deformation.features.channels import STILL_WITHIN_MM_YR, TrackCells, cell_noise_of
from ground_motion.methods.deformation.features.surroundings import CellRates, surroundings
from ground_motion.methods.deformation.filters.baseline import background_and_noise
from ground_motion.methods.deformation.gridding.cells import CELL_M, distance_to_points_m
from ground_motion.methods.deformation.gridding.points import Float32
from ground_motion.methods.deformation.kinds import KINDS
from ground_motion.methods.deformation.network import REACH_M
from ground_motion.simulation.velocity.nuisance import HALF_WAVE_MM, Nuisance
from lab.deformation.training.dataset import CENTRE_STEPS, NOTHING, TileCache, fill
from lab.deformation.training.disturbances import Disturbed, disturbance, fractal, smoothed, thinned
from lab.deformation.training.motion_shapes import draw_shape
from lab.deformation.training.real_noise import draw_real
from lab.simulation.seeds import log_uniform
from lab.simulation.tiles import CELLS

QUIET_MM_YR = 10.0  # errors are taken from tiles without faster motion, because that causes gaps and spread
MOVING_MM_YR = 1.5
WEAK_MM_YR, STRONG_MM_YR = (1.3, 7.0), (5.0, 60.0)
YEARS = 5.0  # span of a national product
HELD_BACK = 0.06  # This share of the cached tiles is used only for validation.
GONE_MM_YR = 110.0  # Ground that moves faster in the line of sight loses its points.
_ROW, _COL = np.mgrid[:CELLS, :CELLS].astype(np.float32)


@dataclass(frozen=True)
class Recipe:
    """Shares of samples by their motion: none, that of their own tile, that of another, or weak bowls (the rest).

    crop: cells on a side. offset_mm_yr: standard deviation of the difference between a place's own background and the
    product's. blocks: share of the tracks that get one more unwrapping error, since most false alarms are such errors.
    heightless: share of the samples whose points have no heights; heights: whether this one's do. disturbed: share of
    the samples with `disturbances`, thinned and filtered: of the tracks that lose cells and whose rates are filtered in
    space. places: real still ground that lends its errors to the share `real` of the samples. islands: share of which
    little more than an island of a few kilometres is left.
    """

    nothing: float = 0.32
    own: float = 0.2
    another: float = 0.12
    crop: int = 96
    offset_mm_yr: float = 0.3
    blocks: float = 0.2
    heightless: float = 0.25
    heights: bool = True
    disturbed: float = 0.7
    thinned: float = 0.2
    filtered: float = 0.15
    real: float = 0.12
    islands: float = 0.25
    places: tuple[str, ...] = ()


class Sample(NamedTuple):
    """Training sample. tracks: input of the detector; rate: (rows, cols), of the fastest track, mm/yr; kind: uint8.

    wrong: cells of unwrapping errors added here, in any track.
    """

    tracks: list[TrackCells]
    rate_mm_yr: Float32
    kind: NDArray[np.uint8]
    reached: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


class Drawn(NamedTuple):
    """One track of a sample before turning and cropping, (rows, cols) each; height: NaN unknown; wrong: see Sample."""

    velocity_mm_yr: Float32
    n_points: NDArray[Any]
    mad_mm_yr: Float32
    raw_mm_yr: Float32
    height_m: Float32
    wrong: NDArray[np.bool_]


class Motion(NamedTuple):
    """Motion of a sample. at_points: (tracks, rows, cols), at each cell's points; of_cells: at the cells' middles."""

    at_points: Float32
    of_cells: Float32
    kind: NDArray[np.uint8]


class TilePool(NamedTuple):
    """Cache with the tiles used for their errors, and those used for their motion, by kind without empty kinds.

    movable: tiles with motion that may be put into another tile, which excludes slides, as they depend on slopes.
    """

    cache: TileCache
    quiet: NDArray[np.intp]
    moving: list[NDArray[np.intp]]
    movable: NDArray[np.intp]


def pools(folder: Path, tiles: int) -> tuple[TilePool, TilePool]:
    """Simulate missing tiles of a folder; return those for training, and those held back for validation."""
    cache, kept = fill(folder, tiles), tiles - max(1, round(tiles * HELD_BACK))
    return tile_pool(cache, 0, kept), tile_pool(cache, kept, tiles)


def tile_pool(cache: TileCache, first: int, last: int) -> TilePool:
    """Sort the tiles first to last of a cache into those used for errors and those used for motion."""
    if first >= last:
        raise ValueError("there are too few tiles: raise `tiles`")
    fastest = np.array([np.abs(cache.truth[i].astype(np.float32)).max() for i in range(first, last)])
    usable = np.array([np.isfinite(cache.errors[i, :, ::4, ::4]).any(axis=(1, 2)).all() for i in range(first, last)])
    moves = usable & (fastest >= MOVING_MM_YR)
    holds = np.array([[(cache.kind[i] == kind).any() for i in range(first, last)] for kind in range(len(KINDS))])
    quiet = np.flatnonzero(usable & (fastest < QUIET_MM_YR)) + first
    if not quiet.size:
        raise ValueError("no tile is quiet enough to lend its errors: raise `tiles`")
    moving = [at + first for kind in holds if (at := np.flatnonzero(moves & kind)).size]
    return TilePool(cache, quiet, moving, np.flatnonzero(moves & ~holds[KINDS.index("landslide")]) + first)


def sample(rng: np.random.Generator, pool: TilePool, n_tracks: int, recipe: Recipe) -> Sample:
    """Compose one training sample, observed by one track (either) or both (in either order)."""
    if recipe.places and rng.random() < recipe.real:
        return _on_real_ground(rng, n_tracks, recipe)
    order = rng.permutation(2)[:n_tracks]
    chance = rng.random()
    heights, others = rng.random() >= recipe.heightless, float(rng.random() < recipe.disturbed)
    recipe = replace(recipe, heights=heights, disturbed=others)
    if recipe.nothing <= chance < recipe.nothing + recipe.own and pool.moving:
        number = int(rng.choice(pool.moving[int(rng.integers(len(pool.moving)))]))
        truth = pool.cache.truth[number][order].astype(np.float32)
        motion = Motion(truth, truth, pool.cache.kind[number])
        return finish(rng, disturbed(rng, _own_tracks(pool.cache, number, order, recipe), recipe), motion, recipe)
    number = int(rng.choice(pool.quiet))
    if chance < recipe.nothing:
        motion = still(n_tracks)
    elif chance < recipe.nothing + recipe.own + recipe.another and pool.movable.size:
        other = int(rng.choice(pool.movable))  # the motion of another tile, turned, slower or faster
        truth, kind = pool.cache.truth[other][order].astype(np.float32), pool.cache.kind[other][None].astype(np.float32)
        turned = _turn(np.concatenate([truth, kind]), int(rng.integers(8)))
        rate = turned[:-1] * np.float32(log_uniform(rng, 0.3, 1.4))
        motion = Motion(rate, rate, turned[-1].astype(np.uint8))
    else:
        motion = weak_motion(rng, pool.cache, number, order)
    tracks = superimposed(rng, pool.cache, number, order, motion, recipe)
    return finish(rng, disturbed(rng, tracks, recipe), motion, recipe)


def disturbed(rng: np.random.Generator, tracks: list[Drawn], recipe: Recipe) -> list[Drawn]:
    """Add errors of other kinds to tracks, and thin or filter the tracks in space, by the recipe's shares."""
    if not recipe.disturbed:
        return tracks
    done: list[Drawn] = []
    before = Disturbed(np.zeros((CELLS, CELLS), dtype=np.float32), np.zeros((CELLS, CELLS), dtype=bool))
    for track in tracks:
        more = disturbance(rng, track.height_m)
        if done and rng.random() < 0.5:  # Land cover affects both tracks alike.
            more = Disturbed(before.rate_mm_yr * np.float32(rng.uniform(0.7, 1.1)), before.wrong)
        before = more
        velocity, raw = track.velocity_mm_yr + more.rate_mm_yr, track.raw_mm_yr + more.rate_mm_yr
        if rng.random() < recipe.thinned:
            velocity[thinned(rng, velocity.shape)] = np.nan
        if rng.random() < recipe.filtered:
            velocity, raw = smoothed(rng, velocity), smoothed(rng, raw)
        velocity -= _still_rate(velocity)
        points, wrong = np.where(np.isfinite(velocity), track.n_points, 0), track.wrong | more.wrong
        done.append(track._replace(velocity_mm_yr=velocity, raw_mm_yr=raw, n_points=points, wrong=wrong))
    return done


def _still_rate(velocity: Float32) -> np.float32:
    return np.float32(background_and_noise(velocity, STILL_WITHIN_MM_YR)[0])


def still(n_tracks: int) -> Motion:
    """Return zero motion."""
    zero = np.zeros((n_tracks, CELLS, CELLS), dtype=np.float32)
    return Motion(zero, zero, np.full((CELLS, CELLS), NOTHING, dtype=np.uint8))


def _own_tracks(cache: TileCache, number: int, order: NDArray[np.intp], recipe: Recipe) -> list[Drawn]:
    tracks = []
    for t in map(int, order):
        released, mad, raw = (
            each[number, t].astype(np.float32) for each in (cache.released, cache.mad, cache.released_raw)
        )
        height = _height(cache, number, t, recipe)
        tracks.append(_drawn(released, cache.n_points[number, t], mad, raw, height))
    return tracks


def _height(cache: TileCache, number: int, track: int, recipe: Recipe) -> Float32 | None:
    return cache.height[number, track].astype(np.float32) if recipe.heights else None


def superimposed(
    rng: np.random.Generator, cache: TileCache, number: int, order: NDArray[np.intp], motion: Motion, recipe: Recipe
) -> list[Drawn]:
    """Return tracks of a still tile with motion added; errors get either sign and are slightly scaled."""
    tracks = []
    for at_points, t in zip(motion.at_points, order, strict=True):
        factor = 1.0 if cache.block[number, t] else rng.uniform(0.85, 1.2)
        signed = np.float32(factor * rng.choice([-1.0, 1.0]))
        off = unwrapping_error(rng, cache, number, int(t)) if rng.random() < recipe.blocks else np.zeros_like(at_points)
        added = np.where(np.abs(at_points) > GONE_MM_YR, np.float32(np.nan), at_points + off)
        raw = cache.errors_raw[number, t].astype(np.float32) * signed + added
        velocity = cache.errors[number, t].astype(np.float32) * signed + added
        points = np.where(np.isnan(velocity), 0, cache.n_points[number, t])
        mad = cache.mad[number, t].astype(np.float32) * np.float32(factor)
        drawn = _drawn(velocity, points, mad, raw, _height(cache, number, int(t), recipe))
        tracks.append(drawn._replace(wrong=off != 0))
    return tracks


def _drawn(velocity: Float32, n_points: NDArray[Any], mad: Float32, raw: Float32, height_m: Float32 | None) -> Drawn:
    by, height = _still_rate(velocity), np.full_like(velocity, np.nan) if height_m is None else height_m
    return Drawn(velocity - by, n_points, mad, raw - by, height, np.zeros(velocity.shape, dtype=bool))


def weak_motion(rng: np.random.Generator, cache: TileCache, number: int, order: NDArray[np.intp]) -> Motion:
    """Draw motion of a random shape where a tile has points."""
    seen = np.argwhere(cache.n_points[number, order[0], 8:-8, 8:-8] > 0) + 8
    return shapes_at(rng, seen, cache.centre[number][order].astype(np.float32) / CENTRE_STEPS)


def shapes_at(rng: np.random.Generator, seen: NDArray[np.intp], centre: Float32) -> Motion:
    """Draw one or two shapes, mostly near the detection limit.

    seen: (k, 2), cells with points; centre: (tracks, 2, CELLS, CELLS), position of the cell's points east and south of
    its middle, cells.
    """
    motion = still(len(centre))
    if not len(seen):
        return motion
    at_points, of_cells = motion.at_points.copy(), motion.of_cells.copy()
    for _ in range(1 if rng.random() < 0.8 else 2):
        share = draw_shape(rng)
        rate = log_uniform(rng, *(WEAK_MM_YR if rng.random() < 0.75 else STRONG_MM_YR))
        middle = (seen[rng.integers(len(seen))] + rng.uniform(-0.5, 0.5, 2)).astype(np.float32)
        if rng.random() < 0.3:
            middle = rng.uniform(8, CELLS - 8, 2).astype(np.float32)
        rate *= rng.choice([-1.0, 1.0])
        for i, (east, south) in enumerate(centre):
            seen_rate = np.float32(rate * (1.0 if i == 0 else rng.uniform(0.88, 1.12)))  # its own incidence
            at_points[i] += seen_rate * share(_ROW + south - middle[0], _COL + east - middle[1])
            of_cells[i] += seen_rate * share(_ROW - middle[0], _COL - middle[1])
    return Motion(at_points, of_cells, motion.kind)


def _on_real_ground(rng: np.random.Generator, n_tracks: int, recipe: Recipe) -> Sample:
    """Draw a sample with the errors of a real place, and motion in half of the samples."""
    drawn = draw_real(rng, recipe.places, n_tracks)
    centre = np.zeros((n_tracks, 2, CELLS, CELLS), dtype=np.float32)
    motion = still(n_tracks) if rng.random() < 0.5 else shapes_at(rng, np.argwhere(np.isfinite(drawn[0][0])), centre)
    tracks = []
    for (velocity, count, mad, raw, height), moved in zip(drawn, motion.at_points, strict=True):
        added = np.where(np.abs(moved) > GONE_MM_YR, np.float32(np.nan), moved)
        points = np.where(np.isfinite(velocity + added), np.nan_to_num(count), 0).astype(np.int32)
        tracks.append(_drawn(velocity + added, points, mad, raw + added, height))
    return finish(rng, tracks, motion, recipe)


def unwrapping_error(rng: np.random.Generator, cache: TileCache, number: int, track: int) -> Float32:
    """Draw an area with an error of whole half wavelengths (`simulation.velocity.nuisance`), by cell, mm/yr."""
    seen = np.argwhere(cache.n_points[number, track] > 0)
    east, south = cache.centre[number, track].astype(np.float32) / CENTRE_STEPS
    row, col = seen[rng.integers(len(seen))]
    turn, size = rng.uniform(0, math.pi), Nuisance().block_m.draw(rng) / CELL_M
    right, down = _COL + east - np.float32(col), _ROW + south - np.float32(row)
    along, across = (
        np.abs(right * np.float32(math.cos(angle)) + down * np.float32(math.sin(angle)))
        for angle in (turn, turn + math.pi / 2)
    )
    inside = (along < size / 2) & (across < size * rng.uniform(0.3, 0.5))
    cycles = rng.choice([-1, 1]) * (1 if rng.random() < 0.9 else 2)
    return np.where(inside, cycles * HALF_WAVE_MM / YEARS, 0).astype(np.float32)


def _turn(planes: NDArray[Any], way: int) -> NDArray[Any]:
    """Apply one of the eight symmetries of a square to planes."""
    planes = planes[..., ::-1] if way >= 4 else planes
    return np.rot90(planes, way % 4, axes=(-2, -1))


def finish(rng: np.random.Generator, tracks: list[Drawn], motion: Motion, recipe: Recipe) -> Sample:
    """Turn all planes in the same way, crop them, sometimes blank an edge, and compute distances to points."""
    way = int(rng.integers(8))
    at = rng.integers(0, CELLS - recipe.crop + 1, 2)
    window = (..., slice(at[0], at[0] + recipe.crop), slice(at[1], at[1] + recipe.crop))
    of_cells, kind = (_turn(each, way)[window] for each in (motion.of_cells, motion.kind))
    gone = _edge(rng, recipe.crop) if rng.random() < 0.25 else None
    seen = _turn(tracks[0].n_points, way)[window] > 0
    beyond = _sea(rng, of_cells[0], seen) if rng.random() < recipe.islands else None
    done, wrong = [], np.zeros((recipe.crop, recipe.crop), dtype=bool)
    for track in tracks:
        velocity, points, mad, raw, height, off = (_turn(plane, way)[window].copy() for plane in track)
        wrong |= off
        offset = np.float32(rng.normal(0, recipe.offset_mm_yr))
        if gone is not None and (len(tracks) == 1 or rng.random() < 0.5):
            velocity[gone], points[gone] = np.nan, 0
        if beyond is not None:
            velocity[beyond], points[beyond] = np.nan, 0
            if rng.random() < 0.5 and np.isfinite(velocity).any():  # the still ground is all that is left, or beyond it
                zero = _still_rate(velocity)
                velocity, raw = velocity - zero, raw - zero
        points[np.isnan(velocity)] = 0
        unseen = points == 0
        velocity[unseen], height[unseen] = np.nan, np.nan
        distance = distance_to_points_m(~unseen, CELL_M)
        around = surroundings(CellRates(velocity, points, height, CELL_M, cell_noise_of(velocity)))
        done.append(TrackCells(velocity + offset, points, mad, distance, raw + offset, around))
    reached = np.minimum.reduce([track.distance_m for track in done]) <= REACH_M
    rate = np.take_along_axis(of_cells, np.abs(of_cells).argmax(axis=0)[None], axis=0)[0]
    return Sample(done, np.ascontiguousarray(rate), np.ascontiguousarray(kind), reached, wrong)


def _sea(rng: np.random.Generator, rate_mm_yr: Float32, seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Draw the cells beyond a coast around cells with points, mostly moving ones; all (rows, cols).

    This imitates islands, villages and towns among woods, because most products of users are smaller than a tile.
    """
    shape = seen.shape
    moving = np.argwhere(seen & (np.abs(rate_mm_yr) >= MOVING_MM_YR))
    around = moving if len(moving) and rng.random() < 0.75 else np.argwhere(seen)
    middle = around[rng.integers(len(around))] + rng.normal(0, 5, 2) if len(around) else rng.uniform(0, shape[0], 2)
    radius, aspect, turn = log_uniform(rng, 10, 45), log_uniform(rng, 1, 2.5), rng.uniform(0, math.pi)
    down, right = np.mgrid[: shape[0], : shape[1]].astype(np.float32) - middle[:, None, None].astype(np.float32)
    along = down * math.cos(turn) + right * math.sin(turn)
    across = right * math.cos(turn) - down * math.sin(turn)
    away = np.hypot(along / math.sqrt(aspect), across * math.sqrt(aspect)) / radius
    return np.asarray(away + 0.25 * fractal(rng, shape, -3.5) > 1)


def _edge(rng: np.random.Generator, size: int) -> NDArray[np.bool_]:
    """Draw the cells beyond a straight edge, up to half of a square."""
    turn = rng.uniform(0, 2 * math.pi)
    row, col = np.mgrid[:size, :size] - size / 2
    return np.asarray(row * math.sin(turn) + col * math.cos(turn) > rng.uniform(0, 0.6) * size)

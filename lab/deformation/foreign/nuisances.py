"""Families of `deformation-foreign` without motion: out-of-distribution errors, densities and processors.

Every function changes a tile without motion. Ranges are from the cited literature or marked as choices; none was chosen
by the results of a detector. Rates are mm/yr along the line of sight, + toward the satellite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lab.deformation.foreign.fields import (
    PARCEL_M,
    REGION_M,
    draw_waves,
    fault_cost,
    grown,
    parcels,
    slope_of_step,
    smooth_share,
    streams,
    valley_cost,
)
from lab.simulation.tiles import CELL_M, SIDE_M, Tile, TileTrack
from ml.simulation.ground.frame import Floats
from ml.simulation.ground.terrain import LandCover
from ml.simulation.velocity.nuisance import Errors

C_BAND_CYCLE_MM, L_BAND_CYCLE_MM = 27.73, 118.0  # half the wavelengths of 55.466 and 236 mm
AT_M = 1_250.0  # lag at which the strength of turbulence is stated, as in the national benchmark
TURBULENCE_MM2_YR2 = (0.02, 0.15)  # semivariance there: the national benchmark's, so that only the structure is new
STREAKS = 8.0  # length over width of ionospheric streaks, a choice
SLOPES = (-3.4, -2.6)  # of 2-D power; Hanssen 2001: −8/3 to −11/3 with knees where conditions set them

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


def land_cover_bias(rng: np.random.Generator, tile: Tile) -> NDArray[np.float64]:
    """Draw a bias of 0.5–1.5 mm/yr of fields, forest edges and wet ground, 0 elsewhere, on PARCEL_M.

    Phase bias of changing soil and plants reaches millimetres a year (Ansari et al. 2021, doi
    10.1109/TGRS.2020.3003421). Each land use has one sign and strength per tile; a quarter to half of the fields have a
    land use with bias. Forest edges are 50–150 m wide, wet ground lies within 60–200 m of streams.
    """
    field = parcels(rng)
    uses = int(rng.integers(3, 6))
    strength = rng.uniform(0.5, 1.5, uses) * rng.choice([-1.0, 1.0], uses)
    use = np.where(rng.random(field.max() + 1) < rng.uniform(0.25, 0.5), rng.integers(0, uses, field.max() + 1), -1)
    bias = np.where(use >= 0, strength[use], 0.0)[field]
    zoom = round(CELL_M / PARCEL_M)
    forest = np.kron(tile.land_cover == LandCover.FOREST, np.ones((zoom, zoom), dtype=bool))
    ragged_m = 600 * ndimage.gaussian_filter(rng.standard_normal(forest.shape), 3)  # by about 60 m
    to_forest_m = ndimage.distance_transform_edt(~forest) * PARCEL_M + ragged_m
    stretch = ndimage.gaussian_filter(rng.standard_normal(forest.shape), 30) > 0  # half of the edges
    bias[(to_forest_m < rng.uniform(50, 150)) & stretch] = rng.uniform(0.5, 1.5) * rng.choice([-1.0, 1.0])
    wet = np.kron(streams(tile.terrain.height_m, 60), np.ones((zoom, zoom), dtype=bool))
    to_water_m = ndimage.distance_transform_edt(~wet) * PARCEL_M + 0.5 * ragged_m
    bias[to_water_m < rng.uniform(60, 200)] = rng.uniform(0.5, 1.5) * rng.choice([-1.0, 1.0])
    return np.asarray(bias)


def land_cover(rng: np.random.Generator, tile: Tile) -> Tile:
    """Bias all points of open land and three in ten in suburbs; the second track has 0.8–1.25 times the bias.

    Points on houses have no bias, which arises from distributed scatterers.
    """
    bias, ratio = land_cover_bias(rng, tile), rng.uniform(0.8, 1.25)

    def biased(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        row, col = ((SIDE_M - y_m) / PARCEL_M).astype(np.intp), (x_m / PARCEL_M).astype(np.intp)
        last = bias.shape[0] - 1
        value = bias[row.clip(0, last), col.clip(0, last)] * (1.0 if track is tile.tracks[0] else ratio)
        value = np.sign(value) * np.clip(np.abs(value), 0.5, 1.5)
        soft = (track.cover == LandCover.OPEN) | ((track.cover == LandCover.SUBURB) & (rng.random(x_m.size) < 0.3))
        return with_errors(track, np.where(soft, value, 0.0), "land cover")

    return _each_track(tile, biased)


def anisotropic(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add turbulence 2–5 times as long as wide whose bearing turns by 30–90° across the tile; tracks differ.

    Rolls and lee waves; anisotropic covariances: Knospe and Jónsson 2010, IEEE TGRS 48(4).
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        bearing_deg, turn_deg, stretch = rng.uniform(0, 180), rng.uniform(30, 90), rng.uniform(2, 5)
        share = smooth_share(rng, x_m, y_m) * math.pi / 2
        value = np.zeros(x_m.size)
        strength = rng.uniform(*TURBULENCE_MM2_YR2)
        for weight, bearing in ((np.cos(share), bearing_deg), (np.sin(share), bearing_deg + turn_deg)):
            waves = draw_waves(rng, rng.uniform(*SLOPES)).stretched(bearing, stretch)
            value += weight * waves.of_semivariance(strength, AT_M).at(x_m, y_m)
        return with_errors(track, value, "anisotropic turbulence")

    return _each_track(tile, disturbed)


def nonstationary(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add errors of points and of turbulence, the standard deviation of each varying by a factor of three over a tile.

    The geometric mean is that of the national benchmark.
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        strong, weak = (3 ** (smooth_share(rng, x_m, y_m) - 0.5) for _ in range(2))
        waves = draw_waves(rng, rng.uniform(*SLOPES)).of_semivariance(rng.uniform(*TURBULENCE_MM2_YR2), AT_M)
        return with_errors(
            track, track.errors.rate_mm_yr * (weak - 1) + strong * waves.at(x_m, y_m), "non-stationary turbulence"
        )

    return _each_track(tile, disturbed)


def stratification(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add a delay linear and quadratic in height whose linear part varies across the tile.

    In the middle of the tile 0.5–3 mm/yr per km of height (science notes), at its ends 0.5–1.5 times that more or less;
    quadratic part up to 3 mm/yr per km² of height (choices).
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        height_km = (track.height_m - np.median(track.height_m)) / 1000 if x_m.size else np.zeros(0)
        per_km = rng.uniform(0.5, 3.0) * rng.choice([-1.0, 1.0])
        varying = per_km * (1 + rng.uniform(0.5, 1.5) * (2 * smooth_share(rng, x_m, y_m) - 1))
        return with_errors(track, varying * height_km + rng.uniform(-3, 3) * height_km**2, "varying stratification")

    return _each_track(tile, disturbed)


def unwrapping_region(rng: np.random.Generator, tile: Tile, track: TileTrack) -> NDArray[np.bool_]:
    """Draw a region of 0.1–3 km² around a point, along a valley or beside a fault, on REGION_M, (rows, cols)."""
    x_m, y_m = local(track, tile)
    point = int(rng.integers(x_m.size))
    last = round(SIDE_M / REGION_M) - 1
    start = min(int((SIDE_M - y_m[point]) / REGION_M), last), min(int(x_m[point] / REGION_M), last)
    cost = valley_cost(rng, tile.terrain.height_m) if rng.random() < 0.5 else fault_cost(rng, start)
    cells = round(math.exp(rng.uniform(math.log(0.1), math.log(3.0))) * 1e6 / REGION_M**2)
    return grown(cost, start, cells)


def inside(region: NDArray[np.bool_], posting_m: float, track: TileTrack, tile: Tile) -> NDArray[np.bool_]:
    """Return which of a track's points lie in a region of the tile, (n,)."""
    x_m, y_m = local(track, tile)
    last = region.shape[0] - 1
    row, col = (np.clip(at / posting_m, 0, last).astype(np.intp) for at in (SIDE_M - y_m, x_m))
    return np.asarray(region[row, col])


def whole_cycles(rng: np.random.Generator, tile: Tile, track: TileTrack, cycle_mm: float) -> Floats:
    """Draw an unwrapping error of one cycle, or two with a chance of 10 %, over the span of the series, (n,), mm/yr."""
    if not track.x_m.size:
        return np.zeros(0)
    cycles = rng.choice([-1, 1]) * (1 if rng.random() < 0.9 else 2)
    wrong = inside(unwrapping_region(rng, tile, track), REGION_M, track, tile)
    return np.where(wrong, cycles * cycle_mm / tile.config.years, 0.0)


def unwrapping(rng: np.random.Generator, tile: Tile) -> Tile:
    """Shift one region of half of the tracks by whole cycles.

    The frequency of five per 1,000 km² is a choice; a national product has 0.3, too few to measure.
    """

    def disturbed(track: TileTrack) -> TileTrack:
        if rng.random() < 0.5:
            return with_errors(track, whole_cycles(rng, tile, track, C_BAND_CYCLE_MM), "unwrapping")
        return track

    return _each_track(tile, disturbed)


def seams(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add to both tracks a quadratic orbital surface of 0.5–2 mm/yr and a seam between frames at any bearing.

    The step is 0.5–2 mm/yr in the middle of the seam (science notes) and changes by up to half along it.
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        east, north = 2 * x_m / SIDE_M - 1, 2 * y_m / SIDE_M - 1
        terms = rng.uniform(-1, 1, 5)
        axis = np.linspace(-1, 1, 21)
        whole = _quadratic(*np.meshgrid(axis, axis), terms)
        surface = _quadratic(east, north, terms) * rng.uniform(0.5, 2.0) / (whole.max() - whole.min())
        bearing, middle = rng.uniform(0, math.pi), rng.uniform(-0.6, 0.6)
        along = east * math.sin(bearing) + north * math.cos(bearing)
        beyond = east * math.cos(bearing) - north * math.sin(bearing) > middle
        step = rng.uniform(0.5, 2.0) * rng.choice([-1.0, 1.0]) * (1 + rng.uniform(-0.5, 0.5) * along / math.sqrt(2))
        return with_errors(track, surface + np.where(beyond, step, 0.0), "orbit and seam")

    return _each_track(tile, disturbed)


def _quadratic(east: Floats, north: Floats, terms: Floats) -> Floats:
    return np.asarray(
        terms[0] * east + terms[1] * north + terms[2] * east**2 + terms[3] * east * north + terms[4] * north**2
    )


def snow(rng: np.random.Generator, tile: Tile) -> Tile:
    """Add winter gaps above a snow line: more noise, and seasons joined with an error of a whole cycle.

    The line lies at the 40–75 % quantile of heights, 100 m higher on southern slopes. Ground above it is unwrapped in
    parts of 1–3 km; each join of a part across a winter is wrong with a chance of 2 % (a choice). The false rate is
    what least squares make of the step. Fewer dates: point noise grows by 1.3–2.
    """
    height_m = tile.terrain.height_m
    faces_south = np.clip(tile.terrain.slope_north / 0.3, 0, 1)
    line_m = np.quantile(height_m, rng.uniform(0.40, 0.75)) + 100.0 * faces_south
    above = np.asarray(height_m > line_m)
    part = _snow_parts(rng, above.shape)

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, _ = local(track, tile)
        cell = tile.terrain.cell_of(track.x_m, track.y_m)
        years, rate = tile.config.years, np.zeros(int(part.max()) + 1)
        for winter in range(int(years)):
            wrong = rng.random(rate.size) < 0.02
            step_mm = rng.choice([-1.0, 1.0], rate.size) * C_BAND_CYCLE_MM
            rate += np.where(wrong, [slope_of_step(step, (winter + 0.5) / years, years) for step in step_mm], 0.0)
        noise = rng.standard_normal(x_m.size) * 0.5 * math.sqrt(rng.uniform(1.3, 2.0) ** 2 - 1)
        return with_errors(track, np.where(above[cell], rate[part[cell]] + noise, 0.0), "winter gaps")

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
    """Add the ionosphere in L-band: gradients of 1–4 mm/yr over 10 km, streaks 3–10 km wide; a cycle is 118 mm.

    About 16 times the dispersive delay of C-band, of which split-spectrum correction leaves long waves (Gomba et al.
    2016, doi 10.1109/TGRS.2015.2481079). In one of ten tracks a region is off by whole cycles.
    """

    def disturbed(track: TileTrack) -> TileTrack:
        x_m, y_m = local(track, tile)
        waves = draw_waves(rng, -4.0, 15_000.0, 60_000.0, 16)
        steepest = np.hypot(waves.east_rad_m, waves.north_rad_m) * waves.amplitude
        value = waves.at(x_m, y_m) * rng.uniform(1.0, 4.0) / 10_000 / math.sqrt((steepest**2).sum() / 2)
        wider = math.sqrt(STREAKS)  # stretching keeps areas, so that streaks become narrower by this factor
        streaks = draw_waves(rng, -3.0, 3_000.0 * wider, 10_000.0 * wider, 24).stretched(rng.uniform(0, 180), STREAKS)
        value += streaks.at(x_m, y_m) * rng.uniform(0.2, 0.6)
        if rng.random() < 0.1:
            value += whole_cycles(rng, tile, track, L_BAND_CYCLE_MM)
        return with_errors(track, value, "ionosphere")

    return _each_track(tile, disturbed)


def untouched(rng: np.random.Generator, tile: Tile) -> Tile:
    """Return the tile unchanged; only its configuration is out of distribution."""
    return tile


def smoothed(rng: np.random.Generator, tile: Tile) -> Tile:
    """Smooth rates like other processors: means on a lattice of 30–100 m, then a Gaussian of 50–200 m (FWHM).

    Ground motion is smoothed together with the errors, as a processor would.
    """
    pitch_m, width_m = rng.uniform(30, 100), rng.uniform(50, 200)
    return _each_track(tile, lambda track: _on_lattice(track, tile, pitch_m, width_m))


def _on_lattice(track: TileTrack, tile: Tile, pitch_m: float, width_m: float) -> TileTrack:
    x_m, y_m = local(track, tile)
    size = math.ceil(SIDE_M / pitch_m)
    row, col = (y_m / pitch_m).astype(np.intp), (x_m / pitch_m).astype(np.intp)
    held, first, cell, count = np.unique(row * size + col, return_index=True, return_inverse=True, return_counts=True)
    at_y, at_x = np.divmod(held, size)
    sigma = width_m / 2.355 / pitch_m
    weight = np.zeros((size, size))
    weight[at_y, at_x] = 1.0
    total = ndimage.gaussian_filter(weight, sigma, mode="constant")[at_y, at_x]

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(cell, values, held.size) / count)

    def filtered(values: Floats) -> Floats:
        plane = np.zeros((size, size))
        plane[at_y, at_x] = mean(values)
        return np.asarray(ndimage.gaussian_filter(plane, sigma, mode="constant")[at_y, at_x] / total)

    edge_m = SIDE_M - 0.01
    return TileTrack(
        track.geometry,
        np.round(np.minimum((at_x + 0.5) * pitch_m, edge_m), 2) + tile.terrain.west_m,
        np.round(np.minimum((at_y + 0.5) * pitch_m, edge_m), 2) + tile.terrain.top_m - SIDE_M,
        mean(track.height_m),
        track.cover[first],
        filtered(track.truth_mm_yr),
        Errors(filtered(track.errors.rate_mm_yr), mean(track.errors.yearly_mm), (*track.errors.kinds, "smoothing")),
    )

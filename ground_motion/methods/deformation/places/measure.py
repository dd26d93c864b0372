"""Measurement of a flagged area, known only roughly, on its tracks' points: outlines, rates and places."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from shapely import MultiPolygon, Polygon, contains_xy, get_parts, unary_union
from shapely.geometry.base import BaseGeometry

from ground_motion.methods.deformation.gridding.cells import middles
from ground_motion.methods.deformation.gridding.points import Float64
from ground_motion.methods.deformation.places.outlines import (
    BoolMap,
    Peak,
    connected_above,
    fill_gaps,
    peaks_of,
    pieces,
)
from ground_motion.methods.deformation.places.peak import cell_means, field_draws
from ground_motion.methods.deformation.places.surface import Samples, Surface, drop_spikes, rate_surface, square_of
from ground_motion.methods.deformation.places.tilt import steepest
from ground_motion.rasters.areas import DEFAULT_THRESHOLDS, Area, PeakRate, Place, SortedPoints, Tilt, outline
from ground_motion.statistics.robust import MAD_TO_SIGMA

MOVING_MM_YR = 2.0  # Slower cells are not drawn as moving.
# An outline's level exceeds this many standard errors of the surface and of its surroundings.
LEVEL_SIGMAS, AROUND_SIGMAS = 3.0, 1.5
HALF, CORE = 0.5, 0.8  # Outlines are drawn at these shares of the peak.
OUTLINE_SHARE = 0.15  # Slower ground than this share of a peak belongs to its surroundings.
CLEAR_MM_YR = 5.0  # Ground that moves this fast is outlined beside any peak.
WIDER_M, WIDER_SHARE = 200.0, 0.25  # A margin of this width, or this share of the side, is read around a flagged area.
AROUND_M, AROUND_SHARE = 1_500.0, 1.0  # The surroundings reach this far: at least, and as a share of the side.
OFF_M, OFF_SHARE = 300.0, 0.5  # The surroundings begin here: at least, and as a share of the side.
MIN_AROUND = 20
MAX_PARTS = 100  # More parts of an area are scattered over all of its ground.
PEAK_REACH = 1.3  # The peak is measured on points within this number of radii of the half outline.
MIN_CELLS = 4
MODEL_SHARE = 0.07  # A smooth covariance does not fit all shapes of ground: an error of this share of the peak.
MEDIAN_SHARE = 0.2  # Outlines drawn too narrow or wide change the median by this share, on validation tiles.
INTERVAL_FACTOR = 1.2  # Nine in ten intervals of validation tiles then contain the truth.
SINGLE_PIECE_SIGMAS = 3.0  # A second piece must exceed the level at which it is drawn by this many sigmas.


class Background(NamedTuple):
    """Rate of the surroundings of an area, with the product's sign; sigma: its standard deviation, mm/yr."""

    rate_mm_yr: float
    sigma_mm_yr: float


class TrackSurface(NamedTuple):
    """One track's surface over an area. height: rate against the background, + as the area moves, -inf unknown."""

    samples: Samples
    surface: Surface
    height: Float64
    background: Background


def reach_m(area: Area) -> float:
    """Return the distance from an area to which its surroundings reach, m."""
    return float(max(AROUND_M, AROUND_SHARE * area.polygon.area**0.5))


def surroundings_of(
    area: Area, points: SortedPoints, background_mm_yr: float, others: Sequence[Area] = ()
) -> Background | None:
    """Return the rate of the ground against which `measure` measures an area in one track; None with too few points.

    Args:
        area: The area as it was flagged.
        points: Points of the track, in the area's projected system.
        background_mm_yr: Rate of still ground in the track, used if too few points are around.
        others: Flagged areas, whose ground belongs to no background.
    """
    samples = drop_spikes(*points.near(area.polygon, reach_m(area)), points.heights_near(area.polygon, reach_m(area)))
    return samples and _background(_ring(area, others), _off_m(area), samples, background_mm_yr)


def measure(
    area: Area, tracks: Sequence[SortedPoints], backgrounds_mm_yr: Sequence[float], others: Sequence[Area] = ()
) -> list[Area]:
    """Redraw an area, with its places, by the track in which it moves fastest; several areas if its pieces lie apart.

    The area is returned unchanged if there are too few points, or none of them moves as the area does.

    Args:
        area: The area.
        tracks: Points in the area's projected system.
        backgrounds_mm_yr: Rate of still ground in each track, used if too few points are around.
        others: Flagged areas, whose ground belongs to no background.
    """
    sign = 1.0 if area.rate_mm_yr >= 0 else -1.0
    ring = _ring(area, others)
    seen = {
        number: _view(area, track, ring, background_mm_yr, sign)
        for number, (track, background_mm_yr) in enumerate(zip(tracks, backgrounds_mm_yr, strict=True))
    }
    views = {number: view for number, view in seen.items() if view}
    if not views:
        return [area]
    number, view = max(views.items(), key=lambda each: _fastest(each[1]))
    level = _level(view)
    if level <= 0:
        return [area]
    redrawn = [_redrawn(area._replace(track=number), view, piece, level, sign) for piece in _pieces(view, level)]
    large = [new for new in redrawn if new.area_m2 >= DEFAULT_THRESHOLDS.smallest_m2]
    return large or [area]


def _view(
    area: Area, points: SortedPoints, ring: BaseGeometry, background_mm_yr: float, sign: float
) -> TrackSurface | None:
    around_it = area.polygon, reach_m(area)
    samples = drop_spikes(*points.near(*around_it), points.heights_near(*around_it))
    if samples is None:
        return None
    margin = max(WIDER_M, WIDER_SHARE * area.polygon.area**0.5, 1.5 * samples.spacing_m)
    wide = _rough(area.polygon, margin).buffer(margin, quad_segs=4)
    surface = rate_surface(samples, wide.bounds)
    background = _background(ring, _off_m(area), samples, background_mm_yr)
    known = contains_xy(wide, *middles(surface.transform, surface.rate_mm_yr.shape)) & np.isfinite(surface.rate_mm_yr)
    if not known.any():
        return None
    height = np.where(known, sign * (surface.rate_mm_yr - background.rate_mm_yr), -np.inf)
    return TrackSurface(samples, surface, height, background)


def _fastest(view: TrackSurface) -> float:
    """Return a lower bound of the area's fastest rate, mm/yr, in its direction of motion."""
    return float((view.height - view.surface.sigma_mm_yr)[np.isfinite(view.height)].max())


def _rough(polygon: Polygon | MultiPolygon, width_m: float) -> BaseGeometry:
    """Simplify an outline to which a margin is added: without holes; the hull if it has very many parts."""
    parts = get_parts(polygon)
    if len(parts) > MAX_PARTS:
        return polygon.convex_hull
    return unary_union([Polygon(part.exterior).simplify(width_m / 8) for part in parts])


def _off_m(area: Area) -> float:
    """Return the distance from an area at which its surroundings begin, m."""
    return float(max(OFF_M, OFF_SHARE * area.polygon.area**0.5))


def _ring(area: Area, others: Sequence[Area]) -> BaseGeometry:
    """Return the surroundings of an area, without other flagged ground."""
    rough = _rough(area.polygon, _off_m(area))
    outer = rough.buffer(reach_m(area), quad_segs=4)
    inner = rough.buffer(_off_m(area), quad_segs=4)
    near = [_rough(other.polygon, OFF_M) for other in others if other.polygon.intersects(outer)]
    return outer.difference(unary_union([inner, *near]))


def _background(ring: BaseGeometry, square_m: float, samples: Samples, otherwise_mm_yr: float) -> Background:
    """Return the median in the surroundings, and the spread of the medians of their squares."""
    around_it = contains_xy(ring, samples.x, samples.y)
    rates = samples.velocity_mm_yr[around_it]
    if rates.size < MIN_AROUND:
        return Background(otherwise_mm_yr, samples.noise_mm_yr)
    middle = float(np.median(rates))
    squares = square_of(samples.x[around_it], samples.y[around_it], square_m)
    _, square, count = np.unique(squares, return_inverse=True, return_counts=True)
    usual = rates.clip(middle - 3 * samples.noise_mm_yr, middle + 3 * samples.noise_mm_yr)
    means = (np.bincount(square, usual) / count)[count >= MIN_CELLS]
    if means.size < MIN_CELLS:
        return Background(middle, samples.noise_mm_yr)
    return Background(middle, float(MAD_TO_SIGMA * np.median(np.abs(means - middle))))


def _level(view: TrackSurface) -> float:
    """Return the height of the outline, mm/yr: above the errors of surface and surroundings, up to half of the peak."""
    known = np.isfinite(view.height)
    surface = LEVEL_SIGMAS * float(np.median(view.surface.sigma_mm_yr[known]))
    errors = float(np.hypot(surface, AROUND_SIGMAS * view.background.sigma_mm_yr))
    return min(max(MOVING_MM_YR, errors), HALF * float(view.height[known].max()))


def _pieces(view: TrackSurface, level: float) -> list[BoolMap]:
    """Return the largest piece, and distant ones that are significantly above the level. Each patch has points."""
    gap = round(DEFAULT_THRESHOLDS.joined_m / view.surface.cell_m)
    moves = view.height >= level
    measured = ndimage.binary_propagation(moves & view.surface.measured, mask=moves)
    sure = view.height - SINGLE_PIECE_SIGMAS * view.surface.sigma_mm_yr
    found = enumerate(pieces(measured, gap))
    return [piece for number, piece in found if number == 0 or sure[piece].max() >= level]


def _redrawn(area: Area, view: TrackSurface, piece: BoolMap, level: float, sign: float) -> Area:
    height = np.where(piece, view.height, -np.inf)
    gap = DEFAULT_THRESHOLDS.joined_m / view.surface.cell_m
    sure = fill_gaps(np.where(piece, view.height - view.surface.sigma_mm_yr, -np.inf), gap)
    sigma = np.hypot(view.surface.sigma_mm_yr, view.background.sigma_mm_yr)
    peaks = peaks_of(sure, sigma, level / 2)
    places = [_place(view, height, peak, level, sign) for peak in peaks]
    places.sort(key=lambda place: -abs(place.peak.value))
    moving, polygon = (
        outline(mask, view.surface.transform, DEFAULT_THRESHOLDS.smallest_m2)
        for mask in (piece, _clear_ground(height, peaks, level))
    )
    if polygon.area < DEFAULT_THRESHOLDS.smallest_m2:
        polygon = moving
    median = float(np.median(view.height[piece]))
    return area._replace(
        polygon=polygon,
        moving=moving,
        area_m2=float(polygon.area),
        rate_mm_yr=sign * median,
        rate_sigma_mm_yr=float(np.hypot(view.background.sigma_mm_yr, MEDIAN_SHARE * median)),
        peak_rate_mm_yr=places[0].peak.value,
        places=tuple(places),
    )


def _clear_ground(height: Float64, peaks: Sequence[Peak], level: float) -> BoolMap:
    """Return the ground that stands for an area: of each peak a share, without the slow rim of fast ones.

    height: (rows, cols), mm/yr in the direction of the motion, -inf outside of the area; level: least that is drawn.
    """
    lowest = [max(level, min(OUTLINE_SHARE * float(height[peak.at]), CLEAR_MM_YR)) for peak in peaks]
    clear = height >= max(lowest)
    for peak, low in zip(peaks, lowest, strict=True):
        clear |= connected_above(height, peak.at, low)
    return clear


def _place(view: TrackSurface, height: Float64, peak: Peak, level: float, sign: float) -> Place:
    cell = view.surface.cell_m
    x, y = view.surface.transform @ (peak.at[1] + 0.5, peak.at[0] + 0.5)
    upper = connected_above(height, peak.at, HALF * float(height[peak.at]))
    radius = max(PEAK_REACH * cell * float(np.sqrt(upper.sum() / np.pi)), 3 * view.samples.spacing_m, 150.0)
    rate, tilt = _peak_and_tilt(view, (x, y), radius, float(height[peak.at]), sign)
    masks = [
        connected_above(height, peak.at, at)
        for at in (max(level, peak.saddle), HALF * abs(rate.value), CORE * abs(rate.value))
    ]
    motion, half, core = (outline(mask, view.surface.transform, DEFAULT_THRESHOLDS.smallest_m2) for mask in masks)
    return Place(motion, half, core, rate, tilt)


def _peak_and_tilt(
    view: TrackSurface, at: tuple[float, float], radius_m: float, otherwise: float, sign: float
) -> tuple[PeakRate, Tilt | None]:
    """Measure peak and tilt from simulated fields, adding the uncertainty of the surroundings and the model."""
    cells = cell_means(view.samples, *at, radius_m)
    rng = np.random.default_rng(0)
    tilt = None
    if cells.x.size >= MIN_CELLS:
        fields = field_draws(cells, radius_m, sign)
        tilt, draws = steepest(cells, fields), fields.max(axis=0) - sign * view.background.rate_mm_yr
    else:
        draws = otherwise + view.samples.noise_mm_yr * rng.standard_normal(200)
    value = float(np.median(draws))
    left_open = np.hypot(view.background.sigma_mm_yr, MODEL_SHARE * value)
    ends = np.percentile(draws + left_open * rng.standard_normal(draws.size), [5, 95])
    low, high = (value + INTERVAL_FACTOR * (float(end) - value) for end in ends)
    return PeakRate(sign * value, sign * max(low, 0.0), sign * high), tilt

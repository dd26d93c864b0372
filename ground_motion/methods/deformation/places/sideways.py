"""Sideways motion of an area and sharpness of its edge, two figures that distinguish causes.

Mined ground is drawn toward the middle of its bowl by about 0.4 radii of influence times its tilt (Knothe-Budryk; B =
r/sqrt(2 pi)), compacting aquifers and fills go straight down, slopes slide along themselves.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon, contains_xy, points
from shapely import distance as distance_between

from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.methods.deformation.places.surface import square_of
from ground_motion.rasters.areas import SortedPoints
from ground_motion.rasters.line_of_sight import LineOfSight

MIN_POINTS, MIN_CELLS, MIN_HEIGHTS = 3, 8, 10
NEAR_M = 100.0  # Heights within this margin around an outline are used.
OFF_M, AROUND_M, MIN_AROUND = 300.0, 1_500.0, 20  # An area's rates count from the median of 20 points this far away.
STEEP = 0.1  # A slope counts fully from this rise per metre on.
MIN_SEEN = 0.2  # The index falls if the lines of sight measure less than this share of motion down the slope.
OPPOSITE = 0.6  # Two horizontal directions are opposite if the length of their difference is at least this.
CELLS_A_RADIUS, MAX_DISTANCE_RADII = 5.0, 2.5
SPACINGS = 1.5  # Squares in which two tracks are compared have this many spacings of points a side.
EDGE_REACH = 0.6  # An outline's edge reaches this number of radii to either side.
WIDTHS = tuple(0.04 * 1.4**j for j in range(12))  # Edges may have these widths, in radii.
SHIFTS = (-0.2, -0.1, 0.0, 0.1, 0.2)  # The outline may lie this far off, in radii.
MIN_AT_EDGE = 15
Outline = Polygon | MultiPolygon


class Sideways(NamedTuple):
    """Sideways share of a motion.

    share: of the motion along the ground, from 0 (vertical) to 1; inward: motion toward the area's middle, relative to
    vertical motion times radii, + inward; known: whether two tracks observe enough common ground from opposite sides;
    otherwise both are 0.
    """

    share: float = 0.0
    inward: float = 0.0
    known: bool = False


def radius_m(outline: Outline) -> float:
    """Return the radius of the circle of the same area, m."""
    return float(np.sqrt(max(outline.area, 1.0) / np.pi))


def slope_of(tracks: Sequence[SortedPoints], where: Outline) -> tuple[float, float] | None:
    """Return the rise per metre along both axes of a plane through heights in and near an outline, if known."""
    heights = tracks[0].heights_near(where, NEAR_M)
    if heights is None:
        return None
    x, y, _ = tracks[0].near(where, NEAR_M)
    known = contains_xy(where.buffer(NEAR_M, quad_segs=4), x, y) & np.isfinite(heights)
    if known.sum() < MIN_HEIGHTS:
        return None
    x, y = x[known], y[known]
    plane = np.column_stack([x - x.mean(), y - y.mean(), np.ones(x.size)])
    rise, *_ = np.linalg.lstsq(plane, heights[known].astype(np.float64), rcond=None)
    return float(rise[0]), float(rise[1])


def rates_of(tracks: Sequence[SortedPoints], area: Outline, where: Outline) -> list[float | None]:
    """Return each track's median rate in an outline against the ground around, mm/yr; None with too few points."""
    inner, outer = area.buffer(OFF_M, quad_segs=4), area.buffer(AROUND_M, quad_segs=4)
    rates: list[float | None] = []
    for track in tracks:
        inside = track.rates_within(where)
        x, y, velocity = track.near(area, AROUND_M)
        around = velocity[contains_xy(outer, x, y) & ~contains_xy(inner, x, y)]
        zero = float(np.median(around)) if around.size >= MIN_AROUND else 0.0
        rates.append(float(np.median(inside)) - zero if inside.size >= MIN_POINTS else None)
    return rates


def slope_fit(
    tracks: Sequence[SortedPoints], rates: Sequence[float | None], slope: tuple[float, float] | None
) -> float:
    """Return the fit of the rates of all tracks to a slide straight down the slope, -1 to 1; 0 on flat ground."""
    if slope is None:
        return 0.0
    steep = float(np.hypot(*slope))
    length = max(steep * np.sqrt(1 + steep**2), 1e-9)
    down = np.array([-slope[0], -slope[1], -(steep**2)]) / length
    seen = [
        (rate, float(np.dot(down, track.line_of_sight)))
        for track, rate in zip(tracks, rates, strict=True)
        if track.line_of_sight is not None and rate is not None
    ]
    if not seen:
        return 0.0
    rate, expected = np.array(seen).T
    scale = np.linalg.norm(rate) * max(float(np.linalg.norm(expected)), MIN_SEEN)
    return float(rate @ expected / max(scale, 1e-9)) * min(1.0, steep / STEEP)


def sideways(tracks: Sequence[SortedPoints], area: Outline, half: Outline) -> Sideways:
    """Measure motion along the ground from two tracks that observe it from opposite sides."""
    pair = _opposite([track for track in tracks if track.rates_within(area).size >= MIN_CELLS])
    if pair is None:
        return Sideways()
    (los, first), (other_los, second) = pair
    radius, middle = radius_m(half), half.centroid
    across = np.array([other_los.x - los.x, other_los.y - los.y])
    upward = other_los.up + los.up

    def counts(x: Float64, y: Float64) -> NDArray[np.bool_]:
        """Flag points in the area near its peak; outlines are not intersected, because they may be invalid."""
        near = np.hypot(x - middle.x, y - middle.y) <= MAX_DISTANCE_RADII * radius
        return np.asarray((near & contains_xy(area, x, y)) | contains_xy(half, x, y))

    at, first_mm_yr, second_mm_yr = _common_cells([track.near(area) for track in (first, second)], counts, radius)
    if len(at) < MIN_CELLS:
        return Sideways()
    along = (second_mm_yr - first_mm_yr) / np.linalg.norm(across)
    up = (second_mm_yr + first_mm_yr) / upward
    in_half = contains_xy(half, at[:, 0], at[:, 1])
    inner = in_half if in_half.sum() >= MIN_POINTS else np.ones(len(at), dtype=bool)
    share = np.arctan2(abs(np.median(along[inner])), abs(np.median(up[inner]))) / (np.pi / 2)
    place = at @ across / np.linalg.norm(across)
    place -= place.mean()
    inward = -float((along * place).sum()) / (radius * max(float(np.abs(up).sum()), 1e-9))
    return Sideways(float(share), float(np.clip(inward, -1.0, 1.0)), True)


def _opposite(
    tracks: Sequence[SortedPoints],
) -> tuple[tuple[LineOfSight, SortedPoints], tuple[LineOfSight, SortedPoints]] | None:
    """Return the two tracks whose horizontal viewing directions differ most; None if they differ too little."""
    seen = [(track.line_of_sight, track) for track in tracks if track.line_of_sight is not None]
    pair = max(combinations(seen, 2), key=lambda two: _view_distance(two[0][0], two[1][0]), default=None)
    return pair if pair and _view_distance(pair[0][0], pair[1][0]) >= OPPOSITE else None


def _view_distance(view: LineOfSight, other: LineOfSight) -> float:
    return float(np.hypot(other.x - view.x, other.y - view.y))


def _common_cells(
    tracks: Sequence[tuple[Float64, Float64, Float32]],
    counts: Callable[[Float64, Float64], NDArray[np.bool_]],
    radius: float,
) -> tuple[Float64, Float64, Float64]:
    """Return centres (n, 2) of squares in which both tracks have points that count, and each track's mean rates there.

    tracks: x, y and rate of the points of each. Squares are as small as the points allow, a fifth to half a radius.
    """
    kept = [counts(x, y) for x, y, _ in tracks]
    number = np.concatenate([np.full(int(keep.sum()), track) for track, keep in enumerate(kept)])
    x, y, rate = (
        np.concatenate([track[part][keep] for track, keep in zip(tracks, kept, strict=True)]).astype(np.float64)
        for part in range(3)
    )
    fewest = min(int(keep.sum()) for keep in kept)
    if not fewest:
        return np.zeros((0, 2)), np.zeros(0), np.zeros(0)
    spacing = np.sqrt(float(np.ptp(x) * np.ptp(y)) / fewest)
    side_m = max(1.0, float(np.clip(SPACINGS * spacing, radius / CELLS_A_RADIUS, radius / 2)))
    _, cell = np.unique(square_of(x, y, side_m), return_inverse=True)
    n = int(cell.max()) + 1
    points_in = [np.bincount(cell[number == track], minlength=n) for track in (0, 1)]
    both = (points_in[0] > 0) & (points_in[1] > 0)
    first_mm_yr, second_mm_yr = (
        np.bincount(cell[number == t], rate[number == t], n)[both] / points_in[t][both] for t in (0, 1)
    )
    middles = [np.bincount(cell, part, n)[both] / (points_in[0] + points_in[1])[both] for part in (x, y)]
    return np.column_stack(middles), first_mm_yr, second_mm_yr


def edge_width(track: SortedPoints, half: Outline) -> float:
    """Return the distance over which the rate falls at the half outline, in radii; 1 with too few points."""
    radius = radius_m(half)
    reach = EDGE_REACH * radius
    x, y, velocity = track.near(half, reach)
    away = np.asarray(distance_between(half.boundary, points(x, y)))
    depth = np.where(contains_xy(half, x, y), away, -away) / radius
    near = np.abs(depth) <= EDGE_REACH
    if near.sum() < MIN_AT_EDGE:
        return 1.0
    depth, rate = depth[near], velocity[near].astype(np.float64)
    rate = np.clip(rate, *np.percentile(rate, [2, 98]))
    best, width = 0.0, 1.0
    for candidate in WIDTHS:
        for shift in SHIFTS:
            step = 1 / (1 + np.exp(np.clip(-4 * (depth - shift) / candidate, -50, 50)))
            spread = float(np.var(step))
            explained = float(np.mean((step - step.mean()) * rate)) ** 2 / spread if spread > 1e-9 else 0.0
            if explained > best:
                best, width = explained, candidate
    return width


def flatness(track: SortedPoints, half: Outline) -> float:
    """Return the ratio of median to ninth decile of the rates inside the half outline; 1 for uniform motion."""
    rates = np.abs(track.rates_within(half))
    if rates.size < MIN_POINTS:
        return 0.8
    return float(np.median(rates) / max(float(np.percentile(rates, 90)), 1e-6))

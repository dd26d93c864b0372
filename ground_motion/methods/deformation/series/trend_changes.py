"""Changes of trend in the newest period of many series: of points, of clusters of points, and of places.

Each series is fitted with rate, curvature and yearly wave over its whole span, and with a change of the rate at the
beginning of the newest period. Raspini et al. 2018 (doi 10.1038/s41598-018-25369-w) compare the last 150 days with the
time before in the same way. Ground that speeds up evenly all the time therefore shows no change. False discoveries are
controlled over all clusters (Benjamini and Hochberg 1995, doi 10.1111/j.2517-6161.1995.tb02031.x), with the scatter of
the clusters as their null distribution (Efron 2004, doi 10.1198/016214504000000089).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy
import shapely
from numpy.typing import NDArray

from ground_motion.methods.deformation.series.regression import (
    Float32,
    Float64,
    curves,
    fill,
    projection,
    robust_fit,
    standard_error,
)
from ground_motion.methods.deformation.series.summary import BLOCK
from ground_motion.statistics.comparison import MAX_CELLS, POSTING_M
from ground_motion.statistics.decomposition import Cells, cells_around, count_by_cell, median_by_cell
from ground_motion.statistics.robust import MAD_TO_SIGMA

NEWEST_DAYS = 180  # Number of days in the newest period.
MIN_BEFORE_DAYS = 550  # In a shorter time before, season, curvature and rate are not separable.
MIN_NEWEST, MIN_BEFORE = 5, 16  # Least number of dates of a series in the newest period, and before it.
MIN_POINTS = 3  # A cluster needs this many points.
REACHES = (0, 1)  # A cell's cluster includes the points of cells within this reach.
FALSE_SHARE = 0.01  # Expected share of false discoveries among the clusters (not the places) found.
MIN_CHANGE_MM_YR = 3.0  # Smaller changes are not reported.
MAX_SAMPLED = 200  # About this many tested cells, spread over the ground, are stored with a search.
BESIDE_SIGMAS = 2.5  # Neighbours of a found cell belong to its place if they change by this number of sigmas.
POINT_SIGMAS = 3.0
GROUND_CELLS = 25  # 3 x 3 squares of this many cells a side show what the ground around has in common.
MEDIAN_ERROR = 1.2533  # Standard error of a median, divided by that of a mean.
MIN_SIGMA_MM_YR = 0.1


class PointChanges(NamedTuple):
    """Change of each point's rate in the newest period, and its standard deviation, (n,), mm/yr; NaN: too few dates."""

    change_mm_yr: Float32
    sigma_mm_yr: Float32


class ChangedPlace(NamedTuple):
    """Neighbouring cells whose rates changed in the same direction. outline: of the cells, metres.

    change_mm_yr: median against the ground around; sigmas: the largest; n_changed: points that show it alone.
    """

    outline: shapely.MultiPolygon
    change_mm_yr: float
    sigmas: float
    n_points: int
    n_changed: int


class ChangedPlaces(NamedTuple):
    """Places whose trend changed, the surest first, and the number of clusters that were tested.

    sampled: (x, y) of about MAX_SAMPLED tested cells, metres, spread over the ground.
    """

    places: tuple[ChangedPlace, ...]
    n_clusters: int
    sampled: tuple[tuple[float, float], ...] = ()


def point_changes(series_mm: Float32, days: NDArray[np.integer]) -> PointChanges:
    """Fit series (n, dates), mm, NaN where missing. days: (dates,), ascending; the last one ends the newest period."""
    return join_changes([_block(series_mm[at : at + BLOCK], days) for at in range(0, len(series_mm), BLOCK)])


def join_changes(parts: Sequence[PointChanges]) -> PointChanges:
    """Join the points of pieces of one product, in their order."""
    return PointChanges(*np.concatenate([np.zeros((2, 0), dtype=np.float32), *parts], axis=1))


def enough_dates(days: NDArray[np.integer]) -> bool:
    """Return whether the dates of a product, (dates,), allow the comparison of the newest period with that before."""
    newest = days > days[-1] - NEWEST_DAYS
    long_enough = days[-1] - NEWEST_DAYS - days[0] >= MIN_BEFORE_DAYS
    return bool(long_enough and newest.sum() >= MIN_NEWEST and (~newest).sum() >= MIN_BEFORE)


def _block(series_mm: Float32, days: NDArray[np.integer]) -> PointChanges:
    known, newest = np.isfinite(series_mm), days > days[-1] - NEWEST_DAYS
    enough = (known[:, newest].sum(axis=1) >= MIN_NEWEST) & (known[:, ~newest].sum(axis=1) >= MIN_BEFORE)
    usable = np.flatnonzero(enough)
    found = PointChanges(*np.full((2, len(series_mm)), np.nan, dtype=np.float32))
    if not usable.size:
        return found
    found.change_mm_yr[usable], found.sigma_mm_yr[usable] = _fit(*fill(series_mm[usable]), days)
    return found


def _fit(series_mm: Float32, mask: Float32, days: NDArray[np.integer]) -> tuple[Float64, Float64]:
    """Return change and standard deviation, (n,), by Huber's weights. series_mm: 0 where missing."""
    since = np.maximum(days - (days[-1] - NEWEST_DAYS), 0) / np.float32(365.25)
    columns = np.column_stack([curves(days), since]).astype(np.float32)
    fitted = projection(columns, mask)
    found, left = robust_fit(series_mm, columns, mask, fitted.residual(series_mm))
    freedom = np.sqrt(mask.sum(axis=1) / (mask.sum(axis=1) - columns.shape[1]))
    return found[:, -1], standard_error(fitted, left, -1) * freedom


def changed_places(x_m: Float64, y_m: Float64, points: PointChanges) -> ChangedPlaces:
    """Test clusters of points, and join neighbouring cells that change alike. x_m, y_m: (n,), metres.

    A cluster is the points of a cell of 100 m, and of those around if they are few. A change that more than half of the
    ground within about 4 km shares cannot be told from the atmosphere of the newest images, and is not reported.
    """
    known = np.isfinite(points.change_mm_yr)
    x, y, change, sigma = x_m[known], y_m[known], points.change_mm_yr[known], points.sigma_mm_yr[known]
    if not x.size:
        return ChangedPlaces((), 0)
    posting_m = POSTING_M
    while np.ptp(x) * np.ptp(y) / posting_m**2 > MAX_CELLS:
        posting_m *= 2
    cells = cells_around(x, y, posting_m)
    index = cells.number_of(x, y)
    own = np.unique(index)
    ground = _ground(cells, own, median_by_cell(cells, index, change).ravel()[own])
    relative, sigma = change - ground[index].astype(np.float32), np.maximum(sigma, MIN_SIGMA_MM_YR)
    scores, medians = zip(*(_test(cells, (x, y), relative, sigma, reach) for reach in REACHES), strict=True)
    best = np.argmax(np.abs(scores), axis=0)
    score, median = (np.choose(best, values) for values in (scores, medians))
    surely = np.abs(score) >= _least_score(np.concatenate([row[row != 0] for row in scores]))
    surely &= np.abs(median) >= MIN_CHANGE_MM_YR
    alone = (relative / sigma).astype(np.float64)
    places = [
        _place(cells, np.flatnonzero(part), median, score, index, alone)
        for sign in (-1, 1)
        for part in _parts(cells, sign * score, surely)
    ]
    tested = np.flatnonzero(np.any(scores, axis=0))
    return ChangedPlaces(tuple(sorted(places, key=lambda place: -place.sigmas)), tested.size, _sample(cells, tested))


def _sample(cells: Cells, tested: NDArray[np.int64]) -> tuple[tuple[float, float], ...]:
    """Return the centre of one tested cell of each coarse square."""
    side = int(np.ceil(np.sqrt(cells.rows * cells.cols / MAX_SAMPLED)))
    square = (tested // cells.cols // side) * cells.cols + tested % cells.cols // side
    x, y = cells.centre(tested[np.unique(square, return_index=True)[1]])
    return tuple(zip(x.tolist(), y.tolist(), strict=True))


def _test(
    cells: Cells, at: tuple[Float64, Float64], change: Float32, sigma: Float32, reach: int
) -> tuple[Float64, Float64]:
    """Return score and median change, mm/yr, of the points in and up to `reach` cells around each cell, (cells,).

    at: x and y of the points. The score is the change in standard deviations; both are 0 with too few points. The error
    that clusters share, such as atmosphere, is added to the stated one; then the scatter is scaled to 1.
    """
    steps = range(-reach, reach + 1)
    shifts = [(cells.posting_m * east, cells.posting_m * north) for east in steps for north in steps]
    index = np.concatenate([cells.number_of(at[0] + east, at[1] + north) for east, north in shifts])
    counts = count_by_cell(cells, index).ravel()
    occupied = count_by_cell(cells, cells.number_of(*at)).ravel() > 0
    tested = np.flatnonzero(occupied & (counts >= MIN_POINTS))
    median, score = np.zeros((2, counts.size))
    if not tested.size:
        return score, median
    median[tested] = median_by_cell(cells, index, np.tile(change, len(shifts))).ravel()[tested]
    usual = median_by_cell(cells, index, np.tile(sigma, len(shifts))).ravel()[tested]
    stated = MEDIAN_ERROR * usual / np.sqrt(counts[tested])
    spread = MAD_TO_SIGMA * float(np.median(np.abs(median[tested])))
    sigmas = median[tested] / np.sqrt(stated**2 + max(0.0, spread**2 - float(np.median(stated**2))))
    score[tested] = sigmas / max(1.0, MAD_TO_SIGMA * float(np.median(np.abs(sigmas))))
    return score, median


def _ground(cells: Cells, tested: NDArray[np.int64], change: Float32) -> Float64:
    """Return for every cell, (cells,), the median change of the tested cells around it, interpolated."""
    side = GROUND_CELLS * cells.posting_m
    coarse = cells._replace(posting_m=side, rows=-(-cells.rows // GROUND_CELLS), cols=-(-cells.cols // GROUND_CELLS))
    x, y = cells.centre(tested)
    steps = [(side * east, side * north) for east in (-1, 0, 1) for north in (-1, 0, 1)]
    index = np.concatenate([coarse.number_of(x + east, y + north) for east, north in steps])
    median = median_by_cell(coarse, index, np.tile(change, len(steps)))
    median = np.where(np.isfinite(median), median, np.median(change)).astype(np.float64)
    row, col = ((np.arange(n) + 0.5) / GROUND_CELLS - 0.5 for n in (cells.rows, cells.cols))
    places = np.meshgrid(row, col, indexing="ij")
    return np.asarray(scipy.ndimage.map_coordinates(median, places, order=1, mode="nearest").ravel())


def _least_score(scores: Float64) -> float:
    """Return the least |score| of a found cluster, infinite if none, for FALSE_SHARE (Benjamini and Hochberg 1995)."""
    chance = np.sort(2 * scipy.stats.norm.sf(np.abs(scores)))
    below = np.flatnonzero(chance <= FALSE_SHARE * np.arange(1, scores.size + 1) / scores.size)
    return float(np.sort(np.abs(scores))[::-1][below[-1]]) if below.size else np.inf


def _parts(cells: Cells, score: Float64, surely: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the cells of each place, (cells,): connected ones that rise above BESIDE_SIGMAS, with a found one."""
    beside = (score >= BESIDE_SIGMAS).reshape(cells.rows, cells.cols)
    labels = scipy.ndimage.label(beside, structure=np.ones((3, 3)))[0].ravel()
    found = np.unique(labels[surely & (score > 0)])
    return [labels == label for label in found[found > 0]]


def _place(
    cells: Cells, own: NDArray[np.int64], change: Float64, score: Float64, index: NDArray[np.int64], points: Float64
) -> ChangedPlace:
    """Return the place of cells `own`. index: cell of each point, (n,); points: change of each, in sigmas, (n,)."""
    x, y = cells.centre(own)
    half, inside = cells.posting_m / 2, np.isin(index, own)
    outline = shapely.union_all(shapely.box(x - half, y - half, x + half, y + half))
    middle = float(np.median(change[own]))
    alone = inside & (np.sign(middle) * points >= POINT_SIGMAS)
    return ChangedPlace(
        shapely.MultiPolygon(shapely.get_parts(outline).tolist()),
        middle,
        float(np.abs(score[own]).max()),
        int(inside.sum()),
        int(alone.sum()),
    )

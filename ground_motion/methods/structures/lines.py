"""Motion along rail, dike, pipe or road: points by station, the profile, and places where it breaks.

A line breaks where one side moves against the other within a few metres. At each station a ramp that joins two levels
is fitted to the points before and after it, beside a level and a slope that both sides share. Its score is the ramp's
height by its standard deviation as the line's own quiet stations show it, because near points share errors. Where the
score is high, the station is then chosen by likelihood, and the ground may recover on one side, as behind a bridge.
"""

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from ground_motion.methods.structures import SAME_M
from ground_motion.methods.structures.footprints import GEOLOCATION_M

Float64 = NDArray[np.float64]
Index = NDArray[np.intp]

REACH_M = 30.0  # The line may have reflected points within this distance.
ROUNDS = 12  # Number of iterations that learn which points are on the line.
STATION_M = 10.0  # Distance between two places that are tested.
WINDOW_M = 200.0  # Points within this distance before and after a place are compared.
WIDTHS_M = (5.0, 15.0, 30.0)  # Widths of the ramp that are tried.
BLOCK = 1000  # Number of stations processed at once.
BESIDE_SIGMA = 1.5  # Standard deviation of ground beside the line about its own level and slope, mm in a year.
STRAY_SHARE, STRAY_SIGMA = 0.02, 20.0  # Share and spread in mm of points with several bounces.
PROFILE_M, PROFILE_REACH = 25.0, 3.0  # Weights of a profile: standard deviation, and reach as a multiple of it.
MAX_HELD = 2.0  # A station is known if the parabola's variance there is at most this many times a point's.
RIDGE = 1e-4  # Ridge per mm², which holds a coefficient without points at 0.
HALF_NORMAL_MEDIAN = 0.6745
MIN_QUIET = 20  # Fewer stations away from the highest score do not tell how the line scatters.
MAX_SIGMAS2 = 1000.0  # Beyond this many squared standard deviations a point is no less likely.
MIN_WEIGHT = 2.0  # Expected points of the line needed around a station, and on each side of a break.
MIN_SCORE = 3.2  # Chosen on validation routes with MIN_HEIGHT_MM: one false break in 100 km a year.
MIN_HEIGHT_MM = 10.0  # 2 mm/m over the narrowest ramp
PLACING_M, AROUND_M = 300.0, 160.0  # Points within PLACING_M place a break, at a station within AROUND_M.
FADES_M = (100.0, 300.0)  # The ground has recovered by two thirds within these distances.
SHARPNESS = 0.5  # share of the log-likelihood that counts for the station: near points share errors (validation)
APART_M = 150.0  # Nearer scores are one break, before it is placed.


class Along(NamedTuple):
    """Points near a line, by station. point: index; station_m: from its first end; on_line: probability. (n,)."""

    point: Index
    station_m: Float64
    on_line: Float64


class Profile(NamedTuple):
    """Motion at stations (n,), in the unit of the values: mean, standard deviation; NaN where no point is near.

    slope: (n,), per metre; curvature: (n,), per metre squared.
    """

    station_m: Float64
    mean: Float64
    sigma: Float64
    slope: Float64
    curvature: Float64


class Break(NamedTuple):
    """Place where a line breaks, and its 90 % interval (from_m, to_m).

    height: motion after it minus motion before it, in the unit of the values; sigma: standard deviation of height.
    width_m: of the likeliest ramp. ratio: height by width without its sign, in the values' unit per metre, as all
    widths have it by their likelihood; ratio_sigma: its standard deviation.
    """

    station_m: float
    from_m: float
    to_m: float
    height: float
    sigma: float
    width_m: float
    score: float
    ratio: float
    ratio_sigma: float


def points_along(line: shapely.LineString, x_m: Float64, y_m: Float64, half_width_m: float) -> Along:
    """Return the points within REACH_M of a line in metres, by station. half_width_m: of the structure.

    Points on the line scatter about it by the geolocation, others lie evenly; how many are on it is learned from all.
    """
    points = np.asarray(shapely.points(x_m, y_m), dtype=object)
    near = shapely.STRtree(points).query(line, predicate="dwithin", distance=REACH_M)
    away = shapely.distance(points[near], line)
    on_line = np.exp(-0.5 * (np.maximum(away - half_width_m, 0) / GEOLOCATION_M) ** 2)
    on_line /= half_width_m + GEOLOCATION_M * np.sqrt(np.pi / 2)
    share = 0.5
    for _ in range(ROUNDS):
        likely = share * on_line / (share * on_line + (1 - share) / REACH_M)
        share = float(likely.mean()) if likely.size else share
    station = shapely.line_locate_point(line, points[near])
    order = np.argsort(station, kind="stable")
    return Along(near[order], station[order], likely[order])


def breaks_of(
    along: Along, value: Float64, sigma: Float64, length_m: float, min_height: float = MIN_HEIGHT_MM
) -> list[Break]:
    """Return where a line of length_m breaks, by station, from values (n,) of its points and their standard deviations.

    value: motion of the points of `along`, for example of a year in mm; NaN is left out. min_height: in its unit.
    """
    known = np.isfinite(value) & np.isfinite(sigma)
    points = Along(along.point[known], along.station_m[known], along.on_line[known])
    value, sigma = value[known], sigma[known]
    middles = np.arange(STATION_M / 2, length_m, STATION_M)
    blocks = [_scan(points, value, sigma, middles[at : at + BLOCK]) for at in range(0, middles.size, BLOCK)]
    station_m, score, height = (np.concatenate(part) for part in zip(*blocks, strict=True))
    if not station_m.size:
        return []
    quiet = score[np.abs(station_m - station_m[score.argmax()]) > 2 * WINDOW_M]
    if quiet.size >= MIN_QUIET:
        score /= max(1.0, float(np.median(quiet)) / HALF_NORMAL_MEDIAN)
    score = np.where(np.abs(height) >= min_height, score, 0.0)
    found: list[Break] = []
    free = score >= MIN_SCORE
    while free.any():
        place = int(np.where(free, score, -1.0).argmax())
        free &= np.abs(station_m - station_m[place]) > APART_M
        new = _placed(points, value, sigma, float(station_m[place]), float(score[place]))
        if abs(new.height) >= min_height and all(abs(new.station_m - one.station_m) > SAME_M for one in found):
            found.append(new)
    return sorted(found)


def _placed(points: Along, value: Float64, sigma: Float64, near_m: float, score: float) -> Break:
    """Return the likeliest break near a station, compared by the same points: mean station and its 90 % interval."""
    window = slice(*np.searchsorted(points.station_m, [near_m - PLACING_M, near_m + PLACING_M]))
    station_m = near_m + np.arange(-AROUND_M, AROUND_M + STATION_M, STATION_M)
    station_m = station_m[(station_m > points.station_m[0]) & (station_m < points.station_m[-1])]
    away_m = points.station_m[window] - station_m[:, np.newaxis]
    shape = away_m.shape
    prior, rates, variance = (
        np.broadcast_to(part[window], shape) for part in (points.on_line, value, np.square(sigma))
    )
    level = [np.ones(shape), np.broadcast_to((points.station_m[window] - near_m) / PLACING_M, shape)]
    given = prior, np.ones(shape, dtype=np.bool_), rates, variance
    gain, heights, widths_m = _fits(level, away_m, FADES_M, given)
    best, place = np.unravel_index(int(gain.argmax()), gain.shape)
    likely = np.exp(SHARPNESS * (gain - gain.max()))
    likely /= likely.sum()
    weight = likely.sum(axis=0)
    low, high = np.searchsorted(np.cumsum(weight), [0.05, 0.95])
    height = float(heights[best, place])
    sigma_of_height = abs(height) / score
    ratios = np.abs(heights) / widths_m[:, np.newaxis]
    ratio = float((likely * ratios).sum())
    spread = (likely * ((ratios - ratio) ** 2 + (sigma_of_height / widths_m[:, np.newaxis]) ** 2)).sum()
    place_m = weight @ station_m, station_m[low] - STATION_M / 2, station_m[high] + STATION_M / 2
    return Break(*map(float, (*place_m, height, sigma_of_height, widths_m[best], score, ratio, np.sqrt(spread))))


def weigh_by_motion(along: Along, value: Float64, sigma: Float64) -> Along:
    """Return points with the probability that they are on the line after their motion is known, too.

    value, sigma: (n,) of the points of `along`, without NaN. Ground beside the line may rest while the line moves.
    """
    parts = [np.empty(0)]
    for at in range(0, along.station_m.size, BLOCK):
        own = np.arange(at, min(at + BLOCK, along.station_m.size))
        rows, inside = _windows(along, along.station_m[own], PROFILE_REACH * PROFILE_M)
        away = (along.station_m[rows] - along.station_m[own, np.newaxis]) / PROFILE_M
        prior = np.where(inside, along.on_line[rows], 0.0)
        terms = np.stack([np.ones_like(away), away], axis=-1)
        *_, likely = _mixture(terms, prior, inside, value[rows], sigma[rows] ** 2)
        parts.append((likely * (inside & (rows == own[:, np.newaxis]))).sum(axis=1))
    return along._replace(on_line=np.concatenate(parts))


def profile_of(along: Along, value: Float64, sigma: Float64, station_m: Float64) -> Profile:
    """Return the motion of a line at stations (n,): the parabola through the points around each, those near it first.

    value, sigma: as for `weigh_by_motion`. The standard deviation is at least that of a point, because near points
    share errors; a station where the parabola is held by few points, as in a gap, is unknown.
    """
    parts = []
    for at in range(0, station_m.size, BLOCK):
        middle_m = station_m[at : at + BLOCK]
        rows, inside = _windows(along, middle_m, PROFILE_REACH * PROFILE_M)
        away = (along.station_m[rows] - middle_m[:, np.newaxis]) / PROFILE_M
        weight = inside * along.on_line[rows] * np.exp(-0.5 * away**2) / sigma[rows] ** 2
        total = weight.sum(axis=1) + RIDGE
        centre = (weight * value[rows]).sum(axis=1) / total
        of_point = (weight * sigma[rows] ** 2).sum(axis=1) / total
        terms = np.stack([np.ones_like(away), away, away**2], axis=-1)
        motion, normal = _weighted(terms, weight, value[rows] - centre[:, np.newaxis])
        held = np.linalg.inv(normal)[:, 0, 0]
        known = (inside * along.on_line[rows]).sum(axis=1) >= MIN_WEIGHT
        known &= held <= MAX_HELD * of_point
        deviation = np.sqrt(of_point + held)
        scaled = [centre + motion[:, 0], deviation, motion[:, 1] / PROFILE_M, 2 * motion[:, 2] / PROFILE_M**2]
        parts.append(np.where(known, np.stack(scaled), np.nan))
    return Profile(station_m, *np.concatenate(parts, axis=1))


def _windows(points: Along, middle_m: Float64, half_m: float) -> tuple[Index, NDArray[np.bool_]]:
    """Return the indices (n, most) of points within half_m of stations, and which of them are valid."""
    first, last = np.searchsorted(points.station_m, [middle_m - half_m, middle_m + half_m])
    columns = np.arange((last - first).max(initial=0))
    inside = columns < (last - first)[:, np.newaxis]
    return np.where(inside, first[:, np.newaxis] + columns, 0), inside


def _scan(points: Along, value: Float64, sigma: Float64, middle_m: Float64) -> tuple[Float64, Float64, Float64]:
    """Return the stations tested (n,), and the score and height of the likeliest ramp that lasts at each."""
    rows, inside = _windows(points, middle_m, WINDOW_M)
    away_m = points.station_m[rows] - middle_m[:, np.newaxis]
    prior = np.where(inside, points.on_line[rows], 0.0)
    tested = np.minimum((prior * (away_m < 0)).sum(axis=1), (prior * (away_m > 0)).sum(axis=1)) >= MIN_WEIGHT
    rows, inside, away_m, prior, middle_m = (part[tested] for part in (rows, inside, away_m, prior, middle_m))
    if not middle_m.size:
        return middle_m, middle_m, middle_m
    gain, height, _ = _fits(
        [np.ones_like(away_m), away_m / WINDOW_M], away_m, (), (prior, inside, value[rows], sigma[rows] ** 2)
    )
    best, every = gain.argmax(axis=0), np.arange(middle_m.size)
    return middle_m, np.sqrt(np.maximum(2 * gain[best, every], 0)), height[best, every]


def _fits(
    level: list[Float64],
    away_m: Float64,
    fades_m: tuple[float, ...],
    given: tuple[Float64, NDArray[np.bool_], Float64, Float64],
) -> tuple[Float64, Float64, Float64]:
    """Return gain in log-likelihood over the unbroken line and height, (shapes, n), and the shapes' widths in metres.

    A break is a ramp that lasts, or fades out on either side. level: terms of the unbroken line, (n, points) each.
    given: what `_mixture` takes after its terms.
    """
    still, *_ = _mixture(np.stack(level, axis=-1), *given)
    fades = [(side, np.exp(-np.maximum(side * away_m, 0) / fade_m)) for fade_m in fades_m for side in (1, -1)]
    gains, heights = [], []
    for width_m in WIDTHS_M:
        ramp = np.clip(away_m / width_m, -0.5, 0.5)
        for shape in (ramp, *((ramp + side / 2) * fading for side, fading in fades)):
            likely, motion, _ = _mixture(np.stack([*level, shape], axis=-1), *given)
            gains.append(likely - still)
            heights.append(motion[:, 2])
    return np.stack(gains), np.stack(heights), np.repeat(WIDTHS_M, 1 + len(fades))


def _mixture(
    terms: Float64, prior: Float64, inside: NDArray[np.bool_], value: Float64, variance: Float64
) -> tuple[Float64, Float64, Float64]:
    """Return the log-likelihood (n,), coefficients of the line (n, terms), and which points are on it (n, points).

    They fit the points of each window best; the last is the probability once their motion is known. A point lies on the
    line (terms: (n, points, terms)), beside it, where the ground has a level and a slope of its own, or it is a stray;
    `prior`: (n, points), of the first. Expectation and maximisation, begun at the prior.
    """
    beside = terms[..., :2]
    shares = np.stack([prior * (1 - STRAY_SHARE), (1 - prior) * (1 - STRAY_SHARE), np.full_like(prior, STRAY_SHARE)])
    middle = np.median(value, axis=1, keepdims=True)
    likely = shares * inside
    variances = np.stack([variance, variance + BESIDE_SIGMA**2, np.full_like(variance, STRAY_SIGMA**2)])
    ground, _ = _weighted(beside, inside * (1 - prior) ** 2 / variances[1], value)
    still = (beside @ ground[..., np.newaxis])[..., 0]
    for _ in range(ROUNDS):
        line, _ = _weighted(terms, likely[0] / variances[0], value)
        expected = np.stack([(terms @ line[..., np.newaxis])[..., 0], still])
        residual = value - np.concatenate([expected, np.broadcast_to(middle, value.shape)[np.newaxis]])
        density = shares * np.exp(-0.5 * np.minimum(residual**2 / variances, MAX_SIGMAS2)) / np.sqrt(variances)
        total = density.sum(axis=0)
        likely = density / total * inside
    return np.asarray((np.log(total) * inside).sum(axis=1)), line, likely[0]


def _weighted(terms: Float64, weight: Float64, value: Float64) -> tuple[Float64, Float64]:
    """Return the weighted least-squares fit of each window, (n, terms), 0 without points, and its normal matrix."""
    weighted = (terms * weight[..., np.newaxis]).transpose(0, 2, 1)
    normal = weighted @ terms + RIDGE * np.eye(terms.shape[-1])
    return np.asarray(np.linalg.solve(normal, weighted @ value[..., np.newaxis])[..., 0]), normal

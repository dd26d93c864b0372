"""Rate, tilt and differential settlement of each building, with intervals, from points that may lie on it or beside it.

A Bayesian mixture, drawn by Gibbs sampling. Each point was reflected by one of the buildings within reach, by the
ground between them, or by something else (several bounces). A building moves with the ground around it, but for a
deviation and a tilt that are small for most buildings and large for some; how small, how large and how many is learned
from the town. A building with few points, or with points that may be its neighbour's, so gets a wide interval.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import logit

from ground_motion.methods.structures.footprints import Candidates, Footprints, nearest_of
from ground_motion.statistics.robust import MAD_TO_SIGMA

Float64 = NDArray[np.float64]
Index = NDArray[np.intp]

CHAINS = 16  # Which of two neighbours moves is decided while a chain cools: the chains together say how unsure that is.
WARM_UP, DRAWS = 45, 12  # Number of each: warm-up steps, draws.
HOT_MM_YR, COOLED = 10.0, 30  # Rates count little at first (standard deviation added), fully after this many draws.
NEIGHBOURS = 48  # A plane through this many points is the motion of the ground around a place.
ROUNDS, TUKEY = 3, 4.685  # fits of that plane; limit of Tukey's biweight in standard deviations (efficiency 0.95)
STRAY_SHARE, STRAY_MM_YR = 0.02, 15.0  # Share and spread of points with several bounces and other errors.
# Near points share this error of rates (semivariance 0.2 between 30 and 120 m, measured on EGMS, Ustica); between a
# building and the ground around it, this much of it is left (chosen on the towns of WEIGHTS).
CORRELATED_MM_YR, LEFT_MM_YR = 0.45, 0.15
MIN_POINTS = 2.0  # A building's rate needs this expected number of points, unless it moves by itself.
MIN_TILT_POINTS = 4.0  # A building's tilt needs this expected number of points.
# Percentiles of draws, outward from the ground's motion: an interval that errs nearly always errs on the far side,
# because points of neighbours draw a building toward rest, and far more buildings rest than move. So it reaches farther
# there, and less far on the side of the ground. Chosen on the towns of WEIGHTS.
WITHIN_90 = (9.0, 50.0, 99.0)
# Lower ends of the classes of damage 2 (slight) and 3 (moderate or worse); below: 1 (negligible). Rankin 1988, Ground
# movements resulting from urban tunnelling: greatest slope of the building, and its greatest settlement, which is taken
# against the ground around, because a building that sinks evenly with its surroundings is not damaged by that.
RANKIN_MM_M, RANKIN_MM = (2.0, 5.0), (10.0, 50.0)
MOVING_MM_YR = 2.0  # Draws beyond this speak for a building that moves by itself.
# Learned on 110 simulated towns (`python -m lab.structures.buildings --fit`): log-odds, by the terms of `_evidence`,
# that a building moves by itself, less the value that one of 100 at rest exceeds; that its damage is of class 2 or 3;
# that it is of class 3. The last two assume that both outcomes are equally frequent, as do the limits: class 1 is
# stated below the first, class 2 above the second, class 3 where the last log-odds exceed the third as well.
WEIGHTS = np.array(
    [
        [0.143, 0.498, 0.646, 0.29, 0.333, -0.262],
        [2.274, 0.539, 0.878, 0.215, -0.398, 0.246],
        [5.929, 0.136, 1.074, 0.986, 1.886, 0.375],
    ]
)
DAMAGE_LIMITS = logit([0.27, 0.95, 0.95])
# A mean tilt above TILT_SEEN times its noise is measurable; its 90 % interval reaches from it by TILT_STEPS times the
# noise. The limit of any other tilt is TILT_LIMIT times the root mean square of its draws. Learned on the same towns.
TILT_SEEN, TILT_STEPS, TILT_LIMIT = 3.0, (-4.15, 1.97), 0.633
DEVIATION_MM_YR = 0.5  # Usual deviation of a building from the ground around, before the town's own is learned.
PRIOR_TOWNS = 5.0  # As a prior, DEVIATION_MM_YR counts as much as this many buildings.
HEAVY = 1.5  # degrees of freedom of deviations: some buildings move ten times as much as usual (Student's t)


class Ledger(NamedTuple):
    """Buildings (n,) of a town. Rates in mm/yr in the product's own direction; (3, n): median between 90 % limits.

    Attributes:
        rate_mm_yr: Rate of the middle.
        deviation_mm_yr: Rate of the middle against the ground around.
        tilt_mm_m_yr: The steepest tilt. Where noise exceeds it, only the last value is known, as a limit; NaN: unknown.
        damage: Class by RANKIN_MM_M and RANKIN_MM after the given years; 0: unknown.
        moving: Log-odds that a building moves by itself; above 0 for one of 100 buildings at rest.
        points: Expected number of points on the building.
        rate_known: Whether the points suffice for a rate.
        evidence, tilt: From these, WEIGHTS and TILT_SEEN are learned.
    """

    rate_mm_yr: Float64
    deviation_mm_yr: Float64
    tilt_mm_m_yr: Float64
    damage: Index
    moving: Float64
    points: Float64
    rate_known: NDArray[np.bool_]
    evidence: Float64
    tilt: Float64


class _Town(NamedTuple):
    """What stays the same between draws. ground_mm_yr: (points,), motion of the ground around; middle_mm_yr: (n,).

    log_building: (pairs,), log_ground, log_stray: (points,), logarithms of weights before any rate is known.
    """

    candidates: Candidates
    rate_mm_yr: Float64
    variance: Float64
    ground_mm_yr: Float64
    middle_mm_yr: Float64
    starts: Index
    has: Index
    log_building: Float64
    log_ground: Float64
    log_stray: Float64


class _State:
    """One draw of all that is unknown. motion: (n, 3): deviation from the ground around, along, across; mm/yr."""

    def __init__(self, n: int) -> None:
        self.motion = np.zeros((n, 3))
        self.deviation_var = np.full(n, DEVIATION_MM_YR**2)
        self.usual_var = DEVIATION_MM_YR**2  # Variance of the deviations in this town.
        self.tilt_ratio = 0.5  # Variance of a tilt divided by that of the deviation.
        self.scale = 1.0  # Variance of points divided by the stated one.


def ledger_of(
    footprints: Footprints,
    candidates: Candidates,
    x_m: Float64,
    y_m: Float64,
    rate_mm_yr: Float64,
    sigma_mm_yr: Float64,
    years: float,
    rng: np.random.Generator,
) -> Ledger:
    """Return how buildings move, from rates of points (points,) and standard deviations, in `years`, for the damage."""
    places = np.column_stack([x_m, y_m])
    middles = np.column_stack([footprints.x_m, footprints.y_m])
    around_points, around_middles = np.split(
        motion_around(np.concatenate([places, middles]), places, rate_mm_yr), [len(x_m)]
    )
    has, starts = np.unique(candidates.point, return_index=True)
    total = np.bincount(candidates.point, candidates.weight, rate_mm_yr.size) + candidates.ground
    weights = map(np.log, (candidates.weight + 1e-12, candidates.ground + 1e-12, STRAY_SHARE * total))
    town = _Town(candidates, rate_mm_yr, sigma_mm_yr**2, around_points, around_middles, starts, has, *weights)
    draws, points = _draws(town, rng)
    slopes = draws[..., 1:] / np.column_stack([footprints.length_m, footprints.width_m])
    tilt = np.stack([np.hypot(*slopes.mean(axis=0).T), np.hypot(*slopes.std(axis=0).T)])
    near = nearest_of(footprints, x_m, y_m) + 1
    count, beyond = (np.bincount(near, part, len(middles) + 1)[1:] for part in (None, rate_mm_yr - around_points))
    evidence = _evidence(draws, np.hypot(*slopes.T).T, count, beyond / np.maximum(count, 1), years)
    moving, damaged, severely = (evidence * WEIGHTS[:, np.newaxis]).sum(axis=-1)
    negligible, slight, moderate = DAMAGE_LIMITS
    damage = np.select([damaged < negligible, damaged < slight, severely < moderate], [1, 0, 2], 3)
    outward = np.sign(draws[..., 0].mean(axis=0))
    deviation, moved = (
        np.sort(outward * np.percentile(outward * (draws[..., 0] + error), WITHIN_90, axis=0), axis=0)
        for error in rng.normal(0, [[[LEFT_MM_YR]], [[CORRELATED_MM_YR]]], (2, *draws.shape[:2]))
    )
    known = (points >= MIN_POINTS) | (moving > 0)
    steepest = np.where(points >= MIN_TILT_POINTS, _steepest(*tilt), np.nan)
    return Ledger(moved + around_middles, deviation, steepest, damage, moving, points, known, evidence, tilt)


def _evidence(draws: Float64, steepness: Float64, count: Index, beyond: Float64, years: float) -> Float64:
    """Return the terms (3, n, 6) of log-odds: that a building moves by itself, has damage of class 2 or 3, and of 3.

    The terms are 1, the log-odds among the draws, and four logarithms: of the mean deviation, of `beyond` and of the
    spread of the draws, each relative to its limit, and of `count`.

    Args:
        draws: (draws, n, 3), as in `_State`.
        steepness: (draws, n), mm/yr for each m.
        count: (n,), number of points nearest to each building.
        beyond: (n,), mean rate of these points against the ground around, mm/yr.
        years: Span of the data.
    """
    deviation = draws[..., 0]
    size = np.abs([deviation.mean(axis=0), beyond, deviation.std(axis=0)])
    terms = []
    for unit, steepest in ((MOVING_MM_YR, np.inf), *np.transpose([RANKIN_MM, RANKIN_MM_M]) / years):
        share = 0.005 + 0.99 * ((np.abs(deviation) > unit) | (steepness > steepest)).mean(axis=0)
        terms.append([np.ones_like(share), logit(share), *np.log(size / unit + 0.1), np.log(count + 0.5)])
    return np.moveaxis(np.array(terms), 1, -1)


def _steepest(size: Float64, noise: Float64) -> Float64:
    """Return ends and middle (3, n) of the steepest tilt, less its noise; only the upper end where noise exceeds it."""
    seen = [np.maximum(size + TILT_STEPS[0] * noise, 0), np.sqrt(np.maximum(size**2 - noise**2, 0))]
    unknown = np.full_like(size, np.nan)
    limits = size + TILT_STEPS[1] * noise, TILT_LIMIT * np.hypot(size, noise)
    return np.where(size > TILT_SEEN * noise, [*seen, limits[0]], [unknown, unknown, limits[1]])


def _draws(town: _Town, rng: np.random.Generator) -> tuple[Float64, Float64]:
    """Return draws of the motion of buildings, (draws, n, 3) as in `_State`, and the expected points on each, (n,)."""
    n = town.middle_mm_yr.size
    draws = np.empty((CHAINS * DRAWS, n, 3))
    points = np.zeros(n)
    for chain in range(CHAINS):
        state = _State(n)
        for number in range(-WARM_UP, DRAWS):
            heat = HOT_MM_YR * max(0.0, 1 - (number + WARM_UP) / COOLED)
            chosen = _assign(town, state, heat**2, rng)
            _move(town, state, chosen, rng)
            if number >= 0:
                draws[chain * DRAWS + number] = state.motion
                points += np.bincount(town.candidates.building[chosen], minlength=n)
    return draws, points / (CHAINS * DRAWS)


def motion_around(at: Float64, places: Float64, rate_mm_yr: Float64) -> Float64:
    """Return the motion of the ground around places (n, 2) in metres: there, the plane through the nearest points.

    places: (points, 2). Tukey's weights, in each of ROUNDS fits, keep moving buildings from tilting it.
    """
    count = min(NEIGHBOURS, len(places))
    away, rows = KDTree(places).query(at, count)
    rows, away = rows.reshape(len(at), count), away.reshape(len(at), count)
    reach = away[:, -1:] + 1.0
    terms = np.insert((places[rows] - at[:, np.newaxis]) / reach[..., np.newaxis], 0, 1.0, axis=2)
    rates = rate_mm_yr[rows]
    fitted = np.median(rates, axis=1, keepdims=True) + np.zeros_like(rates)
    plane = np.zeros((len(at), 3))
    for _ in range(ROUNDS):
        left = rates - fitted
        limit = TUKEY * np.maximum(MAD_TO_SIGMA * np.median(np.abs(left), axis=1, keepdims=True), 0.1)
        weight = np.clip(1 - (left / limit) ** 2, 0, None) ** 2
        weighted = weight[..., np.newaxis] * terms
        normal = weighted.transpose(0, 2, 1) @ terms + 1e-3 * np.eye(3)
        plane = np.linalg.solve(normal, weighted.transpose(0, 2, 1) @ rates[..., np.newaxis])[..., 0]
        fitted = (terms @ plane[..., np.newaxis])[..., 0]
    return np.asarray(plane[:, 0])


def _assign(town: _Town, state: _State, heat: float, rng: np.random.Generator) -> Index:
    """Draw what reflected each point; return the pairs of those that a building reflected."""
    pairs, rate = town.candidates, town.rate_mm_yr
    motion = state.motion[pairs.building]
    expected = (
        town.middle_mm_yr[pairs.building] + motion[:, 0] + motion[:, 1] * pairs.along + motion[:, 2] * pairs.across
    )
    noise = state.scale * town.variance + heat
    variance = noise[pairs.point] + _spread(motion, pairs.along_var, pairs.across_var)
    on_building = _log_normal(rate[pairs.point] - expected, variance) + town.log_building
    on_building += rng.gumbel(size=on_building.size)
    off = rate - town.ground_mm_yr
    on_ground = _log_normal(off, noise + CORRELATED_MM_YR**2) + town.log_ground
    stray = _log_normal(off, np.full_like(off, STRAY_MM_YR**2 + heat)) + town.log_stray
    other = np.maximum(on_ground + rng.gumbel(size=off.size), stray + rng.gumbel(size=off.size))
    best = np.full(rate.size, -np.inf)
    best[town.has] = np.maximum.reduceat(on_building, town.starts)
    return np.flatnonzero((on_building == best[pairs.point]) & (best > other)[pairs.point])


def _move(town: _Town, state: _State, chosen: Index, rng: np.random.Generator) -> None:
    """Draw how buildings move, given their points, then how buildings of this town move at all."""
    pairs, n = town.candidates, len(state.motion)
    point, building = pairs.point[chosen], pairs.building[chosen]
    terms = np.column_stack([np.ones(chosen.size), pairs.along[chosen], pairs.across[chosen]])
    spread = _spread(state.motion[building], pairs.along_var[chosen], pairs.across_var[chosen])
    weight = 1 / (state.scale * town.variance[point] + spread)
    residual = town.rate_mm_yr[point] - town.middle_mm_yr[building]
    columns = np.column_stack([terms, residual]).T
    sums = np.array([[np.bincount(building, weight * term * other, n) for other in columns] for term in terms.T]).T
    right, variances = sums[:, 3], np.outer(state.deviation_var, [1.0, state.tilt_ratio, state.tilt_ratio])
    normal = sums[:, :3] + np.eye(3) / variances[:, np.newaxis]
    factor = np.linalg.cholesky(normal)
    mean = np.linalg.solve(normal, right[..., np.newaxis])
    noise = np.linalg.solve(factor.transpose(0, 2, 1), rng.standard_normal((n, 3, 1)))
    state.motion = np.asarray((mean + noise)[..., 0])

    left = residual - (terms * state.motion[building]).sum(axis=1)
    state.scale = _inverse_gamma(rng, left**2 / town.variance[point], 1.0, 20.0)
    size = state.motion**2
    squares = size[:, 0] + size[:, 1:].sum(axis=1) / state.tilt_ratio
    state.deviation_var = (HEAVY * state.usual_var + squares) / rng.chisquare(HEAVY + 3, n)
    shape = n * HEAVY / 2 + PRIOR_TOWNS
    state.usual_var = rng.gamma(shape) / (
        HEAVY / 2 * np.sum(1 / state.deviation_var) + PRIOR_TOWNS / DEVIATION_MM_YR**2
    )
    state.tilt_ratio = _inverse_gamma(rng, (size[:, 1:] / state.deviation_var[:, np.newaxis]).ravel(), 0.5, 10.0)


def _spread(motion: Float64, along_var: Float64, across_var: Float64) -> Float64:
    """Return the variance of rates (pairs,) that a tilt makes of not knowing where on its building a point is."""
    return np.asarray(motion[:, 1] ** 2 * along_var + motion[:, 2] ** 2 * across_var)


def _log_normal(residual: Float64, variance: Float64) -> Float64:
    """Return the logarithm of a Gaussian density, up to a constant."""
    return np.asarray(-0.5 * (np.log(variance) + residual**2 / variance))


def _inverse_gamma(rng: np.random.Generator, squares: Float64, prior: float, strength: float) -> float:
    """Draw a variance from squares of it and a prior value that counts as much as `strength` of them."""
    return float((squares.sum() + strength * prior) / rng.chisquare(squares.size + strength))

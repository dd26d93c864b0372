"""Rates of stations and of the points around them: trends in correlated noise, differences, and a reference plane.

Errors of a series are white and flicker noise, whose covariances are known but for their strengths (Williams 2003,
doi 10.1007/s00190-002-0283-4). A series is averaged in 80 intervals. Rates for several shares of flicker noise are
averaged by their restricted likelihood, so that an unknown share widens the interval of the rate.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA
from ground_motion.statistics.series import MIN_SEASON_SPAN_YEARS

Values = NDArray[np.floating]
DAYS_A_YEAR = 365.25
INTERVALS = 80
MIN_INTERVALS = 12  # The noise of a shorter series cannot be estimated; it needs stated standard deviations.
# Shares of flicker noise in the variance; ratios of white to flicker noise are evenly spaced in the logarithm.
FLICKER_SHARES = 1 / (1 + 10.0 ** np.linspace(-3, 2, 16))
OUTLIER_SIGMAS = 6.0
MIN_STATIONS, MAX_PLANE_SIGMA_MM_YR = 5, 1.0  # The search of wide regions allows its reference this error.


class Rate(NamedTuple):
    """Rate with its standard deviation, mm/yr."""

    mm_yr: float
    sigma_mm_yr: float


class Difference(NamedTuple):
    """Rates of the points around a station and of the station itself, in the same direction and period.

    sigma_mm_yr: standard deviation of points less station. n_points: within radius_m of the station.
    """

    station: Rate
    points: Rate
    n_points: int
    radius_m: float

    @property
    def mm_yr(self) -> float:
        """Rate of the points less that of the station."""
        return self.points.mm_yr - self.station.mm_yr

    @property
    def sigma_mm_yr(self) -> float:
        """Standard deviation of the difference; the errors of station and points are independent."""
        return float(np.hypot(self.points.sigma_mm_yr, self.station.sigma_mm_yr))


class Plane(NamedTuple):
    """Plane of rates: level_mm_yr at the origin of a projected system, and slopes, mm/yr per metre east and north."""

    level_mm_yr: float
    slope_x: float
    slope_y: float

    def at(self, x_m: Float64, y_m: Float64) -> Float64:
        """Return the rate of the plane at positions (n,), metres: mm/yr."""
        return self.level_mm_yr + self.slope_x * x_m + self.slope_y * y_m


class Agreement(NamedTuple):
    """Agreement of a product with n stations: mean of the differences and its sigma, and their scatter, mm/yr.

    scatter_mm_yr: NaN for one station. expected_mm_yr: scatter that the stated sigmas explain. bias_sigma_mm_yr: from
    the larger of the two, because the scatter of a few stations may be small by chance.
    """

    n: int
    bias_mm_yr: float
    bias_sigma_mm_yr: float
    scatter_mm_yr: float
    expected_mm_yr: float


def project_on_view(direction: Sequence[float], east: Values, north: Values, up: Values) -> Float64:
    """Project displacements on a unit vector (east, north, up), for example to the satellite: + toward it.

    A component may be NaN if the vector is zero along it, as east and north of a benchmark.
    """
    parts = zip(direction, (east, north, up), strict=True)
    total: Float64 = np.sum([part * np.asarray(values, dtype=np.float64) for part, values in parts if part], axis=0)
    return total


def series_rate(dates: Sequence[date], values_mm: Values, sigma_mm: Values | None = None) -> Rate | None:
    """Fit a rate and, from a year and a half on, a yearly wave; None with too few values.

    values_mm: (dates,), mm, NaN where missing. sigma_mm: (dates,), mm, stated; used for a few campaigns only, whose
    scatter is not enough to estimate the noise.
    """
    known = np.isfinite(values_mm)
    if known.sum() < 2:
        return None
    days = np.array([(day - dates[0]).days for day in dates], dtype=np.float64)[known]
    values = np.asarray(values_mm, dtype=np.float64)[known]
    width = max(1.0, (days[-1] - days[0] + 1) / INTERVALS)
    place = np.floor((days - days[0]) / width).astype(np.int64)
    if np.unique(place).size < MIN_INTERVALS:
        if sigma_mm is None:
            return None
        return _campaigns(days / DAYS_A_YEAR, values, np.asarray(sigma_mm, dtype=np.float64)[known])
    good = _no_outliers(days / DAYS_A_YEAR, values)
    intervals, count, years, means = _average(place[good], days[good] / DAYS_A_YEAR, values[good])
    design = _design(years)
    if intervals.size <= design.shape[1] + 2:  # The variance of Student's distribution is infinite.
        return None
    flicker = _flicker(int(intervals[-1]) + 1)[np.ix_(intervals, intervals)]
    return _weighted_over_shares(design, means, 1.0 / count, flicker)


def _campaigns(years: Float64, values: Float64, sigma: Float64) -> Rate | None:
    """Fit a line to a few values with stated sigma, mm; wider if they scatter more. None if unknown or of one date."""
    if not np.isfinite(sigma).all() or np.ptp(years) == 0:
        return None
    weight = sigma**-2
    middle = np.average(years, weights=weight)
    spread = np.sum(weight * (years - middle) ** 2)
    rate = np.sum(weight * (years - middle) * values) / spread
    misfit = values - np.average(values, weights=weight) - rate * (years - middle)
    unexplained = np.sum(weight * misfit**2) / max(years.size - 2, 1)
    return Rate(float(rate), float(np.sqrt(max(unexplained, 1.0) / spread)))


def _no_outliers(years: Float64, values: Float64) -> NDArray[np.bool_]:
    """Return which values, (n,), lie within OUTLIER_SIGMAS of trend and season."""
    design = _design(years)
    residual = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    away = np.abs(residual - np.median(residual))
    return away <= OUTLIER_SIGMAS * MAD_TO_SIGMA * max(float(np.median(away)), 1e-6)


def _average(
    place: NDArray[np.int64], years: Float64, values: Float64
) -> tuple[NDArray[np.int64], Float64, Float64, Float64]:
    """Return the indices of the intervals that hold values; for each the count, the mean year and the mean value."""
    intervals, index, count = np.unique(place - place[0], return_inverse=True, return_counts=True)
    means, middles = (np.bincount(index, part) / count for part in (values, years))
    return intervals, count.astype(np.float64), middles, means


def _design(years: Float64) -> Float64:
    """Return the design matrix (n, 2 or 4): level, rate and, for long series, a yearly wave."""
    columns = [np.ones_like(years), years - years.mean()]
    if np.ptp(years) >= MIN_SEASON_SPAN_YEARS:
        columns += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    return np.column_stack(columns)


@cache
def _flicker(n: int) -> Float64:
    """Return the covariance (n, n) of flicker noise of n equal steps, by fractional integration (Williams 2003)."""
    steps = np.arange(1, n)
    impulse = np.concatenate([[1.0], np.cumprod((steps - 0.5) / steps)])
    lag = np.subtract.outer(np.arange(n), np.arange(n))
    shaped = np.where(lag >= 0, impulse[np.abs(lag)], 0.0)
    covariance: Float64 = shaped @ shaped.T
    return covariance


def _weighted_over_shares(design: Float64, values: Float64, white: Float64, flicker: Float64) -> Rate:
    """Return the rate by generalised least squares, averaged over the shares of flicker noise by their likelihood.

    white: (n,), variance of white noise in each value; flicker: (n, n), covariance. Their scales do not matter.
    """
    n, p = design.shape
    white, flicker = white / white.mean(), flicker / np.trace(flicker) * n
    rates, variances, likelihoods = [], [], []
    for share in FLICKER_SHARES:
        covariance = share * flicker
        covariance[np.diag_indices(n)] += (1 - share) * white + 1e-9
        lower = np.linalg.cholesky(covariance)
        a, b = np.linalg.solve(lower, design), np.linalg.solve(lower, values)
        inverse = np.linalg.inv(a.T @ a)
        solution = inverse @ a.T @ b
        power = float(np.sum((b - a @ solution) ** 2)) + 1e-12
        rates.append(solution[1])
        # The rate has Student's distribution with n - p degrees of freedom; this is its variance.
        variances.append(inverse[1, 1] * power / (n - p - 2))
        logs = 2 * np.log(np.diag(lower)).sum() - np.linalg.slogdet(inverse)[1] + (n - p) * np.log(power)
        likelihoods.append(-0.5 * logs)
    weight = np.exp(np.array(likelihoods) - max(likelihoods))
    weight /= weight.sum()
    mean = float(weight @ rates)
    return Rate(mean, float(np.sqrt(weight @ (np.array(variances) + (np.array(rates) - mean) ** 2))))


def points_rate(
    dates: Sequence[date], series_mm: Values, velocity_mm_yr: Values, velocity_std_mm_yr: Values
) -> Rate | None:
    """Return the rate of points around a station: of their mean series (n, dates), else the mean of velocities (n,).

    The variance is that of the trend in the mean series plus the variance of the points' rates divided by their number;
    the part of the latter that noise of single points explains is subtracted. Without series, the noise in time is
    taken to be common to the points, as large as stated or, if unknown (NaN), as their scatter.
    """
    if not series_mm.shape[1]:
        spread = float(np.std(velocity_mm_yr, ddof=1))
        known = velocity_std_mm_yr[np.isfinite(velocity_std_mm_yr)]
        common = float(np.median(known)) if known.size else spread
        return Rate(float(np.mean(velocity_mm_yr)), float(np.hypot(common, spread / np.sqrt(velocity_mm_yr.size))))
    whole = np.asarray(np.isfinite(series_mm).all(axis=0))
    days, series = [day for day, keep in zip(dates, whole, strict=True) if keep], series_mm[:, whole].astype(np.float64)
    mean = series_rate(days, series.mean(axis=0)) if whole.sum() > 2 else None
    if mean is None:
        return None
    years = np.array([(day - days[0]).days for day in days]) / DAYS_A_YEAR
    design = _design(years)
    residual = series - series.mean(axis=0)
    solution = np.linalg.lstsq(design, residual.T, rcond=None)[0]
    noise = np.mean(np.sum((residual.T - design @ solution) ** 2, axis=0)) / (len(days) - design.shape[1])
    noise *= len(series) / (len(series) - 1)  # The mean of the points was subtracted.
    by_noise = noise * np.linalg.inv(design.T @ design)[1, 1]
    between = max(0.0, float(np.var(solution[1], ddof=1)) - by_noise)
    return Rate(mean.mm_yr, float(np.sqrt(mean.sigma_mm_yr**2 + between / len(series))))


def agreement(differences: Sequence[Difference]) -> Agreement | None:
    """Return how a product agrees with stations; None without any."""
    if not differences:
        return None
    values = np.array([difference.mm_yr for difference in differences])
    expected = float(np.sqrt(np.mean([difference.sigma_mm_yr**2 for difference in differences])))
    scatter = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    bias_sigma = float(np.fmax(scatter, expected)) / len(values) ** 0.5
    return Agreement(len(values), float(values.mean()), bias_sigma, scatter, expected)


def reference_plane(
    x_m: Float64, y_m: Float64, differences: Sequence[Difference], corners: Sequence[tuple[float, float]]
) -> Plane | None:
    """Fit the plane, mm/yr, by which a product exceeds the stations at x_m, y_m, (n,), metres.

    None if the plane's sigma, which grows with scatter, exceeds MAX_PLANE_SIGMA_MM_YR at a corner.
    """
    if len(differences) < MIN_STATIONS:
        return None
    values = np.array([difference.mm_yr for difference in differences])
    weight = 1 / np.array([max(difference.sigma_mm_yr, 0.1) for difference in differences])
    middle = np.array([x_m.mean(), y_m.mean()])
    scale = max(float(np.ptp(x_m)), float(np.ptp(y_m)), 1.0)
    design = np.column_stack([np.ones_like(x_m), (x_m - middle[0]) / scale, (y_m - middle[1]) / scale])
    weighted = design * weight[:, None]
    if np.linalg.cond(weighted) > 1e3:  # The stations lie on one line.
        return None
    solution = np.linalg.lstsq(weighted, values * weight, rcond=None)[0]
    misfit = float(np.sum((weight * (values - design @ solution)) ** 2)) / (len(values) - 3)
    covariance = np.linalg.inv(weighted.T @ weighted) * max(1.0, misfit)
    at = np.column_stack([np.ones(len(corners)), (np.array(corners) - middle) / scale])
    if np.sqrt(np.einsum("ni,ij,nj->n", at, covariance, at)).max() > MAX_PLANE_SIGMA_MM_YR:
        return None
    slope_x, slope_y = solution[1:] / scale
    return Plane(float(solution[0] - middle @ [slope_x, slope_y]), float(slope_x), float(slope_y))

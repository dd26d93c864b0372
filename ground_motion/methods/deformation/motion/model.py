"""Curve of one series and its likelihood: offset, rate and season, with changes of rate and steps."""

from typing import Literal, NamedTuple

import numpy as np

from ground_motion.methods.deformation.motion.noise import NOISE_MODELS, Float64, NoiseModel, Whitening
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, MIN_SEASON_SPAN_YEARS

MIN_HALF_YEAR_SPAN_YEARS = 2.0
MAX_INFLATION = 4.0  # If missing months inflate the season's variances more, no half-yearly wave is fitted.
RATE = 1  # row of `base`
NO_POWER = 1e-9
NEARLY = 4.0  # Noise models within this of the best twice log-likelihood count as nearly as likely.
Kind = Literal["rate", "step", "curve"]


class Change(NamedTuple):
    """Change of a curve.

    kind: a sudden change of the rate, a step, or an even change of rate from then on; day: of the change, for a step
    the first date after it.
    """

    kind: Kind
    day: float


class Fit(NamedTuple):
    """Generalised least squares.

    coefficients: of the base, then of the changes (mm/yr, mm or mm/yr²); covariance: theirs;
    sigma_mm: standard deviation of the noise of one date; noise: its likeliest model; noises: all that are nearly as
    likely; twice_log: twice the log-likelihood without constants.
    """

    changes: tuple[Change, ...]
    coefficients: Float64
    covariance: Float64
    sigma_mm: float
    noise: NoiseModel
    noises: tuple[NoiseModel, ...]
    twice_log: float


class Candidates(NamedTuple):
    """Candidate changes. rows: their curves, (candidates, dates); weighted: (models, candidates, dates)."""

    changes: tuple[Change, ...]
    rows: Float64
    weighted: Float64


class Profile(NamedTuple):
    """Twice the log-likelihood by the likeliest noise model: with each candidate added, (candidates,), and without."""

    twice_log: Float64
    without: float


def base(days: Float64) -> Float64:
    """Return offset, years, and waves of a year and half a year if the dates determine them, (2, 4 or 6, dates)."""
    years = (days - days.mean()) / DAYS_PER_YEAR
    rows = [np.ones_like(years), years]
    if np.ptp(years) >= MIN_SEASON_SPAN_YEARS:
        rows += [np.sin(2 * np.pi * years), np.cos(2 * np.pi * years)]
    if np.ptp(years) >= MIN_HALF_YEAR_SPAN_YEARS:
        half = [np.sin(4 * np.pi * years), np.cos(4 * np.pi * years)]
        if _inflation(np.stack(rows + half)) <= MAX_INFLATION:
            rows += half
    return np.stack(rows)


def _inflation(rows: Float64) -> float:
    """Return the largest variance inflation factor of the coefficients, caused by similar curves."""
    normal = rows @ rows.T
    return float((np.diag(np.linalg.inv(normal)) * np.diag(normal)).max())


def curves_of(days: Float64, changes: tuple[Change, ...]) -> Float64:
    """Return the displacement on each date due to changes of 1 mm/yr, 1 mm or 1 mm/yr², (changes, dates), mm."""
    rows = np.empty((len(changes), days.size))
    for row, change in zip(rows, changes, strict=True):
        since = np.maximum(days - change.day, 0) / DAYS_PER_YEAR
        row[:] = {"rate": since, "step": days >= change.day, "curve": since**2 / 2}[change.kind]
    return rows


class SeriesLikelihood:
    """Likelihood of one series under every noise model. days, values_mm: (dates,), ascending, nothing missing."""

    def __init__(self, days: Float64, values_mm: Float64, models: tuple[NoiseModel, ...] = NOISE_MODELS) -> None:
        self.days, self.values_mm = days, values_mm
        self.whitening = Whitening(days, models)
        self.base = base(days)
        self._squares = self.whitening.weight_rows(values_mm[None])[:, 0] @ values_mm  # (models,)

    def candidates(self, changes: tuple[Change, ...]) -> Candidates:
        """Prepare candidate changes for `profile`."""
        rows = curves_of(self.days, changes)
        return Candidates(changes, rows, self.whitening.weight_rows(rows))

    def profile(self, changes: tuple[Change, ...], candidates: Candidates) -> Profile:
        """Return the likelihood with each candidate in addition to the changes."""
        design, weighted = self._design(changes)
        factor = np.linalg.inv(np.linalg.cholesky(weighted @ design.T))  # (models, k, k)
        own = (factor @ (weighted @ self.values_mm)[:, :, None])[:, :, 0]
        left = self._squares - (own**2).sum(axis=1)
        common = candidates.weighted @ design.T @ factor.swapaxes(1, 2)  # (models, candidates, k)
        power = np.einsum("cn,mcn->mc", candidates.rows, candidates.weighted) - (common**2).sum(axis=2)
        product = candidates.weighted @ self.values_mm - (common @ own[:, :, None])[:, :, 0]
        gain = np.where(power > NO_POWER, product**2 / np.maximum(power, NO_POWER), 0.0)
        twice_log = self._twice_log(left[:, None] - gain)
        return Profile(twice_log.max(axis=0), float(self._twice_log(left[:, None]).max()))

    def fit(self, changes: tuple[Change, ...]) -> Fit:
        """Fit the changes by the likeliest noise model."""
        design, weighted = self._design(changes)
        inverse = np.linalg.inv(weighted @ design.T)
        right = weighted @ self.values_mm  # (models, k)
        found = (inverse @ right[:, :, None])[:, :, 0]
        left = self._squares - (found * right).sum(axis=1)
        twice_log = self._twice_log(left[:, None])[:, 0]
        best = int(np.argmax(twice_log))
        variance = max(left[best], NO_POWER) / (self.days.size - len(design))
        models, near = self.whitening.models, np.flatnonzero(twice_log >= twice_log[best] - NEARLY)
        noises = tuple(models[number] for number in near)
        sigma = float(np.sqrt(variance))
        return Fit(changes, found[best], inverse[best] * variance, sigma, models[best], noises, float(twice_log[best]))

    def curve(self, fit: Fit) -> Float64:
        """Return the fitted displacement, (dates,), mm."""
        return np.asarray(fit.coefficients @ self._rows(fit.changes), dtype=np.float64)

    def _rows(self, changes: tuple[Change, ...]) -> Float64:
        return np.concatenate([self.base, curves_of(self.days, changes)])

    def _design(self, changes: tuple[Change, ...]) -> tuple[Float64, Float64]:
        """Return curves (k, dates), and the same weighted, (models, k, dates)."""
        rows = self._rows(changes)
        return rows, self.whitening.weight_rows(rows)

    def _twice_log(self, left: Float64) -> Float64:
        """Return twice the log-likelihood without constants. left: weighted squares of residuals, (models, m)."""
        fixed, freedom = self.whitening.log_determinant[:, None], self.days.size - len(self.base)
        return np.asarray(-freedom * np.log(np.maximum(left, NO_POWER)) - fixed, dtype=np.float64)

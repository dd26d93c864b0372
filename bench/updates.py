"""How often a reader is told something of an alert in a year in which nothing changes but the noise.

The mean series of an alert's points, six days from date to date, seen through a window of five years that moves on by
one date at a time. Rates and their errors are made as the service makes them (`ml.statistics.series`); the rules are
the service's. What an outline does in noise is left out: areas stay as they are.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bench.measure import report
from detection.rules.lifecycle import (
    Observation,
    SeriesMotion,
    ViewLife,
    after_observation,
    at_rest,
    is_motion,
    rest_proof,
)
from detection.rules.severity import severity
from detection.rules.updates import Cause, Figures, ViewFigures, changes, may_report, rebased
from detection.search.classify import Evidence, classify
from ml.deformation.motion.series import series_motion
from ml.lab.motion.scenes import DAYS_PER_YEAR, NOISE_MM, NOISES, YEARS
from ml.statistics.intervals import proportion
from ml.statistics.series import SeriesFit, fit_series

FIRST_SEED = 3_301  # the rules were looked at with seeds 0 to 99 and 3,201 to 3,205
EVERY_DAYS, WATCHED_DAYS, MONTH_DAYS = 6, 366, 30
RATES_MM_YR = (3.0, 40.0)
AREA_M2, PEAK = 4e5, 1.2  # peak: of the median
VIEW = "los/1/ascending/egms"
MADE = ("white", "coloured", "drifting", "seasonal", "heavy")
ONE_OF = 10  # alerts whose series are searched for onsets, once a month: a hundredth of a second each
FIRST_DAY = date(2019, 1, 3)

Series = NDArray[np.float64]


def run(rounds: int = 1000) -> dict[str, Any]:
    """So many alerts in each noise, a year each."""
    return report("updates", [row for number, noise in enumerate(MADE) for row in _of(noise, rounds, number)])


def _of(noise: str, n: int, number: int) -> list[dict[str, Any]]:
    told: Counter[str] = Counter()
    onsets, searched = 0, 0
    for index, (dates, values_mm) in enumerate(alerts(noise, n, FIRST_SEED + number)):
        news = list(told_in_a_year(dates, values_mm))
        told.update(["any"] * len(news))
        told.update(cause for causes in news for cause in causes)
        if index % ONE_OF == 0:
            searched += 1
            onsets += onset_told(dates, values_mm)
    rows = [_row(f"{noise}: {cause}", count, n) for cause, count in sorted({"any": 0, **told}.items())]
    return [*rows, _row(f"{noise}: onset of acceleration, by series", onsets, searched)]


def alerts(noise: str, n: int, seed: int) -> Iterator[tuple[list[date], Series]]:
    """Dates and values (dates,), mm, of ground that moves evenly for six years."""
    rng = np.random.default_rng(seed)
    days = np.arange(0.0, YEARS * DAYS_PER_YEAR + WATCHED_DAYS, EVERY_DAYS)
    dates = [FIRST_DAY + timedelta(days=int(day)) for day in days]
    for _ in range(n):
        rate = rng.uniform(*RATES_MM_YR) * rng.choice([-1, 1])
        yield dates, rng.uniform(*NOISE_MM) * NOISES[noise](rng, days) + rate * days / DAYS_PER_YEAR


def told_in_a_year(dates: list[date], values_mm: Series) -> Iterator[list[str]]:
    """The causes of every message after the first."""
    windows = _windows(len(dates))
    told, told_on = _figures(dates, values_mm, windows[0]), dates[windows[0].stop - 1]
    life: ViewLife | None = ViewLife(told_on)
    for window in windows[1:]:
        now, day = _figures(dates, values_mm, window), dates[window.stop - 1]
        life = after_observation(life, Observation(day, is_motion(now.views[VIEW].rate)))
        if life and at_rest({VIEW: life}, rest_proof(now.views[VIEW].sigma)):
            yield [Cause.FINISHED]
            return
        found = changes(told, now)
        if may_report(found, day - told_on):
            yield [one.cause for one in found]
            told, told_on = now, day
        else:
            told = rebased(told, now)


def onset_told(dates: list[date], values_mm: Series) -> bool:
    """Whether the series are said to be faster than before, which they were not at first; looked at once a month."""
    windows = _windows(len(dates))[:: MONTH_DAYS // EVERY_DAYS]
    seen = (series_motion(dates[window], values_mm[window]) for window in windows)
    faster = [one is not None and one.accelerating_since is not None for one in seen]
    return not faster[0] and any(faster)


def _windows(n: int) -> list[slice]:
    """Five years each, a date further each."""
    length = n - WATCHED_DAYS // EVERY_DAYS
    return [slice(first, first + length) for first in range(n - length + 1)]


def _figures(dates: list[date], values_mm: Series, window: slice) -> Figures:
    fit = cast(SeriesFit, fit_series(dates[window], values_mm[window]))
    rate, sigma = fit.rate_mm_yr, fit.rate_sigma_mm_yr
    return Figures(
        kind=classify([Evidence("los", "ascending", rate, AREA_M2)]),
        severity=severity(PEAK * rate, AREA_M2, sigma_mm_yr=sigma),
        unit="mm/yr",
        views={VIEW: ViewFigures(rate, sigma, AREA_M2, dates[window.stop - 1], "egms")},
        main=VIEW,
        shares={},
        series=SeriesMotion(),
    )


def _row(what: str, count: int, of: int) -> dict[str, Any]:
    low, high = (round(100 * part, 2) for part in proportion(min(count, of), of)[1:])
    row = {
        "what": what,
        "value": round(100 * count / of, 2),
        "unit": "per 100 alerts and year",
        "control": None,
        "ratio": None,
    }
    return row | {"n": of, "low": low, "high": high}

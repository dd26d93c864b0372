"""Bends in a hidden year: how soon they are reported, and how often falsely, compared with PELT.

PELT (Killick, Fearnhead and Eckley 2012, doi 10.1080/01621459.2012.737745) gets the same deviations. It is that of
`ruptures`, which shares no code with ours.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import ruptures

from ground_motion.methods.deformation.living import changes
from ground_motion.methods.deformation.living.changes import Clusters
from ground_motion.methods.deformation.series.regression import DAYS_PER_YEAR, Float32, Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA
from lab.living.passes import Series

ONSET_MM_YR, ACCELERATION_MM_YR2 = 20.0, 20.0
ONSET_YEARS = (0.1, 0.5)  # Onsets begin at these shares of the hidden year; an acceleration begins with it.
RADIUS_M = 400.0  # A bowl's motion falls to 1/e at this radius.
MIN_POINTS = 20  # Least number of points of a place.
SOON = 2  # A bend is reported soon if it comes at most this many passes after the control's report.
PENALTY = 30.0  # PELT's penalty, variances: on Purpose.VALIDATION it then has no more false reports.


class Bowl(NamedTuple):
    """Bowl put into a series. share: (points,), of its motion; curve_mm: (dates,), of its middle; cluster: its own."""

    share: Float32
    curve_mm: Float64
    cluster: int


class Reports(NamedTuple):
    """Number of hidden dates after which a bend is reported, by our method and by the control; None if never."""

    ours: int | None
    control: int | None


def draw_bowl(rng: np.random.Generator, series: Series, clusters: Clusters, known: int, draw: int) -> Bowl | None:
    """Draw a bowl around a cluster of MIN_POINTS points; every other one accelerates. None without such a cluster."""
    if clusters.tested.size < changes.MIN_CLUSTERS:
        return None
    counts = np.bincount(clusters.own, minlength=clusters.tested.max() + 1)[clusters.tested]
    cluster = int(rng.choice(np.flatnonzero(counts >= min(MIN_POINTS, counts.max()))))
    x, y = (part[0] for part in clusters.cells.centre(clusters.tested[[cluster]]))
    away = np.hypot(series.ground.x_m - x, series.ground.y_m - y)
    begins = 0.0 if draw % 2 else rng.uniform(*ONSET_YEARS)
    since = np.array([(day - series.dates[known - 1]).days / DAYS_PER_YEAR - begins for day in series.dates])
    moved = np.maximum(since, 0)
    curve = ACCELERATION_MM_YR2 / 2 * moved**2 if draw % 2 else ONSET_MM_YR * moved
    return Bowl(np.exp(-((away / RADIUS_M) ** 2)).astype(np.float32), rng.choice([-1, 1]) * curve, cluster)


def reports_after(days: Sequence[date], deviation_mm: Float64, bowl: Bowl) -> Reports:
    """Return when a bowl is reported. days: last day of the release, then those of deviation_mm, (clusters, dates)."""
    sign, counts = np.sign(bowl.curve_mm[-1]), range(changes.MIN_DATES, len(days))
    ours = (at for at in counts if sign * _scores(days, deviation_mm[:, :at])[bowl.cluster] >= 1)
    control = (at for at in counts if pelt(deviation_mm[:, :at], bowl.cluster))
    return Reports(next(ours, None), next(control, None))


def false_reports(days: Sequence[date], deviation_mm: Float64, true_mm: Float64) -> tuple[int, int]:
    """Count the clusters that are ever reported without a real bend, by our method and by PELT.

    A report is false if the real series gives none within the year; for our method, none in the same direction.
    """
    counts = range(changes.MIN_DATES, len(days))
    told, true = (np.array([_scores(days, values[:, :at]) for at in counts]) for values in (deviation_mm, true_mm))
    false = sum((sign * told >= 1).any(axis=0) & ~(sign * true >= 1).any(axis=0) for sign in (1, -1))
    clusters = range(len(true_mm) if len(true_mm) >= changes.MIN_CLUSTERS else 0)

    def tells(values: Float64, cluster: int) -> bool:
        return any(pelt(values[:, :at], cluster) for at in counts)

    control = sum(tells(deviation_mm, cluster) and not tells(true_mm, cluster) for cluster in clusters)
    return int(np.count_nonzero(false)), control


def _scores(days: Sequence[date], deviation_mm: Float64) -> Float64:
    return changes.bends(days[0], days[1 : 1 + deviation_mm.shape[1]], deviation_mm).score / changes.MIN_SCORE


def pelt(deviation_mm: Float64, cluster: int) -> bool:
    """Return whether PELT finds a change in the deviations of a cluster from its forecast."""
    noise = np.maximum(MAD_TO_SIGMA * np.nanmedian(np.abs(deviation_mm), axis=0), changes.MIN_NOISE_MM)
    signal = (deviation_mm[cluster] / noise)[np.isfinite(deviation_mm[cluster])]
    if signal.size < changes.MIN_DATES:
        return False
    return len(ruptures.Pelt(model="l2", min_size=2, jump=1).fit(signal).predict(PENALTY)) > 1

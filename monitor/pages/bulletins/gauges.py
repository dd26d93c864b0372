"""Gauges of rain and groundwater near the places of a bulletin, in its period and in earlier years."""

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
from django.contrib.gis.geos import MultiPoint, Point
from numpy.typing import NDArray

from core.geometry import METRES_PER_DEGREE
from ingest.models import Gauge
from ingest.readers.records import Float32
from ingest.readers.stations.records import GaugeKind

Days = NDArray[np.datetime64]
GAUGE_KM = 25.0
EARLIER_YEARS = 20
MEAN_DAYS = 30  # step of a gauge's chart
RAIN_SHARE = 0.8  # days of a period with a value, at least; with fewer, the sum of rain is not known


class PlaceAndPeriod(NamedTuple):
    """A place and a period, both days included. since: first day of the series that a chart shows."""

    longitude: float
    latitude: float
    since: date
    first: date
    last: date


class GaugePeriod(NamedTuple):
    """Mean of a gauge in a period, and in the same days of earlier years, None without any; mm/day or m.

    days, means: middle and mean (None if unknown) of each step of MEAN_DAYS since the first day that a chart shows.
    """

    code: str
    kind: str
    away_km: float
    mean: float
    usual: float | None
    days: list[str]
    means: list[float | None]


def gauges_around(*, places: Sequence[PlaceAndPeriod]) -> list[list[GaugePeriod]]:
    """Return, for each place, the nearest gauge of each kind within GAUGE_KM with a mean in the period. One query."""
    if not places:
        return []
    positions = MultiPoint(*(Point(place.longitude, place.latitude) for place in places), srid=4326)
    northernmost = max(abs(place.latitude) for place in places)
    reach = GAUGE_KM / METRES_PER_DEGREE * 1000 / max(0.02, math.cos(math.radians(northernmost)))
    first, last = min(place.first for place in places), max(place.last for place in places)
    days = [first + timedelta(days=day) for day in range((last - first).days + 1)]
    near = list(Gauge.objects.filter(position__dwithin=(positions, reach), dates__overlap=days))
    means = cache(_gauge_period)  # many places share a gauge and a period
    return [_nearest_gauges(place, near, means) for place in places]


def _nearest_gauges(
    place: PlaceAndPeriod, gauges: Sequence[Gauge], means: Callable[[Gauge, date, date, date], GaugePeriod | None]
) -> list[GaugePeriod]:
    found: dict[str, GaugePeriod] = {}
    for away, gauge in sorted(((_away_km(one, place), one) for one in gauges), key=lambda pair: pair[0]):
        if away <= GAUGE_KM and gauge.kind not in found:
            period = means(gauge, place.since, place.first, place.last)
            if period is not None:
                found[gauge.kind] = period._replace(away_km=away)
    return [found[kind] for kind in sorted(found)]


def _gauge_period(gauge: Gauge, since: date, first: date, last: date) -> GaugePeriod | None:
    """Return a gauge's figures without its distance; None without a mean in the period."""
    days, values = np.array(gauge.dates, dtype="datetime64[D]"), gauge.series.values
    now = _mean(gauge.kind, days, values, first, last)
    if now is None:
        return None
    backs = [timedelta(days=round(365.25 * years)) for years in range(1, EARLIER_YEARS + 1)]
    earlier = [_mean(gauge.kind, days, values, first - back, last - back) for back in backs]
    known = [mean for mean in earlier if mean is not None]
    begins = [since + timedelta(days=at) for at in range(0, (last - since).days - MEAN_DAYS + 2, MEAN_DAYS)]
    means = [_mean(gauge.kind, days, values, begin, begin + timedelta(days=MEAN_DAYS - 1)) for begin in begins]
    middles = [(one + timedelta(days=MEAN_DAYS // 2)).isoformat() for one in begins]
    return GaugePeriod(gauge.code, gauge.kind, 0.0, now, float(np.mean(known)) if known else None, middles, means)


def _away_km(gauge: Gauge, place: PlaceAndPeriod) -> float:
    east = (gauge.position.x - place.longitude) * math.cos(math.radians(place.latitude))
    return math.hypot(east, gauge.position.y - place.latitude) * METRES_PER_DEGREE / 1000


def _mean(kind: str, days: Days, values: Float32, first: date, last: date) -> float | None:
    """Return the mean of the values of a period, both days included; None with too few values."""
    fewest = RAIN_SHARE * ((last - first).days + 1) if kind == GaugeKind.RAIN else 1
    within = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
    return float(values[within].mean()) if within.sum() >= fewest else None

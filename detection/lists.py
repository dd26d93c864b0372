"""Lists of alerts: filters, order, and counts by kind, state, severity and month."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.contrib.gis.geos import MultiPolygon
from django.db.models import Count, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncMonth

from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import LIVING, TAKEN_BACK, State
from detection.selectors import MOST_IMPORTANT_FIRST, PUBLIC_STATES

NEVER_WERE = (*TAKEN_BACK, State.MERGED)


class Period(NamedTuple):
    """Period between two days, both included; None: no limit."""

    first: date | None = None
    last: date | None = None


class Order(StrEnum):
    """Order of a list. IMPORTANT: by `detection.rules.importance`; CHANGED, FOUND: the latest first."""

    IMPORTANT = "important"
    CHANGED = "changed"
    FOUND = "found"
    LARGEST = "largest"


class AlertCount(NamedTuple):
    """Number of alerts of one kind, state and severity."""

    kind: str
    state: str
    severity: str
    n: int


class Month(NamedTuple):
    """Counts of alerts in one month. found, finished: during it; living: at its end. False alarms are not counted."""

    first_day: date
    found: int
    finished: int
    living: int


ALL_TIME = Period()
ORDERS = {
    Order.IMPORTANT: MOST_IMPORTANT_FIRST,
    Order.CHANGED: ("-updated_at", "-id"),
    Order.FOUND: ("-created_at", "-id"),
    Order.LARGEST: ("-area_m2", "-id"),
}


def alerts_matching(
    *,
    kind: str = "",
    state: str = "",
    severity: str = "",
    area: MultiPolygon | None = None,
    among: Sequence[int] | None = None,
    updated_since: datetime | None = None,
    found: Period = ALL_TIME,
    moving: Period = ALL_TIME,
    order: Order = Order.IMPORTANT,
) -> QuerySet[Alert]:
    """Return public alerts that pass all filters given. area: they touch it; among: primary keys to choose from."""
    alerts = alerts_within(area=area, among=among, found=found, moving=moving)
    alerts = alerts.filter(state__in=[state] if state else PUBLIC_STATES)
    if kind:
        alerts = alerts.filter(kind=kind)
    if severity:
        alerts = alerts.filter(severity=severity)
    if updated_since is not None:
        alerts = alerts.filter(updated_at__gte=updated_since)
    return alerts.order_by(*ORDERS[order])


def alerts_within(
    *,
    area: MultiPolygon | QuerySet[Any] | None = None,
    among: Sequence[int] | None = None,
    found: Period = ALL_TIME,
    moving: Period = ALL_TIME,
) -> QuerySet[Alert]:
    """Return alerts of every state, unordered, filtered by area, days of detection and days of motion.

    among: primary keys to choose from; area: a shape, or a query that returns one shape (one row, one column).
    """
    alerts = Alert.objects.order_by()
    if area is not None:
        alerts = alerts.filter(area__intersects=area)
    if among is not None:
        alerts = alerts.filter(pk__in=rows_among(among))
    if found.first:
        alerts = alerts.filter(created_at__gte=_midnight(found.first))
    if found.last:
        alerts = alerts.filter(created_at__lt=_midnight(found.last) + timedelta(days=1))
    if moving.first:
        alerts = alerts.filter(last_motion__gte=moving.first)
    if moving.last:
        alerts = alerts.filter(first_motion__lte=moving.last)
    return alerts


def alert_counts(*, alerts: QuerySet[Alert]) -> list[AlertCount]:
    """Count alerts of each kind, state and severity, in one query."""
    groups = alerts.values_list("kind", "state", "severity").annotate(n=Count("pk")).order_by()
    return [AlertCount(*group) for group in groups]


def monthly_counts(*, among: Sequence[int], until: date, n_months: int = 12) -> list[Month]:
    """Count alerts in each of the last months, up to that of `until`, in one query. among: primary keys."""
    steps = AlertTransition.objects.filter(alert__in=rows_among(among)).exclude(alert__state__in=NEVER_WERE)
    months = steps.annotate(month=TruncMonth("created_at", tzinfo=UTC)).order_by()
    rows = months.values_list("month", "from_state", "to_state").annotate(n=Count("pk"))
    found, finished, change = Counter[date](), Counter[date](), Counter[date]()
    for month, before, after, n in rows:
        day, was_living, is_living = month.date(), before in LIVING, after in LIVING
        found[day] += n * (not before)
        finished[day] += n * (after == State.FINISHED and before != after)
        change[day] += n * (is_living - was_living)
    last = 12 * until.year + until.month  # Months are counted from the year 0.
    days = [date((month - 1) // 12, (month - 1) % 12 + 1, 1) for month in range(last - n_months + 1, last + 1)]
    return [Month(day, found[day], finished[day], sum(n for at, n in change.items() if at <= day)) for day in days]


def rows_among(numbers: Sequence[int]) -> RawSQL:
    """Return an SQL expression for many row numbers that takes them as one parameter."""
    return RawSQL("SELECT unnest(%s::bigint[])", [list(numbers)])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)

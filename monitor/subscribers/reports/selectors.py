"""Queries of residents' reports: what operators decide, what lies near an alert, and what is past its retention."""

from collections.abc import Iterable
from datetime import timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.contrib.gis.measure import D
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from monitor.models.operations import ResidentReport
from monitor.subscribers.subscriptions.tokens import CONFIRM_FOR

NEAR_M = 200
KEEP_REJECTED = timedelta(days=30)
KEEP = timedelta(days=2 * 365)
State = ResidentReport.State
# The buffer of a report uses the index of the alerts' areas; ST_DWithin uses that of the reports' places.
_NEIGHBOURS = """
    SELECT alert.id, report.id FROM detection_alert alert
    JOIN monitor_residentreport report ON ST_DWithin(report.place, alert.area::geography, %(near_m)s)
        AND alert.area && ST_Buffer(report.place, 1.1 * %(near_m)s)::geometry
    WHERE {} ORDER BY alert.id, report.id"""


def reports_confirmed() -> QuerySet[ResidentReport]:
    """Return the reports that operators may see, the oldest first."""
    return ResidentReport.objects.filter(confirmed_at__isnull=False)


def reports_waiting() -> QuerySet[ResidentReport]:
    """Return the reports that wait for an operator, the oldest first."""
    return reports_confirmed().filter(state=State.WAITING)


def reports_near(*, area: GEOSGeometry) -> QuerySet[ResidentReport]:
    """Return the accepted reports within NEAR_M of an area, sorted by the day of the observation."""
    accepted = reports_confirmed().filter(state=State.ACCEPTED)
    return accepted.filter(place__dwithin=(area, D(m=NEAR_M))).order_by("seen_on", "pk")


def alerts_near_reports(*, reports: Iterable[int]) -> list[tuple[int, int]]:
    """Return the keys of each alert and each of these reports that lie within NEAR_M of each other."""
    return _neighbours("report.id = ANY(%(keys)s)", reports)


def reports_near_alerts(*, alerts: Iterable[int]) -> list[tuple[int, int]]:
    """Return the keys of each of these alerts and each accepted report that lie within NEAR_M of each other."""
    return _neighbours("alert.id = ANY(%(keys)s) AND report.state = 'accepted'", alerts)


def _neighbours(condition: str, keys: Iterable[int]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_NEIGHBOURS.format(condition), {"near_m": NEAR_M, "keys": list(keys)})
        return list(cursor.fetchall())


def reports_over() -> QuerySet[ResidentReport]:
    """Return reports to delete: unconfirmed for two days, rejected for thirty, and all after two years."""
    now = timezone.now()
    unconfirmed = Q(confirmed_at=None, created_at__lt=now - CONFIRM_FOR)
    rejected = Q(state=State.REJECTED, decided_at__lt=now - KEEP_REJECTED)
    return ResidentReport.objects.filter(unconfirmed | rejected | Q(created_at__lt=now - KEEP))

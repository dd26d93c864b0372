"""Reading subscriptions: who is active, who watches a place, what a subscription would have brought."""

from datetime import datetime, timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import QuerySet
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from monitor.models import Subscription

SEVERITIES = [step.value for step in Severity]  # from the lowest
REVIEWED_NEWS = [State.CONFIRMED.value, State.FINISHED.value]
NEWS = [State.FIRST.value, State.PROVISIONAL.value, *REVIEWED_NEWS]
PREVIEW_YEARS = 2


def subscriptions_active() -> QuerySet[Subscription]:
    """Confirmed, not paused, not ended: those that messages may go to."""
    return Subscription.objects.filter(confirmed_at__isnull=False, paused_at=None, ended_at=None)


def subscriptions_of(*, email: str) -> QuerySet[Subscription]:
    """Everything that is held of a person, the oldest first."""
    return Subscription.objects.filter(email=email)


def subscriptions_matching(*, transition: AlertTransition) -> QuerySet[Subscription]:
    """Who is to hear of this transition: the region meets the alert, and kind, severity and review are wanted."""
    alert = transition.alert
    at_most = SEVERITIES[: SEVERITIES.index(alert.severity) + 1]
    wanted = subscriptions_active().filter(
        confirmed_at__lt=transition.created_at,
        kinds__contains=[alert.kind],
        lowest_severity__in=at_most,
        region__intersects=alert.area,
    )
    return wanted if transition.to_state in REVIEWED_NEWS else wanted.filter(unreviewed=True)


def mails_in_the_past(
    *, region: GEOSGeometry, kinds: list[str], lowest_severity: str, unreviewed: bool, frequency: str
) -> int:
    """How many mails such a subscription would have brought in the last two years."""
    times = AlertTransition.objects.filter(
        created_at__gte=timezone.now() - timedelta(days=365 * PREVIEW_YEARS),
        to_state__in=NEWS if unreviewed else REVIEWED_NEWS,
        alert__kind__in=kinds,
        alert__severity__in=SEVERITIES[SEVERITIES.index(lowest_severity) :],
        alert__area__intersects=region,
    ).exclude(alert__state=State.REJECTED.value)
    if frequency == Subscription.Frequency.AT_ONCE:
        return times.count()
    days = {at.date() for at in times.values_list("created_at", flat=True)}
    if frequency == Subscription.Frequency.DAILY:
        return len(days)
    return len({day.isocalendar()[:2] for day in days})


def records_begin() -> datetime | None:
    """When the first transition was written."""
    return AlertTransition.objects.order_by("created_at").values_list("created_at", flat=True).first()

"""Reading subscriptions: who is active, who watches a place, what a subscription would have brought."""

from datetime import datetime, timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import F, Q, QuerySet
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
    """Who is to hear of this step: the region meets the alert, and kind, severity, review and updates are wanted.

    Of a kind or severity that has changed, the one before counts too: whoever heard of it hears that it is another.
    """
    alert = transition.alert
    kinds, severities = {alert.kind, *_before(transition, "kind")}, {alert.severity, *_before(transition, "severity")}
    at_most = SEVERITIES[: max(SEVERITIES.index(one) for one in severities) + 1]
    wanted = subscriptions_active().filter(
        confirmed_at__lt=transition.created_at,
        kinds__overlap=list(kinds),
        lowest_severity__in=at_most,
        region__intersects=alert.area,
    )
    if not transition.changes_state or transition.to_state == State.FINISHED:
        wanted = wanted.filter(updates=True)
    return wanted if _is_reviewed(transition) else wanted.filter(unreviewed=True)


def mails_in_the_past(
    *,
    region: GEOSGeometry,
    kinds: list[str],
    lowest_severity: str,
    unreviewed: bool,
    frequency: str,
    updates: bool = True,
) -> int:
    """How many mails such a subscription would have brought in the last two years."""
    steps = AlertTransition.objects.filter(
        created_at__gte=timezone.now() - timedelta(days=365 * PREVIEW_YEARS),
        to_state__in=NEWS if unreviewed else REVIEWED_NEWS,
        alert__kind__in=kinds,
        alert__severity__in=SEVERITIES[SEVERITIES.index(lowest_severity) :],
        alert__area__intersects=region,
    ).exclude(alert__state=State.REJECTED.value)
    times = steps if updates else steps.exclude(Q(to_state=F("from_state")) | Q(to_state=State.FINISHED.value))
    if frequency == Subscription.Frequency.AT_ONCE:
        return times.count()
    days = {at.date() for at in times.values_list("created_at", flat=True)}
    if frequency == Subscription.Frequency.DAILY:
        return len(days)
    return len({day.isocalendar()[:2] for day in days})


def _before(transition: AlertTransition, cause: str) -> list[str]:
    """The kind or severity before an update that changed it."""
    update = getattr(transition, "update", None)
    return [change["before"] for change in update.changes if change["cause"] == cause] if update else []


def _is_reviewed(transition: AlertTransition) -> bool:
    """Whether a specialist stands behind the news; that of an end, where one had confirmed the motion or ended it."""
    if transition.to_state == State.FINISHED:
        return transition.from_state == State.CONFIRMED or hasattr(transition, "review")
    return transition.to_state == State.CONFIRMED


def records_begin() -> datetime | None:
    """When the first transition was written."""
    return AlertTransition.objects.order_by("created_at").values_list("created_at", flat=True).first()

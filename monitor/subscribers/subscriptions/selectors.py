"""Reading subscriptions: who is active, who watches a place.

Those of organisations bring no message themselves: their members' seats do, which are subscriptions of people.
"""

from datetime import datetime, timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import QuerySet
from django.utils import timezone

from detection.models import AlertTransition
from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions.rules import Wanted, step_of, wants


def subscriptions_active() -> QuerySet[Subscription]:
    """Confirmed, not paused, not ended: those that messages may go to."""
    return Subscription.objects.filter(confirmed_at__isnull=False, paused_at=None, ended_at=None, organisation=None)


def subscriptions_shared() -> QuerySet[Subscription]:
    """What organisations watch, whatever their members chose for themselves."""
    return Subscription.objects.filter(organisation__isnull=False, ended_at=None)


def subscriptions_of(*, email: str) -> QuerySet[Subscription]:
    """Everything that is held of a person, the oldest first."""
    return Subscription.objects.filter(email=email)


def subscriptions_matching(*, transition: AlertTransition) -> QuerySet[Subscription]:
    """Who is to hear of this step: the region meets the alert, and it is something that they want."""
    return _matching(subscriptions_active(), transition)


def shared_matching(*, transition: AlertTransition) -> QuerySet[Subscription]:
    """The same, of what organisations watch."""
    return _matching(subscriptions_shared(), transition)


def _matching(some: QuerySet[Subscription], transition: AlertTransition) -> QuerySet[Subscription]:
    there = some.filter(confirmed_at__lt=transition.created_at, region__intersects=transition.alert.area)
    step = step_of(transition)
    wishes = there.values_list("pk", *Wanted._fields)
    return some.filter(pk__in=[pk for pk, *wish in wishes if wants(Wanted(*wish), step)])


def steps_in(*, region: GEOSGeometry, years: int) -> QuerySet[AlertTransition]:
    """The steps of alerts in a region in the last years, with all that wishes speak of."""
    since = timezone.now() - timedelta(days=365 * years)
    there = AlertTransition.objects.filter(created_at__gte=since, alert__area__intersects=region)
    return there.select_related("alert__exposure", "update", "review")


def records_begin() -> datetime | None:
    """When the first transition was written."""
    return AlertTransition.objects.order_by("created_at").values_list("created_at", flat=True).first()

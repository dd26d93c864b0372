"""Queries of subscriptions. An organisation's own subscriptions bring no mails; the seats of its members do that."""

from datetime import datetime, timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Q, QuerySet
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import LIVING, State
from monitor.models.messages import Bulletin
from monitor.models.subscriptions import DEFAULT_CHANNEL, Subscription
from monitor.subscribers.subscriptions.rules import Wanted, step_of, wants


def subscriptions_active() -> QuerySet[Subscription]:
    """Return the subscriptions that messages may be sent for: confirmed, not paused and not ended."""
    return Subscription.objects.filter(confirmed_at__isnull=False, paused_at=None, ended_at=None, organisation=None)


def subscriptions_shared() -> QuerySet[Subscription]:
    """Return the organisations' own subscriptions that have not ended, whatever members chose for their seats."""
    return Subscription.objects.filter(organisation__isnull=False, ended_at=None)


def subscriptions_of(*, email: str) -> QuerySet[Subscription]:
    """Return all subscriptions of an address, the oldest first."""
    return Subscription.objects.filter(email=email)


def subscriptions_matching(*, transition: AlertTransition, shared: bool = False) -> QuerySet[Subscription]:
    """Return active (or shared) subscriptions, older than a step, whose region and filters match the step."""
    some = subscriptions_shared() if shared else subscriptions_active()
    there = some.filter(confirmed_at__lt=transition.created_at, region__intersects=transition.alert.area)
    step = step_of(transition)
    wishes = there.values_list("pk", *Wanted._fields)
    return some.filter(pk__in=[pk for pk, *wish in wishes if wants(Wanted(*wish), step)])


def subscriptions_to_bulletin(*, bulletin: Bulletin) -> QuerySet[Subscription]:
    """Return active subscriptions by mail that want bulletins and lie where this one's data are."""
    wanted = subscriptions_active().filter(bulletins=True, channel=DEFAULT_CHANNEL)
    return wanted.filter(region__intersects=bulletin.area).order_by("pk")


def living_at(subscription: Subscription) -> Q:
    """Return the condition of living alerts of a subscription's kinds at its place; confirmed only, if it says so."""
    states = LIVING if subscription.unreviewed else (State.CONFIRMED,)
    return Q(area__intersects=subscription.region, kind__in=subscription.kinds, state__in=states)


def steps_in(*, region: GEOSGeometry, years: int) -> QuerySet[AlertTransition]:
    """Return the steps of alerts in a region within the last `years`, with the rows that subscription filters use."""
    since = timezone.now() - timedelta(days=365 * years)
    there = AlertTransition.objects.filter(created_at__gte=since, alert__area__intersects=region)
    return there.select_related("alert__exposure", "update", "review")


def records_begin() -> datetime | None:
    """Return when the first transition was written."""
    return AlertTransition.objects.order_by("created_at").values_list("created_at", flat=True).first()

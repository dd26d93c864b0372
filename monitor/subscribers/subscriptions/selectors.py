"""Queries of subscriptions; their filters, which choose the steps of alerts to report; when their messages may come.

An organisation's own subscriptions bring no mails; the seats of its members do that. News and the preview use the same
filters. Messages wait for the end of pauses, which end by themselves.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import LIVING, State
from detection.rules.severity import Severity
from monitor.models.messages import Bulletin, Notification, OutgoingMessage
from monitor.models.subscriptions import DEFAULT_CHANNEL, Subscription

SEVERITIES = [step.value for step in Severity]  # The lowest comes first.
NEWS = [State.FIRST.value, State.PROVISIONAL.value, State.CONFIRMED.value, State.FINISHED.value]
QUARTER = timedelta(days=91)
RESUMED = {"paused_at": None, "paused_until": None, "pause_reason": "", "bounces": 0}  # Fields of a subscription in use


class Wanted(NamedTuple):
    """Filter values, read from a subscription's row or chosen in a form; named like the fields of a subscription."""

    kinds: list[str]
    lowest_severity: str
    unreviewed: bool
    updates: bool = True
    least_exposure: int = 0


WISH = (*Wanted._fields, "frequency")  # fields of a subscription that its owner chooses


class Step(NamedTuple):
    """A step of an alert's life, with the fields that subscription filters use."""

    kinds: frozenset[str]
    severities: frozenset[str]
    reviewed: bool
    follow_up: bool
    exposed: float | None  # Number of people or buildings in it, the larger one; None if no layer covers it.
    news: bool


def step_of(transition: AlertTransition) -> Step:
    """Return a transition as filters use it. transition: read with its alert; what else is needed is read here."""
    # A kind or severity before its change counts too, so that readers of the old one hear of the new one.
    alert, exposure = transition.alert, getattr(transition.alert, "exposure", None)
    known = [value for value in (exposure.people, exposure.buildings) if value is not None] if exposure else []
    # A specialist confirmed the alert; for a finished one, one had confirmed or ended it.
    reviewed = transition.to_state == State.CONFIRMED
    if transition.to_state == State.FINISHED:
        reviewed = transition.from_state == State.CONFIRMED or hasattr(transition, "review")
    return Step(
        kinds=frozenset({alert.kind, *_before(transition, "kind", "named")}),
        severities=frozenset({alert.severity, *_before(transition, "severity")}),
        reviewed=reviewed,
        follow_up=not transition.changes_state or transition.to_state == State.FINISHED,
        exposed=max(known, default=None),
        news=transition.to_state in NEWS,
    )


def wants(wish: Wanted | Subscription, step: Step) -> bool:
    """Return whether a step matches these filters; its position is not checked."""
    return (
        step.news
        and not step.kinds.isdisjoint(wish.kinds)
        and max(map(SEVERITIES.index, step.severities)) >= SEVERITIES.index(wish.lowest_severity)
        and (wish.unreviewed or step.reviewed)
        and (wish.updates or not step.follow_up)
        and (step.exposed is None or step.exposed >= wish.least_exposure)
    )


def _before(transition: AlertTransition, *causes: str) -> list[str]:
    """Return the previous values of an update's changes that have one of these causes; empty if there are none."""
    update = getattr(transition, "update", None)
    return [change["before"] for change in update.changes if change["cause"] in causes] if update else []


def subscriptions_active() -> QuerySet[Subscription]:
    """Return the subscriptions that messages may be sent for: confirmed, not paused and not ended."""
    return Subscription.objects.filter(confirmed_at__isnull=False, paused_at=None, ended_at=None, organisation=None)


def subscriptions_reached(*, news: QuerySet[Notification]) -> QuerySet[Subscription]:
    """Return active subscriptions to which a message with some of this news was or is being sent."""
    reached = news.filter(message__state__in=[OutgoingMessage.State.SENT, OutgoingMessage.State.SENDING])
    return subscriptions_active().filter(pk__in=reached.values("subscription"))


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


def subscriptions_resume_due(*, now: datetime | None = None) -> int:
    """End the pauses whose day has come; return how many."""
    due = Subscription.objects.filter(paused_until__lte=now or timezone.now())
    return due.update(**RESUMED)


def subscriptions_silent(*, now: datetime) -> QuerySet[Subscription]:
    """Return active subscriptions that want a sign of life and have brought nothing for a quarter of a year."""
    sent = Notification.objects.filter(subscription=OuterRef("pk"), message__state=OutgoingMessage.State.SENT)
    lately = sent.filter(message__sent_at__gt=now - QUARTER)
    return subscriptions_active().filter(~Exists(lately), sign_of_life=True, confirmed_at__lt=now - QUARTER)


def signs_due(*, now: datetime) -> QuerySet[Subscription]:
    """Return silent subscriptions without a sign of life for a quarter of a year."""
    silent = subscriptions_silent(now=now).alias(since=Coalesce("last_sign_at", "confirmed_at"))
    return silent.filter(since__lt=now - QUARTER)

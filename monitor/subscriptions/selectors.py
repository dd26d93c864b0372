"""Reading subscriptions and the outbox."""

from datetime import datetime, timedelta

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from monitor.models import Notification, OutgoingMail, Subscription

SEVERITIES = [step.value for step in Severity]  # from the lowest
REVIEWED_NEWS = [State.CONFIRMED.value, State.FINISHED.value]
NEWS = [State.FIRST.value, State.PROVISIONAL.value, *REVIEWED_NEWS]
PREVIEW_YEARS = 2


def subscriptions_active() -> QuerySet[Subscription]:
    """Confirmed, not paused, not ended: those that mails may go to."""
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


def subscriptions_told(*, transition: AlertTransition) -> QuerySet[Subscription]:
    """Who has had a mail about this transition's alert, or has one on its way."""
    told = Notification.objects.filter(
        transition__alert=transition.alert_id,
        transition__lt=transition.pk,
        mail__state__in=[OutgoingMail.State.SENT, OutgoingMail.State.SENDING],
    )
    return subscriptions_active().filter(pk__in=told.values("subscription"))


def transitions_unannounced() -> QuerySet[AlertTransition]:
    return AlertTransition.objects.filter(announcement=None).select_related("alert").order_by("id")


def notifications_waiting() -> QuerySet[Notification]:
    """What is to be told and stands in no mail yet: the stuff of digests."""
    return Notification.objects.filter(mail=None, withdrawn_at=None)


def mails_due(*, now: datetime) -> QuerySet[OutgoingMail]:
    """To be sent now: waiting mails whose time has come, and those whose sender died."""
    state = OutgoingMail.State
    return OutgoingMail.objects.filter(
        Q(state=state.QUEUED, next_try_at__lte=now) | Q(state=state.SENDING, lease_until__lt=now)
    ).order_by("next_try_at", "id")


def mails_to_compose(*, now: datetime) -> QuerySet[OutgoingMail]:
    """Mails that are due, with all that their words need; `told` is what each tells to subscriptions in life."""
    told = (
        Notification.objects.filter(withdrawn_at=None, subscription__in=subscriptions_active())
        .select_related("subscription", "transition__alert")
        .defer("subscription__region", "transition__alert__area")
        .order_by("subscription_id", "transition_id")
    )
    return (
        mails_due(now=now)
        .select_related("subscription", "transition__alert")
        .defer("subscription__region", "transition__alert__area")
        .prefetch_related(Prefetch("notifications", queryset=told, to_attr="told"))
    )


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

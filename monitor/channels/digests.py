"""Daily and weekly digests: what was not told at once, in one mail per address."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils import timezone

from monitor.channels.outbox import mail_key
from monitor.models import Notification, OutgoingMail, Subscription
from monitor.subscriptions import selectors

DIGEST_HOUR = 6  # UTC


def last_moment(*, frequency: str, now: datetime) -> datetime:
    """When digests of this frequency were last due: each day, or each Monday, at six UTC. At once: this very hour."""
    if frequency == Subscription.Frequency.AT_ONCE:
        return now.replace(minute=0, second=0, microsecond=0)
    morning = now.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    if morning > now:
        morning -= timedelta(days=1)
    return morning if frequency == Subscription.Frequency.DAILY else morning - timedelta(days=morning.weekday())


def digests_queue(*, now: datetime | None = None) -> int:
    """Make a mail for every address whose digest is due and that has something to hear; how many were made."""
    now = now or timezone.now()
    made = 0
    for frequency in Subscription.Frequency.values:
        moment = last_moment(frequency=frequency, now=now)
        due = selectors.subscriptions_active().filter(frequency=frequency)
        if frequency != Subscription.Frequency.AT_ONCE:  # these wait only after somebody changed from daily or weekly
            due = due.alias(since=Coalesce("last_digest_at", "confirmed_at")).filter(since__lt=moment)
        news = selectors.notifications_waiting().filter(subscription__in=due)
        emails = news.order_by("subscription__email").values_list("subscription__email", flat=True).distinct()
        made += sum(_digest_queue(email, frequency, moment, now) for email in list(emails))
        if frequency != Subscription.Frequency.AT_ONCE:
            due.exclude(pk__in=news.values("subscription")).update(last_digest_at=now)
    return made


def _digest_queue(email: str, frequency: str, moment: datetime, now: datetime) -> bool:
    """The digest of one address; False where it was made already, and what has come since waits for the next."""
    key = mail_key("digest", f"{frequency}:{moment:%Y%m%d%H}", email)
    with transaction.atomic():
        mail, created = OutgoingMail.objects.get_or_create(
            key=key, defaults={"kind": OutgoingMail.Kind.DIGEST, "email": email, "next_try_at": now}
        )
        if not created:
            return False
        mine = selectors.subscriptions_active().filter(email=email, frequency=frequency)
        waiting = selectors.notifications_waiting().filter(subscription__in=mine)
        Notification.objects.filter(pk__in=list(waiting.values_list("pk", flat=True))).update(mail=mail)
        mine.update(last_digest_at=now)
    return True

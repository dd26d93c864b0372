"""Turning news of alerts into mails that wait: who is to hear of what. Nothing is sent here."""

import hashlib
from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import State
from ingest.locks import Lock, locked
from monitor.models import Announcement, Notification, OutgoingMail, Subscription
from monitor.subscriptions import selectors

BATCH = 2000


def transition_announce(*, transition_id: int) -> Announcement | None:
    """Queue everything that is to be told of one transition; None where that has been done. All of it or nothing."""
    with locked(Lock.OUTBOX):
        announcement, created = Announcement.objects.get_or_create(transition_id=transition_id)
        if not created:
            return None
        news = AlertTransition.objects.select_related("alert").get(pk=transition_id)
        rejected, merged = news.to_state == State.REJECTED, news.to_state == State.MERGED
        audience = (
            selectors.subscriptions_told(transition=news)
            if rejected
            else selectors.subscriptions_matching(transition=news)
        )
        if merged:  # no news for anybody: the place is told under its other code
            audience = audience.none()
        people = list(audience.values_list("pk", "email", "frequency"))
        _withdraw_older(news, None if rejected or merged else [pk for pk, _, _ in people])
        kind = OutgoingMail.Kind.CORRECTION if rejected else OutgoingMail.Kind.ALERT
        _queue(news, kind, people)
        announcement.n_notifications = len(people)
        announcement.save(update_fields=["n_notifications"])
        return announcement


def mail_key(kind: str, about: object, email: str) -> str:
    """What a mail is, for ever the same: the same news for the same address is the same mail."""
    return f"{kind}:{about}:{hashlib.sha256(email.encode()).hexdigest()[:32]}"


def _queue(news: AlertTransition, kind: str, people: Iterable[tuple[int, str, str]]) -> None:
    """One mail per address that hears at once, one notification per subscription; the others wait for a digest."""
    now = timezone.now()
    at_once = sorted({email for _, email, frequency in people if frequency == Subscription.Frequency.AT_ONCE})
    mails = [
        OutgoingMail(kind=kind, key=mail_key(kind, news.pk, email), email=email, transition=news, next_try_at=now)
        for email in at_once
    ]
    OutgoingMail.objects.bulk_create(mails, batch_size=BATCH)
    mail_of = {mail.email: mail for mail in mails}
    notifications = [
        Notification(
            transition=news,
            subscription_id=pk,
            mail=mail_of[email] if frequency == Subscription.Frequency.AT_ONCE else None,
        )
        for pk, email, frequency in people
    ]
    Notification.objects.bulk_create(notifications, batch_size=BATCH, ignore_conflicts=True)


def _withdraw_older(news: AlertTransition, subscriptions: list[int] | None) -> None:
    """Take back what was not told yet and is overtaken by this news: for these subscriptions, or for all."""
    untold = Notification.objects.filter(
        Q(mail=None) | Q(mail__state=OutgoingMail.State.QUEUED),
        transition__alert=news.alert_id,
        transition__lt=news.pk,
        withdrawn_at=None,
    )
    if subscriptions is not None:
        untold = untold.filter(subscription__in=subscriptions)
    untold_ids = list(untold.values_list("pk", flat=True))
    if not untold_ids:
        return
    Notification.objects.filter(pk__in=untold_ids).update(withdrawn_at=timezone.now())
    still_told = Notification.objects.filter(withdrawn_at=None, mail__isnull=False).values("mail")
    OutgoingMail.objects.filter(
        state=OutgoingMail.State.QUEUED, transition__alert=news.alert_id, transition__lt=news.pk
    ).exclude(pk__in=still_told).update(state=OutgoingMail.State.WITHDRAWN)

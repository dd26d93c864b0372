"""Announcement of news, which queues messages: steps of alerts, bulletins, breaks beyond the limits of lines."""

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from detection.models import AlertTransition
from detection.rules.lifecycle import TAKEN_BACK, State
from ingest.foundation.locks import Lock, hold_lock
from ingest.jobs.steps import Step, attempt, rows_due
from monitor.models.lines import Line, LineBreak, LineNotice
from monitor.models.messages import Announcement, Bulletin, Notification, OutgoingMessage
from monitor.models.subscriptions import Subscription
from monitor.notifications.digests import BATCH, messages_gather
from monitor.notifications.escalations import endpoints_working, messages_to_member
from monitor.notifications.outbox import message_about
from monitor.subscribers.subscriptions import endpoints
from monitor.subscribers.subscriptions.endpoints import message_to
from monitor.subscribers.subscriptions.members import members
from monitor.subscribers.subscriptions.selectors import (
    subscriptions_matching,
    subscriptions_reached,
    subscriptions_to_bulletin,
)

logger = logging.getLogger(__name__)


def transitions_announce() -> None:
    """Queue the messages of every new transition, even if one of them fails; then queue news that was gathered."""
    new = AlertTransition.objects.filter(announcement=None).select_related("alert").order_by("id")
    for transition in rows_due(Step.ANNOUNCE, new):
        with attempt(Step.ANNOUNCE, transition):
            transition_announce(transition_id=transition.pk)
    messages_gather()


def bulletins_announce() -> None:
    """Queue the mails of every signed bulletin, one for each address that wants it; mark it as announced."""
    for bulletin in Bulletin.objects.filter(announced_at=None).exclude(signed_at=None):
        with transaction.atomic():
            emails = subscriptions_to_bulletin(bulletin=bulletin).order_by().values_list("email", flat=True).distinct()
            kind = OutgoingMessage.Kind.BULLETIN
            messages = [message_about(kind, bulletin.pk, email, bulletin=bulletin) for email in sorted(emails)]
            OutgoingMessage.objects.bulk_create(messages, batch_size=BATCH, ignore_conflicts=True)
            Bulletin.objects.filter(pk=bulletin.pk).update(announced_at=timezone.now())


def transition_announce(*, transition_id: int) -> Announcement | None:
    """Queue the messages of one transition, in one database transaction. Return None if they were queued before."""
    with hold_lock(Lock.ANNOUNCING):
        announcement, created = Announcement.objects.get_or_create(transition_id=transition_id)
        if not created:
            return None
        news = AlertTransition.objects.select_related("alert").get(pk=transition_id)
        taken_back, merged = news.to_state in TAKEN_BACK, news.to_state == State.MERGED
        readers = [] if merged else _readers(news)  # A merged place is reported under its other code.
        if news.changes_state:
            _withdraw_older(news, None if taken_back or merged else [reader.pk for reader in readers])
        _queue(news, OutgoingMessage.Kind.CORRECTION if taken_back else OutgoingMessage.Kind.ALERT, readers)
        endpoints.news_queue(news=news)
        announcement.n_notifications = len(readers)
        announcement.save(update_fields=["n_notifications"])
        return announcement


def _readers(news: AlertTransition) -> list[Any]:
    """Return rows (pk, email, channel, frequency) of those who want this news; for a correction, of those notified."""
    earlier = Notification.objects.filter(transition__alert=news.alert_id, transition__lt=news.pk)
    notified, audience = subscriptions_reached(news=earlier), subscriptions_matching(transition=news)
    if news.to_state in TAKEN_BACK:
        audience = notified
    elif news.from_state == State.WITHDRAWN:
        audience = audience | notified
    if news.from_state == State.MERGED:  # The alert was no duplicate, and nobody had a mail that said so.
        audience = audience.exclude(pk__in=notified.values("pk"))
    if not news.changes_state:  # A mail that waits will state the newest figures: nothing changed for its reader.
        audience = audience.exclude(pk__in=_unsent(news).values("subscription"))
    return list(audience.values_list("pk", "email", "channel", "frequency", named=True))


def _queue(news: AlertTransition, kind: str, readers: list[Any]) -> None:
    """Save one notification per reader; queue messages for "at once" readers on channels that do not gather news."""
    # A notification waits for a digest, or is gathered with others; where the channel does not gather, every address
    # that hears at once gets a message.
    at_once = [
        reader
        for reader in readers
        if reader.frequency == Subscription.Frequency.AT_ONCE and reader.channel not in settings.GATHERING
    ]
    messages = {
        (channel, email): message_about(kind, news.pk, email, channel=channel, transition=news)
        for channel, email in sorted({(reader.channel, reader.email) for reader in at_once})
    }
    OutgoingMessage.objects.bulk_create(messages.values(), batch_size=BATCH)
    of_reader = {reader: messages[reader.channel, reader.email] for reader in at_once}
    rows = [Notification(transition=news, subscription_id=one.pk, message=of_reader.get(one)) for one in readers]
    Notification.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)


def _unsent(news: AlertTransition) -> QuerySet[Notification]:
    """Return earlier news of the same alert that has not been sent yet."""
    earlier = Notification.objects.filter(transition__alert=news.alert_id, transition__lt=news.pk, withdrawn_at=None)
    return earlier.filter(Q(message=None) | Q(message__state=OutgoingMessage.State.QUEUED))


def _withdraw_older(news: AlertTransition, subscriptions: list[int] | None) -> None:
    """Withdraw unsent older news of the alert that this news replaces. subscriptions: only for these; None: for all."""
    # A new state overtakes the one before, but no update, whose changes are reported as well.
    unsent = _unsent(news)
    if subscriptions is not None:
        unsent = unsent.filter(subscription__in=subscriptions).exclude(transition__from_state=F("transition__to_state"))
    unsent_ids = list(unsent.values_list("pk", flat=True))
    if not unsent_ids:
        return
    Notification.objects.filter(pk__in=unsent_ids).update(withdrawn_at=timezone.now())
    still_needed = Notification.objects.filter(withdrawn_at=None, message__isnull=False).values("message")
    older = OutgoingMessage.objects.filter(transition__alert=news.alert_id, transition__lt=news.pk)
    waiting = older.filter(state=OutgoingMessage.State.QUEUED).exclude(pk__in=still_needed)
    waiting.update(state=OutgoingMessage.State.WITHDRAWN)


def breaks_announce() -> None:
    """Queue the messages of the new breaks of each line; a fault delays no other line."""
    for pk in Line.objects.filter(Exists(_new_breaks().filter(line=OuterRef("pk")))).values_list("pk", flat=True):
        try:
            _announce(pk)
        except Exception:
            logger.exception("the breaks of line %s cannot be reported", pk)


def _new_breaks() -> QuerySet[LineBreak]:
    return LineBreak.objects.filter(is_beyond=True, notice=None, reading__made_at__gte=F("line__changed_at"))


@transaction.atomic
def _announce(pk: int) -> None:
    """Queue one message about the new breaks of a line to each member and webhook of its organisation."""
    locked = Line.objects.select_for_update(skip_locked=True, of=("self",))
    line = locked.select_related("organisation").filter(pk=pk).first()
    if line is None or not _new_breaks().filter(line=line).exists():
        return
    notice = LineNotice.objects.create(line=line)
    _new_breaks().filter(line=line).update(notice=notice)
    hooks = endpoints_working().filter(organisation=line.organisation)
    messages = [message_to(one, OutgoingMessage.Kind.LINE, notice.pk, notice=notice) for one in hooks]
    for member in members(organisation=line.organisation).filter(wants_mails=True):
        messages += messages_to_member(member, OutgoingMessage.Kind.LINE, notice.pk, notice=notice, membership=member)
    OutgoingMessage.objects.bulk_create(messages)

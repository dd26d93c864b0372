"""Escalation of alerts that nobody takes up: who is asked next is decided anew from the rows in every round.

Each step and its messages are one transaction. A contact's time begins when a message has reached it. If none can,
because its channels are paused, failing or gone, the next contact is asked at once; after the last one, the operators:
one mail an hour at most gathers what organisations that they trust ask.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from detection.rules.lifecycle import LIVING
from ground_motion.core.errors import promised
from ingest.jobs.steps import Step, attempt, rows_due
from ingest.models import StepFailure
from monitor.models.escalations import Contact, Escalation, EscalationStep
from monitor.models.messages import ChannelPause, Endpoint, OutgoingMessage, Rank
from monitor.models.subscriptions import AccountLanguage, Membership, Organisation, Subscription
from monitor.notifications.outbox import message_about
from monitor.subscribers.accounts.selectors import reviewers
from monitor.subscribers.organisations.escalations import (
    alerts_followed,
    escalations_of_operators,
    escalations_waiting,
    organisation_audit,
)
from monitor.subscribers.organisations.services import alone
from monitor.subscribers.subscriptions import selectors as subscriptions
from monitor.subscribers.subscriptions.endpoints import message_to
from monitor.subscribers.subscriptions.limits import allowed_for_organisation
from monitor.subscribers.subscriptions.selectors import SEVERITIES

MAX_ASKED = 50  # An organisation is asked about this many alerts a day, the most important first.
REST = timedelta(hours=1)  # Least time between two mails to operators.
MAX_TRIES = 3  # After this many refusals the next contact is asked; the outbox keeps trying.
SYSTEM = "automatic"
State, Kind = OutgoingMessage.State, OutgoingMessage.Kind
Row = TypeVar("Row", bound=Model)


def escalations_follow() -> None:
    """Ask about new and graver alerts, close what is over, and ask the next contacts; a fault delays no other row."""
    now = timezone.now()
    over = ~Q(alert__state__in=LIVING) | Q(taken_at=None, organisation__asks_from="")
    graver = Q(pk__in=[])
    for n, severity in enumerate(SEVERITIES):
        graver |= Q(organisation=None, alert__severity=severity, severity__in=SEVERITIES[:n])
    # The public must not read that operators have a graver alert, before they take it up again.
    Escalation.objects.filter(graver, closed_at=None).update(taken_at=None, returned_at=now, closed_at=now)
    Escalation.objects.filter(over, closed_at=None).update(closed_at=now)
    asking = Organisation.objects.exclude(asks_from="")
    _for_each(Step.ASK, asking, lambda one: _ask_about_new(one, now))
    waiting = escalations_waiting().exclude(steps__to_operators=True)
    _for_each(Step.ESCALATE, waiting, lambda one: _ask_on(one.pk, now))
    operators_ask(now)


def operators_ask(now: datetime) -> None:
    """Queue a mail to each operator if something new has come to them and no such mail is younger than an hour.

    It names all that waits for them when it leaves. An address whose last one has not left gets no other.
    """
    new = EscalationStep.objects.filter(to_operators=True, reported_at=None, escalation__in=escalations_of_operators())
    mails = OutgoingMessage.objects.filter(kind=Kind.ASKED)
    if not new.exists() or mails.filter(Q(created_at__gt=now - REST) | Q(sent_at__gt=now - REST)).exists():
        return
    unsent = set(mails.filter(state__in=[State.QUEUED, State.SENDING]).values_list("address", flat=True))
    accounts = [one for one in reviewers().filter(is_active=True) if one.email]
    reads = dict(AccountLanguage.objects.filter(account__in=accounts).values_list("account", "language"))
    languages = {one.email.lower(): reads.get(one.pk, settings.LANGUAGE_CODE) for one in accounts}
    languages = languages or dict.fromkeys(settings.ADMIN_EMAILS, settings.LANGUAGE_CODE)
    if not languages:  # The questions wait until somebody has an address.
        return
    with transaction.atomic():
        OutgoingMessage.objects.bulk_create(
            message_about(Kind.ASKED, f"{now:%Y%m%d%H%M}", email, language=language)
            for email, language in languages.items()
            if email not in unsent
        )
        new.update(reported_at=now)


def _for_each(step: StepFailure.Step, pending: QuerySet[Row], work: Callable[[Row], None]) -> None:
    """Work on the rows that are due; a failure is recorded, and forgotten when the row succeeds."""
    due = rows_due(step, pending)
    failed = set(StepFailure.objects.filter(step=step).values_list("subject_id", flat=True))
    for row in due:
        with attempt(step, row):
            work(row)
            if row.pk in failed:
                StepFailure.objects.filter(step=step, subject_id=row.pk).delete()


def _ask_about_new(organisation: Organisation, now: datetime) -> None:
    """Open an escalation for each alert with none or one of a lower severity, which ends; end what is not wanted."""
    with alone(organisation) as mine:
        wanted = SEVERITIES[SEVERITIES.index(mine.asks_from) :]
        followed = alerts_followed(organisation=mine).filter(severity__in=wanted)
        unclaimed = mine.escalations.filter(taken_at=None, closed_at=None)
        unclaimed.exclude(alert__in=followed.values("pk")).update(closed_at=now)
        known = dict(mine.escalations.filter(closed_at=None).values_list("alert", "severity"))
        for alert in followed:
            asked = known.get(alert.pk)
            if asked and SEVERITIES.index(asked) >= SEVERITIES.index(alert.severity):
                continue
            if not allowed_for_organisation(organisation=mine, most=MAX_ASKED, what="questions"):
                break
            mine.escalations.filter(alert=alert, closed_at=None).update(closed_at=now)
            Escalation.objects.create(alert=alert, organisation=mine, severity=alert.severity)
            organisation_audit(organisation=mine, action="alert unclaimed", subject=alert.code, actor=SYSTEM)


def _ask_on(pk: int, now: datetime) -> None:
    """Ask the next contact, and the one after it if no message can reach that one now."""
    while _ask_next(pk, now):
        pass


def _ask_next(pk: int, now: datetime) -> bool:
    """Ask the next contact of an escalation, or the operators, if it is time; return whether a contact was asked."""
    with transaction.atomic():
        row = (
            Escalation.objects.select_for_update(skip_locked=True).filter(pk=pk, taken_at=None, closed_at=None).first()
        )
        if row is None:
            return False
        last = row.steps.last()
        if last and (last.to_operators or not _is_over(last, row, now)):
            return False
        asked = row.steps.exclude(contact=None).values("contact")
        contact = promised(row.organisation).contacts.exclude(pk__in=asked).first()
        step = EscalationStep.objects.create(
            escalation=row, contact=contact, to_operators=contact is None, hours=contact.hours if contact else 0
        )
        if contact:
            # Somebody who was asked under another entry of the list has this key already.
            OutgoingMessage.objects.bulk_create(_messages_to_contact(step, contact), ignore_conflicts=True)
        whom = f"contact {contact.pk}" if contact else "operators"
        audit = {"subject": row.alert.code, "after": whom, "actor": SYSTEM}
        organisation_audit(organisation=promised(row.organisation), action="contact asked", **audit)
    return contact is not None


def _is_over(step: EscalationStep, row: Escalation, now: datetime) -> bool:
    """Return whether a contact's time is over, it has given the alert back, or no message can reach it now."""
    if row.returned_at and row.returned_at > step.created_at:
        return True
    sent = [message.sent_at for message in step.messages.filter(state=State.SENT) if message.sent_at]
    if sent:
        return min(sent) + timedelta(hours=step.hours) <= now
    waiting = step.messages.filter(state__in=[State.QUEUED, State.SENDING], attempts__lt=MAX_TRIES)
    paused = ChannelPause.objects.values("channel")
    return not waiting.exclude(channel__in=paused).exists()


def _messages_to_contact(step: EscalationStep, contact: Contact) -> list[OutgoingMessage]:
    """Return the unsaved messages that ask a contact, by all channels that may reach it."""
    subject = {"step": step, "rank": Rank.FIRST if contact.organisation.trusted_at else Rank.LAST}
    if contact.endpoint_id:
        hooks = endpoints_working().filter(pk=contact.endpoint_id)
        return [message_to(one, Kind.ASK, step.escalation_id, **subject) for one in hooks]
    return messages_to_member(promised(contact.member), Kind.ASK, step.escalation_id, **subject)


def endpoints_working() -> QuerySet[Endpoint]:
    """Return the endpoints that take messages now."""
    return Endpoint.objects.filter(ended_at=None, failing_since=None).exclude(verified_at=None)


def messages_to_member(member: Membership, kind: str, about: object, **subject: Any) -> list[OutgoingMessage]:
    """Return the unsaved messages to a member by mail and webhooks, unless they pause all that they follow."""
    email = member.email
    held = list(subscriptions.subscriptions_of(email=email).filter(ended_at=None).defer("region"))
    if held and all(one.pause_reason == Subscription.PauseReason.OWNER for one in held):
        return []
    messages = [message_to(one, kind, about, **subject) for one in endpoints_working().filter(email=email)]
    if not held or any(one.paused_at is None for one in held):
        language = held[-1].language if held else member.language
        messages.append(message_about(kind, about, email, language=language, **subject))
    return messages

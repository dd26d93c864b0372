"""Sending what waits in the outbox, one mail after the other, outside transactions.

A mail is claimed by a conditional update and holds a lease; after the server has taken it, it is marked as sent.
A sender that dies in between leaves one claimed mail, which is sent when its lease has run out; no other is touched.
"""

import logging
import smtplib
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Mod
from django.utils import timezone

from ingest.locks import Lock, try_locked
from monitor.channels.mail.compose import Composer
from monitor.models import OutgoingMail, Subscription
from monitor.subscriptions import selectors

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
BACK_OFF = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720, 1440)]
MOST_BOUNCES = 3
MOST_TROUBLES = 3  # in a row: then the server is left alone until the next round
MAILS_PER_CONNECTION = 100
BATCH = 200
FRESH_SECONDS = 2.0  # what was read of alerts and subscriptions is read again after this


class ServerTrouble(Exception):
    """The mail server did not take the mail, for a reason that is not this mail's."""


class Refused(Exception):
    """The mail server will never take this mail."""


def mails_send(*, seconds: float | None = None, senders: int = 1) -> int:
    """Send what is due, for at most so many seconds; how many were sent. Does nothing while another round is going on.

    Several senders share the mails, each with connections of its own: one sends while another waits for the disk.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    with try_locked(Lock.MAIL_SENDING) as alone:
        if not alone:
            return 0
        if senders == 1:
            return _Round().run(deadline)
        with ThreadPoolExecutor(senders) as pool:
            return sum(pool.map(lambda share: _round_of_a_share(deadline, share, senders), range(senders)))


def mail_claim(*, mail: OutgoingMail) -> bool:
    """Take a mail for this sender; False where another one was quicker, or it has been withdrawn.

    The claim does not wait for the disk: after a crash of the database an unsent mail is merely unclaimed again. Only
    the mark that it was sent has to last, and committing that one writes this one as well.
    """
    lease_until = timezone.now() + LEASE
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
        claimed = OutgoingMail.objects.filter(pk=mail.pk, state=mail.state, attempts=mail.attempts).update(
            state=OutgoingMail.State.SENDING, attempts=mail.attempts + 1, lease_until=lease_until
        )
    if claimed:
        mail.state, mail.attempts, mail.lease_until = OutgoingMail.State.SENDING, mail.attempts + 1, lease_until
    return bool(claimed)


def _round_of_a_share(deadline: float | None, share: int, senders: int) -> int:
    try:
        return _Round(share, senders).run(deadline)
    finally:
        connection.close()  # this thread's own


class _Round:
    """One walk through a share of the outbox, over as few connections to the mail server as possible."""

    def __init__(self, share: int = 0, senders: int = 1) -> None:
        self.share, self.senders = share, senders
        self.server = get_connection()
        self.compose = Composer()
        self.sent = self.troubles = 0

    def run(self, deadline: float | None) -> int:
        try:
            while batch := list(self._due()[:BATCH]):
                fresh_until = time.monotonic() + FRESH_SECONDS
                for mail in batch:
                    if mail_claim(mail=mail):
                        self.deliver(mail)
                    now = time.monotonic()
                    if self.troubles >= MOST_TROUBLES or (deadline is not None and now > deadline):
                        return self.sent
                    if now > fresh_until:
                        break
        finally:
            self._hang_up()
        return self.sent

    def _due(self) -> QuerySet[OutgoingMail]:
        due = selectors.mails_to_compose(now=timezone.now())
        return due.alias(share=Mod("id", self.senders)).filter(share=self.share) if self.senders > 1 else due

    def deliver(self, mail: OutgoingMail) -> None:
        """Send one claimed mail, and write down what became of it."""
        try:
            letter = self.compose(mail)
            if letter is None:
                _mine(mail).update(state=OutgoingMail.State.WITHDRAWN, lease_until=None)
                return
            self._hand_over(letter.message)
        except Refused as fault:
            mail_refuse(mail=mail, error=str(fault))
        except ServerTrouble as fault:
            self.troubles += 1
            self._hang_up()
            mail_put_off(mail=mail, error=str(fault))
        except Exception as fault:  # one bad mail does not hold up the others
            logger.exception("%s could not be made", mail)
            mail_put_off(mail=mail, error=f"{type(fault).__name__}: {fault}")
        else:
            self.troubles = 0
            self.sent += 1
            now = timezone.now()
            _mine(mail).update(state=OutgoingMail.State.SENT, sent_at=now, lease_until=None, error="")
            if letter.had_bounces:
                Subscription.objects.filter(email=mail.email).update(bounces=0)

    def _hand_over(self, message: EmailMessage) -> None:
        try:
            if self.sent and self.sent % MAILS_PER_CONNECTION == 0:
                self.server.close()
            self.server.open()
            self.server.send_messages([message])
        except smtplib.SMTPRecipientsRefused as fault:
            code, words = next(iter(fault.recipients.values()))
            raise (Refused if code >= 500 else ServerTrouble)(f"{code} {_plain(words)}") from fault
        except smtplib.SMTPDataError as fault:
            permanent = fault.smtp_code >= 500
            raise (Refused if permanent else ServerTrouble)(f"{fault.smtp_code} {_plain(fault.smtp_error)}") from fault
        except (smtplib.SMTPException, OSError) as fault:
            raise ServerTrouble(f"{type(fault).__name__}: {fault}") from fault

    def _hang_up(self) -> None:
        try:
            self.server.close()
        except (smtplib.SMTPException, OSError) as fault:
            logger.info("the mail server did not take leave: %s", fault)


def mail_put_off(*, mail: OutgoingMail, error: str) -> None:
    """Try again later; give up after the last delay."""
    logger.warning("%s was put off: %s", mail, error)
    if mail.attempts > len(BACK_OFF):
        _mine(mail).update(state=OutgoingMail.State.FAILED, lease_until=None, error=error[:300])
        return
    later = timezone.now() + BACK_OFF[mail.attempts - 1]
    _mine(mail).update(state=OutgoingMail.State.QUEUED, lease_until=None, next_try_at=later, error=error[:300])


def mail_refuse(*, mail: OutgoingMail, error: str) -> None:
    """The address takes no mail: not tried again; after three such mails in a row its subscriptions are paused."""
    logger.warning("%s was refused: %s", mail, error)
    _mine(mail).update(state=OutgoingMail.State.FAILED, lease_until=None, error=error[:300])
    active = selectors.subscriptions_active().filter(email=mail.email)
    active.update(bounces=F("bounces") + 1)
    active.filter(bounces__gte=MOST_BOUNCES).update(
        paused_at=timezone.now(), pause_reason=Subscription.PauseReason.BOUNCED
    )


def _mine(mail: OutgoingMail) -> QuerySet[OutgoingMail]:
    """The row, as long as this attempt still owns it."""
    return OutgoingMail.objects.filter(pk=mail.pk, state=OutgoingMail.State.SENDING, attempts=mail.attempts)


def _plain(words: bytes | str) -> str:
    return words.decode(errors="replace") if isinstance(words, bytes) else words

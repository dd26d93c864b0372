"""Channel of mails: each message is one mail; the connection to the mail server is reused while it lasts."""

import logging
import smtplib
from collections.abc import Sequence

from django.core.mail import get_connection

from monitor.models.messages import OutgoingMessage
from monitor.notifications import base
from monitor.notifications.base import Delivered, Later, Never, Outcome, Refused
from monitor.notifications.mail.compose import Composer
from monitor.notifications.mail.returns import NO_SUCH_ADDRESS
from monitor.notifications.outbox import LEASE

logger = logging.getLogger(__name__)

MAILS_PER_CONNECTION = 100
SERVICE_CLOSES = 421


class Channel(base.Channel):
    """Channel of mails through Django's mail backend, which sends them to a server or, without one, writes files."""

    order = 10

    def __init__(self) -> None:
        self.server = get_connection()
        self.compose = Composer()
        self.sent = 0

    def read_ahead(self, messages: Sequence[OutgoingMessage]) -> None:
        """Read what the digests among these messages need."""
        self.compose.read_ahead(messages)

    def deliver(self, message: OutgoingMessage) -> Outcome | None:
        """Compose the mail and hand it to the mail server; None if another sender has taken the message meanwhile."""
        mail = self.compose(message)
        try:
            if self.sent and self.sent % MAILS_PER_CONNECTION == 0:
                self.server.close()
            self.server.open()
            if not LEASE.prolong(message):  # Drawing pictures and connecting may take longer than the lease.
                return None
            self.server.send_messages([mail])
        except smtplib.SMTPRecipientsRefused as fault:
            code, answer = next(iter(fault.recipients.values()))
            return _refusal(code, answer)
        except smtplib.SMTPDataError as fault:
            return _refusal(fault.smtp_code, fault.smtp_error)
        except (smtplib.SMTPException, OSError) as fault:
            return Later(f"{type(fault).__name__}: {fault}")
        self.sent += 1
        return Delivered()

    def close(self) -> None:
        """Close the connection to the mail server."""
        try:
            self.server.close()
        except (smtplib.SMTPException, OSError) as fault:
            logger.info("the connection to the mail server could not be closed: %s", fault)


def _refusal(code: int, answer: bytes | str) -> Later | Refused | Never:
    """Convert the mail server's refusal of one mail to an outcome. code, answer: status code and text of its answer."""
    # Only an address that does not exist is refused for good: other codes from 500 on are often about this service.
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    reason = f"{code} {text}"
    if code == SERVICE_CLOSES:
        return Later(reason)
    return Never(reason) if code >= 500 and NO_SUCH_ADDRESS.match(text) else Refused(reason)

"""Mails that come back after delivery: a signed return address identifies the message (RFC 3463, RFC 3464)."""

import re
from datetime import date, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import base36_to_int, int_to_base36

from monitor.notifications.outbox import message_return

VALID_FOR = timedelta(days=30)
FIRST_DAY = date(2024, 1, 1)
MAX_BYTES = 2 * 2**20
SIGNED = 20  # 80 bits, so that the whole name stays below the 64 letters that RFC 5321 allows.
RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
TOKEN = re.compile(r"\+([0-9a-z]{1,13})-([0-9a-z]{1,4})-([0-9a-f]{20})@", re.IGNORECASE)
CODE = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
# Codes 5.1.x concern an address: 5.1.0 does not say which one, 5.1.7 and 5.1.8 the sender's.
NO_SUCH_ADDRESS = re.compile(r"5\.1\.(?!0\b|7\b|8\b)\d{1,3}\b")
OUT_OF_REACH = re.compile(r"[45]\.[24]\.")  # a full or closed mailbox, a host that does not answer
PASSING = re.compile(r"4\.|5\.2\.2\b")  # Delivery was given up after days, or a mailbox is full: it may recover.


class Report(NamedTuple):
    """Report of a failed delivery. about_reader: whether the address is the cause, not this service as in 5.7.1."""

    code: str
    about_reader: bool


def return_address(message_id: int, today: date | None = None) -> str:
    """Return a message's signed return address. It names no person; it is in lower case as servers change the case."""
    name, _, host = settings.BOUNCE_ADDRESS.partition("@")
    day = ((today or timezone.now().date()) - FIRST_DAY).days
    return f"{name}+{int_to_base36(message_id)}-{int_to_base36(day)}-{_signature(message_id, day)}@{host}"


def read_return_address(text: str, today: date | None = None) -> int | None:
    """Return the message id in a return address of this site; None for a forged or expired address."""
    found = TOKEN.search(text)
    if found is None:
        return None
    message_id, day = base36_to_int(found[1].lower()), base36_to_int(found[2].lower())
    age = (today or timezone.now().date()) - FIRST_DAY - timedelta(days=day)
    if not constant_time_compare(found[3].lower(), _signature(message_id, day)):
        return None
    return message_id if timedelta(days=-1) <= age <= VALID_FOR else None


def _signature(message_id: int, day: int) -> str:
    return salted_hmac("monitor.return", f"{message_id}:{day}", algorithm="sha256").hexdigest()[:SIGNED]


def report_of(mail: EmailMessage) -> Report | None:
    """Return the failure that a mail reports; None if it reports none, for example only a delay."""
    reports = (part for part in mail.walk() if part.get_content_type() == "message/delivery-status")
    recipients = (block for part in reports if part.is_multipart() for block in part.iter_parts())
    for fields in recipients:  # Each recipient has a block of fields.
        if str(fields.get("Action", "")).strip().lower() != "failed":
            continue
        texts = [str(fields.get(name, "")) for name in ("Status", "Diagnostic-Code")]
        codes = [code for text in texts for code in CODE.findall(text)]
        of_reader = [code for code in codes if NO_SUCH_ADDRESS.match(code) or OUT_OF_REACH.match(code)]
        return Report((of_reader or codes or ["5.0.0"])[0], bool(of_reader))
    return None


def return_take(*, content: bytes, recipient: str = "") -> str:
    """Process a mail sent to a return address; return the result as a sentence for the log, without any address."""
    # recipient: as the mail server names it; without one the mail's own headers are read.
    mail: EmailMessage = message_from_bytes(content[:MAX_BYTES], policy=policy.default)
    named = [recipient] if recipient else [str(value) for name in RECIPIENTS for value in mail.get_all(name, [])]
    message_id = next((one for one in map(read_return_address, named) if one is not None), None)
    if message_id is None:
        return "ignored: not sent to a return address of ours, or too old"
    report = report_of(mail)
    if report is None:
        return f"ignored: no report of a failure, message {message_id}"
    if not report.about_reader:
        return f"message {message_id} was refused, for a reason that is not its reader's: {report.code}"
    passing = bool(PASSING.match(report.code))
    if not message_return(message_id=message_id, error=f"came back: {report.code}", passing=passing):
        return f"ignored: message {message_id} is not known as sent, or has come back before"
    return f"message {message_id} came back: {report.code}"

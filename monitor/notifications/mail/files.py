"""Mails as files, for machines without a mail server: one .eml per mail, named by its Message-ID."""

import base64
import contextlib
import hashlib
import os
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from email.utils import parsedate_to_datetime
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class KeptMail:
    """A mail that was written to a file."""

    def __init__(self, path: Path) -> None:
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        self.name = path.stem
        self.to, self.sender, self.subject = (str(message[name]) for name in ("To", "From", "Subject"))
        self.at = parsedate_to_datetime(str(message["Date"]))
        self.text, self.html = _part(message, "plain"), _part(message, "html")
        self.headers = {name: str(value) for name, value in message.items()}


class EmailBackend(BaseEmailBackend):
    """Backend that writes into settings.EMAIL_FILE_PATH; the same mail, sent again, replaces its file."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write each mail to its file."""
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            content = message.message()
            name = hashlib.sha256(str(content["Message-ID"]).encode()).hexdigest()[:16]
            unfinished = folder / f".{name}.{os.getpid()}"
            unfinished.write_bytes(content.as_bytes())
            unfinished.replace(folder / f"{name}.eml")
        return len(email_messages)


def mails_kept(*, newest: int = 100) -> list[KeptMail]:
    """Return the newest mails, newest first."""
    paths = []
    for path in Path(settings.EMAIL_FILE_PATH).glob("*.eml"):
        with contextlib.suppress(FileNotFoundError):
            paths.append((path.stat().st_mtime, path))
    return [KeptMail(path) for _, path in sorted(paths, reverse=True)[:newest]]


def _part(message: Parsed, kind: str) -> str:
    """Return the text (kind "plain") or HTML (kind "html") of a mail, with attached pictures as data URLs."""
    body = message.get_body((kind,))
    content = body.get_content() if body else ""
    for part in message.walk():
        if part.get_content_maintype() == "image":
            data = base64.b64encode(part.get_content()).decode()
            cid = str(part["Content-ID"]).strip("<>")
            content = content.replace(f"cid:{cid}", f"data:{part.get_content_type()};base64,{data}")
    return content

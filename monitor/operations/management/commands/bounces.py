"""manage.py bounces: process undelivered mails that came back; the mail server pipes each one in."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError

from monitor.notifications.mail.returns import MAX_BYTES, return_take

TRY_AGAIN = 75  # EX_TEMPFAIL of sysexits.h: the mail server keeps the mail


class Command(BaseCommand):
    """Command that processes mails that came back undelivered."""

    help = "Take in a mail that came back, from standard input, or all mails of a Maildir; prints no address."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options that say where the mails come from."""
        parser.add_argument("--recipient", default="", help="the address that it came to, as the mail server names it")
        parser.add_argument("--maildir", type=Path, help="read the mails in new/, and move them to cur/ as read")

    def handle(self, *args: Any, recipient: str, maildir: Path | None, **options: Any) -> None:
        """Read one mail from standard input, or all of a folder."""
        try:
            if maildir is None:
                content = sys.stdin.buffer.read(MAX_BYTES)
                self.stdout.write(return_take(content=content, recipient=recipient))
            else:
                self._read(maildir)
        except DatabaseError:
            self.stderr.write("the database does not answer")
            sys.exit(TRY_AGAIN)

    def _read(self, maildir: Path) -> None:
        for path in sorted((maildir / "new").iterdir()):
            with path.open("rb") as file:
                self.stdout.write(return_take(content=file.read(MAX_BYTES)))
            path.rename(maildir / "cur" / f"{path.name}:2,S")

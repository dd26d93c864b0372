"""Refusal of passwords that were stolen elsewhere, by a local list of SHA-1 hashes, as haveibeenpwned.com offers it.

Pwned Passwords' file has a line `HASH:COUNT` for each password, in the order of the hashes; its downloader writes it.
"""

import hashlib
import re
from bisect import bisect_left
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.checks import Warning
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

HASH = re.compile(rb"[0-9A-F]{40}(?=[:\r\n]|$)")
MAX_LINE_LENGTH = 80  # Most bytes of a line
PROBES = 64  # The check compares the order of this many lines.


class NotStolen:
    """Validator of new passwords for Django. It lets all through without a readable list, which a check reports."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raise ValidationError for a password of the list."""
        if settings.SITE.stolen_passwords and is_listed(settings.SITE.stolen_passwords, password):
            raise ValidationError(
                _("This password is in a list of stolen passwords. Choose another, and change it wherever you use it."),
                code="password_stolen",
            )

    def get_help_text(self) -> str:
        """Return what the validator asks for."""
        return _("No password that was stolen elsewhere.")


def is_listed(path: Path, password: str) -> bool:
    """Return whether the list has a password; some 40 short reads in a list of 40 GB. False if it cannot be read."""
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    try:
        with path.open("rb") as file:
            offsets = range(file.seek(0, 2))  # Positions after the last line count as larger than any hash.
            first = bisect_left(offsets, wanted, key=lambda offset: _next_hash(file, offset) or b"~")
            return _next_hash(file, first) == wanted
    except OSError:
        return False


def check_stolen_passwords(**kwargs: object) -> list[Warning]:
    """Check that the list of the site's file can be read and is sorted."""
    path = settings.SITE.stolen_passwords
    fault = path and _fault(path)
    if not fault:
        return []
    hint = "Until then stolen passwords are accepted. Write the list with Pwned Passwords' downloader, as one file."
    return [Warning(f"GROUND_MOTION_SITE: stolen_passwords is {path}, {fault}.", hint=hint, id="site.W001")]


def _fault(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            found = [_next_hash(file, size * probe // PROBES) for probe in range(PROBES)]
    except OSError as fault:
        return f"which cannot be read ({fault.strerror})"
    if found[0] is None:
        return "which has no line that begins with a SHA-1 in capitals"
    hashes = [one for one in found if one is not None]
    return "" if hashes == sorted(hashes) else "which is not sorted by its hashes"


def _next_hash(file: BinaryIO, offset: int) -> bytes | None:
    """Return the hash of the first line that begins at an offset or after it; None at the end."""
    file.seek(max(offset - 1, 0))
    read = file.read(2 * MAX_LINE_LENGTH)
    start = 0 if offset == 0 else read.find(b"\n") + 1
    match = HASH.match(read, start) if start or offset == 0 else None
    return match[0] if match else None

"""Addresses with a secret or a reader's place as their last part, signed links, and a filter hiding both in logs."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.core import signing

# A signed or random part follows these; test_secret_links.py compares them with the existing addresses.
SECRET_ADDRESSES = (
    "/subscribe/confirm/",
    "/subscribe/stop/",
    "/subscribe/join/",
    "/subscribe/take/",
    "/subscriptions/",
    "/feeds/",
    "/extracts/",
    "/reports/",
    "/accounts/join/",
    "/password/new/",
)

_SLASH = "(?:/|%2F)"  # A slash may be quoted in the query of another address.
_SECRET = re.compile(
    f"({'|'.join(address.replace('/', _SLASH) for address in SECRET_ADDRESSES)})" + r"(?!%2F)[^/\s\"'<>?&#%]+",
    flags=re.IGNORECASE,
)
_PLACE = re.compile(r"([?&](?:lat|lon|q)=)[^&\s\"']+", flags=re.IGNORECASE)  # The place of a house or street (/here/)
_FORMATTER = logging.Formatter()


def without_secrets(text: str) -> str:
    """Return the text without the secret parts, the coordinates and the searched names of its addresses."""
    return _PLACE.sub(r"\1[removed]", _SECRET.sub(r"\1[removed]", text))


class NoSecretLinks(logging.Filter):
    """Filter that removes secrets from the line, its arguments and its traceback, before anything is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the secrets; keep every record."""
        record.msg, record.args = without_secrets(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = without_secrets(_FORMATTER.formatException(record.exc_info))
        return True


Expired = signing.SignatureExpired  # The link was valid once.
Wrong = signing.BadSignature  # The link was changed, or not made by this site; base class of Expired.


def signed_link(salt: str, valid_for: timedelta | None = None) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Return the two functions of a kind of link: one makes a token of a key or a list, the other reads it.

    Reading raises Expired for a token older than `valid_for`, and Wrong for an invalid one.
    """
    return partial(signing.dumps, salt=salt), partial(signing.loads, salt=salt, max_age=valid_for)

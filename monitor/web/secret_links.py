"""Addresses whose last part is a secret or that name a reader's place, and a filter that keeps these out of logs."""

import logging
import re

# a signed or random part follows; tests/monitor/test_secret_links.py compares this with the addresses there are
SECRET_ADDRESSES = (
    "/subscribe/confirm/",
    "/subscribe/stop/",
    "/subscribe/join/",
    "/subscriptions/",
    "/feeds/",
    "/extracts/",
    "/reports/",
    "/accounts/join/",
    "/password/new/",
)

_SLASH = "(?:/|%2F)"  # also within the query of another address
_SECRET = re.compile(
    f"({'|'.join(address.replace('/', _SLASH) for address in SECRET_ADDRESSES)})" + r"(?!%2F)[^/\s\"'<>?&#%]+",
    flags=re.IGNORECASE,
)
_PLACE = re.compile(r"([?&](?:lat|lon)=)[^&\s\"']+", flags=re.IGNORECASE)  # of a house or street (/here/)
_FORMATTER = logging.Formatter()


def without_secrets(text: str) -> str:
    """Return the text without the secret parts and the coordinates of its addresses."""
    return _PLACE.sub(r"\1[removed]", _SECRET.sub(r"\1[removed]", text))


class NoSecretLinks(logging.Filter):
    """Filter that removes secrets from the line, its arguments and its traceback, before anything is written."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the secrets; keep every record."""
        record.msg, record.args = without_secrets(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = without_secrets(_FORMATTER.formatException(record.exc_info))
        return True

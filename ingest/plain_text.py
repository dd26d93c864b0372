"""Plain text: without characters that tables or feeds cannot hold, or that change the reading order."""

import re
from typing import Any

# Separators that become a space: text pasted from slides has vertical tabs.
_SEPARATORS = re.compile(r"[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
# Control characters (PostgreSQL cannot store the first, XML 1.0 forbids most), lone surrogates, noncharacters, and
# marks that change the reading order, with which one name can look like another.
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"\r\n?")


def plain_text(text: str, instead: str = "") -> str:
    """Return text that every table, feed and page can hold; it may have several lines.

    instead: what replaces a removed character.
    """
    text = _SEPARATORS.sub(" ", _LINE_ENDS.sub("\n", text))
    return _UNWANTED.sub(instead, text)


def plain_values(value: Any) -> Any:
    """Return a value with plain text, also within lists, tuples and dicts; other values are not changed."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return {plain_values(name): plain_values(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain_values, value))
    return value

"""Text from people and files, without characters that a table, a feed or the order of reading cannot take."""

import re
from typing import Any

# Break lines or separate parts where a line feed or a space would do: slide programs paste the vertical tab.
_SEPARATORS = re.compile(r"[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
# Control characters, of which PostgreSQL cannot keep the first and XML 1.0 has none; half characters (surrogates); what
# is no character; and marks that turn the order of reading, by which a name can show as another one.
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"\r\n?")


def plain_text(text: str, instead: str = "") -> str:
    """Return text that every table, feed and page can take; it may have several lines.

    instead: what replaces a character that is taken out.
    """
    text = _SEPARATORS.sub(" ", _LINE_ENDS.sub("\n", text))
    return _UNWANTED.sub(instead, text)


def plain_values(value: Any) -> Any:
    """Return a value with plain text in it, however deep in lists, tuples and dicts; anything else stays as it is."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return {plain_values(name): plain_values(one) for name, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain_values, value))
    return value

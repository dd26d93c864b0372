"""Normalisation of names, repair of wrongly decoded text, text that tables can hold, and lists from outside."""

import math
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

T = TypeVar("T", bound=Hashable)

_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "’": "", "'": ""}
)

_WORDS = re.compile(r"[^\W_]+")
# Separators that become a space: text pasted from slides has vertical tabs.
_SEPARATORS = re.compile(r"[\x0b\x0c\x1c-\x1f\x85\u2028\u2029]")
# Control characters (PostgreSQL cannot store the first, XML 1.0 forbids most), lone surrogates, noncharacters, and
# marks that change the reading order, with which one name can look like another.
_UNWANTED = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"\r\n?")


def number_of(text: str) -> float | None:
    """Parse a finite number; return None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def search_key(text: str) -> str:
    """Normalise a name for search: lower case, no marks, single spaces. 'Saint-Étienne' becomes 'saint etienne'."""
    plain = text.lower()
    if plain.isascii() and plain.isalnum():  # Most of a million names of places are one such word already.
        return plain
    plain = plain.translate(_LETTERS)
    if not plain.isascii():
        plain = "".join(sign for sign in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(sign))
    return " ".join(_WORDS.findall(plain))


def repair_mojibake(text: str) -> str:
    """Repair UTF-8 that was decoded once as Latin-1 or Windows-1252; return any other text unchanged."""
    if text.isascii():
        return text
    try:
        return b"".join(_byte(sign) for sign in text).decode()
    except UnicodeError:
        return text


def _byte(sign: str) -> bytes:
    try:
        return sign.encode("cp1252")
    except UnicodeEncodeError:
        return sign.encode("latin-1")  # Windows-1252 leaves five bytes undefined.


def plain_text(text: str, instead: str = "") -> str:
    """Remove characters that tables, feeds or pages cannot hold. instead: replacement of each."""
    text = _SEPARATORS.sub(" ", _LINE_ENDS.sub("\n", text))
    return _UNWANTED.sub(instead, text)


def plain_values(value: Any) -> Any:
    """Apply `plain_text` to a text, or to all texts in lists, tuples and dicts; other values stay as they are."""
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, dict):
        return {plain_values(name): plain_values(item) for name, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain_values, value))
    return value


def distinct_values(given: Iterable[T], most: int, refusal: Callable[[int], Exception]) -> list[T]:
    """Return each value of a list from outside once, in the order given.

    Args:
        given: what somebody sent, of any length
        most: number of distinct values that are accepted
        refusal: makes the error that is raised for more, from their number
    """
    values = list(dict.fromkeys(given))
    if len(values) > most:
        raise refusal(len(values))
    return values

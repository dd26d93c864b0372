"""Names as people type them, and text that went through the wrong encoding."""

import unicodedata

_LETTERS = str.maketrans(
    {
        "ø": "o",
        "æ": "ae",
        "œ": "oe",
        "ß": "ss",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        "’": "",
        "'": "",
    }
)


def search_key(text: str) -> str:
    """Normalise a name for search: lower case, no marks, single spaces. 'Saint-Étienne' becomes 'saint etienne'."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join("".join(sign if sign.isalnum() else " " for sign in plain).split())


def repair_mojibake(text: str) -> str:
    """Repair UTF-8 that was read as Latin-1 or Windows-1252, once; any other text stays as it is."""
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
        return sign.encode("latin-1")  # five bytes that Windows-1252 leaves undefined

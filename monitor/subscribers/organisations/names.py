"""Names of organisations. They appear in mails to strangers: none may read as an internet address or telephone number.

Real names contain dots too: "St. Gallen", "Co. KG", "S.A.". A dot is therefore allowed only between single letters or
at the end of a word, and not before an ending of internet addresses; each word must use one alphabet.
"""

import re
import unicodedata

from ground_motion.core.errors import one_line

MAX_TITLE_LENGTH = 60
MAX_DIGITS = 5  # A year, a postal code, an emergency number; telephone numbers have more.
_TITLE = re.compile(r"\w[\w \-–'’&,.()/+]*")
# letters that look like Latin ones once marks are removed; endings are compared in Latin
_LOOK_ALIKES = str.maketrans("ıȷłøđħɡасԁеһіјӏморѕтухѵԝαεικνορτυχ", "ijlodhgacdehijlmopstyxvwaeikvoptyx")
_ADDRESS = re.compile(r"www|https?|hxxp|//")
_DOT = r"(?:\.[\s)\-–]*|,|\b(?:dot|punkt|punto)\b[\s)]*)"
_ENDINGS = "com|net|org|info|biz|app|dev|edu|gov|mil|xyz|top|online|site|website|shop|store|club|link|click|icu|vip"
_ENDS_AS_ADDRESS = re.compile(rf"{_DOT}(?:{_ENDINGS})\b")
_DOT_WITHIN = re.compile(r"\.(?![\s,)/\-–]|$)")
_SINGLE_LETTERS = re.compile(r"(?<![^\W\d_])[^\W\d_](?:\.[^\W\d_])+(?![^\W_])")  # S.A., e.V., s.r.o.
_DOT_ALONE = re.compile(r"(?<!\w)\.")
_NUMBERS = re.compile(r"\d\s*\.\s*\d")
_LAST_COUNTRY = re.compile(r"(\w+)\.\s+([^\W\d_]{2})(?=\s*(?:/|$))")
_LONGEST_ABBREVIATION = 3  # letters before "KG" or "No": Co., Dr.
_DIGIT_WORDS = "zero|one|two|three|four|five|six|seven|eight|nine|null|eins|zwei|drei|vier|funf|sechs|sieben|acht|neun|"
_DIGIT_WORDS += "zwo|un|deux|trois|quatre|cinq|sept|huit|neuf|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"
_DIGITS = re.compile(rf"\b(?:{_DIGIT_WORDS})\b|\d|(?<=\d)[oil]|[oil](?=\d)")  # O and l beside digits stand for 0 and 1
_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
_ALPHABETS |= {"ARABIC", "ARABIC-INDIC", "EXTENDED"}  # The zero of these digits looks like a dot.


def title_of(name: str) -> str | None:
    """Return a name as it is stored and shown; None if it must not appear in a mail to strangers."""
    title = one_line(unicodedata.normalize("NFKC", name))
    if not title or len(title) > MAX_TITLE_LENGTH or not _TITLE.fullmatch(title) or _reads_as_address(title):
        return None
    others = sum(letter.isnumeric() and not letter.isdecimal() for letter in title)  # Numerals such as those of Chinese
    return title if others + len(_DIGITS.findall(_folded(title))) <= MAX_DIGITS else None


def _reads_as_address(title: str) -> bool:
    folded = _folded(title)
    return bool(
        _ADDRESS.search(folded)
        or _DOT_WITHIN.search(_SINGLE_LETTERS.sub("X", title))
        or _DOT_ALONE.search(title)
        or _NUMBERS.search(title)
        or _ENDS_AS_ADDRESS.search(folded)
        # 'Co. KG' and 'Dr. No' have a short word before the dot, and a capital after it.
        or any(end.islower() or len(start) > _LONGEST_ABBREVIATION for start, end in _LAST_COUNTRY.findall(title))
        or any(
            len({unicodedata.name(letter, "").partition(" ")[0] for letter in word} & _ALPHABETS) > 1
            for word in re.split(r"\W+", title)
        )
    )


def _folded(title: str) -> str:
    """Return a title in lower case, without marks, and with look-alike letters replaced by Latin ones."""
    apart = unicodedata.normalize("NFKD", title.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).translate(_LOOK_ALIKES)

"""Short public codes of alerts: /alerts/4F7K/. A code is the row's number, shuffled, in Crockford's base 32."""

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOKALIKE = str.maketrans("ILO", "110")
_MULTIPLIER = 387_421  # Multiplication by an odd number modulo a power of two can be undone.
_OFFSET = 148_217
_SHORTEST = 4


def encode(number: int) -> str:
    """Turn a positive row number into a code of four characters, more from 2^20 on. ValueError for others."""
    if number < 1:
        raise ValueError(f"{number} is no row number")
    length = _SHORTEST
    first = 0  # Numbers of this length begin here.
    while number - first >= 32**length:
        first += 32**length
        length += 1
    shuffled = ((number - first) * _MULTIPLIER + _OFFSET) % 32**length
    digits = []
    for _ in range(length):
        shuffled, digit = divmod(shuffled, 32)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def decode(code: str) -> int:
    """Turn a code back into its row number; upper or lower case, I and L read as 1, O as 0. ValueError for no code."""
    text = code.upper().translate(_LOOKALIKE)
    if len(text) < _SHORTEST or len(text) > 8 or any(letter not in ALPHABET for letter in text):
        raise ValueError(f"{code!r} is no alert code")
    shuffled = 0
    for letter in text:
        shuffled = shuffled * 32 + ALPHABET.index(letter)
    size = 32 ** len(text)
    first = sum(32**length for length in range(_SHORTEST, len(text)))
    inverse = int(pow(_MULTIPLIER, -1, size))
    return int((shuffled - _OFFSET) * inverse % size + first)

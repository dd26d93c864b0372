"""Values of catalogues in our terms; what cannot be understood counts as not stated."""

import re
from datetime import UTC, datetime

from ingest.readers.records import Direction

_PLATFORM = re.compile(r"(?i)s(?:entinel)?-?1([a-d])")
TRACKS = range(1, 176)  # of Sentinel-1: 175 orbits in twelve days


def platform_of(value: object) -> str:
    """Return 'S1A' for 'Sentinel-1A', 'SENTINEL-1A' and 'sentinel-1a'."""
    match = _PLATFORM.fullmatch(str(value or ""))
    return f"S1{match[1].upper()}" if match else ""


def track_of(value: object) -> int | None:
    """Return the relative orbit; None where it is not a plausible number."""
    try:
        track = int(str(value))
    except ValueError:
        return None
    return track if track in TRACKS else None


def direction_of(value: object) -> Direction:
    """Return the flight direction."""
    word = str(value or "").lower()
    return Direction(word) if word in {"ascending", "descending"} else Direction.UNKNOWN


def exact_bytes(value: object) -> int | None:
    """Return a size in bytes; None for other units or a fraction, which is rounded somewhere."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0 or value != int(value):
        return None
    return int(value)


def moment_of(value: object) -> datetime | None:
    """Parse an aware time; UTC where no zone is written, as both services mean it."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

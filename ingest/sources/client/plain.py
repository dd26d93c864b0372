"""Values as catalogues write them, made ours; what cannot be understood counts as not said."""

import re
from datetime import UTC, datetime

from ingest.readers.records import Direction

_PLATFORM = re.compile(r"(?i)s(?:entinel)?-?1([a-d])")
TRACKS = range(1, 176)  # of Sentinel-1: 175 orbits in twelve days


def platform_of(said: object) -> str:
    """'S1A' for 'Sentinel-1A', 'SENTINEL-1A' and 'sentinel-1a'."""
    found = _PLATFORM.fullmatch(str(said or ""))
    return f"S1{found[1].upper()}" if found else ""


def track_of(said: object) -> int | None:
    try:
        track = int(str(said))
    except ValueError:
        return None
    return track if track in TRACKS else None


def direction_of(said: object) -> Direction:
    word = str(said or "").lower()
    return Direction(word) if word in {"ascending", "descending"} else Direction.UNKNOWN


def exact_bytes(said: object) -> int | None:
    """A size in bytes; None for one in other units or with a fraction, which is rounded somewhere."""
    if isinstance(said, bool) or not isinstance(said, (int, float)) or said <= 0 or said != int(said):
        return None
    return int(said)


def moment_of(said: object) -> datetime | None:
    """A time with its zone; UTC where none is written, as both services mean it."""
    if isinstance(said, datetime):
        return said if said.tzinfo else said.replace(tzinfo=UTC)
    try:
        moment = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

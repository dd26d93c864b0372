"""One image of a search service, and its values and file names in our terms; what is not understood is not stated."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from shapely import MultiPolygon, Polygon

from ingest.readers.records import Direction
from ingest.sources.client.checksums import Checksum


@dataclass(frozen=True)
class CatalogueScene:
    """A file that could be fetched. None and empty: not stated by the service.

    scene_id: the service's own name of this file, the same in every search. size_bytes: exact, or None.
    track: relative orbit. polarisation: "VV", or "VV+VH" of a file that holds both. acquired_at: with time zone.
    footprint: degrees, EPSG:4326.
    """

    source: str
    scene_id: str
    url: str
    file_name: str
    size_bytes: int | None = None
    checksum: Checksum | None = None
    platform: str = ""
    track: int | None = None
    direction: Direction = Direction.UNKNOWN
    polarisation: str = ""
    acquired_at: datetime | None = None
    footprint: Polygon | MultiPolygon | None = None


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


LONGEST = 160
KNOWN = (".zip", ".tif", ".tiff", ".h5", ".nc")
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")


def safe_name(text: str, fallback: str = "image") -> str:
    """Return a base name of plain letters: no folder, no hidden file, nothing of a name that is too long.

    A name that had to be changed keeps its suffix, so that readers that go by names still know it.
    """
    base = re.split(r"[/\\]", text)[-1]
    plain = _STRANGE.sub("_", base).strip("._-+ ")
    if not plain:
        plain = _STRANGE.sub("_", fallback).strip("._-+ ") or "image"
    if len(plain) <= LONGEST:
        return plain
    stem, dot, suffix = plain.rpartition(".")
    suffix = suffix if dot and len(suffix) <= 8 else ""
    short = f"{(stem or plain)[: LONGEST - 20]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{short}.{suffix}" if suffix else short


def name_of(url: str, scene_id: str, media_type: str = "") -> str:
    """Return a file's name: the last part of its address where that shows its type, else its own id."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    if last.lower().endswith(KNOWN):
        return safe_name(last, scene_id)
    suffix = ".tif" if "tiff" in media_type.lower() else ".zip"
    name = safe_name(scene_id)
    return name if name.lower().endswith(KNOWN) else f"{name.removesuffix('.SAFE')}{suffix}"

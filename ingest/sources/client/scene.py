"""Description of an image found by a search service, its checksum, and the coarse areas sent in searches.

Values that are not understood are left out. An area may be a circle around a person's house. Every area is therefore
widened to a grid of 0.1 degrees (about 10 km) before it is sent, so that the box reveals neither its centre nor its
size. STAC's `file:checksum` (https://github.com/stac-extensions/file) is a multihash
(https://github.com/multiformats/multihash): code and length as unsigned varints, then the digest, in hexadecimal.
"""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import numpy as np
from shapely import MultiPolygon, Polygon, box, transform, unary_union
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ground_motion.core.areas import split_at_date_line
from ground_motion.readers.records import Direction

LENGTHS_BYTES = {"md5": 16, "sha1": 20, "sha224": 28, "sha256": 32, "sha384": 48, "sha512": 64}
MULTIHASH_CODES = {0x11: "sha1", 0x12: "sha256", 0x13: "sha512", 0x20: "sha384", 0xD5: "md5", 0x1013: "sha224"}
MAX_CODES_BYTES = 4
_PLATFORM = re.compile(r"(?i)s(?:entinel)?-?1([a-d])|(nisar)")
TRACKS = range(1, 176)  # Sentinel-1 flies 175 orbits in twelve days, NISAR 173.
MAX_NAME_LENGTH = 160
KNOWN = (".zip", ".tif", ".tiff", ".h5", ".nc")
_STRANGE = re.compile(r"[^A-Za-z0-9._+-]+")
GRIDS_DEG = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 90.0)
MAX_AREAS = 20


class Checksum(NamedTuple):
    """One checksum; algorithm: a name of LENGTHS_BYTES; hexadecimal: the digest in lower case."""

    algorithm: str
    hexadecimal: str


def checksum(algorithm: str, hexadecimal: str) -> Checksum | None:
    """Return a usable checksum; None for an unknown algorithm or a digest of the wrong length."""
    name = algorithm.lower().replace("-", "")
    digest = _digest(hexadecimal)
    if name not in LENGTHS_BYTES or digest is None or len(digest) != LENGTHS_BYTES[name]:
        return None
    return Checksum(name, digest.hex())


def from_multihash(text: str) -> Checksum | None:
    """Parse STAC's `file:checksum`; return None if it is no multihash of a known algorithm."""
    raw = _digest(text)
    code, rest = _varint(raw or b"")
    length, digest = _varint(rest)
    if code is None or length is None or length != len(digest) or code not in MULTIHASH_CODES:
        return None
    return checksum(MULTIHASH_CODES[code], digest.hex())


def file_checksum(path: Path, algorithm: str) -> Checksum:
    """Compute a file's checksum; weak algorithms are supported because some catalogues state no other."""
    with path.open("rb") as stream:
        made = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    return Checksum(algorithm, made.hexdigest())


def _digest(text: str) -> bytes | None:
    try:
        return bytes.fromhex(text.strip()) if text.isascii() else None
    except ValueError:
        return None


def _varint(raw: bytes) -> tuple[int | None, bytes]:
    value = 0
    for place, byte in enumerate(raw[:MAX_CODES_BYTES]):
        value |= (byte & 0x7F) << (7 * place)
        if not byte & 0x80:
            return value, raw[place + 1 :]
    return None, b""


@dataclass(frozen=True)
class CatalogueScene:
    """A file that can be downloaded. None and empty texts: not stated by the service.

    scene_id: the service's identifier of the file, the same in every search. size_bytes: exact, or None.
    track: relative orbit. polarisation: "VV", or "VV+VH" for a file with both. acquired_at: with time zone.
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
    footprint: MultiPolygon | None = None


def outline_of(geometry: dict[str, Any] | None) -> MultiPolygon | None:
    """Return the outline of a scene from GeoJSON, split at 180 degrees also where its ring runs round the earth."""
    if not geometry or geometry.get("type") not in {"Polygon", "MultiPolygon"}:
        return None
    turned = transform(shape(geometry), lambda at: np.column_stack([np.unwrap(at[:, 0], period=360), at[:, 1]]))
    return split_at_date_line(turned)


def platform_of(value: object) -> str:
    """Return 'S1A' for 'Sentinel-1A', 'SENTINEL-1A', 's1a' and the like, or 'NISAR'; empty for other values."""
    match = _PLATFORM.fullmatch(str(value or ""))
    return (match[2] or f"S1{match[1]}").upper() if match else ""


def track_of(value: object) -> int | None:
    """Return the relative orbit, 1 to 175; None for any other value."""
    try:
        track = int(str(value))
    except ValueError:
        return None
    return track if track in TRACKS else None


def direction_of(value: object) -> Direction:
    """Return the flight direction; unknown for a value other than ascending or descending."""
    word = str(value or "").lower()
    return Direction(word) if word in {"ascending", "descending"} else Direction.UNKNOWN


def exact_bytes(value: object) -> int | None:
    """Return a size in bytes; None unless it is a positive whole number, because other sizes are rounded."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0 or value != int(value):
        return None
    return int(value)


def moment_of(value: object) -> datetime | None:
    """Return a time with zone, UTC if none is written, as both services intend; None for a value that is no time."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def safe_name(text: str, fallback: str = "image") -> str:
    """Return a file name of plain characters, without folder, not hidden, suffix kept. fallback: if nothing is left."""
    base = re.split(r"[/\\]", text)[-1]
    plain = _STRANGE.sub("_", base).strip("._-+ ")
    if not plain:
        plain = _STRANGE.sub("_", fallback).strip("._-+ ") or "image"
    if len(plain) <= MAX_NAME_LENGTH:
        return plain
    stem, dot, suffix = plain.rpartition(".")
    suffix = suffix if dot and len(suffix) <= 8 else ""
    short = f"{(stem or plain)[: MAX_NAME_LENGTH - 20]}~{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return f"{short}.{suffix}" if suffix else short


def name_of(url: str, scene_id: str, media_type: str = "") -> str:
    """Return a name for a file: the last part of its URL if it has a known suffix, else the scene_id with a suffix."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    if last.lower().endswith(KNOWN):
        return safe_name(last, scene_id)
    suffix = ".tif" if "tiff" in media_type.lower() else ".zip"
    name = safe_name(scene_id)
    return name if name.lower().endswith(KNOWN) else f"{name.removesuffix('.SAFE')}{suffix}"


def coarse(areas: Iterable[BaseGeometry], most: int = MAX_AREAS) -> list[Polygon]:
    """Return at most `most` boxes with edges on a grid, degrees, that contain all areas; more areas: a coarser grid."""
    parts = [part for area in areas for part in getattr(area, "geoms", [area]) if not part.is_empty]
    boxes: list[Polygon] = []
    for grid_deg in GRIDS_DEG:
        boxes = _join([_widen(part.bounds, grid_deg) for part in parts])
        if len(boxes) <= most:
            break
    return boxes


def _widen(bounds: tuple[float, float, float, float], grid_deg: float) -> Polygon:
    west, south, east, north = bounds
    return box(
        max(-180.0, round(math.floor(west / grid_deg) * grid_deg, 6)),
        max(-90.0, round(math.floor(south / grid_deg) * grid_deg, 6)),
        min(180.0, round(_grid_line_above(east, west, grid_deg), 6)),
        min(90.0, round(_grid_line_above(north, south, grid_deg), 6)),
    )


def _grid_line_above(high: float, low: float, grid_deg: float) -> float:
    """Return the first grid line at or above `high`, but at least one cell above the line at or below `low`."""
    line = math.ceil(high / grid_deg) * grid_deg
    return line if line > math.floor(low / grid_deg) * grid_deg else line + grid_deg


def _join(boxes: list[Polygon]) -> list[Polygon]:
    while True:
        together = unary_union(boxes)
        merged = [box(*part.bounds) for part in getattr(together, "geoms", [together]) if not part.is_empty]
        if len(merged) == len(boxes):
            return merged
        boxes = merged

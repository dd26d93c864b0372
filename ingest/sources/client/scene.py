"""One image of a search service: what it is, where it lies and how its bytes are checked."""

from dataclasses import dataclass
from datetime import datetime

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

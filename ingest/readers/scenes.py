"""What a reader of radar images yields: a header, and the image when it is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from affine import Affine

from ingest.readers.records import Direction, Float32


@dataclass(frozen=True)
class SceneHeader:
    """What is known of one image in one polarisation.

    backscatter: gamma0 or sigma0, always linear power here; transform and epsg: a north-up projected grid in metres.
    """

    source_format: str
    platform: str
    track: int
    direction: Direction
    mode: str
    burst: str
    polarisation: str
    backscatter: str
    acquired_at: datetime
    epsg: int
    transform: Affine
    rows: int
    cols: int
    simulated: bool = False
    attribution: str = ""
    licence: str = ""
    extras: dict[str, str] = field(default_factory=dict)

    @property
    def posting_m(self) -> float:
        return float(self.transform.a)


@dataclass(frozen=True)
class SceneFile:
    """One image. `power` reads it: (rows, cols), linear power, NaN where nothing was seen."""

    header: SceneHeader
    power: Callable[[], Float32]


def direction_at(acquired_at: datetime, longitude: float) -> Direction:
    """The way Sentinel-1 flew over a place: its orbit crosses the equator northward at 18:00 local solar time.

    acquired_at: aware, any zone; longitude: degrees east. Passes over a place come within about an hour and a half of
    06:00 (descending) or 18:00 (ascending), whatever the latitude below 70 degrees. ESA, Sentinel-1 orbit description.
    """
    solar = acquired_at + timedelta(hours=longitude / 15.0) - (acquired_at.utcoffset() or timedelta())
    return Direction.ASCENDING if solar.hour >= 12 else Direction.DESCENDING

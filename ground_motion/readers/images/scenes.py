"""Records that readers of radar images yield: a header, and the image in blocks; names of Sentinel-1 products.

Naming: ESA, Sentinel-1 Product Specification. Relative orbits: 12 days are 175 orbits, which each satellite counts from
its own launch. S1A and S1B: P. Meadows, Sentinel-1 Mission Performance Centre, forum.step.esa.int/t/7042. S1C: until it
was moved in June 2026. S1D: agrees with the Copernicus Data Space (orbits 4689 and 4762 are tracks 98 and 171).
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine

from ground_motion.core.pixel_grids import PixelGrid
from ground_motion.core.rasters import Block
from ground_motion.readers.records import Direction, Float32

SCALES = ("power", "amplitude", "db")
POLARISATIONS = ("VV", "VH", "HH", "HV")
GRANULE = re.compile(
    r"(?P<platform>S1[A-D])_(?P<mode>IW|EW|WV|S[1-6])_(?P<product>GRD[FHM]|SLC_|RAW_)_[012][SA](?P<pols>[SD][HV])"
    r"_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<crc>[0-9A-F]{4})"
)
TIME = re.compile(r"(?<!\d)\d{8}T\d{6}(?!\d)")
REPEAT_ORBITS = 175
FIRST_ORBIT = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}
# Sentinel-1C changed its phase of the orbit; from then on its track must be declared.
S1C_MOVED = datetime(2026, 6, 9, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class SceneHeader:
    """Facts about one image in one polarisation.

    backscatter: gamma0 or sigma0, always as linear power; transform and epsg: a north-up projected grid in metres.
    burst: part of the track, empty if the source has no names for parts. absolute_orbit: counted from the launch; None
    if not stated. look_direction: Sentinel-1 looks right. looks: equivalent number of looks; None if not known.
    """

    source_format: str
    platform: str
    track: int
    direction: Direction
    mode: str
    polarisation: str
    backscatter: str
    acquired_at: datetime
    epsg: int
    transform: Affine
    rows: int
    cols: int
    burst: str = ""
    absolute_orbit: int | None = None
    looks: float | None = None
    look_direction: str = "right"
    simulated: bool = False
    attribution: str = ""
    licence: str = ""
    extras: dict[str, str] = field(default_factory=dict)

    @property
    def pixel_grid(self) -> PixelGrid:
        """Return the grid of the pixels."""
        return PixelGrid(self.epsg, self.transform, self.rows, self.cols)

    @property
    def posting_m(self) -> float:
        """Side of a pixel, metres."""
        return float(self.transform.a)


class Placing(NamedTuple):
    """Settings for resampling an image to the map; None or empty: as derived from the image itself.

    epsg: the UTM zone; elevation: a raster of heights, to correct for terrain; ground: the heights of an earlier image
    of the track (`SceneFile.ground`), so that errors of heights displace both images alike.
    """

    epsg: int | None = None
    elevation: Path | None = None
    ground: str = ""


@dataclass(frozen=True, kw_only=True)
class SceneFile:
    """One image. blocks: reads it block by block, each pixel once; blocks without any value may be left out.

    files: the files that were read, if not only the given one.
    projected: returns the image resampled with another Placing; None if the file is map-projected already.
    ground: the heights that determined its position, as text.
    """

    header: SceneHeader
    blocks: Callable[[], Iterator[Block]]
    projected: Callable[[Placing], "SceneFile"] | None = None
    files: tuple[Path, ...] = ()
    ground: str = ""

    def power(self) -> Float32:
        """Read a whole image into memory, (rows, cols), NaN unknown; for small images."""
        whole = np.full((self.header.rows, self.header.cols), np.nan, dtype=np.float32)
        for row, col, power in self.blocks():
            whole[row : row + power.shape[0], col : col + power.shape[1]] = power
        return whole


@dataclass(frozen=True, kw_only=True)
class ParsedName:
    """Facts about an image that its file name states; None or empty: not stated."""

    platform: str = ""
    track: int | None = None
    direction: Direction | None = None
    mode: str = ""
    polarisation: str = ""
    acquired_at: datetime | None = None
    absolute_orbit: int | None = None
    scale: str = ""


def direction_at(acquired_at: datetime, longitude: float) -> Direction:
    """Return Sentinel-1's flight direction over a place by local time: it crosses the equator northward at 18:00.

    acquired_at: aware, any zone; longitude: degrees east. Passes over a place come within about an hour and a half of
    06:00 (descending) or 18:00 (ascending), whatever the latitude below 70 degrees. ESA, Sentinel-1 orbit description.
    """
    solar = acquired_at + timedelta(hours=longitude / 15.0) - (acquired_at.utcoffset() or timedelta())
    return Direction.ASCENDING if solar.hour >= 12 else Direction.DESCENDING


class Granule(NamedTuple):
    """A Sentinel-1 product as named by the ground segment. stop: time of the last line."""

    name: str
    platform: str
    mode: str
    start: datetime
    stop: datetime
    absolute_orbit: int

    @property
    def track(self) -> int | None:
        """The relative orbit; None where unknown."""
        return relative_orbit(self.platform, self.absolute_orbit, self.start)

    def parse(self, polarisation: str) -> ParsedName:
        """Return the facts that the name states about the image of a polarisation."""
        own = ParsedName(platform=self.platform, mode=self.mode, acquired_at=self.start, polarisation=polarisation)
        return replace(own, track=self.track)


def granules_in(text: str) -> list[Granule]:
    """Return all distinct Sentinel-1 product names in a text, in order. Raises ValueError for an impossible date."""
    return [_granule(match) for match in {match.group(): match for match in GRANULE.finditer(text)}.values()]


def _granule(match: re.Match[str]) -> Granule:
    start, stop = time_of(match["start"]), time_of(match["stop"])
    return Granule(match.group(), match["platform"], match["mode"], start, stop, int(match["orbit"]))


def time_of(text: str) -> datetime:
    """Parse YYYYMMDDTHHMMSS, UTC. Raises ValueError for an impossible date."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def maybe_time(text: str) -> datetime | None:
    """Return the time that `time_of` parses; None for an impossible date."""
    with suppress(ValueError):
        return time_of(text)
    return None


def relative_orbit(platform: str, absolute_orbit: int, acquired_at: datetime) -> int | None:
    """Return the track, 1 to 175; None if the orbit's number alone does not determine it."""
    if platform not in FIRST_ORBIT or (platform == "S1C" and acquired_at >= S1C_MOVED):
        return None
    return (absolute_orbit - FIRST_ORBIT[platform]) % REPEAT_ORBITS + 1

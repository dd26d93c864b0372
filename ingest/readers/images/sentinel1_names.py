"""Names of Sentinel-1 products: satellite, mode, times, orbit, and from it the relative orbit (track).

Naming: ESA, Sentinel-1 Product Specification. Relative orbits: 12 days are 175 orbits, which each satellite counts from
its own launch. S1A and S1B: P. Meadows, Sentinel-1 Mission Performance Centre, forum.step.esa.int/t/7042. S1C: until it
was moved in June 2026. S1D: agrees with the Copernicus Data Space (orbits 4689 and 4762 are tracks 98 and 171).
"""

import re
from datetime import UTC, datetime
from typing import NamedTuple

GRANULE = re.compile(
    r"(?P<platform>S1[A-D])_(?P<mode>IW|EW|WV|S[1-6])_(?P<product>GRD[FHM]|SLC_|RAW_)_[012][SA](?P<pols>[SD][HV])"
    r"_(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<crc>[0-9A-F]{4})"
)
TIME = re.compile(r"(?<!\d)\d{8}T\d{6}(?!\d)")
REPEAT_ORBITS = 175
FIRST_ORBIT = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}
S1C_MOVED = datetime(2026, 6, 9, tzinfo=UTC)  # to another phase of the orbit; its track must be declared from then on


class Granule(NamedTuple):
    """One product as it came from the ground segment. stop: when the last line was seen."""

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


def granules_in(text: str) -> list[Granule]:
    """Return all different Sentinel-1 product names in a text, in order. Raises ValueError: no such date."""
    return [_granule(match) for match in {match.group(): match for match in GRANULE.finditer(text)}.values()]


def _granule(match: re.Match[str]) -> Granule:
    start, stop = time_of(match["start"]), time_of(match["stop"])
    return Granule(match.group(), match["platform"], match["mode"], start, stop, int(match["orbit"]))


def time_of(text: str) -> datetime:
    """Parse YYYYMMDDTHHMMSS, UTC. Raises ValueError for an impossible date."""
    return datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)


def relative_orbit(platform: str, absolute_orbit: int, acquired_at: datetime) -> int | None:
    """Return the track, 1 to 175; None where it does not follow from the orbit's number alone."""
    if platform not in FIRST_ORBIT or (platform == "S1C" and acquired_at >= S1C_MOVED):
        return None
    return (absolute_orbit - FIRST_ORBIT[platform]) % REPEAT_ORBITS + 1

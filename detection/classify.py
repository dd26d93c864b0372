"""What kind of motion an area shows. Nothing is claimed that the measurements cannot tell."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    SUBSIDENCE = "subsidence"
    UPLIFT = "uplift"
    UNKNOWN = "unknown"
    SURFACE_CHANGE = "surface-change"
    MOVING_GROUND = "moving-ground"
    GLACIER_SURGE = "glacier-surge"
    FAST_LANDSLIDE = "fast-landslide"


class Family(StrEnum):
    """What an alert was seen by. Figures of different families do not add up, so each has alerts of its own."""

    VELOCITY = "velocity"
    SURFACE = "surface"
    OFFSETS = "offsets"


FAMILIES: dict[Family, tuple[Kind, ...]] = {
    Family.VELOCITY: (Kind.SUBSIDENCE, Kind.UPLIFT, Kind.UNKNOWN),
    Family.SURFACE: (Kind.SURFACE_CHANGE,),
    Family.OFFSETS: (Kind.MOVING_GROUND, Kind.GLACIER_SURGE, Kind.FAST_LANDSLIDE),
}


def family(kind: str) -> Family:
    """The family of a kind."""
    return next(name for name, kinds in FAMILIES.items() if kind in kinds)


class Evidence(NamedTuple):
    """One area in one product. component: los, up or east; direction: ascending, descending or empty; rates mm/yr."""

    component: str
    direction: str
    rate_mm_yr: float
    area_m2: float


# Along a slope a landslide moves as much sideways as down; from one direction such an area may be either.
SMALL_M2 = 150_000.0
SLOW_MM_YR = 3.0


def classify(evidence: Sequence[Evidence]) -> Kind:
    """Name the motion of one area from everything that was seen of it.

    A vertical product decides by its sign. Line of sight decides by its sign where the directions that saw it agree;
    a single direction only for an area that is both wide and fast enough for sideways motion to be an unlikely
    explanation. Everything else, and east-west motion, is unknown.
    """
    vertical = [e for e in evidence if e.component == "up"]
    los = [e for e in evidence if e.component == "los"]
    deciding = vertical or los
    signs = {e.rate_mm_yr > 0 for e in deciding}
    if len(signs) != 1:
        return Kind.UNKNOWN
    two_directions = len({e.direction for e in los}) > 1
    plain = any(e.area_m2 >= SMALL_M2 and abs(e.rate_mm_yr) >= SLOW_MM_YR for e in deciding)
    if not (vertical or two_directions or plain):
        return Kind.UNKNOWN
    return Kind.UPLIFT if signs == {True} else Kind.SUBSIDENCE

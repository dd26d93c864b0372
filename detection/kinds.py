"""The kinds of alerts, and the families they belong to: the one table that pages, mails and interfaces read."""

from enum import StrEnum


class Kind(StrEnum):
    SUBSIDENCE = "subsidence"
    MINING = "mining-subsidence"
    GROUNDWATER = "groundwater-subsidence"
    FILL = "fill-or-quarry"
    LANDSLIDE = "landslide"
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
    Family.VELOCITY: (
        Kind.SUBSIDENCE,
        Kind.MINING,
        Kind.GROUNDWATER,
        Kind.FILL,
        Kind.LANDSLIDE,
        Kind.UPLIFT,
        Kind.UNKNOWN,
    ),
    Family.SURFACE: (Kind.SURFACE_CHANGE,),
    Family.OFFSETS: (Kind.MOVING_GROUND, Kind.GLACIER_SURGE, Kind.FAST_LANDSLIDE),
}


def family(kind: str) -> Family:
    """The family of a kind."""
    return next(name for name, kinds in FAMILIES.items() if kind in kinds)


SINKING = frozenset({Kind.SUBSIDENCE, Kind.MINING, Kind.GROUNDWATER, Kind.FILL})
KIND_OF_CLASS = {  # of a network (`ml.rasters.areas.KINDS`)
    "mining_subsidence": Kind.MINING,
    "groundwater_subsidence": Kind.GROUNDWATER,
    "fill_or_quarry": Kind.FILL,
    "landslide": Kind.LANDSLIDE,
    "uplift": Kind.UPLIFT,
}

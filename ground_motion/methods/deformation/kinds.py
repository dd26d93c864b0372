"""The five kinds of motion that a network names, and the kind of each simulated source."""

from ground_motion.rasters.areas import KINDS
from ground_motion.simulation.ground.sources import Source

__all__ = ["KINDS", "kind_of"]
_OF_SOURCE = {
    "mining_subsidence": "mining_subsidence",
    "tunnel": "mining_subsidence",  # Both remove ground from below.
    "groundwater_subsidence": "groundwater_subsidence",
    "pressure_source": "groundwater_subsidence",  # sinking: something is pumped from a point at depth
    "quarry": "fill_or_quarry",
    "fill_settlement": "fill_or_quarry",
    "landslide": "landslide",
}


def kind_of(source: Source) -> int:
    """Return a source's index in KINDS: all rising ground is uplift, except a sliding slope."""
    if source.kind != "landslide" and source.peak_mm_yr > 0:
        return KINDS.index("uplift")
    return KINDS.index(_OF_SOURCE[source.kind])

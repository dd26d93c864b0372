"""The five kinds of motion that a network names, and which of them each simulated source is."""

from ml.rasters.areas import KINDS
from ml.simulation.ground.sources import Source

__all__ = ["KINDS", "kind_of"]
_OF_SOURCE = {
    "mining_subsidence": "mining_subsidence",
    "tunnel": "mining_subsidence",  # ground is taken from below in both
    "groundwater_subsidence": "groundwater_subsidence",
    "pressure_source": "groundwater_subsidence",  # sinking: something is pumped from a point at depth
    "quarry": "fill_or_quarry",
    "fill_settlement": "fill_or_quarry",
    "landslide": "landslide",
}


def kind_of(source: Source) -> int:
    """Return the index in KINDS: what rises is uplift whatever drives it, except a slope that slides."""
    if source.kind != "landslide" and source.peak_mm_yr > 0:
        return KINDS.index("uplift")
    return KINDS.index(_OF_SOURCE[source.kind])

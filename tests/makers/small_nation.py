"""The demo nation with few points, few dates and small images."""

import dataclasses

from ground_motion.simulation.ground.scatter import Density
from ground_motion.simulation.nation import NationConfig


def small(**changes) -> NationConfig:
    """The same country with few points, few dates and small images."""
    region = dataclasses.replace(NationConfig().region, density=Density(800.0, 500.0, 10.0), date_count=12, **changes)
    return NationConfig(region, pixels=160, sparse_pairs=3, dense_dates=6)

"""Holocene volcanoes of the world: names and positions by NOAA's National Centers for Environmental Information.

The list (`volcanoes.csv`) is in the public domain and states no observatories. Positions are within about a kilometre.
"""

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ground_motion.core.projections import EARTH
from ground_motion.readers.records import Float64

VOLCANOES = Path(__file__).with_suffix(".csv")
VOLCANO_REACH_M = 7_000.0  # A volcano reaches this far from its summit or the middle of its caldera.


class Volcanoes(NamedTuple):
    """Names, and positions in degrees, (n,)."""

    names: tuple[str, ...]
    longitude: Float64
    latitude: Float64


@lru_cache(maxsize=1)
def volcanoes() -> Volcanoes:
    """Return the volcanoes of the list, in its order."""
    with VOLCANOES.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    longitude, latitude = (np.array([float(row[name]) for row in rows]) for name in ("longitude", "latitude"))
    return Volcanoes(tuple(row["name"] for row in rows), longitude, latitude)


def volcano_at(longitude: float, latitude: float) -> str:
    """Return the name of the nearest volcano whose reach includes a position (degrees); empty if there is none."""
    names, east, north = volcanoes()
    _, _, distance_m = EARTH.inv(np.full(len(names), longitude), np.full(len(names), latitude), east, north)
    nearest = int(np.argmin(distance_m))
    return names[nearest] if distance_m[nearest] <= VOLCANO_REACH_M else ""

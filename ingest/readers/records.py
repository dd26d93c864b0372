"""The typed records that every reader yields: units and signs are already ours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

METRES_PER_DEGREE = 111_320.0  # of latitude, and of longitude at the equator


class Component(StrEnum):
    """What a product's numbers measure. LOS is positive toward the satellite, up and east are positive."""

    LOS = "los"
    UP = "up"
    EAST = "east"


class Direction(StrEnum):
    """The way the satellite flew; empty where the file does not say."""

    ASCENDING = "ascending"
    DESCENDING = "descending"
    UNKNOWN = ""

    @classmethod
    def from_los_east(cls, los_east: Float32) -> "Direction":
        """Sentinel-1 looks to the right: the satellite stands west of the ground on ascending passes."""
        mean_east = float(np.nanmean(los_east)) if np.isfinite(los_east).any() else 0.0
        if mean_east == 0.0:
            return cls.UNKNOWN
        return cls.ASCENDING if mean_east < 0 else cls.DESCENDING


@dataclass(frozen=True)
class FieldHeader:
    """What is true of all points of one velocity product.

    posting_m is the spacing of a gridded product and None for scattered points; grid_epsg is the projected reference
    system that the product is published on (None: choose the local UTM zone).
    """

    source_format: str
    level: str
    component: Component
    dates: tuple[date, ...]
    track: int | None = None
    direction: Direction = Direction.UNKNOWN
    burst: str = ""
    polarisation: str = ""
    release: str = ""
    posting_m: float | None = None
    grid_epsg: int | None = None
    simulated: bool = False
    attribution: str = ""
    licence: str = ""
    extras: dict[str, str] = field(default_factory=dict)


class PointBatch(NamedTuple):
    """n measurement points in columns; NaN where the source does not say.

    longitude, latitude: (n,), degrees, EPSG:4326. velocity_*: (n,), mm/yr, sign as the header's component.
    displacement_mm: (n, dates), mm, same sign. los_*: (n,), unit vector from the ground to the satellite.
    refused: rows left out of this batch because position or velocity was not a number.
    """

    pid: NDArray[np.bytes_]
    longitude: Float64
    latitude: Float64
    height_m: Float32
    velocity_mm_yr: Float32
    velocity_std_mm_yr: Float32
    temporal_coherence: Float32
    rmse_mm: Float32
    los_east: Float32
    los_north: Float32
    los_up: Float32
    displacement_mm: Float32
    refused: int = 0

    def only(self, good: NDArray[np.bool_]) -> "PointBatch":
        """The rows where good (n,) is true; the others count as refused."""
        columns = {name: getattr(self, name)[good] for name in self._fields if name != "refused"}
        return self._replace(**columns, refused=self.refused + int((~good).sum()))


@dataclass(frozen=True)
class VelocityField:
    """One product: its header, and its points in batches that are read only when asked for."""

    header: FieldHeader
    batches: Callable[[], Iterator[PointBatch]]

"""Moving ground of `deformation-absent`, in shapes that training does not draw.

Every class implements `ml.simulation.ground.sources.Source`; its kind is the nearest of the simulator's, so that kinds
can be scored. Rates are mm/yr, + up; offsets are metres from the frame's origin, true east and north. Ranges are from
the science notes, section 1, or else choices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from lab.simulation.seeds import log_uniform
from ml.simulation.ground.deformation import turn_to_axes
from ml.simulation.ground.frame import Floats, Motion, Offset
from ml.simulation.ground.sources import RateChange, Source
from ml.simulation.ground.terrain import Terrain


class Well(NamedTuple):
    """Well or hole: its position relative to the object's centre, its width, and its share of the object's rate."""

    at: Offset
    width_m: float
    share: float

    def widths_away(self, east_m: Floats, north_m: Floats) -> Floats:
        """Return the distance of positions from its place, in its widths."""
        return np.asarray(np.hypot(east_m - self.at.east_m, north_m - self.at.north_m) / self.width_m)


@dataclass(frozen=True)
class _Object:
    """Base of all objects: steady rates and no season."""

    rate_along: ClassVar[str] = "up"
    centre: Offset
    peak_mm_yr: float

    @property
    def acceleration_per_yr(self) -> float:
        """Return 0: the rate is steady."""
        return 0.0

    @property
    def seasonal_mm_per_mm_yr(self) -> float:
        """Return 0: there is no season."""
        return 0.0

    @property
    def change(self) -> RateChange | None:
        """Return None: the rate never changes."""
        return None

    def _from_centre(self, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        return east_m - self.centre.east_m, north_m - self.centre.north_m


def _upward(rate_mm_yr: Floats) -> Motion:
    return Motion(np.zeros_like(rate_mm_yr), np.zeros_like(rate_mm_yr), rate_mm_yr)


@dataclass(frozen=True)
class Reclaimed(_Object):
    """Reclaimed land: a rectangle of parcels with sharp edges, each of which settles at its own rate.

    shares: (rows, columns), of peak_mm_yr.
    """

    kind: ClassVar[str] = "fill_settlement"
    bearing_deg: float
    parcel_m: float
    shares: tuple[tuple[float, ...], ...]

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return subsidence that is uniform inside each parcel."""
        along_m, right_m = turn_to_axes(*self._from_centre(east_m, north_m), self.bearing_deg)
        shares = np.pad(np.array(self.shares), 1)
        at = [
            np.clip(np.floor(way / self.parcel_m + (size - 2) / 2), -1, size - 2).astype(np.intp) + 1
            for way, size in zip((along_m, right_m), shares.shape, strict=True)
        ]
        return _upward(self.peak_mm_yr * shares[at[0], at[1]])


@dataclass(frozen=True)
class Wells(_Object):
    """Pumped and recharged wells beside each other: bowls of both signs in one field, profile 1 / (1 + (r / w)²)²."""

    kind: ClassVar[str] = "groundwater_subsidence"
    wells: tuple[Well, ...]

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return the sum of all wells."""
        east_m, north_m = self._from_centre(east_m, north_m)
        total = np.zeros_like(east_m)
        for well in self.wells:
            total += well.share * (1 + well.widths_away(east_m, north_m) ** 2) ** -2
        return _upward(self.peak_mm_yr * total)


@dataclass(frozen=True)
class Graben(_Object):
    """Strip that sinks between two creeping faults; the ground beside it rises a third as fast."""

    kind: ClassVar[str] = "groundwater_subsidence"
    bearing_deg: float
    length_m: float
    width_m: float

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return uniform subsidence inside, uplift falling to 1/e over one width outside, and steps at the faults."""
        along_m, right_m = turn_to_axes(*self._from_centre(east_m, north_m), self.bearing_deg)
        beyond = np.abs(right_m) / self.width_m - 0.5
        across = np.where(beyond < 0, 1.0, -np.exp(-beyond.clip(0)) / 3)
        ends = np.clip(2 * (1 - np.abs(along_m) / (self.length_m / 2)), 0, 1)
        return _upward(self.peak_mm_yr * across * ends)


@dataclass(frozen=True)
class Sinkholes(_Object):
    """A field of many small holes in still ground. holes: width_m is the radius; the fastest has a share of 1."""

    kind: ClassVar[str] = "mining_subsidence"
    holes: tuple[Well, ...]

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return cosine bells; where holes overlap, the faster one."""
        east_m, north_m = self._from_centre(east_m, north_m)
        total = np.zeros_like(east_m)
        for hole in self.holes:
            away = hole.widths_away(east_m, north_m)
            total = np.maximum(total, hole.share * (1 + np.cos(np.pi * away.clip(0, 1))) / 2)
        return _upward(self.peak_mm_yr * total)


def draw_reclaimed(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw 2–5 by 3–8 parcels of 120–300 m, −5…−25 mm/yr at the fastest; a quarter of them stands still."""
    shape = int(rng.integers(2, 6)), int(rng.integers(3, 9))
    shares = np.where(rng.random(shape) < 0.25, 0.0, rng.uniform(1 / 3, 1, shape))
    shares.flat[int(rng.integers(shares.size))] = 1.0
    rows = tuple(tuple(map(float, row)) for row in shares)
    return Reclaimed(centre, -log_uniform(rng, 5, 25), rng.uniform(0, 180), rng.uniform(120, 300), rows)


def draw_wells(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw 3–6 wells within 2.5 km, each of 250–700 m, with alternating signs, −4…−15 mm/yr at the strongest."""
    wells = []
    for number in range(int(rng.integers(3, 7))):
        away, bearing = (0.0 if number == 0 else rng.uniform(800, 2_500)), rng.uniform(0, 2 * math.pi)
        at = Offset(away * math.sin(bearing), away * math.cos(bearing))
        share = (1.0 if number % 2 == 0 else -1.0) * (1.0 if number == 0 else rng.uniform(0.4, 1.0))
        wells.append(Well(at, rng.uniform(250, 700), share))
    return Wells(centre, -log_uniform(rng, 4, 15), tuple(wells))


def draw_graben(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw a strip 3–6 km long and 300–900 m wide, −4…−15 mm/yr."""
    return Graben(
        centre, -log_uniform(rng, 4, 15), rng.uniform(0, 180), log_uniform(rng, 3_000, 6_000), rng.uniform(300, 900)
    )


def draw_sinkholes(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw 8–20 holes of 100–250 m within 1.5 km, −6…−40 mm/yr at the fastest, the others at least a quarter of it."""
    holes = [Well(Offset(0.0, 0.0), rng.uniform(100, 250), 1.0)]
    for _ in range(int(rng.integers(7, 20))):
        at = rng.uniform(-1_500, 1_500, 2)
        holes.append(Well(Offset(float(at[0]), float(at[1])), rng.uniform(100, 250), rng.uniform(0.25, 1)))
    return Sinkholes(centre, -log_uniform(rng, 6, 40), tuple(holes))


OBJECTS: dict[str, Callable[[np.random.Generator, Offset, Terrain], Source]] = {
    "reclaimed": draw_reclaimed,
    "wells": draw_wells,
    "graben": draw_graben,
    "sinkholes": draw_sinkholes,
}

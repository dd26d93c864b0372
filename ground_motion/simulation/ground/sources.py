"""Sources of motion in a region: one frozen class per kind, which implements the interface `Source`."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from shapely.geometry import Polygon

from ground_motion.simulation.ground import deformation
from ground_motion.simulation.ground.frame import Floats, Motion, Offset, to_geographic
from ground_motion.simulation.ground.terrain import Terrain


class RateChange(NamedTuple):
    """Change of a source's rate since a day. share: of the mean rate without the change; 1 doubles it, -1 stops it."""

    day: dt.date
    share: float


class Source(Protocol):
    """A source of ground motion. Offsets are from the frame's origin, metres, true east and north."""

    kind: ClassVar[str]
    rate_along: ClassVar[str]  # what peak_mm_yr measures: "up" or "downslope"

    @property
    def centre(self) -> Offset:
        """Place where the motion is strongest."""

    @property
    def peak_mm_yr(self) -> float:
        """Strongest mean rate: signed and + up for vertical kinds, the speed down the slope for a landslide."""

    @property
    def acceleration_per_yr(self) -> float:
        """Growth of the rate per year as a share of the mean rate: 0 is steady."""

    @property
    def seasonal_mm_per_mm_yr(self) -> float:
        """Amplitude of the yearly cycle (mm) per mm/yr of rate: 0 is none."""

    @property
    def change(self) -> RateChange | None:
        """Change of the rate on one day; None if there is none."""

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return the mean rate over the whole time span without `change`, in the shape of the offsets."""


@dataclass(frozen=True)
class _Centred(ABC):
    """A source that lifts or lowers the ground around its centre, whatever the terrain."""

    rate_along: ClassVar[str] = "up"
    centre: Offset

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return the motion at offsets from the frame's origin."""
        return self.motion_around(east_m - self.centre.east_m, north_m - self.centre.north_m)

    @abstractmethod
    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the mean rate at offsets from the centre, without `change`."""


@dataclass(frozen=True)
class _Steady(_Centred):
    """A centred source that by default has no acceleration, cycle or change."""

    acceleration_per_yr: float = field(default=0.0, kw_only=True)
    seasonal_mm_per_mm_yr: float = field(default=0.0, kw_only=True)
    change: RateChange | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class MiningSubsidence(_Centred):
    """Sinking over a longwall panel; subsidence_mm_yr: the full subsidence rate w_max, positive."""

    kind: ClassVar[str] = "mining_subsidence"
    panel: deformation.Panel
    subsidence_mm_yr: float
    influence_m: float
    acceleration_per_yr: float = 0.0
    seasonal_mm_per_mm_yr: float = 0.0
    change: RateChange | None = None

    @property
    def peak_mm_yr(self) -> float:
        """Upward rate at the centre, negative."""
        zero = np.zeros(1)
        return float(
            deformation.longwall_mining(zero, zero, self.panel, self.subsidence_mm_yr, self.influence_m).up_mm_yr[0]
        )

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion by the Knothe–Budryk model around the centre."""
        return deformation.longwall_mining(east_m, north_m, self.panel, self.subsidence_mm_yr, self.influence_m)


@dataclass(frozen=True)
class GroundwaterSubsidence(_Steady):
    """Sinking over a pumped aquifer, with a seasonal cycle."""

    kind: ClassVar[str] = "groundwater_subsidence"
    ellipse: deformation.Ellipse
    peak_mm_yr: float
    seasonal_mm_per_mm_yr: float = field(default=0.4, kw_only=True)
    flatness: float = 2.0

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion of a super-Gaussian bowl around the centre."""
        return deformation.groundwater_bowl(east_m, north_m, self.ellipse, self.peak_mm_yr, self.flatness)


@dataclass(frozen=True)
class MineWaterUplift(_Steady):
    """Rising ground over a flooded mine."""

    kind: ClassVar[str] = "mine_water_uplift"
    ellipse: deformation.Ellipse
    peak_mm_yr: float

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion of a dome-shaped uplift around the centre."""
        return deformation.mine_water_dome(east_m, north_m, self.ellipse, self.peak_mm_yr)


@dataclass(frozen=True)
class FaultedMineWaterUplift(_Steady):
    """Rising ground over a flooded mine with a fault on one side; dome_mm_yr: at the centre of the dome without it."""

    kind: ClassVar[str] = "mine_water_uplift"
    ellipse: deformation.Ellipse
    dome_mm_yr: float
    fault_width_m: float = 40.0

    @property
    def peak_mm_yr(self) -> float:
        """Upward rate next to the fault, just beyond its step, mm/yr."""
        right = np.linspace(0, self.ellipse.semi_minor_m, 200)
        straight = deformation.Ellipse(self.ellipse.semi_major_m, self.ellipse.semi_minor_m, 0.0)
        rates = deformation.mine_water_half_dome(
            right, np.zeros(200), straight, self.dome_mm_yr, self.fault_width_m
        ).up_mm_yr
        return float(rates[np.argmax(np.abs(rates))])

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion of half a dome, right of the fault through the centre."""
        return deformation.mine_water_half_dome(east_m, north_m, self.ellipse, self.dome_mm_yr, self.fault_width_m)


@dataclass(frozen=True)
class PressureSource(_Steady):
    """Magma, gas or brine that swells or shrinks at depth (Mogi); peak_mm_yr: upward rate right above it."""

    kind: ClassVar[str] = "pressure_source"
    depth_m: float
    peak_mm_yr: float

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion by Mogi's sphere under the centre."""
        return deformation.mogi(
            east_m, north_m, self.depth_m, deformation.mogi_volume_m3_yr(self.peak_mm_yr, self.depth_m)
        )


@dataclass(frozen=True)
class TunnelSettlement(_Steady):
    """The trough above a new tunnel; subsidence_mm_yr: sinking above its axis, positive."""

    kind: ClassVar[str] = "tunnel"
    tunnel: deformation.Tunnel
    subsidence_mm_yr: float

    @property
    def peak_mm_yr(self) -> float:
        """Upward rate above the axis, negative."""
        return -self.subsidence_mm_yr

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion of Peck's trough along the tunnel."""
        return deformation.tunnel_trough(east_m, north_m, self.tunnel, self.subsidence_mm_yr)


@dataclass(frozen=True)
class QuarrySettlement(_Steady):
    """Ground in and around a quarry, which sinks as the quarry is worked and drained."""

    kind: ClassVar[str] = "quarry"
    ellipse: deformation.Ellipse
    peak_mm_yr: float

    def motion_around(self, east_m: Floats, north_m: Floats) -> Motion:
        """Return the motion of a bowl with a flat floor and steep edges."""
        return deformation.settling_ground(east_m, north_m, self.ellipse, self.peak_mm_yr)


@dataclass(frozen=True)
class FillSettlement(QuarrySettlement):
    """Fill that settles under its own weight, slower every year."""

    kind: ClassVar[str] = "fill_settlement"
    acceleration_per_yr: float = field(default=-0.3, kw_only=True)


@dataclass(frozen=True)
class Landslide:
    """A slope that creeps, faster every year; peak_mm_yr: mean speed down the slope, positive."""

    kind: ClassVar[str] = "landslide"
    rate_along: ClassVar[str] = "downslope"
    centre: Offset
    body: deformation.SlideBody
    peak_mm_yr: float
    acceleration_per_yr: float = 0.2
    seasonal_mm_per_mm_yr: float = 0.0
    change: RateChange | None = None

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return the motion down the local slope, inside the outline."""
        downslope = terrain.downslope_at(east_m, north_m)
        east_m, north_m = east_m - self.centre.east_m, north_m - self.centre.north_m
        return deformation.landslide(east_m, north_m, self.body, downslope, self.peak_mm_yr)


def total_motion(sources: tuple[Source, ...], east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
    """Return the sum of all sources' motion; zero for ground without a source."""
    motion = Motion.still(east_m.shape)
    for source in sources:
        motion = motion.plus(source.motion_at(east_m, north_m, terrain))
    return motion


@dataclass(frozen=True)
class TruthArea:
    """The outline of one moving area. rate_mm_yr: the source's peak; polygons: longitude and latitude, and EPSG:3035.

    size_m: diameter of the circle of the same area. Offsets of the centre are from the frame's origin.
    """

    kind: str
    centre: Offset
    rate_mm_yr: float
    rate_along: str
    size_m: float
    area_m2: float
    acceleration_per_yr: float
    change: RateChange | None
    polygon_grid: Polygon
    polygon: Polygon

    @property
    def radius_m(self) -> float:
        """Radius of the circle of the same area."""
        return self.size_m / 2


def outline_truth(source: Source, terrain: Terrain, threshold_mm_yr: float, reach_m: float = 4_000.0) -> TruthArea:
    """Draw the line at which a source by itself moves the ground by threshold_mm_yr (length of the vector).

    The last point above the threshold is taken on each of 96 rays, in steps of 5 m; this is right for shapes that every
    ray from the centre leaves once. Raises ValueError if the source nowhere reaches the threshold.
    """
    bearing_rad = np.linspace(0, 2 * np.pi, 96, endpoint=False)[:, None]
    distance_m = np.arange(0.0, reach_m, 5.0)[None, :]
    east_m = source.centre.east_m + distance_m * np.sin(bearing_rad)  # (rays, steps)
    north_m = source.centre.north_m + distance_m * np.cos(bearing_rad)
    moving = source.motion_at(east_m, north_m, terrain).speed_mm_yr() >= threshold_mm_yr
    if not moving[:, 0].all():
        raise ValueError(f"{source.kind} moves less than {threshold_mm_yr} mm/yr at its centre: lower the threshold")
    last = moving.shape[1] - 1 - np.argmax(moving[:, ::-1], axis=1)
    rays = np.arange(len(last))
    easting_m, northing_m = terrain.frame.to_grid(east_m[rays, last], north_m[rays, last])
    longitude_deg, latitude_deg = to_geographic(easting_m, northing_m)
    polygon_grid = Polygon(np.column_stack([easting_m, northing_m]))
    return TruthArea(
        kind=source.kind,
        centre=source.centre,
        rate_mm_yr=source.peak_mm_yr,
        rate_along=source.rate_along,
        size_m=float(2 * np.sqrt(polygon_grid.area / np.pi)),
        area_m2=polygon_grid.area,
        acceleration_per_yr=source.acceleration_per_yr,
        change=source.change,
        polygon_grid=polygon_grid,
        polygon=Polygon(np.column_stack([longitude_deg, latitude_deg])),
    )

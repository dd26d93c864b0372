"""Moving ground of `deformation-foreign`, with shapes other than Gaussians and the simulator's sources.

Every class implements `ml.simulation.ground.sources.Source`; its kind is the nearest of the simulator's, so that kinds
can be scored. Rates are mm/yr, + up; offsets are metres from the frame's origin, true east and north. Ranges: science
notes, section 1, where they give them, else choices.
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
from ml.simulation.ground.sources import Source
from ml.simulation.ground.terrain import Terrain


class Strip(NamedTuple):
    """One panel of a row: offset of its middle to the right of the row's, width, and share of the row's rate."""

    right_m: float
    width_m: float
    share: float


class Lobe(NamedTuple):
    """One tongue of a slide: position of its head, length, greatest width, and share of the slide's speed."""

    head: Offset
    bearing_deg: float
    length_m: float
    width_m: float
    share: float


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

    def _from_centre(self, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        return east_m - self.centre.east_m, north_m - self.centre.north_m


def _upward(rate_mm_yr: Floats) -> Motion:
    return Motion(np.zeros_like(rate_mm_yr), np.zeros_like(rate_mm_yr), rate_mm_yr)


def _band(across_m: Floats, width_m: float, edge_m: float) -> tuple[Floats, Floats]:
    """Return the hyperbolic-tangent profile of a band and its slope per metre: 1 inside, 1/2 at the edges."""
    left, right = np.tanh((across_m + width_m / 2) / edge_m), np.tanh((across_m - width_m / 2) / edge_m)
    return (left - right) / 2, (right**2 - left**2) / 2 / edge_m


def _cosine_bell(share: Floats) -> Floats:
    """Return a cosine bell: 1 at share 0, 0 from share 1 on."""
    return np.asarray((1 + np.cos(np.pi * np.clip(share, 0, 1))) / 2)


@dataclass(frozen=True)
class PanelRow(_Object):
    """Panels with pillars between them, abandoned at different times; tanh profiles, motion toward the middles."""

    kind: ClassVar[str] = "mining_subsidence"
    bearing_deg: float
    length_m: float
    edge_m: float
    strips: tuple[Strip, ...]

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return subsidence, and horizontal motion of half an edge's width times the gradient of subsidence."""
        along_m, right_m = turn_to_axes(*self._from_centre(east_m, north_m), self.bearing_deg)
        long, long_slope = _band(along_m, self.length_m, self.edge_m)
        sums = [np.zeros_like(long), np.zeros_like(long)]
        for strip in self.strips:
            for total, part in zip(sums, _band(right_m - strip.right_m, strip.width_m, self.edge_m), strict=True):
                total += strip.share * part
        drift = -self.edge_m / 2 * self.peak_mm_yr
        along, right = drift * long_slope * sums[0], drift * long * sums[1]
        sin, cos = math.sin(math.radians(self.bearing_deg)), math.cos(math.radians(self.bearing_deg))
        return Motion(along * sin + right * cos, along * cos - right * sin, self.peak_mm_yr * long * sums[0])


@dataclass(frozen=True)
class FaultHalfDome(_Object):
    """Half a cosine bell that ends at a winding fault; step_m: width of the step."""

    kind: ClassVar[str] = "mine_water_uplift"
    bearing_deg: float
    half_length_m: float
    reach_m: float
    step_m: float
    winding_m: float

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return uplift to the right of the fault."""
        along_m, right_m = turn_to_axes(*self._from_centre(east_m, north_m), self.bearing_deg)
        right_m = right_m + self.winding_m * np.sin(2 * np.pi * along_m / self.half_length_m)
        bell = _cosine_bell(np.hypot(along_m / self.half_length_m, right_m / self.reach_m))
        return _upward(self.peak_mm_yr * bell * (1 + np.tanh(2 * right_m / self.step_m)) / 2)


@dataclass(frozen=True)
class SlideLobes(_Object):
    """Tongues of a slide that widen toward their toes and move faster there; peak_mm_yr: speed down the slope."""

    kind: ClassVar[str] = "landslide"
    rate_along: ClassVar[str] = "downslope"
    edge_m: float
    lobes: tuple[Lobe, ...]

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return motion down the local slope; where lobes overlap, that of the faster one."""
        downslope = terrain.downslope_at(east_m, north_m)
        speed = np.zeros_like(east_m)
        for lobe in self.lobes:
            at = self._from_centre(east_m - lobe.head.east_m, north_m - lobe.head.north_m)
            along_m, right_m = turn_to_axes(*at, lobe.bearing_deg)
            share = np.clip(along_m / lobe.length_m, 0, 1)
            half_m = lobe.width_m * np.sqrt(share) * (1 - share**4) ** 0.5 * 0.6
            body = 1 / (1 + np.exp(np.clip((np.abs(right_m) - half_m) / self.edge_m, -50, 50)))
            body = body * ((along_m > 0) & (along_m < lobe.length_m))
            speed = np.maximum(speed, self.peak_mm_yr * lobe.share * (0.6 + 0.4 * share) * body)
        return Motion(speed * downslope.east, speed * downslope.north, speed * downslope.up)


@dataclass(frozen=True)
class Ring(_Object):
    """A ring of subsidence or uplift around still ground, stronger on one side; sech² profile."""

    kind: ClassVar[str] = "groundwater_subsidence"
    radius_m: float
    width_m: float
    stronger_deg: float
    unevenness: float

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return motion that is strongest on the ring in the bearing stronger_deg."""
        east_m, north_m = self._from_centre(east_m, north_m)
        ring = np.cosh(np.clip((np.hypot(east_m, north_m) - self.radius_m) / self.width_m, -50, 50)) ** -2
        around = 1 + self.unevenness * np.cos(np.arctan2(east_m, north_m) - math.radians(self.stronger_deg))
        return _upward(self.peak_mm_yr * ring * around / (1 + self.unevenness))


@dataclass(frozen=True)
class TunnelLine(_Object):
    """Ground drained by a bent tunnel; vertices from the centre, width_m: distance of a third of the peak.

    Drained rock tunnels settle ground over hundreds of metres, where Peck's trough is 30–150 m wide.
    """

    kind: ClassVar[str] = "tunnel"
    vertices: tuple[Offset, ...]
    width_m: float

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return motion that falls off with the distance to the line as (1 + d²/w²)^−1.5."""
        east_m, north_m = self._from_centre(east_m, north_m)
        nearest = np.full_like(east_m, np.inf)
        for start, end in zip(self.vertices[:-1], self.vertices[1:], strict=True):
            leg_east, leg_north = end.east_m - start.east_m, end.north_m - start.north_m
            from_east, from_north = east_m - start.east_m, north_m - start.north_m
            share = np.clip((from_east * leg_east + from_north * leg_north) / (leg_east**2 + leg_north**2), 0, 1)
            nearest = np.minimum(nearest, np.hypot(from_east - share * leg_east, from_north - share * leg_north))
        return _upward(self.peak_mm_yr * (1 + (nearest / self.width_m) ** 2) ** -1.5)


@dataclass(frozen=True)
class NestedBowls(_Object):
    """A sharp core off the centre of a wide slow bowl; peak_mm_yr: sum of core and rim."""

    kind: ClassVar[str] = "mining_subsidence"
    rim_mm_yr: float
    rim_radius_m: float
    core: Offset
    core_radius_m: float

    def motion_at(self, east_m: Floats, north_m: Floats, terrain: Terrain) -> Motion:
        """Return the sum of a rim with profile (1 − ρ²)² and a core with that of a cosine bell."""
        east_m, north_m = self._from_centre(east_m, north_m)
        rim = np.clip(1 - (east_m**2 + north_m**2) / self.rim_radius_m**2, 0, None) ** 2
        core = _cosine_bell(np.hypot(east_m - self.core.east_m, north_m - self.core.north_m) / self.core_radius_m)
        at_core = (1 - (self.core.east_m**2 + self.core.north_m**2) / self.rim_radius_m**2) ** 2
        return _upward(self.rim_mm_yr * rim + (self.peak_mm_yr - self.rim_mm_yr * at_core) * core)


def draw_panels(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw 2–5 panels 150–350 m wide, 40–120 m apart, 600–2500 m long, −4…−60 mm/yr, the oldest a fifth of it."""
    widths = rng.uniform(150, 350, int(rng.integers(2, 6)))
    gaps = rng.uniform(40, 120, widths.size)
    middles = np.cumsum(widths + gaps) - (widths + gaps) / 2
    middles -= middles.mean()
    shares = np.geomspace(1.0, rng.uniform(0.2, 0.8), widths.size)[:: int(rng.choice([-1, 1]))]
    strips = tuple(Strip(*map(float, strip)) for strip in zip(middles, widths, shares, strict=True))
    length_m, edge_m = log_uniform(rng, 600, 2500), rng.uniform(40, 150)
    return PanelRow(centre, -log_uniform(rng, 4, 60), rng.uniform(0, 180), length_m, edge_m, strips)


def draw_half_dome(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw a half-dome 2–7 km long, 1–4 km to one side of a fault with a step 20–80 m wide, +3…+15 mm/yr."""
    half_m = log_uniform(rng, 1_000, 3_500)
    reach_m, step_m = rng.uniform(0.5, 1.2) * half_m, rng.uniform(20, 80)
    return FaultHalfDome(centre, log_uniform(rng, 3, 15), rng.uniform(0, 360), half_m, reach_m, step_m, 0.05 * half_m)


def draw_lobes(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw 1–3 tongues 300–1500 m long, 1.5–4 times as long as wide, within 25° of the slope, 6–80 mm/yr."""
    downslope = terrain.downslope_at(np.array([centre.east_m]), np.array([centre.north_m]))
    bearing_deg = math.degrees(math.atan2(downslope.east[0], downslope.north[0]))
    lobes = []
    for number in range(int(rng.integers(1, 4))):
        length_m, turn_deg = log_uniform(rng, 300, 1500), bearing_deg + rng.uniform(-25, 25) * (number > 0)
        back_m, share = length_m * rng.uniform(0.4, 0.7), 1.0 if number == 0 else rng.uniform(0.3, 0.9)
        turn = math.radians(turn_deg)
        head = Offset(-back_m * math.sin(turn), -back_m * math.cos(turn))  # puts the body of the slide on the centre
        lobes.append(Lobe(head, turn_deg, length_m, length_m / rng.uniform(1.5, 4), share))
    return SlideLobes(centre, log_uniform(rng, 6, 80), rng.uniform(8, 30), tuple(lobes))


def draw_ring(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw a ring 500–2000 m in radius, 120–400 m wide, −4…−25 mm/yr, three in ten rising: leached salt, ring dikes."""
    radius_m = log_uniform(rng, 500, 2_000)
    peak = log_uniform(rng, 4, 25) * (1 if rng.random() < 0.3 else -1)
    return Ring(
        centre, peak, radius_m, min(rng.uniform(120, 400), radius_m / 2), rng.uniform(0, 360), rng.uniform(0, 0.6)
    )


def draw_tunnel_line(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw a tunnel 2–5 km long, bent by up to 30° at each of two places, −4…−20 mm/yr, 120–300 m wide."""
    leg_m, bearing = log_uniform(rng, 2_000, 5_000) / 3, rng.uniform(0, 2 * math.pi)
    legs = [bearing + turn for turn in np.cumsum([0.0, *rng.uniform(-math.pi / 6, math.pi / 6, 2)])]
    east, north = (np.concatenate([[0.0], np.cumsum([leg_m * f(leg) for leg in legs])]) for f in (math.sin, math.cos))
    vertices = tuple(Offset(float(e), float(n)) for e, n in zip(east - east.mean(), north - north.mean(), strict=True))
    return TunnelLine(centre, -log_uniform(rng, 4, 20), vertices, rng.uniform(120, 300))


def draw_nested_bowls(rng: np.random.Generator, centre: Offset, terrain: Terrain) -> Source:
    """Draw a rim of 1–3 km at −3…−10 mm/yr and a core of 250–600 m at 2–5 times as much, somewhere inside."""
    rim_mm_yr, rim_m = -log_uniform(rng, 3, 10), log_uniform(rng, 1_000, 3_000)
    aside_m, bearing = rng.uniform(0, 0.5) * rim_m, rng.uniform(0, 2 * math.pi)
    core = Offset(aside_m * math.sin(bearing), aside_m * math.cos(bearing))
    return NestedBowls(centre, rim_mm_yr * rng.uniform(2, 5), rim_mm_yr, rim_m, core, rng.uniform(250, 600))


OBJECTS: dict[str, Callable[[np.random.Generator, Offset, Terrain], Source]] = {
    "panels": draw_panels,
    "half_domes": draw_half_dome,
    "lobes": draw_lobes,
    "rings": draw_ring,
    "tunnels": draw_tunnel_line,
    "nested_bowls": draw_nested_bowls,
}

"""Forward models of ground motion above a mine, a well field, a flooded mine, or on a slide.

Each takes offsets from its centre in metres (any shape) and returns a `Motion` of that shape: mm/yr, + east, + north,
+ up. Textbook formulas, gathered in the project's science notes (section 1); nothing here is fitted to a real place.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from ground_motion.simulation.ground.frame import Floats, Motion

POISSON_RATIO = 0.25


class Panel(NamedTuple):
    """A longwall panel: the full lengths of its sides and the bearing of the long one, clockwise from north."""

    length_m: float
    width_m: float
    bearing_deg: float


class Downslope(NamedTuple):
    """Unit vectors pointing down the slope, one per point: + east, + north, + up (thus negative); zero where flat."""

    east: Floats
    north: Floats
    up: Floats


def turn_to_axes(east_m: Floats, north_m: Floats, bearing_deg: float) -> tuple[Floats, Floats]:
    """Rotate east and north components to those along a bearing (clockwise from north) and to the right of it."""
    cos, sin = math.cos(math.radians(bearing_deg)), math.sin(math.radians(bearing_deg))
    return east_m * sin + north_m * cos, east_m * cos - north_m * sin


def influence_radius_m(depth_m: float, tan_beta: float) -> float:
    """Return Knothe's radius of influence r = H / tan β. depth_m: 200–1000; tan_beta: 1.5–3."""
    return depth_m / tan_beta


def longwall_mining(
    east_m: Floats, north_m: Floats, panel: Panel, subsidence_mm_yr: float, influence_m: float
) -> Motion:
    """Simulate the sinking over a longwall panel with its drift toward the centre.

    Knothe–Budryk: w = w_max · (panel ∗ exp(−πρ²/r²)/r²), which for a rectangle is a product of error functions;
    horizontally B·∇w with B = r/√(2π), so every point moves toward the deepest one. subsidence_mm_yr: w_max, positive
    for sinking, reached where the panel is much wider than r; the volume is w_max × the panel's area. influence_m: r.
    """
    along_m, across_m = turn_to_axes(east_m, north_m, panel.bearing_deg)
    profile_along, slope_along = _knothe_profile(along_m, panel.length_m, influence_m)
    profile_across, slope_across = _knothe_profile(across_m, panel.width_m, influence_m)
    stiffness_m = influence_m / math.sqrt(2 * math.pi)  # B
    drift_along = stiffness_m * subsidence_mm_yr * slope_along * profile_across
    drift_across = stiffness_m * subsidence_mm_yr * profile_along * slope_across
    cos, sin = math.cos(math.radians(panel.bearing_deg)), math.sin(math.radians(panel.bearing_deg))
    return Motion(
        drift_along * sin + drift_across * cos,
        drift_along * cos - drift_across * sin,
        -subsidence_mm_yr * profile_along * profile_across,
    )


def _knothe_profile(offset_m: Floats, side_m: float, influence_m: float) -> tuple[Floats, Floats]:
    """Convolve a strip of width side_m with exp(−πx²/r²)/r: its value (0–1) and its derivative (1/m)."""
    near = (offset_m + side_m / 2) / influence_m
    far = (offset_m - side_m / 2) / influence_m
    value = (erf(math.sqrt(math.pi) * near) - erf(math.sqrt(math.pi) * far)) / 2
    derivative = (np.exp(-math.pi * near**2) - np.exp(-math.pi * far**2)) / influence_m
    return value, derivative


class Ellipse(NamedTuple):
    """Semi-axes of an ellipse and the bearing of the longer one, clockwise from north."""

    semi_major_m: float
    semi_minor_m: float
    bearing_deg: float


def _ellipse_radius(east_m: Floats, north_m: Floats, ellipse: Ellipse) -> Floats:
    """Return the elliptical radius: 0 at the centre, 1 on the ellipse."""
    along_m, across_m = turn_to_axes(east_m, north_m, ellipse.bearing_deg)
    return np.hypot(along_m / ellipse.semi_major_m, across_m / ellipse.semi_minor_m)


def _vertical(up_mm_yr: Floats) -> Motion:
    return Motion(np.zeros_like(up_mm_yr), np.zeros_like(up_mm_yr), up_mm_yr)


def groundwater_bowl(
    east_m: Floats, north_m: Floats, ellipse: Ellipse, up_mm_yr: float, flatness: float = 2.0
) -> Motion:
    """Simulate compaction over a pumped aquifer: an ellipse, up = peak · exp(−ρ^(2·flatness)), purely vertical.

    up_mm_yr: rate at the centre, negative for sinking. flatness: 1 is a Gaussian, more is a flatter floor.
    """
    return _vertical(up_mm_yr * np.exp(-(_ellipse_radius(east_m, north_m, ellipse) ** (2 * flatness))))


def mine_water_dome(east_m: Floats, north_m: Floats, ellipse: Ellipse, up_mm_yr: float) -> Motion:
    """Simulate uplift where a closed mine floods: up = peak · (1 − ρ²)², still beyond ρ = 1, purely vertical.

    up_mm_yr: rate at the centre, positive for rising (+1 to +10 is usual). The dome is smooth, with a finite edge.
    """
    inside = np.clip(1 - _ellipse_radius(east_m, north_m, ellipse) ** 2, 0, None)
    return _vertical(up_mm_yr * inside**2)


class SlideBody(NamedTuple):
    """Outline of a landslide: full length along the bearing (clockwise from north), full width, width of the edge."""

    length_m: float
    width_m: float
    bearing_deg: float
    edge_m: float


def landslide(east_m: Floats, north_m: Floats, body: SlideBody, downslope: Downslope, speed_mm_yr: float) -> Motion:
    """Simulate a slide that moves down the slope under each of its points: V · taper · s.

    s is the local downslope unit vector and V the speed along it, never negative; the taper is 1 inside a rounded
    rectangle and falls to 0 over the last edge_m, so the edges are sharp. Raises ValueError for a negative speed.
    """
    if speed_mm_yr < 0:
        raise ValueError(f"speed_mm_yr is {speed_mm_yr}: a slide moves down its slope, so give a positive speed")
    along_m, across_m = turn_to_axes(east_m, north_m, body.bearing_deg)
    radius = ((2 * along_m / body.length_m) ** 4 + (2 * across_m / body.width_m) ** 4) ** 0.25
    taper = np.clip((1 - radius) * body.width_m / (2 * body.edge_m), 0, 1)
    return Motion(*(speed_mm_yr * taper * component for component in downslope))


def mine_water_half_dome(
    east_m: Floats, north_m: Floats, ellipse: Ellipse, up_mm_yr: float, fault_width_m: float
) -> Motion:
    """Cut the dome of `mine_water_dome` by a sealing fault along its long axis: only the ground right of it rises.

    Right as seen along the ellipse's bearing; the step across the fault is a Gaussian integral of standard deviation
    fault_width_m. up_mm_yr: rate of the whole dome at its centre; the strongest ground lies just beside the fault.
    """
    _, right_m = turn_to_axes(east_m, north_m, ellipse.bearing_deg)
    share = (1 + erf(right_m / (math.sqrt(2) * fault_width_m))) / 2
    return _vertical(mine_water_dome(east_m, north_m, ellipse, up_mm_yr).up_mm_yr * share)


def mogi(east_m: Floats, north_m: Floats, depth_m: float, volume_m3_yr: float) -> Motion:
    """Simulate a sphere that swells (volume_m3_yr > 0) or shrinks at depth_m in an elastic half-space. Mogi 1958.

    up = (1 − ν)/π · ΔV · d/(d² + r²)^1.5, outward the same with r in place of d. The uplifted volume is
    2·(1 − ν)·ΔV.
    """
    strength = 1000 * (1 - POISSON_RATIO) / math.pi * volume_m3_yr / (depth_m**2 + east_m**2 + north_m**2) ** 1.5
    return Motion(strength * east_m, strength * north_m, strength * depth_m)


def mogi_volume_m3_yr(up_mm_yr: float, depth_m: float) -> float:
    """Return the change of volume, m³/yr, that lifts the ground right above by up_mm_yr."""
    return up_mm_yr / 1000 * math.pi * depth_m**2 / (1 - POISSON_RATIO)


class Tunnel(NamedTuple):
    """A bored tunnel: its length and bearing, depth of its axis, diameter, and Peck's factor K of the ground."""

    length_m: float
    bearing_deg: float
    depth_m: float
    diameter_m: float
    trough_factor: float

    @property
    def trough_m(self) -> float:
        """Distance of the trough's inflection from the axis: i = K · z0."""
        return self.trough_factor * self.depth_m


def tunnel_settlement_mm(tunnel: Tunnel, volume_loss: float) -> float:
    """Return Peck's deepest settlement, S_max = 0.313 · V_L · D² / i, mm. volume_loss: of the face, 0.005–0.02."""
    return 1000 * 0.313 * volume_loss * tunnel.diameter_m**2 / tunnel.trough_m


def tunnel_trough(east_m: Floats, north_m: Floats, tunnel: Tunnel, subsidence_mm_yr: float) -> Motion:
    """Simulate settlement above a tunnel: S · exp(−y²/2i²) across it, toward its axis by S·y/z0 (Peck 1969).

    Both ends are Gaussian integrals of the same i. subsidence_mm_yr: S, positive.
    """
    along_m, across_m = turn_to_axes(east_m, north_m, tunnel.bearing_deg)
    i = tunnel.trough_m * math.sqrt(2)
    within = (erf((along_m + tunnel.length_m / 2) / i) - erf((along_m - tunnel.length_m / 2) / i)) / 2
    down = subsidence_mm_yr * within * np.exp(-((across_m / i) ** 2))
    inward = -down * across_m / tunnel.depth_m
    cos, sin = math.cos(math.radians(tunnel.bearing_deg)), math.sin(math.radians(tunnel.bearing_deg))
    return Motion(inward * cos, -inward * sin, -down)


def settling_ground(east_m: Floats, north_m: Floats, ellipse: Ellipse, up_mm_yr: float) -> Motion:
    """Simulate a quarry's floor or a fill: flat inside, steep at its edge, up = peak · exp(−ρ⁸), purely vertical."""
    return groundwater_bowl(east_m, north_m, ellipse, up_mm_yr, flatness=4.0)

"""Sources with random parameters in the ranges of the science notes, section 1; small and slow ones are common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ground_motion.simulation.ground.deformation import (
    Ellipse,
    Panel,
    SlideBody,
    Tunnel,
    influence_radius_m,
    tunnel_settlement_mm,
)
from ground_motion.simulation.ground.frame import Offset
from ground_motion.simulation.ground.sources import (
    FaultedMineWaterUplift,
    FillSettlement,
    GroundwaterSubsidence,
    Landslide,
    MineWaterUplift,
    MiningSubsidence,
    PressureSource,
    QuarrySettlement,
    Source,
    TunnelSettlement,
)
from ground_motion.simulation.ground.terrain import Terrain
from lab.simulation.seeds import log_uniform

STEEP_ENOUGH = 0.09  # A landslide needs this rise per metre, 5°.
MAX_UPLIFT_MM_YR = 29.0  # Largest rate of a mine where the water rises.
UPLIFT_OUTLIERS = 0.05


class Site(NamedTuple):
    """Place of a source. widest_m: no source is drawn wider; rate_factor: every rate is multiplied by it."""

    centre: Offset
    terrain: Terrain
    widest_m: float = 30_000.0
    rate_factor: float = 1.0


def _ellipse(rng: np.random.Generator, narrowest_m: float, widest_m: float) -> Ellipse:
    """Draw the longer full axis of an ellipse; the other is 0.5 to 1 of it."""
    major_m = log_uniform(rng, narrowest_m, max(widest_m, narrowest_m)) / 2
    return Ellipse(major_m, major_m * rng.uniform(0.5, 1.0), rng.uniform(0, 180))


def _panel_source(
    rng: np.random.Generator, site: Site, panel: Panel, rate_mm_yr: float, acceleration_per_yr: float
) -> MiningSubsidence:
    """Make mining over a panel of any width so that its centre sinks by rate_mm_yr; H 200–1000 m, tan β 1.5–3."""
    influence_m = float(np.clip(influence_radius_m(rng.uniform(200, 1000), rng.uniform(1.5, 3.0)), 100, 600))
    share = -MiningSubsidence(site.centre, panel, 1.0, influence_m).peak_mm_yr
    return MiningSubsidence(
        site.centre, panel, rate_mm_yr * site.rate_factor / max(share, 0.05), influence_m, acceleration_per_yr
    )


def draw_active_mining(rng: np.random.Generator, site: Site) -> Source:
    """Draw a panel being mined or just abandoned: 10–1200 mm/yr, so that the centre often loses its radar points."""
    panel = Panel(log_uniform(rng, 600, 2500), rng.uniform(150, 350), rng.uniform(0, 180))
    return _panel_source(rng, site, panel, log_uniform(rng, 10, 1200), rng.uniform(-0.4, 0.2))


def draw_residual_mining(rng: np.random.Generator, site: Site) -> Source:
    """Draw sinking that goes on after the end of mining: 2–20 mm/yr over 0.3–3 km, slower every year."""
    length_m = log_uniform(rng, 300, min(3000, site.widest_m))
    panel = Panel(length_m, length_m * rng.uniform(0.4, 1.0), rng.uniform(0, 180))
    return _panel_source(rng, site, panel, log_uniform(rng, 2, 20), -rng.uniform(0.1, 0.4))


def _uplift_rate_mm_yr(rng: np.random.Generator, site: Site) -> float:
    highest = MAX_UPLIFT_MM_YR if rng.random() < UPLIFT_OUTLIERS else 10.0
    return log_uniform(rng, 1, highest) * site.rate_factor


def draw_mine_water_dome(rng: np.random.Generator, site: Site) -> Source:
    """Draw a dome 2–20 km wide, +1…+10 mm/yr, one in twenty up to +29."""
    return MineWaterUplift(site.centre, _ellipse(rng, 2000, min(20_000, site.widest_m)), _uplift_rate_mm_yr(rng, site))


def draw_mine_water_half_dome(rng: np.random.Generator, site: Site) -> Source:
    """Draw a dome cut by a fault."""
    ellipse = _ellipse(rng, 2000, min(20_000, site.widest_m))
    return FaultedMineWaterUplift(site.centre, ellipse, _uplift_rate_mm_yr(rng, site), rng.uniform(20, 80))


def draw_groundwater_bowl(rng: np.random.Generator, site: Site) -> Source:
    """Draw a bowl 2–30 km wide, −2…−50 mm/yr, with a seasonal amplitude of 0.1–0.8 mm per mm/yr."""
    return GroundwaterSubsidence(
        site.centre,
        _ellipse(rng, 2000, min(30_000, site.widest_m)),
        -log_uniform(rng, 2, 50) * site.rate_factor,
        seasonal_mm_per_mm_yr=rng.uniform(0.1, 0.8),
        flatness=rng.uniform(1.0, 3.0),
    )


def draw_landslide(rng: np.random.Generator, site: Site) -> Source | None:
    """Draw a slide 100–2000 m long, 1.5–4 times as long as wide, 3–100 mm/yr; None where the ground is too flat."""
    downslope = site.terrain.downslope_at(np.array([site.centre.east_m]), np.array([site.centre.north_m]))
    if -downslope.up[0] < STEEP_ENOUGH:
        return None
    bearing_deg = math.degrees(math.atan2(downslope.east[0], downslope.north[0]))
    length_m = log_uniform(rng, 100, min(2000, site.widest_m))
    body = SlideBody(length_m, length_m / rng.uniform(1.5, 4), bearing_deg, edge_m=20.0)
    speed_mm_yr = log_uniform(rng, 3, 100) * site.rate_factor
    return Landslide(site.centre, body, speed_mm_yr, acceleration_per_yr=rng.uniform(-0.2, 0.4))


def draw_pressure_source(rng: np.random.Generator, site: Site) -> Source:
    """Draw a source 0.3–2.5 km deep, 2–30 mm/yr up or down above it."""
    sign = rng.choice([-1.0, 1.0])
    return PressureSource(site.centre, rng.uniform(300, 2500), sign * log_uniform(rng, 2, 30) * site.rate_factor)


def draw_tunnel(rng: np.random.Generator, site: Site) -> Source:
    """Draw a tunnel 4–14 m wide, 10–40 m deep, K 0.3–0.6, 0.5–2 % volume loss in 3 years: trough 30–150 m wide."""
    tunnel = Tunnel(
        log_uniform(rng, 500, min(6000, site.widest_m)),
        rng.uniform(0, 180),
        rng.uniform(10, 40),
        rng.uniform(4, 14),
        rng.uniform(0.3, 0.6),
    )
    rate_mm_yr = tunnel_settlement_mm(tunnel, rng.uniform(0.005, 0.02)) / 3
    return TunnelSettlement(site.centre, tunnel, rate_mm_yr * site.rate_factor, acceleration_per_yr=-0.3)


def draw_quarry(rng: np.random.Generator, site: Site) -> Source:
    """Draw a quarry 50–500 m wide, −3…−60 mm/yr."""
    return QuarrySettlement(site.centre, _ellipse(rng, 50, 500), -log_uniform(rng, 3, 60) * site.rate_factor)


def draw_fill(rng: np.random.Generator, site: Site) -> Source:
    """Draw a fill 50–500 m wide, −3…−30 mm/yr, slower every year."""
    return FillSettlement(site.centre, _ellipse(rng, 50, 500), -log_uniform(rng, 3, 30) * site.rate_factor)


DRAWS: dict[str, Callable[[np.random.Generator, Site], Source | None]] = {
    "active mining": draw_active_mining,
    "residual mining": draw_residual_mining,
    "mine water, dome": draw_mine_water_dome,
    "mine water, half-dome": draw_mine_water_half_dome,
    "groundwater bowl": draw_groundwater_bowl,
    "landslide": draw_landslide,
    "pressure source": draw_pressure_source,
    "tunnel": draw_tunnel,
    "quarry": draw_quarry,
    "fill": draw_fill,
}

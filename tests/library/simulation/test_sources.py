"""The forward models against closed forms, and that every source is drawn within its stated ranges."""

import math

import numpy as np
import pytest

from ground_motion.simulation.ground import deformation
from ground_motion.simulation.ground.frame import Offset
from lab.simulation.seeds import Purpose, generator
from lab.simulation.sources import DRAWS, Site
from lab.simulation.tiles import TileConfig, make_tile, with_sources

POSTING_M = 10.0
EAST_M, NORTH_M = np.meshgrid(np.arange(-3_000.0, 3_000.0, POSTING_M), np.arange(-3_000.0, 3_000.0, POSTING_M))
ORIGIN = np.zeros(1)
TUNNEL = deformation.Tunnel(length_m=2_000.0, bearing_deg=90.0, depth_m=25.0, diameter_m=9.0, trough_factor=0.5)


@pytest.fixture(scope="module")
def hills():
    """A tile of steep ground on which nothing moves."""
    config = TileConfig(signal_share=0.0)._replace(relief_m=TileConfig().relief_m._replace(low=200.0))
    return make_tile(generator(Purpose.TEST, "sources", 1), config)


def test_mogi_follows_its_closed_form_above_and_beside_the_source():
    depth_m, volume_m3_yr = 1_000.0, 1e5
    motion = deformation.mogi(np.array([0.0, 1_000.0]), np.zeros(2), depth_m, volume_m3_yr)
    above = 0.75 / math.pi * volume_m3_yr / depth_m**2 * 1000
    assert motion.up_mm_yr == pytest.approx([above, above / 2**1.5])
    assert motion.east_mm_yr[1] == pytest.approx(motion.up_mm_yr[1])  # as far away as deep: out as much as up
    assert deformation.mogi_volume_m3_yr(above, depth_m) == pytest.approx(volume_m3_yr)


def test_a_bowl_holds_the_volume_of_its_formula_to_one_percent():
    """∫ exp(−ρ⁴) over an ellipse is π·a·b·Γ(3/2); a Gaussian's is π·a·b."""
    ellipse = deformation.Ellipse(900.0, 600.0, 30.0)
    for flatness, share in ((1.0, 1.0), (2.0, math.gamma(1.5))):
        motion = deformation.groundwater_bowl(EAST_M, NORTH_M, ellipse, -10.0, flatness)
        volume = motion.up_mm_yr.sum() * POSTING_M**2
        assert volume == pytest.approx(-10.0 * math.pi * 900.0 * 600.0 * share, rel=0.01)


def test_a_tunnel_loses_at_the_surface_what_it_lost_at_its_face():
    """Peck: the trough's cross-section i·√(2π)·S is V_L·π·D²/4."""
    settlement_mm = deformation.tunnel_settlement_mm(TUNNEL, volume_loss=0.01)
    across_m = np.arange(-200.0, 200.0, 0.5)
    trough = deformation.tunnel_trough(np.zeros_like(across_m), across_m, TUNNEL, settlement_mm)
    lost_m2 = -trough.up_mm_yr.sum() * 0.5 / 1000
    assert lost_m2 == pytest.approx(0.01 * math.pi * 9.0**2 / 4, rel=0.01)


def test_ground_beside_a_tunnel_moves_toward_it_and_settles_0_61_at_the_inflection():
    i = TUNNEL.trough_m
    motion = deformation.tunnel_trough(np.zeros(3), np.array([0.0, i, -i]), TUNNEL, 10.0)
    assert motion.up_mm_yr == pytest.approx([-10.0, -10 * math.exp(-0.5), -10 * math.exp(-0.5)])
    assert motion.north_mm_yr[1] == pytest.approx(-10 * math.exp(-0.5) * i / 25.0)
    assert motion.north_mm_yr[2] == -motion.north_mm_yr[1]


def test_knothes_profile_across_a_wide_panel_is_his_error_function():
    offset_m = np.linspace(-400, 400, 9)
    panel = deformation.Panel(20_000.0, 20_000.0, 0.0)
    motion = deformation.longwall_mining(10_000.0 + offset_m, np.zeros(9), panel, 10.0, influence_m=200.0)
    expected = [-10 * (1 - math.erf(math.sqrt(math.pi) * x / 200.0)) / 2 for x in offset_m]
    assert motion.up_mm_yr == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", DRAWS)
def test_every_source_can_be_drawn_and_moves_the_ground_by_its_peak_rate(name, hills):
    drawn = 0
    for scene in range(16):
        rng = generator(Purpose.TEST, name, scene)
        site = Site(Offset(*rng.uniform(-3_000, 3_000, 2)), hills.terrain, 7_000.0)
        source = DRAWS[name](rng, site)
        if source is None:
            assert name == "landslide"
            continue
        drawn += 1
        motion = source.motion_at(site.centre.east_m + EAST_M, site.centre.north_m + NORTH_M, hills.terrain)
        fastest = motion.speed_mm_yr().max()
        if source.rate_along == "up":
            assert np.abs(motion.up_mm_yr).max() == pytest.approx(abs(source.peak_mm_yr), rel=0.03)
        else:
            assert fastest <= source.peak_mm_yr * 1.001  # a slide of 100 m by 25 m is all edge
            assert fastest > 0.5 * source.peak_mm_yr
        assert 0.9 < fastest < 2_000
    assert drawn >= 5


def test_a_landslides_rate_on_each_track_is_the_geometry_of_its_slope_and_the_line_of_sight(hills):
    """Rate = V · (s·l), worked out by hand from the slope under its middle, on both tracks."""
    rng = generator(Purpose.TEST, "slide", 0)
    for _ in range(200):
        centre = Offset(*rng.uniform(-3_500, 3_500, 2))
        slide = DRAWS["landslide"](rng, Site(centre, hills.terrain))
        if slide is not None and slide.body.width_m > 400:
            break
    row, col = (
        int(i[0]) for i in hills.terrain.cell_of(*hills.terrain.frame.to_grid(*np.array([[c] for c in centre])))
    )
    east, north = hills.terrain.slope_east[row, col], hills.terrain.slope_north[row, col]
    down = -np.array([east, north, east**2 + north**2])
    down /= np.linalg.norm(down)
    moving = with_sources(hills, (slide,))
    for track in moving.tracks:
        (truth,) = moving.truths(track.geometry.los) or [None]
        expected = slide.peak_mm_yr * float(down @ np.array(track.geometry.los))
        assert truth.rate_mm_yr[row, col] == pytest.approx(expected, abs=0.05 * abs(expected) + 0.02)


@pytest.mark.parametrize("bearing_deg", [0.0, 35.0])
def test_the_volume_lost_over_a_panel_is_full_subsidence_times_its_area(bearing_deg):
    motion = deformation.longwall_mining(
        EAST_M, NORTH_M, deformation.Panel(600.0, 400.0, bearing_deg), 30.0, influence_m=250.0
    )
    volume = motion.up_mm_yr.sum() * POSTING_M**2
    assert volume == pytest.approx(-30.0 * 600.0 * 400.0, rel=1e-3)


def test_mining_drift_is_r_over_root_two_pi_times_the_tilt():
    influence_m = 250.0
    motion = deformation.longwall_mining(EAST_M, NORTH_M, deformation.Panel(700.0, 400.0, 50.0), 30.0, influence_m)
    tilt_north, tilt_east = np.gradient(-motion.up_mm_yr, POSTING_M)
    factor_m = influence_m / math.sqrt(2 * math.pi)
    inner = (slice(2, -2), slice(2, -2))
    assert motion.east_mm_yr[inner] == pytest.approx(factor_m * tilt_east[inner], abs=0.02)
    assert motion.north_mm_yr[inner] == pytest.approx(factor_m * tilt_north[inner], abs=0.02)


def _slope_facing_east(shape: tuple[int, ...], angle_deg: float) -> deformation.Downslope:
    ones = np.ones(shape)
    angle = math.radians(angle_deg)
    return deformation.Downslope(ones * math.cos(angle), ones * 0.0, ones * -math.sin(angle))


def test_a_landslide_moves_down_its_slope_at_the_given_speed():
    body = deformation.SlideBody(600.0, 300.0, 90.0, edge_m=20.0)
    motion = deformation.landslide(ORIGIN, ORIGIN, body, _slope_facing_east((1,), 20.0), 25.0)
    assert np.hypot(motion.east_mm_yr, motion.up_mm_yr)[0] == pytest.approx(25.0)
    assert motion.up_mm_yr[0] / motion.east_mm_yr[0] == pytest.approx(-math.tan(math.radians(20.0)))


def test_a_landslide_does_not_climb():
    body = deformation.SlideBody(600.0, 300.0, 90.0, edge_m=20.0)
    with pytest.raises(ValueError, match="positive speed"):
        deformation.landslide(ORIGIN, ORIGIN, body, _slope_facing_east((1,), 20.0), -25.0)

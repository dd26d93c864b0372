"""The island: its size, its heights, where its slopes point."""

import numpy as np
import pytest
from scipy import ndimage

from ground_motion.simulation.ground.frame import frame_at
from ground_motion.simulation.ground.terrain import LandCover, Terrain, fractal_field


def _plane(rise_east: float, rise_north: float) -> Terrain:
    frame = frame_at(-12.0, 47.0)
    ones = np.ones((4, 4))
    height_m = ones.astype(np.float32)
    return Terrain(frame, frame.easting_m, frame.northing_m, 50.0, height_m, rise_east * ones, rise_north * ones)


def test_the_island_is_one_body_of_some_twelve_kilometres_in_the_sea(region):
    land = np.isfinite(region.terrain.height_m)
    assert ndimage.label(land)[1] == 1
    assert 80 < land.sum() * (region.terrain.posting_m / 1_000) ** 2 < 144  # km²
    assert not land[[0, -1], :].any()
    assert not land[:, [0, -1]].any()


def test_downslope_points_away_from_the_rise_and_has_length_one():
    downslope = _plane(rise_east=-0.5, rise_north=0.0).downslope_at(np.zeros(1), np.zeros(1))
    assert downslope.east[0] == pytest.approx(1 / np.sqrt(1.25))
    assert downslope.north[0] == pytest.approx(0)
    assert downslope.up[0] == pytest.approx(-0.5 / np.sqrt(1.25))


def test_rough_terrain_has_the_wanted_spectrum():
    field = fractal_field(np.random.default_rng(0), 256, -3.0)
    power = np.abs(np.fft.fft2(field)) ** 2
    wavenumber = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    band = (wavenumber > 0.02) & (wavenumber < 0.4)
    slope = np.polyfit(np.log(wavenumber[band]), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-3.0, abs=0.1)


def test_land_cover_holds_a_town_suburbs_open_land_and_forest_and_the_sea_stays_sea(region):
    assert set(np.unique(region.land_cover)) == set(LandCover) - {LandCover.ICE}  # no ice on the island
    assert ((region.land_cover == LandCover.SEA) == np.isnan(region.terrain.height_m)).all()

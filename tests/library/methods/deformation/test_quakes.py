"""Which earthquakes move the ground measurably: published interferograms, and the table of Okada."""

import numpy as np
import pytest

from ground_motion.methods.deformation.quakes import MIN_OFFSETS_M, Mechanism, mechanism_of, point_motion, quake_reach

STRIKE_SLIP, THRUST, NORMAL = Mechanism


@pytest.mark.parametrize(
    ("magnitude", "depth_km", "why"),
    [
        (4.5, 10.0, "small"),
        (7.1, 150.0, "deep"),
        (7.5, 231.0, "the Hindu Kush, 2015"),
        (8.3, 598.0, "the Sea of Okhotsk, 2013: some millimetres over a continent"),
    ],
)
def test_small_and_deep_earthquakes_move_nothing_that_can_be_measured(magnitude, depth_km, why):
    assert quake_reach(magnitude, depth_km) is None, why


@pytest.mark.parametrize(
    ("magnitude", "depth_km", "mechanism", "measured_m", "factor"),
    [
        # Ridgecrest 2019: 1.5 m toward the satellite, 1 m away; Yang et al. 2021, Remote Sensing, "Co-seismic and
        # post-seismic mechanism analysis of 2019 California earthquake". ALOS-2: 0.8 m, ARIA, PIA23351.
        (7.1, 8.0, STRIKE_SLIP, 1.0, 2.0),
        (6.6, 12.0, STRIKE_SLIP, 0.15, 2.0),  # Luding 2022: 15 cm, doi:10.3390/rs15153753
        (7.3, 19.0, THRUST, 0.9, 2.0),  # Sarpol-e Zahab 2017: nearly 90 cm, doi:10.3390/rs11040418
        (6.5, 12.0, THRUST, 0.136, 2.0),  # Pishan 2015: 13.6 cm of uplift, doi:10.3390/rs8020134
        (7.8, 8.2, THRUST, 1.4, 3.5),  # Gorkha 2015: 1.4 m of uplift, doi:10.3390/rs8070559; its fault dips 10 degrees
        (6.5, 8.0, NORMAL, 0.7, 2.0),  # Norcia 2016: at least 70 cm, CNR-IREA; 98 cm down, doi:10.3390/rs10121901
        # Amatrice 2016: 0.2 m down, doi:10.1002/2016GL071723, with the depth of later studies (first 4.4 km).
        (6.2, 8.0, NORMAL, 0.2, 2.0),
        (5.9, 12.0, NORMAL, 0.05, 2.0),  # Zadoi 2016: 5 cm, https://doaj.org/article/8bcf2896270647aca9284c960f506d6c
        (7.1, 46.7, NORMAL, 0.05, 2.0),  # Anchorage 2018: 5 cm of subsidence, doi:10.1785/0220190176
        (6.8, 51.9, NORMAL, 0.02, 2.0),  # Nisqually 2001: 2 cm; Bustin et al. 2004, BSSA 94(2), page 363
    ],
)
def test_the_motion_is_that_of_published_interferograms_within_a_factor(
    magnitude, depth_km, mechanism, measured_m, factor
):
    assert measured_m / factor <= quake_reach(magnitude, depth_km, mechanism).peak_m <= measured_m * factor


def test_the_radius_holds_the_motion_that_was_measured():
    # Gorkha: uplift over 7,000 km2 and subsidence over 9,000 km2, doi:10.3389/feart.2015.00065. Ridgecrest: 8 to 12 mm
    # at 70 km and more from the rupture, Ward et al. 2022.
    assert np.pi * quake_reach(7.8, 8.2, THRUST).radius_km ** 2 > 16_000
    assert 70 <= quake_reach(7.1, 8.0, STRIKE_SLIP).radius_km <= 140
    assert 15 <= quake_reach(6.2, 8.0, NORMAL).radius_km <= 50


def test_an_unknown_mechanism_counts_as_the_one_that_reaches_farthest():
    known = [quake_reach(7.0, 10.0, kind) for kind in Mechanism]
    assert quake_reach(7.0, 10.0) == (max(one.peak_m for one in known), max(one.radius_km for one in known))
    assert len({one.radius_km for one in known}) == 3


@pytest.mark.parametrize(
    ("rake_deg", "mechanism"),
    [
        (0, STRIKE_SLIP),
        (-175, STRIKE_SLIP),
        (160, STRIKE_SLIP),
        (90, THRUST),
        (60, THRUST),
        (-90, NORMAL),
        (250, NORMAL),
    ],
)
def test_the_rake_tells_the_mechanism(rake_deg, mechanism):
    assert mechanism_of(rake_deg) == mechanism


@pytest.mark.parametrize(
    ("rake", "expected"),
    [(0.0, (-8.689e-3, -4.298e-3, -2.747e-3)), (np.pi / 2, (-4.682e-3, -3.527e-2, -3.564e-2))],
)
def test_point_sources_add_up_to_the_rectangle_of_okadas_table_2(rake, expected):
    dip, length, width, n = np.radians(70), 3.0, 2.0, 30
    along, up_dip = np.meshgrid(*((np.arange(n) + 0.5) / n * side for side in (length, width)))
    sources = zip(along.ravel(), up_dip.ravel(), strict=True)
    parts = [point_motion(np.array([2 - x, 3 - w * np.cos(dip)]), 4 - w * np.sin(dip), dip, rake) for x, w in sources]
    assert np.sum(parts, axis=0) * length * width / n**2 == pytest.approx(expected, abs=5e-6)


def test_only_large_shallow_earthquakes_show_as_offsets():
    assert quake_reach(7.8, 10.0).peak_m > MIN_OFFSETS_M > quake_reach(6.2, 8.0).peak_m


def test_a_deeper_earthquake_moves_less():
    peaks = [quake_reach(7.0, depth_km).peak_m for depth_km in (5, 20, 40, 60)]
    assert peaks == sorted(peaks, reverse=True)

"""Which earthquakes move the ground measurably: cases whose motion has been measured and published."""

import pytest

from ground_motion.methods.deformation.quakes import MIN_OFFSETS_M, quake_reach


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
    ("magnitude", "depth_km", "least_m", "most_m"),
    [
        (6.2, 8.0, 0.15, 0.3),  # Amatrice 2016: 0.2 m of subsidence, Lavecchia et al. 2016, doi:10.1002/2016GL071723
        (7.1, 46.7, 0.03, 0.1),  # Anchorage 2018: 5 cm
        (6.8, 51.9, 0.01, 0.03),  # Nisqually 2001: 2 cm
        (7.1, 8.0, 0.5, 2.0),  # Ridgecrest 2019: about 1 m in the line of sight away from the fault
    ],
)
def test_the_motion_is_as_large_as_what_was_measured(magnitude, depth_km, least_m, most_m):
    assert least_m <= quake_reach(magnitude, depth_km).peak_m <= most_m


def test_the_radius_is_that_of_the_rupture_and_its_surroundings():
    assert 15 <= quake_reach(6.2, 8.0).radius_km <= 50
    assert quake_reach(7.8, 10.0).radius_km > 100  # Kahramanmaraş 2023


def test_only_large_shallow_earthquakes_show_as_offsets():
    assert quake_reach(7.8, 10.0).peak_m > MIN_OFFSETS_M > quake_reach(6.2, 8.0).peak_m


def test_a_deeper_earthquake_moves_less():
    peaks = [quake_reach(7.0, depth_km).peak_m for depth_km in (5, 20, 40, 60)]
    assert peaks == sorted(peaks, reverse=True)

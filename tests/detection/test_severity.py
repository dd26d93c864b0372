"""How much an alert matters: the steps of the table, and that more of anything never makes it less."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.rules.severity import Exposure, Severity, exposure_points, severity, severity_of_speed

MINOR, MODERATE, STRONG = Severity
RANKS = list(Severity)
HAMLET, VILLAGE = Exposure(buildings=1), Exposure(buildings=50)
figures = st.floats(0, 200)
maybe = st.none() | figures
exposures = st.builds(
    Exposure,
    buildings=st.none() | st.integers(0, 100),
    main_road_km=st.none() | st.floats(0, 4),
    railway_km=st.none() | st.floats(0, 1),
    people=st.none() | st.floats(0, 400),
)


@pytest.mark.parametrize(
    ("given", "grade"),
    [
        ({"peak": -9.9}, MINOR),
        ({"peak": -10.0}, MODERATE),
        ({"peak": -49.9}, MODERATE),
        ({"peak": 50.0}, STRONG),
        ({"peak": -3.0, "area": 999_999.0}, MINOR),
        ({"peak": -3.0, "area": 1e6}, MODERATE),
        ({"peak": -20.0, "area": 9e6}, MODERATE),  # size and speed are not added
        ({"peak": -9.0, "tilt_mm_m_yr": 0.19}, MINOR),
        ({"peak": -9.0, "tilt_mm_m_yr": 0.2}, MODERATE),
        ({"peak": -9.0, "tilt_mm_m_yr": -0.67}, STRONG),
        ({"peak": -12.0, "sigma_mm_yr": 6.0}, MODERATE),
        ({"peak": -12.0, "sigma_mm_yr": 6.1}, MINOR),
        ({"peak": -9.0, "accelerates": True}, MINOR),
        ({"peak": -9.0, "accelerates": True, "exposure": HAMLET}, MODERATE),
        ({"peak": -9.0, "exposure": VILLAGE}, MODERATE),
        ({"peak": -20.0, "exposure": HAMLET}, MODERATE),
        ({"peak": -20.0, "exposure": VILLAGE}, STRONG),
        ({"peak": -20.0, "exposure": Exposure(railway_km=0.5)}, STRONG),
        ({"peak": -20.0, "exposure": Exposure(0, 0.0, 0.0, 0.0)}, MODERATE),
    ],
)
def test_the_table_at_its_edges(given, grade):
    assert severity(given.pop("peak"), given.pop("area", 1e4), **given) is grade


def test_motion_of_metres_is_never_minor_and_strong_under_a_village():
    assert [severity_of_speed(speed) for speed in (0.1, 1.0)] == [MODERATE, STRONG]
    assert [severity_of_speed(0.1, exposure) for exposure in (HAMLET, VILLAGE)] == [MODERATE, STRONG]


@given(figures, figures, maybe, maybe, st.booleans(), exposures, figures, st.integers(0, 6))
def test_more_of_anything_never_makes_it_less(peak, area_ha, sigma, tilt, accelerates, exposure, more, which):
    known = {"peak_rate_mm_yr": peak, "area_m2": area_ha * 1e4, "sigma_mm_yr": sigma, "tilt_mm_m_yr": tilt}
    known |= {"accelerates": accelerates, "exposure": exposure}
    people, railway_km = ((value or 0.0) + more for value in (exposure.people, exposure.railway_km))
    change = [
        {"peak_rate_mm_yr": peak + more},
        {"area_m2": (area_ha + more) * 1e4},
        {"tilt_mm_m_yr": (tilt or 0.0) + more},
        {"sigma_mm_yr": None if sigma is None else max(0.0, sigma - more)},
        {"accelerates": True},
        {"exposure": exposure._replace(buildings=(exposure.buildings or 0) + round(more))},
        {"exposure": exposure._replace(people=people, railway_km=railway_km)},
    ][which]
    assert RANKS.index(severity(**known | change)) >= RANKS.index(severity(**known))


@given(figures, figures, maybe, exposures)
def test_not_knowing_what_stands_there_never_lowers_it(peak, area_ha, sigma, exposure):
    nothing = severity(peak, area_ha * 1e4, sigma_mm_yr=sigma, exposure=Exposure(0, 0.0, 0.0, 0.0))
    assert severity(peak, area_ha * 1e4, sigma_mm_yr=sigma) is nothing
    for name in Exposure._fields:
        assert exposure_points(exposure._replace(**{name: None})) >= exposure_points(exposure._replace(**{name: 0}))

"""Codes, kinds, severities and lives of alerts: rules without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.kinds import Kind
from detection.rules.codes import decode, encode
from detection.rules.lifecycle import State, may_become, state_after_sighting
from detection.rules.severity import Exposure, exposure_points
from detection.search.classify import Evidence, classify


@given(st.integers(1, 10**9))
def test_a_code_leads_back_to_its_row(number):
    assert decode(encode(number)) == number


def test_codes_are_short_and_do_not_count_up():
    codes = [encode(number) for number in range(1, 1000)]
    assert {len(code) for code in codes} == {4}
    assert len(set(codes)) == len(codes)
    assert codes[0][:3] != codes[1][:3]


@pytest.mark.parametrize(("written", "code"), [("gb2p", "GB2P"), ("GB2P", "GB2P"), ("O1I0", "0110")])
def test_codes_are_read_as_people_write_them(written, code):
    assert encode(decode(written)) == code


@pytest.mark.parametrize("text", ["", "ABC", "AB!D", "UUUU", "../x", "A" * 40])
def test_what_is_no_code_is_refused(text):
    with pytest.raises(ValueError, match="no alert code"):
        decode(text)


def seen(rate, component="los", direction="ascending", area=2e6) -> Evidence:
    return Evidence(component, direction, rate, area)


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        ([seen(-20)], Kind.SUBSIDENCE),
        ([seen(20)], Kind.UPLIFT),
        ([seen(-20), seen(-18, direction="descending")], Kind.SUBSIDENCE),
        ([seen(-20), seen(+18, direction="descending")], Kind.UNKNOWN),  # the two sides disagree: sideways motion
        ([seen(-20, area=5e4)], Kind.UNKNOWN),  # small and seen from one side: may be a slope
        ([seen(-2.5)], Kind.UNKNOWN),  # slow and seen from one side
        ([seen(-2.5), seen(-2.5, direction="descending")], Kind.SUBSIDENCE),
        ([seen(+20), seen(-5, component="up", direction="")], Kind.SUBSIDENCE),  # vertical decides
        ([seen(-9, component="east", direction="")], Kind.UNKNOWN),
        ([], Kind.UNKNOWN),
    ],
)
def test_a_kind_is_named_only_where_sign_size_and_rate_allow(evidence, kind):
    assert classify(evidence) is kind


def test_a_second_product_makes_a_first_alert_provisional_and_nothing_more():
    assert state_after_sighting(State.FIRST, 1) is State.FIRST
    assert state_after_sighting(State.FIRST, 2) is State.PROVISIONAL
    for state in (State.CONFIRMED, State.REJECTED, State.FINISHED):
        assert state_after_sighting(state, 5) is state


def test_a_finished_alert_may_wake_up_and_a_merged_one_only_goes_back():
    woken = {state for state in State if may_become(State.FINISHED, state)}
    assert woken == {State.FIRST, State.PROVISIONAL, State.CONFIRMED}
    assert {state for state in State if may_become(State.MERGED, state)} == woken  # its verdict was taken back


def named(name: str, share: float, rate=-20.0, direction="ascending", component="los") -> Evidence:
    """Seen by a network that gives this share to a name and the rest to another one."""
    other = "uplift" if name != "uplift" else "landslide"
    return Evidence(component, direction, rate, 2e6, {name: share, other: 1 - share})


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        ([named("mining_subsidence", 0.8)], Kind.MINING),
        ([named("groundwater_subsidence", 0.8)], Kind.GROUNDWATER),
        ([named("fill_or_quarry", 0.8)], Kind.FILL),
        ([named("uplift", 0.8, rate=5)], Kind.UPLIFT),
        ([named("mining_subsidence", 0.55)], Kind.SUBSIDENCE),  # not sure: only what the sign says
        ([named("mining_subsidence", 0.8, rate=5)], Kind.UPLIFT),  # what rises is no mine that falls in
        ([named("uplift", 0.8)], Kind.SUBSIDENCE),
        ([named("landslide", 0.8), named("landslide", 0.8, rate=7, direction="descending")], Kind.LANDSLIDE),
        ([named("mining_subsidence", 0.8), named("mining_subsidence", 0.8, 7, "descending")], Kind.UNKNOWN),
        ([named("mining_subsidence", 0.9), named("landslide", 0.9, -20, "descending")], Kind.SUBSIDENCE),  # no quorum
        ([named("mining_subsidence", 0.9, component="east")], Kind.UNKNOWN),
        ([named("landslide", 0.8), seen(-20, direction="descending")], Kind.LANDSLIDE),  # the other names nothing
    ],
)
def test_a_networks_name_counts_where_it_is_sure_and_no_sign_speaks_against_it(evidence, kind):
    assert classify(evidence) is kind


exposures = st.builds(
    Exposure,
    buildings=st.none() | st.integers(0, 100),
    main_road_km=st.none() | st.floats(0, 4),
    railway_km=st.none() | st.floats(0, 1),
    people=st.none() | st.floats(0, 400),
)


@pytest.mark.parametrize(
    ("exposure", "points"),
    [
        (Exposure(), 0),
        (Exposure(0, 0.0, 0.0, 0.0), 0),
        (Exposure(buildings=1), 1),
        (Exposure(buildings=50), 2),
        (Exposure(railway_km=0.5), 2),
        (Exposure(main_road_km=0.1, people=0.0), 1),
    ],
)
def test_a_hamlet_is_something_and_a_village_is_much(exposure, points):
    assert exposure_points(exposure) == points


@given(exposures, st.floats(0, 200))
def test_more_on_it_never_weighs_less_and_not_knowing_weighs_as_nothing(exposure, more):
    points = exposure_points(exposure)
    assert exposure_points(exposure._replace(buildings=(exposure.buildings or 0) + round(more))) >= points
    assert exposure_points(exposure._replace(people=(exposure.people or 0.0) + more)) >= points
    for name in Exposure._fields:
        unknown, nothing = (exposure_points(exposure._replace(**{name: value})) for value in (None, 0))
        assert unknown == nothing

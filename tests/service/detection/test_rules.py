"""Codes, kinds, surroundings, severities and lives of alerts: rules without a database."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.kinds import Kind
from detection.rules.codes import decode, encode
from detection.rules.lifecycle import State, may_become
from detection.rules.severity import Exposure, exposure_points
from detection.search.classify import Evidence, classify
from ground_motion.methods.deformation.places.context import (
    FILL,
    GROUNDWATER,
    LANDSLIDE,
    LIKELY,
    MINING,
    Surroundings,
    terms_of,
    weigh,
)
from ground_motion.rasters.areas import KINDS


@given(st.integers(1, 10**9))
def test_a_code_leads_back_to_its_row(number):
    assert decode(encode(number)) == number


def test_codes_are_short_and_do_not_count_up():
    codes = [encode(number) for number in range(1, 1000)]
    assert {len(code) for code in codes} == {4}
    assert len(set(codes)) == len(codes)
    assert codes[0][:3] != codes[1][:3]


@pytest.mark.parametrize("text", ["", "ABC", "AB!D", "UUUU", "../x", "A" * 40])
def test_codes_are_read_as_people_write_them_and_what_is_no_code_is_refused(text):
    assert [encode(decode(written)) for written in ("gb2p", "GB2P", "O1I0")] == ["GB2P", "GB2P", "0110"]
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


def test_a_finished_alert_may_wake_up_or_lose_its_data_and_a_merged_one_only_goes_back():
    woken = {state for state in State if may_become(State.FINISHED, state)}
    assert woken == {State.FIRST, State.PROVISIONAL, State.CONFIRMED, State.WITHDRAWN}
    back = {state for state in State if may_become(State.MERGED, state)}
    assert back == woken - {State.WITHDRAWN}  # its verdict was taken back


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


DOUBTFUL = {MINING: 0.55, GROUNDWATER: 0.15, FILL: 0.1, LANDSLIDE: 0.15, "uplift": 0.05}
parts_of_one = st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda parts: sum(parts) > 0.1)
places = st.builds(
    Surroundings,
    mine_m=st.none() | st.floats(0, 1e5) | st.just(math.inf),
    mine_state=st.sampled_from(["", "active", "closed"]),
    slide_m=st.none() | st.floats(0, 1e5),
    ice_share=st.none() | st.floats(0, 1),
    slope_deg=st.none() | st.floats(0, 60),
    line_share=st.none() | st.floats(0, 1),
    in_tunnel=st.booleans(),
    elongation=st.floats(1, 20),
)


@given(parts_of_one, places)
def test_probabilities_stay_such_and_follow_the_factors(parts, place):
    given_shares = {name: part / sum(parts) for name, part in zip(KINDS, parts, strict=True)}
    weighed = weigh(given_shares, place)
    assert sum(weighed.shares.values()) == pytest.approx(1)
    assert weighed.terms == terms_of(place)
    assert all(factor > 0 for term in weighed.terms for factor in term.factors.values())
    if not weighed.terms and max(weighed.shares.values()) < LIKELY:
        assert weighed.shares == pytest.approx(given_shares)


def test_nothing_loaded_counts_for_nothing_and_without_a_network_nothing_does():
    assert weigh(DOUBTFUL, Surroundings()).shares == pytest.approx(DOUBTFUL)
    assert weigh({}, Surroundings(mine_m=0.0)).shares == {}


def odds(place: Surroundings, name: str, against: str = GROUNDWATER) -> float:
    """By how much a place multiplies the odds of one cause against another."""
    after = weigh(DOUBTFUL, place).shares
    return (after[name] / after[against]) / (DOUBTFUL[name] / DOUBTFUL[against])


def test_each_fact_moves_the_odds_it_is_about():
    assert odds(Surroundings(mine_m=300.0), MINING) == pytest.approx(4.0)
    assert odds(Surroundings(mine_m=301.0), MINING) == pytest.approx(2.5)
    assert odds(Surroundings(mine_m=9_000.0), MINING) == pytest.approx(0.6)
    assert odds(Surroundings(slide_m=100.0), LANDSLIDE) == pytest.approx(4.0)
    assert odds(Surroundings(slope_deg=1.0), LANDSLIDE) < 0.5 < 1 < odds(Surroundings(slope_deg=12.0), LANDSLIDE)
    along = Surroundings(line_share=0.6, elongation=3.0)
    assert odds(along, FILL) == pytest.approx(8.0)
    assert terms_of(along._replace(elongation=2.9)) == terms_of(along._replace(line_share=0.59)) == ()


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (Surroundings(), Kind.SUBSIDENCE),  # the network is not sure: the sign alone
        (Surroundings(mine_m=300.0, mine_state="active"), Kind.MINING),
        (Surroundings(mine_m=1e4, slope_deg=1.0), Kind.SUBSIDENCE),
        (Surroundings(ice_share=0.9), Kind.UNKNOWN),
        (Surroundings(line_share=0.9, elongation=6.0, in_tunnel=True), Kind.UNKNOWN),
    ],
)
def test_the_kind_follows_where_the_surroundings_make_it_sure(place, kind):
    seen = [Evidence(one, direction, -20.0, 2e6, DOUBTFUL) for one, direction in (("los", "asc"), ("los", "desc"))]
    assert classify(seen, place) is kind


@pytest.mark.parametrize(
    ("cause", "place", "kind", "highest"),
    [
        (MINING, Surroundings(), Kind.MINING, 0.8),  # It is only likely: no list of mines is loaded.
        (MINING, Surroundings(mine_m=1_900.0), Kind.MINING, 1.0),
        (MINING, Surroundings(mine_m=2_100.0), Kind.SUBSIDENCE, 0.6),
        (LANDSLIDE, Surroundings(), Kind.LANDSLIDE, 0.8),
        (LANDSLIDE, Surroundings(slope_deg=2.0), Kind.LANDSLIDE, 1.0),
        (LANDSLIDE, Surroundings(slope_deg=1.0), Kind.SUBSIDENCE, 0.6),
        (LANDSLIDE, Surroundings(slope_deg=1.0, slide_m=4_000.0), Kind.LANDSLIDE, 1.0),
        (GROUNDWATER, Surroundings(mine_m=0.0, slope_deg=0.0), Kind.GROUNDWATER, 0.8),  # No layer has wells.
        (FILL, Surroundings(), Kind.FILL, 1.0),
        (MINING, Surroundings(mine_m=0.0, volcano="Etna"), Kind.VOLCANO, 1.0),
        (LANDSLIDE, Surroundings(slope_deg=20.0, volcano="Etna"), Kind.VOLCANO, 1.0),
    ],
)
def test_a_cause_is_sure_only_in_its_own_context_and_none_is_told_by_shape_at_a_volcano(cause, place, kind, highest):
    shares = {name: 0.96 if name == cause else 0.01 for name in KINDS}
    assert highest - 0.2 < max(weigh(shares, place).shares.values()) <= highest + 1e-9
    assert classify([Evidence("los", "ascending", -20.0, 2e6, shares)], place) is kind

"""Surroundings change what an area may be by stated factors; what is not loaded changes nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.kinds import Kind
from detection.search.classify import Evidence, classify
from ground_motion.methods.deformation.places.context import (
    FILL,
    GROUNDWATER,
    LANDSLIDE,
    MINING,
    UPLIFT,
    Surroundings,
    terms_of,
    weigh,
)
from ground_motion.rasters.areas import KINDS

DOUBTFUL = {MINING: 0.55, GROUNDWATER: 0.15, FILL: 0.1, LANDSLIDE: 0.15, UPLIFT: 0.05}
shares = st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(lambda parts: sum(parts) > 0.1)
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


@given(shares, places)
def test_probabilities_stay_such_and_follow_the_factors(parts, place):
    given_shares = {name: part / sum(parts) for name, part in zip(KINDS, parts, strict=True)}
    weighed = weigh(given_shares, place)
    assert sum(weighed.shares.values()) == pytest.approx(1)
    assert weighed.terms == terms_of(place)
    assert all(factor > 0 for term in weighed.terms for factor in term.factors.values())
    if not weighed.terms:
        assert weighed.shares == given_shares


def test_nothing_loaded_counts_for_nothing_and_without_a_network_nothing_does():
    assert weigh(DOUBTFUL, Surroundings()).shares == DOUBTFUL
    assert weigh({}, Surroundings(mine_m=0.0)).shares == {}


def odds(place: Surroundings, name: str, against: str = GROUNDWATER) -> float:
    """By how much a place multiplies the odds of one cause against another."""
    after = weigh(DOUBTFUL, place).shares
    return (after[name] / after[against]) / (DOUBTFUL[name] / DOUBTFUL[against])


def test_each_fact_moves_the_odds_it_is_about():
    assert odds(Surroundings(mine_m=300.0), MINING) == pytest.approx(4.0)
    assert odds(Surroundings(mine_m=301.0), MINING) == pytest.approx(2.5)
    assert odds(Surroundings(mine_m=9_000.0), MINING) == pytest.approx(0.6)
    assert odds(Surroundings(mine_m=0.0, mine_state="closed"), UPLIFT) == pytest.approx(4.0)
    assert odds(Surroundings(mine_m=0.0, mine_state="active"), UPLIFT) == pytest.approx(1.0)
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

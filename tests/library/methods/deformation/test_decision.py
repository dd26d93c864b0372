"""The one decision: what each witness adds, and ground whose motion the network mistakes for an error."""

import numpy as np
import pytest

from ground_motion.methods.deformation.decision import CYCLE_MM_YR, DELAY_MM_YR, EvidenceTerms, log_odds
from ground_motion.methods.deformation.gridding.points import PointCloud
from ground_motion.methods.deformation.infer import detect_tracks, flagged_areas

SIDE_M = 6_000.0
HEARD = {"rarity": 0.5, "wide": 1.0, "network": 0.25, "rate": 4.0, "patch": -1.0, "offset": -3.0}
ALONE = dict.fromkeys(HEARD, 0.0) | {"network": 1.5, "offset": -5.0}
SETTINGS = {"decision": {"model": {"1": HEARD}, "network": {"1": ALONE}}}
USUAL = {"rarity": 2.0, "radius_m": 400.0, "amplitude_mm_yr": -3.0, "network": 4.0, "rate_mm_yr": -2.0}


def odds(cycles_undone: bool = False, method: str = "model", **values: float) -> float:
    seen = EvidenceTerms(**{name: np.full((1, 1), value, dtype=np.float32) for name, value in (USUAL | values).items()})
    return float(log_odds(seen, SETTINGS, 1, method, cycles_undone)[0, 0])


def test_the_witnesses_add_up():
    assert odds() == pytest.approx(0.5 * 2 + 0.25 * 4 + 0 - 3)
    assert odds(radius_m=1_200.0) == pytest.approx(odds() + 1.0 * 2)
    assert odds(rate_mm_yr=-2.4) == pytest.approx(odds() + 4 * np.log(1.2))
    assert odds(rate_mm_yr=-14.9) == pytest.approx(odds() + 4 * 2)
    assert odds(rarity=30.0) == odds(rarity=6.0)  # as an unwrapping error may be


def test_ground_that_moves_the_other_way_is_no_witness_of_a_bowl():
    assert odds(rate_mm_yr=2.0) == odds(rarity=0.0) == odds(rarity=-9.0)


def test_edges_of_an_error_speak_against_motion_whatever_speaks_for_it():
    assert odds(patch=2.0) == pytest.approx(odds() - 2)
    assert odds(patch=2.0, rarity=np.nan) == pytest.approx(odds(rarity=np.nan) - 2)
    assert odds(patch=30.0, rate_mm_yr=-CYCLE_MM_YR) < 0
    assert odds(method="network", patch=30.0) == odds(method="network")


def test_where_the_law_does_not_hold_the_network_decides_alone():
    assert odds(rarity=np.nan) == pytest.approx(1.5 * 4 - 5)
    assert odds(method="network") == pytest.approx(1.5 * 4 - 5)
    assert np.isnan(odds(network=np.nan))


@pytest.mark.parametrize(("undone", "limit"), [(True, DELAY_MM_YR), (False, CYCLE_MM_YR)])
def test_rates_that_exceed_all_errors_count_unless_the_law_of_noise_contradicts(undone, limit):
    doubted = {"rarity": 0.0, "network": -8.0}
    assert odds(undone, rate_mm_yr=-limit, **doubted) > 10
    assert odds(undone, rate_mm_yr=-limit, **doubted | {"rarity": np.nan}) > 10
    assert odds(undone, rate_mm_yr=-limit, **doubted | {"rarity": -2.0}) < 10
    of_rate = 4 * min(np.log(0.99 * limit / 2), 2)
    assert odds(undone, rate_mm_yr=-0.99 * limit, **doubted) == pytest.approx(0.25 * -8 + of_rate - 3)


@pytest.mark.parametrize(("rate_mm_yr", "undone"), [(-9.0, True), (-45.0, False)])
def test_ground_that_moves_as_one_with_a_sharp_edge_is_flagged_where_no_whole_cycle_can_be_left(rate_mm_yr, undone):
    """A square of 500 m, as a fill."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, SIDE_M, (2, 12_000))
    moves = (np.abs(x - 3_000) < 250) & (np.abs(y - 3_000) < 250)
    rate = rng.normal(0, 0.6, x.size) + rate_mm_yr * moves
    cloud = PointCloud(x, y, rate.astype(np.float32), 32633, cycles_undone=undone)
    ((area, points),) = flagged_areas(detect_tracks([cloud], "model"), [cloud])
    assert area.peak_rate_mm_yr == pytest.approx(rate_mm_yr, rel=0.22)
    assert 0.15e6 < area.area_m2 < 0.5e6
    assert points > 50

"""The datum of a velocity field is the rate of what stands still, from the best source that there is."""

import numpy as np
import pytest

from ground_motion.statistics import datum
from ground_motion.statistics.datum import Source
from ground_motion.statistics.stations import Difference, Rate

ACROSS = 40  # cells of a kilometre


def scene(middle_mm_yr, rim_mm_yr, rim_share, bowls=()):
    """A square scene with noise: its middle moves at one rate, a rim of this share of it at another."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:ACROSS, :ACROSS] + 0.5
    half = ACROSS / 2 * np.sqrt(1 - rim_share)
    inside = np.maximum(np.abs(x - ACROSS / 2), np.abs(y - ACROSS / 2)) < half
    rate = np.where(inside, middle_mm_yr, rim_mm_yr) + rng.normal(0, 0.5, x.shape)
    for east, north, peak in bowls:
        rate += (peak - middle_mm_yr) * np.exp(-0.5 * ((x - east) ** 2 + (y - north) ** 2) / 1.5**2)
    return 1000 * x.ravel(), 1000 * y.ravel(), rate.ravel()


CITY = scene(-5, 0, 0.3, [(15, 15, -40), (25, 20, -78), (20, 27, -47)])
CALDERA = scene(0, -12, 0.85)  # The reference point rises with the caldera.


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("a city that sinks inside a still rim keeps its motion", CITY, 0.0),
        ("a reference inside a caldera is not the zero of the rest", CALDERA, -12.0),
        ("the file's zero does not matter", (*CITY[:2], CITY[2] + 10), 10.0),
        ("an edge that moves in two ways is no still ground", (*CITY[:2], CITY[2] + CITY[0] / 2000), None),
        (
            "a small scene may lie wholly inside what moves",
            [column[: 10 * ACROSS] for column in scene(-9, -9, 0.3)],
            None,
        ),
        ("what is far from every usual error of a reference point moves", scene(-60, -60, 0.3), None),
    ],
)
def test_still_ground_is_where_most_of_the_edge_stands(name, field, expected):
    found = datum.from_edge(*field)
    assert (found is None) == (expected is None), name
    if found:
        assert found.mm_yr == pytest.approx(expected, abs=0.3), name
        assert found.sigma_mm_yr <= 2, name
        assert not found.source.is_outside


def test_stations_outvote_one_that_moves_and_more_of_them_are_more_certain():
    def differences(*values):
        return [Difference(Rate(0.0, 0.3), Rate(value, 0.3), 12, 100.0) for value in values]

    alone, five = datum.from_stations(differences(4.0)), datum.from_stations(differences(4.1, 3.9, 4.0, 4.2, -30.0))
    assert five.mm_yr == pytest.approx(4.05, abs=0.05)
    assert five.n == 4
    assert datum.MIN_SIGMA_MM_YR <= five.sigma_mm_yr < alone.sigma_mm_yr < 2
    assert datum.from_stations([]) is None


def test_fields_beside_give_their_datum_to_a_field_with_ten_cells_in_common():
    x, y, rate = CITY
    own = (x, y, rate + 7)
    alike, across = (datum.beside_field(own, CITY, 0.5, side) for side in (True, False))
    assert alike.mm_yr == across.mm_yr == pytest.approx(7)
    assert alike.sigma_mm_yr < across.sigma_mm_yr
    assert datum.beside_field([column[:9] for column in own], CITY, 0.5, True) is None
    both = datum.from_fields([alike, across])
    assert (both.mm_yr, both.n) == (pytest.approx(7), 2)
    assert both.sigma_mm_yr == alike.sigma_mm_yr
    assert datum.from_fields([]) is None


def test_a_datum_that_agrees_with_the_files_zero_changes_nothing_and_others_are_multiples_of_a_step():
    for given, taken in ((0.9, 0.0), (10.9, 11.0), (-10.2, -10.0)):
        found = datum.Datum(given, 1.0, Source.STILL).applied
        assert found.mm_yr == taken
        assert abs(given - taken) <= found.sigma_mm_yr
    declared = datum.from_still_ground(np.full(30, -3.0))
    assert (declared.mm_yr, declared.sigma_mm_yr, declared.n) == (-3.0, datum.PATCH_SIGMA_MM_YR, 30)
    assert datum.from_still_ground(np.empty(0)) is None
    assert [datum.of_file(calibrated).sigma_mm_yr for calibrated in (True, False)] == [1.0, 3.0]

"""The made ground of the benchmark of many products: neighbours overlap, and tiles are asked for where points are."""

import numpy as np
import pytest

from lab.speed.points import SQUEEZE, ZOOMS, _shift, _sizes, _tile
from lab.speed.simulated import TOWNS_AT, made_batch

EACH = 2_000


def ground(number: int) -> tuple[float, float, float, float]:
    """West, south, east, north of a product, degrees."""
    batch, (east, north) = made_batch(EACH, seed=0), _shift(number)
    longitude = TOWNS_AT[0] + SQUEEZE * (batch.longitude - TOWNS_AT[0]) + east
    latitude = TOWNS_AT[1] + SQUEEZE * (batch.latitude - TOWNS_AT[1]) + north
    return longitude.min(), latitude.min(), longitude.max(), latitude.max()


def test_products_fill_a_rectangle_as_they_come():
    assert len({_shift(number) for number in range(2_000)}) == 2_000
    for few in (4, 16, 64):
        assert [len(set(axis)) for axis in zip(*map(_shift, range(few)), strict=True)] == [few**0.5] * 2


def test_neighbours_overlap_by_about_a_tenth():
    here, beside, above = (np.array(ground(number)) for number in (0, 1, 2))
    assert 0.05 < (here[2] - beside[0]) / (here[2] - here[0]) < 0.2
    assert 0.05 < (here[3] - above[1]) / (here[3] - here[1]) < 0.2


@pytest.mark.parametrize("zoom", ZOOMS)
def test_a_tile_that_is_asked_for_lies_on_the_ground_of_its_product(zoom):
    west, _, east, _ = ground(46)
    x, _ = _tile(46, 7, EACH, zoom)
    assert west < (x + 1) / 2**zoom * 360 - 180
    assert x / 2**zoom * 360 - 180 < east


def test_each_stage_is_ten_times_the_one_before():
    assert _sizes(10**8) == [10**6, 10**7, 10**8]
    assert _sizes(2 * 10**6) == [10**6, 2 * 10**6]

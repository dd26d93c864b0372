"""LiCSBAS time series: positions, signs, and damaged files."""

import numpy as np
import pytest

from ingest.formats import open_velocity_field
from ingest.readers.records import Direction
from tests.makers.damage import outcome


def test_pixels_stand_where_corner_and_posting_say_and_keep_their_sign(make_licsbas):
    field = open_velocity_field(make_licsbas(velocity_mm_yr=-20.0))
    (batch,) = field.batches()
    last = list(batch.pid).index(b"3_4")
    assert batch.latitude[last] == pytest.approx(19.5 - 3 * 0.001)
    assert batch.longitude[last] == pytest.approx(-99.2 + 4 * 0.001)
    assert batch.velocity_mm_yr[last] == pytest.approx(-20)
    assert batch.displacement_mm[last] == pytest.approx([0, -10, -20])
    assert [day.isoformat() for day in field.header.dates] == ["2020-01-01", "2020-07-01", "2021-01-01"]


def test_line_of_sight_layers_are_used_and_masked_pixels_left_out(make_licsbas):
    field = open_velocity_field(make_licsbas())
    assert field.header.direction is Direction.UNKNOWN
    assert np.isnan(next(field.batches()).los_up).all()
    layers = {"E.geo": np.full((4, 5), -0.6), "N.geo": np.full((4, 5), -0.1), "U.geo": np.full((4, 5), 0.8)}
    masked = np.full((4, 5), 3.0, dtype=np.float32)
    masked[0] = np.nan
    field = open_velocity_field(make_licsbas(**layers, vel=masked))
    (batch,) = field.batches()
    assert field.header.direction is Direction.ASCENDING
    assert batch.los_up == pytest.approx(0.8)
    assert batch.pid.size == 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"leave_out": ("cum",)}, "dataset 'cum' is missing"),
        ({"imdates": np.array([20200101, 20190101, 20210101])}, "not in order"),
        ({"imdates": np.array([20200101, 20201399, 20210101])}, "invalid date"),
        ({"vel": np.full((4, 5), np.nan)}, "no pixel has a velocity"),
        ({"vel": np.zeros((4, 4))}, "do not fit"),
        ({"corner_lat": -99.2, "corner_lon": 19.5}, "swapped"),
    ],
)
def test_a_bad_series_is_refused_with_a_line_that_names_the_fault(make_licsbas, change, message):
    assert message in outcome(make_licsbas(**change))

"""LiCSBAS time series: positions, signs, and damaged files."""

import h5py
import numpy as np
import pytest

from ingest.errors import InputError
from ingest.formats import open_velocity_field
from ingest.readers.records import Direction


def test_pixels_stand_where_corner_and_posting_say_and_keep_their_sign(make_licsbas):
    field = open_velocity_field(make_licsbas(velocity_mm_yr=-20.0))
    (batch,) = field.batches()
    last = list(batch.pid).index(b"3_4")
    assert batch.latitude[last] == pytest.approx(19.5 - 3 * 0.001)
    assert batch.longitude[last] == pytest.approx(-99.2 + 4 * 0.001)
    assert batch.velocity_mm_yr[last] == pytest.approx(-20)
    assert batch.displacement_mm[last] == pytest.approx([0, -10, -20])
    assert [day.isoformat() for day in field.header.dates] == ["2020-01-01", "2020-07-01", "2021-01-01"]


def test_without_line_of_sight_layers_the_direction_is_unknown(make_licsbas):
    field = open_velocity_field(make_licsbas())
    (batch,) = field.batches()
    assert field.header.direction is Direction.UNKNOWN
    assert np.isnan(batch.los_up).all()


def test_line_of_sight_layers_are_used(make_licsbas):
    layers = {"E.geo": np.full((4, 5), -0.6), "N.geo": np.full((4, 5), -0.1), "U.geo": np.full((4, 5), 0.8)}
    field = open_velocity_field(make_licsbas(**layers))
    (batch,) = field.batches()
    assert field.header.direction is Direction.ASCENDING
    assert batch.los_up == pytest.approx(0.8)


def test_masked_pixels_are_left_out(make_licsbas):
    velocity = np.full((4, 5), 3.0, dtype=np.float32)
    velocity[0] = np.nan
    (batch,) = open_velocity_field(make_licsbas(vel=velocity)).batches()
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
    with pytest.raises(InputError, match=message):
        open_velocity_field(make_licsbas(**change))


def linked(path, canary):
    with h5py.File(path, "a") as file:
        file["cum"] = h5py.ExternalLink(str(canary), "cum")


def stored_elsewhere(path, canary):
    with h5py.File(path, "a") as file:
        file.create_dataset("cum", shape=(3, 4, 5), dtype="f4", external=[(str(canary), 0, 240)])


@pytest.mark.parametrize("trap", [linked, stored_elsewhere])
def test_values_are_never_taken_from_another_file(make_licsbas, tmp_path, trap):
    canary = tmp_path / "canary"
    canary.write_bytes(b"c" * 240)
    path = make_licsbas(leave_out=("cum",))
    trap(path, canary)
    with pytest.raises(InputError, match=r"somewhere else|another file"):
        open_velocity_field(path)


def test_a_declared_size_is_checked_before_anything_is_read(make_licsbas):
    path = make_licsbas(leave_out=("cum", "vel"))
    with h5py.File(path, "a") as file:
        file.create_dataset("cum", shape=(3, 10**6, 10**6), dtype="f4", chunks=(1, 100, 100))
        file.create_dataset("vel", shape=(10**6, 10**6), dtype="f4", chunks=(100, 100))
    with pytest.raises(InputError, match="'cum' declares"):
        open_velocity_field(path)

"""OPERA RTC-S1 images: what is read, and what is refused with one line that helps."""

from datetime import UTC, datetime

import numpy as np
import pytest
from affine import Affine

from ingest.errors import InputError
from ingest.formats import open_scenes, open_velocity_field
from ingest.readers.images import opera_rtc
from ingest.readers.images.scenes import direction_at
from ingest.readers.records import Direction
from tests.makers.rtc import outcome


def test_name_and_grid_say_what_the_image_is(make_rtc):
    header = open_scenes(make_rtc())[0].header
    assert (header.track, header.burst, header.polarisation, header.platform) == (137, "292320-IW2", "VV", "S1A")
    assert header.acquired_at == datetime(2021, 11, 19, 1, 59, tzinfo=UTC)
    assert (header.epsg, header.posting_m, header.rows, header.cols) == (32611, 30.0, 40, 48)
    assert header.direction is Direction.ASCENDING  # 18 o'clock in California
    assert "OPERA" in header.attribution
    assert not header.simulated
    simulated = open_scenes(make_rtc(tags={"SIMULATED": "yes"}))[0].header
    assert (simulated.simulated, simulated.attribution) == (True, "")


def test_power_stays_as_it_is_and_nothing_seen_is_nan(make_rtc):
    power = np.full((40, 48), 0.25, dtype=np.float32)
    power[0, :3] = [np.nan, 0.0, 0.5]
    read = open_scenes(make_rtc(power=power))[0].power()
    assert np.isnan(read[0, :2]).all()
    assert read[0, 2] == np.float32(0.5)
    assert read[1, 1] == np.float32(0.25)


@pytest.mark.parametrize(
    ("hour", "longitude", "direction"),
    [(2, -120.0, "ascending"), (14, -120.0, "descending"), (6, 10.0, "descending"), (17, 10.0, "ascending")],
)
def test_sentinel_1_passes_northward_in_the_evening(hour, longitude, direction):
    assert direction_at(datetime(2024, 5, 1, hour, tzinfo=UTC), longitude) == direction


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "mask"}, "layover and shadow mask"),
        ({"name": "OPERA_L2_RTC-S1_T137.tif"}, "its name is not that of"),
        ({"date": "20211301"}, "impossible date"),
        ({"crs": "EPSG:4326", "transform": Affine(0.001, 0, -120, 0, -0.001, 34)}, "not a projected one"),
        ({"crs": None}, "not a projected one"),
        ({"transform": Affine(30, 0, 0, 0, -20, 0)}, "square pixels"),
        ({"count": 2}, "2 bands"),
        ({"dtype": "uint16", "nodata": 0}, "not one of floats"),
        ({"power": np.full((4, 4), np.nan)}, "no pixel has a value"),
        ({"power": np.full((4, 4), 1e7)}, "not linear power"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(make_rtc, change, message):
    path = make_rtc(**change)
    refused = outcome(path)
    assert message in refused
    assert str(path) in refused


def test_a_huge_declared_size_is_refused_before_reading(make_rtc, monkeypatch):
    monkeypatch.setattr(opera_rtc, "MAX_PIXELS", 1000)
    assert "declares 48 x 40 pixels" in outcome(make_rtc())


def test_images_and_velocity_fields_are_not_taken_for_each_other(make_rtc, make_egms):
    with pytest.raises(InputError, match="this is an image"):
        open_velocity_field(make_rtc())
    with pytest.raises(InputError, match="this is a velocity field"):
        open_scenes(make_egms())[0]

"""LiCSBAS time series and folders of maps: positions, signs, mask, uncertainty and line of sight."""

import numpy as np
import pytest
import rasterio
from affine import Affine

from ingest.errors import InputError
from ingest.formats import open_velocity_field, recognise
from ingest.readers.records import Direction
from tests.makers import damage, geotiff
from tests.makers.damage import outcome, the_field
from tests.makers.licsbas import FRAME, make_maps


def test_pixels_stand_where_corner_and_posting_say_and_keep_their_sign(make_licsbas):
    header, batch = the_field(make_licsbas(velocity_mm_yr=-20.0))
    last = list(batch.pid).index(b"3_4")
    assert batch.latitude[last] == pytest.approx(19.5 - 3 * 0.001)
    assert batch.longitude[last] == pytest.approx(-99.2 + 4 * 0.001)
    assert batch.velocity_mm_yr[last] == pytest.approx(-20)
    assert batch.displacement_mm[last] == pytest.approx([0, -10, -20])
    assert [day.isoformat() for day in header.dates] == ["2020-01-01", "2020-07-01", "2021-01-01"]


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


# ---- folders of maps ----
def test_good_pixels_have_uncertainty_and_line_of_sight(tmp_path):
    path = make_maps(tmp_path)
    assert recognise(path) == "licsbas-maps"
    header, at, columns = damage.points(path)
    assert columns.pid.size == 15  # the last of four rows is not good by the mask
    assert columns.velocity_mm_yr == pytest.approx(-20.0)
    assert columns.velocity_std_mm_yr == pytest.approx(0.8)
    assert (columns.los_east[0], columns.los_north[0], columns.los_up[0]) == pytest.approx((-0.6, -0.1, 0.794))
    assert columns.latitude[at["2_4"]] == pytest.approx(19.5 - 2.5 * 0.001)
    assert columns.longitude[at["2_4"]] == pytest.approx(-99.2 + 4.5 * 0.001)
    assert (header.track, header.direction, header.posting_m) == (
        14,
        Direction.ASCENDING,
        pytest.approx(111.3, abs=0.1),
    )


def test_the_frame_may_stand_in_the_names_of_the_files(tmp_path):
    made = make_maps(tmp_path)
    for file in made.iterdir():
        file.rename(made / f"{FRAME}_{file.name}")
    header = damage.points(made.rename(tmp_path / "results")).header
    assert (header.track, header.direction) == (14, Direction.ASCENDING)


@pytest.mark.parametrize("left_out", [("mask",), ("vstd",), ("E", "N", "U"), ("E", "N", "U", "vstd")])
def test_layers_may_be_missing(tmp_path, left_out):
    path = make_maps(tmp_path, leave_out=left_out)
    header, _, columns = damage.points(path)
    assert columns.pid.size == (20 if "mask" in left_out else 15)
    assert np.isnan(columns.velocity_std_mm_yr).all() == ("vstd" in left_out)
    assert np.isnan(columns.los_up).all() == ("U" in left_out)
    assert header.direction is Direction.ASCENDING  # by the frame's name, where there is no line of sight


def test_a_velocity_alone_is_no_folder_of_maps(tmp_path):
    with pytest.raises(InputError, match="none of the known formats"):
        recognise(make_maps(tmp_path, leave_out=("vstd", "mask", "E", "N", "U")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leave_out": ("N",)}, "the layer N.geo.tif of the unit vector is missing"),
        ({"mask": np.zeros((4, 5))}, "no pixel has a velocity and is good by the mask"),
        ({"vel": np.full((4, 5), np.nan)}, "no pixel has a velocity"),
        ({"U": np.full((4, 5), 0.2)}, "make a vector of the length"),
        ({"vstd": np.ones((5, 5))}, "vstd.geo.tif: it does not lie on the grid of the velocities"),
        ({"E": np.full((4, 5), 0.6)}, "direction is ascending by the frame, but descending by E"),
    ],
)
def test_maps_that_contradict_each_other_are_refused(tmp_path, options, message):
    assert message in damage.outcome(make_maps(tmp_path, **options))


def test_layers_of_another_place_and_several_maps_of_one_kind_are_refused(tmp_path):
    path = make_maps(tmp_path)
    (path / "vel.mskd.geo.tif").write_bytes((path / "vel.geo.tif").read_bytes())
    assert "it holds several maps 'vel'" in damage.outcome(path)
    (path / "vel.mskd.geo.tif").unlink()
    moved = Affine(0.001, 0, -99.1, 0, -0.001, 19.5)
    geotiff.write(path / "mask.geo.tif", np.ones((4, 5), np.float32), transform=moved)
    assert "does not lie on the grid" in damage.outcome(path)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("frame", "direction", "share"),
    [
        ("014A_04939_131313", Direction.ASCENDING, 0.445),
        ("087A_04904_121313", Direction.ASCENDING, 0.425),
        ("094D_04913_101213", Direction.DESCENDING, 0.408),
        ("167D_04884_131212", Direction.DESCENDING, 0.419),
    ],
)
def test_frames_of_the_north_anatolian_fault_are_read(real_data, frame, direction, share):
    path = real_data / "velocity_real/north_anatolia_licsbas" / frame
    with rasterio.open(path / "vel.geo.tif") as vel, rasterio.open(path / "mask.geo.tif") as mask:
        good = vel.read(1)[mask.read(1) == 1]
        pixels = vel.width * vel.height
    header, _, columns = damage.points(path)
    assert (header.direction, header.track) == (direction, int(frame[:3]))
    assert header.posting_m == pytest.approx(1113, abs=1)
    assert columns.pid.size / pixels == pytest.approx(share, abs=0.001)
    assert (np.sort(columns.velocity_mm_yr) == np.sort(good)).all()
    assert columns.los_up.min() > 0.65
    assert columns.velocity_std_mm_yr.max() < 3

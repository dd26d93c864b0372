"""LiCSBAS time series, folders of maps and of results: positions, signs, mask, uncertainty and line of sight."""

from datetime import date

import numpy as np
import pytest
import rasterio
from affine import Affine

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Direction
from tests.makers import damage, geotiff
from tests.makers.damage import outcome, the_field
from tests.makers.licsbas import FRAME, PARAMETERS, SINKS, make_maps, make_results


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
    assert recognise(path) == "licsbas"
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
    assert "no product that is known" in outcome(make_maps(tmp_path, leave_out=("vstd", "mask", "E", "N", "U")))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leave_out": ("N",)}, "layer N.geo of the unit vector is missing"),
        ({"mask": np.zeros((4, 5))}, "no pixel has a velocity and is good by the mask"),
        ({"vel": np.full((4, 5), np.nan)}, "no pixel has a velocity"),
        ({"U": np.full((4, 5), 0.2)}, "make a vector of the length"),
        ({"vstd": np.ones((5, 5))}, "vstd.geo.tif: it does not lie on the grid"),
        ({"E": np.full((4, 5), 0.6)}, "direction is ascending by the frame, but descending by its line of sight"),
    ],
)
def test_maps_that_contradict_each_other_are_refused(tmp_path, options, message):
    assert message in damage.outcome(make_maps(tmp_path, **options))


def test_layers_of_another_place_and_maps_of_two_frames_are_refused(tmp_path):
    path = make_maps(tmp_path)
    other = path / f"087A_04904_121313.{(path / 'vel.geo.tif').name}"
    other.write_bytes((path / "vel.geo.tif").read_bytes())
    assert "it holds the maps" in damage.outcome(path)
    other.unlink()
    moved = Affine(0.001, 0, -99.1, 0, -0.001, 19.5)
    geotiff.write(path / "mask.geo.tif", np.ones((4, 5), np.float32), transform=moved)
    assert "does not lie on the grid" in damage.outcome(path)


def test_of_several_variants_of_a_map_the_filtered_and_masked_one_is_read(tmp_path):
    path = make_maps(tmp_path, vel=np.full((4, 5), -70.0))
    for name, value in (("vel.filt", -60.0), ("vel.mskd", -50.0), ("vel.filt.mskd", SINKS)):
        geotiff.write(path / f"{name}.geo.tif", np.full((4, 5), value, np.float32))
        header, _, columns = damage.points(path)
        assert columns.velocity_mm_yr == pytest.approx(value)
        assert header.extras["velocity"] == f"{name}.geo.tif"
    assert header.extras["velocities left aside"] == "vel.geo.tif, vel.filt.geo.tif, vel.mskd.geo.tif"


def test_the_mask_inside_a_series_leaves_out_its_noise(make_licsbas):
    mask = np.zeros((4, 5), dtype=np.float32)
    mask[1] = 1
    path = make_licsbas(mask=mask, vel=np.where(mask == 1, np.float32(SINKS), np.float32(-151)))
    assert damage.points(path).columns.velocity_mm_yr == pytest.approx([SINKS] * 5)


# ---- folders of results ----
@pytest.mark.parametrize("given", [".", "TS_GEOCml1", "TS_GEOCml1/results"])
def test_a_folder_of_results_is_read_from_each_of_its_levels(tmp_path, given):
    header, at, columns = damage.points(make_results(tmp_path) / given)
    assert columns.pid.size == 15  # the last of four rows is not good by the mask
    assert columns.velocity_mm_yr == pytest.approx(SINKS)
    assert columns.velocity_std_mm_yr == pytest.approx(0.8)
    assert columns.height_m == pytest.approx(2240)
    assert (columns.los_east[0], columns.los_up[0]) == pytest.approx((-0.6, 0.794))
    assert (columns.longitude[at["2_4"]], columns.latitude[at["2_4"]]) == pytest.approx((-99.196, 19.498))
    assert (header.track, header.direction) == (14, Direction.ASCENDING)
    assert header.dates == (date(2020, 1, 1), date(2021, 1, 1))
    assert not header.has_series
    assert header.extras["velocity"] == "vel.filt.mskd"


def test_a_series_beside_the_results_is_read_with_their_mask(tmp_path):
    header, _, columns = damage.points(make_results(tmp_path, series="cum_filt.h5"))
    assert columns.displacement_mm[0] == pytest.approx([0, -10, -20])
    assert columns.velocity_mm_yr == pytest.approx([SINKS] * 15)
    assert (len(header.dates), header.has_series, header.extras["velocity"]) == (3, True, "cum_filt.h5")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": bytes(79)}, "mask: it has 79 bytes where 4 x 5 pixels need 80"),
        ({"parameters": PARAMETERS.replace("width", "breadth")}, "does not state the grid of the results ('width')"),
        ({"parameters": PARAMETERS.replace("EQA", "UTM")}, "its DEM_projection is UTM"),
        ({"images": "20200101 20201399"}, "invalid date"),
        ({"U.geo": None}, "layer U.geo of the unit vector is missing"),
        ({"mask": np.zeros((4, 5))}, "no pixel has a velocity and is good by the mask"),
    ],
)
def test_results_that_do_not_fit_are_refused(tmp_path, options, message):
    assert message in outcome(make_results(tmp_path, **options))


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

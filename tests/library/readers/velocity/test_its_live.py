"""ITS_LIVE pairs: map axes become true directions, m/yr become mm/yr; damaged files."""

from datetime import date

import h5py
import numpy as np
import pytest
from pyproj import CRS

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from ground_motion.readers.records import Component, Declaration, Technique
from tests.makers import damage
from tests.makers import its_live as made_its_live
from tests.makers.damage import all_points

WKT = CRS.from_epsg(32607).to_wkt()


@pytest.mark.parametrize(
    ("epsg", "vx", "vy", "east", "north"),
    [
        (32607, 100, 0, 100_000, 0),  # on the central meridian of a UTM zone x is east
        (32607, 0, 100, 0, 100_000),
        (3413, 100, 0, 0, 100_000),  # at 135 degrees west the polar map is turned by 90 degrees
        (3413, 0, 100, -100_000, 0),
        (3031, 100, 0, 0, 100_000),  # at 90 degrees east in Antarctica north is away from the pole
        (3031, 0, 100, -100_000, 0),
    ],
)
def test_speeds_along_the_map_become_speeds_to_true_east_and_north(tmp_path, epsg, vx, vy, east, north):
    eastward, northward = all_points(made_its_live.make(tmp_path, vx=vx, vy=vy, epsg=epsg))
    assert [component.header.component for component in (eastward, northward)] == [Component.EAST, Component.NORTH]
    assert eastward.columns.velocity_mm_yr == pytest.approx(east, abs=100)
    assert northward.columns.velocity_mm_yr == pytest.approx(north, abs=100)
    assert eastward.columns.los_east == pytest.approx(1)
    assert northward.columns.los_north == pytest.approx(1)


def test_a_turn_keeps_the_speed_and_is_that_of_the_ellipsoid(tmp_path):
    """The convergence of UTM off its central meridian is about (longitude - meridian) x sin(latitude)."""
    path = made_its_live.make(tmp_path, vx=0, vy=100, corner=(700_000.0, 6_754_000.0))
    eastward, northward = all_points(path)
    middle = eastward.at["3_2"]
    longitude, latitude = eastward.columns.longitude[middle], eastward.columns.latitude[middle]
    convergence = np.radians((longitude + 141) * np.sin(np.radians(latitude)))
    turned = np.arctan2(eastward["3_2"], northward["3_2"])
    assert turned == pytest.approx(convergence, rel=0.01)
    assert np.hypot(eastward["3_2"], northward["3_2"]) == pytest.approx(100_000, rel=1e-5)


def test_the_header_says_what_was_tracked_and_when(tmp_path):
    path = made_its_live.make(tmp_path)
    for field in open_velocity_fields(path):
        header = field.header
        assert header.dates == (date(2018, 3, 4), date(2018, 4, 5))
        assert (header.has_series, header.technique) == (False, Technique.TRACKING)
        assert (header.posting_m, header.grid_epsg) == (120, 32607)
        assert "ITS_LIVE" in header.attribution
        (batch,) = field.batches()
        assert batch.pid.size == 29
        assert b"0_0" not in batch.pid
        assert batch.displacement_mm.shape == (29, 0)
        assert batch.velocity_std_mm_yr == pytest.approx(12_000)


def test_without_errors_of_the_components_that_of_the_speed_is_taken(tmp_path):
    (batch,) = open_velocity_fields(made_its_live.make(tmp_path, error=None))[0].batches()
    assert batch.velocity_std_mm_yr == pytest.approx(15_000)
    (batch,) = open_velocity_fields(made_its_live.make(tmp_path, error=None, leave_out=("v_error",)))[0].batches()
    assert np.isnan(batch.velocity_std_mm_yr).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"leave_out": ("vy",)}, "'vy' is missing"),
        ({"leave_out": ("mapping",)}, "'mapping' is missing"),
        ({"leave_out": ("x",)}, "'x' is missing"),
        ({"mapping": {"spatial_epsg": 4326}}, "does not measure in metres"),
        ({"mapping": {"spatial_epsg": 99999}}, "is not a known reference system"),
        ({"mapping": {"spatial_epsg": "polar"}}, "names no reference system"),
        ({"mapping": {"spatial_epsg": None}}, "names no reference system"),
        ({"mapping": {"crs_wkt": CRS.from_epsg(32608).to_wkt()}}, "names EPSG:32607 and EPSG:32608"),
        ({"mapping": {"GeoTransform": "0 120 0 0 0 -120"}}, "but its GeoTransform is '0 120 0 0 0 -120'"),
        ({"mapping": {"GeoTransform": "nan 120 0 0 0 -120"}}, "but its GeoTransform is"),
        ({"replace": {"x": np.arange(4.0)}}, "6 y and 4 x differ"),
        ({"replace": {"x": np.array([0, 120.0, 120, 360, 480])}}, "not evenly spaced"),
        ({"replace": {"y": np.zeros((2, 3))}}, "where a list is expected"),
        ({"replace": {"x": np.array([b"a"] * 5)}}, "'x' holds |S1, not numbers"),
        ({"replace": {"vx": np.zeros((6, 5), dtype=[("a", "i2")])}}, "'vx' holds"),
        (
            {"replace": {"vx": np.zeros((3, 6, 5), "i2"), "vy": np.zeros((3, 6, 5), "i2")}},
            "datacube of many pairs (3 x 6 x",
        ),
        ({"leave_out": ("vx", "vy")}, "speeds without the directions vx and vy"),
        ({"info": {"acquisition_date_img2": "20180304"}}, "not in order"),
        ({"info": {"acquisition_date_img1": "soon"}}, "acquisition_date_img1 is 'soon'"),
        ({"info": {"acquisition_date_img1": None}}, "acquisition_date_img1 is ''"),
        ({"units": "pixels"}, "its values are 'pixels' by the attribute of vx, which is no unit of velocity"),
        ({"units": ""}, "the unit of its values is not declared. Add what holds, as in --unit"),
    ],
)
def test_a_bad_pair_is_refused_with_a_line_that_names_the_fault(tmp_path, options, message):
    path = made_its_live.make(tmp_path, name="cum.h5", **options)
    assert recognise(path) == "its-live"  # by its variables, whatever its name
    assert message in damage.outcome(path)


def test_a_fill_value_of_its_own_is_honoured(tmp_path):
    path = made_its_live.make(tmp_path)
    with h5py.File(path, "a") as file:
        values = file["vx"][()]
        values[2, 2] = -32768
        file["vx"][...] = values
        file["vx"].attrs["_FillValue"] = np.int16(-32768)
    eastward, _ = all_points(path)
    assert eastward.columns.pid.size == 28


@pytest.mark.parametrize("epsg", [3413, 3031, 32607])
def test_the_grid_mapping_is_the_one_that_the_velocities_name_and_its_parameters_suffice(tmp_path, epsg):
    parameters = {key: value for key, value in CRS.from_epsg(epsg).to_cf().items() if key != "crs_wkt"}
    path = made_its_live.make(tmp_path, epsg=epsg, called="Its_Map", mapping={"spatial_epsg": None} | parameters)
    assert open_velocity_fields(path)[0].header.grid_epsg == epsg
    path = made_its_live.make(tmp_path, called="Its_Map", mapping={"spatial_epsg": None, "crs_wkt": WKT})
    assert open_velocity_fields(path)[0].header.grid_epsg == 32607


def test_an_annual_mosaic_is_of_the_year_in_its_name_and_has_an_error_for_each_pixel(tmp_path):
    path = made_its_live.make_mosaic(tmp_path, "ITS_LIVE_velocity_120m_RGI01A_2018_v02.nc", vx=100, vy=-40)
    eastward, northward = all_points(path)
    assert (eastward.header.level, eastward.header.dates) == ("annual mosaic", (date(2018, 1, 1), date(2018, 12, 31)))
    assert eastward.columns.pid.size == northward.columns.pid.size == 29
    assert eastward.columns.velocity_mm_yr == pytest.approx(100_000, abs=100)
    assert northward.columns.velocity_mm_yr == pytest.approx(-40_000, abs=100)
    assert eastward.columns.velocity_std_mm_yr == pytest.approx(3_000)


def test_a_static_mosaic_is_read_from_its_own_names_and_its_period_is_the_declared_one(tmp_path):
    path = made_its_live.make_mosaic(tmp_path, "ITS_LIVE_velocity_120m_RGI01A_0000_v02.nc", static=True)
    years = (date(2014, 1, 1), date(2022, 12, 31))
    eastward, _ = all_points(path, Declaration(period=years))
    assert (eastward.header.level, eastward.header.dates) == ("mosaic", years)
    assert eastward.columns.velocity_mm_yr == pytest.approx(100_000, abs=100)
    assert open_velocity_fields(path)[0].header.dates == ()
    with pytest.raises(InputError, match="the period of its values is not declared"):
        open_velocity_fields(path, declared=Declaration(needs_period=True))


def test_velocities_on_a_map_that_name_no_source_are_read_without_the_attribution_of_one(tmp_path):
    path = made_its_live.make_mosaic(tmp_path, "my_glacier.nc", called="crs")
    years = Declaration(period=(date(2019, 1, 1), date(2019, 12, 31)))
    eastward, _ = open_velocity_fields(path, declared=years)
    assert (eastward.header.dates, eastward.header.licence) == (years.period, "")
    assert "not stated" in eastward.header.attribution

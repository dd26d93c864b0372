"""MintPy files and folders: metres to millimetres, the corner that becomes a centre, the line of sight, bad input."""

import re
from datetime import date

import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.formats.walk import walk
from ground_motion.readers.records import Direction
from ground_motion.readers.velocity.mintpy.stack import los_vector
from tests.makers import mintpy as made_mintpy
from tests.makers.damage import outcome, the_field
from tests.makers.damage import the_batch as points


def test_a_velocity_file_has_its_rates_and_no_series(tmp_path):
    path = made_mintpy.make_velocity(tmp_path, velocity_m_yr=-0.02)
    header, batch = the_field(path)
    assert recognise(path) == "mintpy"
    assert batch.velocity_mm_yr == pytest.approx(-20)
    assert batch.velocity_std_mm_yr == pytest.approx(1)
    assert batch.displacement_mm.shape == (20, 0)
    assert not header.has_series
    assert header.dates == (date(2020, 1, 1), date(2022, 1, 1))


def test_the_first_pixel_stands_half_a_step_inside_its_corner(tmp_path):
    batch = points(made_mintpy.make(tmp_path))
    assert batch.pid[0] == b"0_0"
    assert (batch.longitude[0], batch.latitude[0]) == pytest.approx((-99.1995, 19.4995))
    assert (batch.longitude[-1], batch.latitude[-1]) == pytest.approx((-99.1955, 19.4965))
    assert points(made_mintpy.make(tmp_path, X_FIRST="260.8")).longitude[0] == pytest.approx(-99.1995)


@pytest.mark.parametrize("change", [{}, {"EPSG": None, "UTM_ZONE": "14N"}])
def test_metres_are_placed_by_their_reference_system(tmp_path, change):
    path = made_mintpy.make(tmp_path, **(made_mintpy.METRES | change))
    header, batch = the_field(path)
    place = Transformer.from_crs(32614, 4326, always_xy=True).transform(480_040, 2_154_960)
    assert (batch.longitude[0], batch.latitude[0]) == pytest.approx(place)
    assert (header.grid_epsg, header.posting_m) == (32614, 80)


def test_the_header_says_track_direction_and_reference(tmp_path):
    header = open_velocity_field(made_mintpy.make(tmp_path)).header
    assert (header.track, header.direction, header.level) == (5, Direction.ASCENDING, "time series")
    assert (header.source_format, header.tile) == ("mintpy", "")
    assert header.extras["REF_LAT"] == "19.4985"
    assert "slope" in header.extras["velocity"]
    assert header.posting_m == pytest.approx(111.3, abs=0.1)
    assert len(header.dates) == 5


def test_the_line_of_sight_of_a_satellite_in_the_west_that_looks_to_the_right():
    east, north, up = los_vector(np.float32([39.0, 39.0, 0.0]), np.float32([99.0, -99.0, 99.0]))
    assert (east[0], north[0], up[0]) == pytest.approx((-0.62, -0.10, 0.78), abs=0.01)  # ascending
    assert (east[1], north[1], up[1]) == pytest.approx((0.62, -0.10, 0.78), abs=0.01)  # descending
    assert np.isnan([east[2], north[2], up[2]]).all()


def test_a_folder_is_one_product_with_its_geometry_coherence_and_mask(tmp_path):
    geo = made_mintpy.make_folder(tmp_path, velocity_m_yr=-0.02, estimated_m_yr=-0.021)
    field = open_velocity_field(geo)
    (batch,) = field.batches()
    assert batch.pid.size == 15  # the mask leaves the first row out
    assert batch.velocity_mm_yr == pytest.approx(-21)  # MintPy's own estimate
    assert batch.displacement_mm[0, -1] == pytest.approx(-20 * made_mintpy.YEARS[-1], abs=0.01)
    assert (batch.los_east[0], batch.los_north[0], batch.los_up[0]) == pytest.approx((-0.62, -0.10, 0.78), abs=0.01)
    assert batch.temporal_coherence == pytest.approx(0.9)
    assert batch.height_m == pytest.approx(2240)
    made_mintpy.make_geometry(geo, leave_out=("azimuthAngle",))
    batch = points(geo)  # the heading is taken
    assert (batch.los_east[0], batch.los_north[0], batch.los_up[0]) == pytest.approx((-0.62, -0.10, 0.78), abs=0.01)
    assert [path.name for path in field.files] == [
        "geo_timeseries_ERA5.h5",
        "geo_velocity.h5",
        "geo_geometryRadar.h5",
        "geo_temporalCoherence.h5",
        "geo_maskTempCoh.h5",
    ]


def test_a_project_is_its_folder_geo(tmp_path):
    radar = dict.fromkeys(made_mintpy.DEGREES)
    for name in ("timeseries.h5", "timeseries_ERA5.h5"):
        made_mintpy.make(tmp_path, name=name, **radar)
    geo = made_mintpy.make_folder(tmp_path)
    assert walk(tmp_path).arrivals == [tmp_path]
    assert open_velocity_field(tmp_path).header == open_velocity_field(geo).header


def test_a_file_alone_takes_nothing_from_its_neighbours(tmp_path):
    geo = made_mintpy.make_folder(tmp_path)
    field = open_velocity_field(geo / "geo_timeseries_ERA5.h5")
    (batch,) = field.batches()
    assert field.files == ()
    assert batch.pid.size == 20
    assert batch.velocity_mm_yr == pytest.approx(-20, abs=0.01)
    assert np.isnan(batch.los_up).all()
    assert np.isnan(batch.temporal_coherence).all()


def test_pixels_without_a_value_are_left_out(tmp_path):
    moved = made_mintpy.series()["timeseries"]
    moved[:, 0, 0], moved[:, 0, 1], moved[3, 1, 1] = 0, np.nan, np.nan
    batch = points(made_mintpy.make(tmp_path, content={"timeseries": moved}))
    assert batch.pid.size == 18
    assert {b"0_0", b"0_1"}.isdisjoint(batch.pid)
    gap = list(batch.pid).index(b"1_1")
    assert np.isnan(batch.displacement_mm[gap, 3])
    assert batch.velocity_mm_yr[gap] == pytest.approx(-20, abs=0.01)


def test_one_file_in_hdf_eos5_holds_all_of_a_product(tmp_path):
    path = made_mintpy.make_he5(tmp_path)
    header, batch = the_field(path)
    assert recognise(path) == "hdfeos5"
    assert batch.velocity_mm_yr == pytest.approx(-20, abs=0.01)
    assert (batch.los_east[0], batch.los_north[0], batch.los_up[0]) == pytest.approx((-0.62, -0.10, 0.78), abs=0.01)
    assert (batch.longitude[0], batch.latitude[0]) == pytest.approx((-99.1995, 19.4995))
    assert (header.track, header.extras["mission"]) == (5, "S1")
    assert batch.temporal_coherence == pytest.approx(0.9)


def test_hdf_eos5_in_radar_coordinates_has_the_place_of_each_pixel(tmp_path):
    header, batch = the_field(made_mintpy.make_he5(tmp_path, radar=True))
    assert (batch.longitude[0], batch.latitude[0]) == pytest.approx((-99.1995, 19.4995), abs=1e-5)
    assert header.posting_m is None


def test_files_are_known_by_their_content(tmp_path):
    assert recognise(made_mintpy.make(tmp_path, name="cum.h5")) == "mintpy"
    assert recognise(made_mintpy.make(tmp_path, name="a.h5", FILE_TYPE=None)) == "mintpy"
    assert recognise(made_mintpy.make_he5(tmp_path, name="timeseries.h5")) == "hdfeos5"
    assert "lines of sight of a product of MintPy" in outcome(made_mintpy.make_geometry(tmp_path))


@pytest.mark.parametrize("unit", ["mm", "cm"])
def test_a_unit_other_than_metres_is_read_as_it_is_stated(tmp_path, unit):
    factor = {"mm": 1.0, "cm": 10.0}[unit]
    paths = [
        made_mintpy.make(tmp_path, velocity_m_yr=-20 / factor, UNIT=unit),
        made_mintpy.make_velocity(tmp_path, velocity_m_yr=-20 / factor, UNIT=f"{unit}/year"),
        made_mintpy.make_he5(tmp_path, velocity_m_yr=-20 / factor, units=unit),
    ]
    for path in paths:
        assert points(path).velocity_mm_yr == pytest.approx(-20, abs=0.01)


@pytest.mark.parametrize("he5", [True, False])
@pytest.mark.parametrize("stated", ["ORBIT_DIRECTION", "HEADING"])
def test_a_direction_that_contradicts_the_line_of_sight_is_refused(tmp_path, he5, stated):
    change = {"ORBIT_DIRECTION": "DESCENDING"} if stated == "ORBIT_DIRECTION" else {"HEADING": "-167.0"}
    path = made_mintpy.make_he5(tmp_path, **change) if he5 else made_mintpy.make_folder(tmp_path, **change)
    assert re.search("direction is (de|a)scending by .*, but ", outcome(path))


MOVED = made_mintpy.series()["timeseries"]
RADAR = dict.fromkeys(made_mintpy.DEGREES)
BAD_SERIES = [
    (RADAR, r"radar coordinates.*geocode\.py"),
    ({"UNIT": None}, "the unit of its values is not declared. Add .*--unit"),
    ({"UNIT": "radian"}, "its values are 'radians' by UNIT"),
    ({"X_UNIT": None, "Y_UNIT": None}, "X_UNIT, is missing"),
    ({"X_UNIT": "meters"}, "X_UNIT is 'meters' and Y_UNIT 'degrees'"),
    ({"X_STEP": None}, "'X_STEP' is missing"),
    ({"X_STEP": "nan"}, "'X_STEP' is nan"),
    ({"Y_STEP": "0"}, "apart"),
    ({"X_FIRST": "about"}, "'X_FIRST' is about"),
    ({"X_FIRST": "19.5", "Y_FIRST": "-99.2"}, "swapped"),
    (made_mintpy.METRES | {"EPSG": None}, "EPSG is missing"),
    ({"leave_out": ("timeseries",)}, "'timeseries' is missing"),
    ({"leave_out": ("date",)}, "'date' is missing"),
    ({"content": {"date": np.array(made_mintpy.DAYS[::-1], dtype="S8")}}, "not in order"),
    ({"content": {"date": np.array(["20201399"] * 5, dtype="S8")}}, "invalid date"),
    ({"content": {"date": np.array(made_mintpy.DAYS[:4], dtype="S8")}}, "4 dates and 5 displacements"),
    ({"content": {"timeseries": MOVED[0]}}, "has the shape"),
    ({"content": {"timeseries": np.full_like(MOVED, np.nan)}}, "no pixel holds"),
]


BAD_VELOCITIES = [
    ({"UNIT": "m"}, "its values are m by UNIT"),
    ({"START_DATE": "20220101", "END_DATE": "20200101"}, "is not before"),
    ({"START_DATE": "spring"}, "not a date"),
    ({"leave_out": ("velocity",)}, "'velocity' is missing"),
]
BAD_HE5 = [
    ({"units": "radian"}, "its values are 'radians' by UNIT"),
    ({"leave_out": ("observation/date",)}, "date' is missing"),
    ({"radar": True, "leave_out": ("geometry/latitude",)}, "radar coordinates"),
    ({"content": {"quality/mask": np.zeros((2, 2))}}, "mask' has the shape"),
]
BAD = {made_mintpy.make: BAD_SERIES, made_mintpy.make_velocity: BAD_VELOCITIES, made_mintpy.make_he5: BAD_HE5}


@pytest.mark.parametrize(
    ("make", "change", "message"), [(make, *row) for make, rows in BAD.items() for row in rows], ids=lambda value: ""
)
def test_a_bad_file_is_refused_with_a_line_that_names_the_fault(tmp_path, make, change, message):
    assert re.search(message, outcome(make(tmp_path, **change)))


def damaged_neighbour(geo):
    path = geo / "geo_temporalCoherence.h5"
    path.write_bytes(path.read_bytes()[:700])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda geo: made_mintpy.make(geo, name="geo_timeseries.h5"), "two files of timeseries"),
        (lambda geo: made_mintpy.make_geometry(geo, X_FIRST="-99.3"), "not on one grid"),
        (damaged_neighbour, "geo_temporalCoherence.h5: the HDF5 file is damaged"),
    ],
)
def test_a_folder_that_is_no_product_is_refused(tmp_path, spoil, message):
    geo = made_mintpy.make_folder(tmp_path)
    spoil(geo)
    assert message in outcome(geo)

"""Grids in NetCDF: GMTSAR's folders, single grids of GMT, PyGMTSAR's series."""

import h5py
import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from ground_motion.readers.records import Component, Declaration
from tests.makers import gmt as made_gmt
from tests.makers.damage import outcome, points

TOWARD = Declaration(unit="mm/yr", positive="toward")


@pytest.mark.parametrize("names", ["%Y%m%d_ll", "disp_%Y%j_ll", "timeseries-%Y%m%d_mm_ll", "timeseries_%Y%m%d_ll"])
def test_a_folder_of_gmtsar_is_a_series_with_its_velocity(tmp_path, names):
    header, at, columns = points(made_gmt.make(tmp_path, names=names))
    assert header.dates == made_gmt.DAYS
    assert columns.velocity_mm_yr == pytest.approx(-20)
    assert columns.displacement_mm[0] == pytest.approx([0, -20 * 182 / 365.25, -20 * 366 / 365.25])
    assert (columns.longitude[at["3_1"]], columns.latitude[at["3_1"]]) == pytest.approx((20.801, 26.103))
    assert (header.component, header.posting_m) == (Component.LOS, pytest.approx(111.3, abs=0.1))


def test_rows_of_a_grid_are_placed_from_the_south(tmp_path):
    values = np.arange(20.0).reshape(4, 5)
    path = made_gmt.grid(tmp_path / "vel_ll.grd", values)
    _, _, columns = points(path, TOWARD)
    north = columns.latitude == columns.latitude.max()
    assert sorted(columns.velocity_mm_yr[north]) == pytest.approx([15, 16, 17, 18, 19])


def test_grids_of_a_folder_that_are_not_read_are_named(tmp_path):
    path = made_gmt.make(tmp_path, names="residual-%Y%m%d")
    assert outcome(path) == ""
    (field,) = open_velocity_fields(path)
    assert field.changes[0].startswith("3 grids were not read: residual-20200101.grd, ")


PACKED = {"scale_factor": 0.01, "add_offset": 5.0}


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ({"missing_value": np.int16(-32768)}, 8),
        ({"missing_value": np.int16([-32768, 100])}, 7),
        ({"_FillValue": np.int16(-32768), "missing_value": np.int16(200)}, 7),
        ({"valid_range": np.int16([-500, 500])}, 6),
        ({"valid_range": np.array([-5.0, 7.5])}, 5),
        ({"valid_min": np.int16(-300)}, 7),
    ],
)
@pytest.mark.parametrize("version", [3, 4])
def test_packed_numbers_have_the_fill_values_and_limits_that_they_state(tmp_path, stated, known, version):
    packed = np.int16([[-32768, -400, -300], [0, 100, 200], [300, 600, 700]])
    path = made_gmt.packed(tmp_path / "vel.nc", packed, PACKED | stated, version)
    columns = points(path, TOWARD).columns
    assert columns.pid.size == known
    assert 5.0 in columns.velocity_mm_yr
    assert columns.velocity_mm_yr.min() > -10


def test_displacements_have_the_unit_that_they_state(tmp_path):
    path = made_gmt.make(tmp_path, -2.0, unit="cm")
    made_gmt.grid(path / "vel_ll.grd", -2.0, unit="cm/yr")
    columns = points(path).columns
    assert columns.velocity_mm_yr == pytest.approx(-20)
    assert columns.displacement_mm[0, -1] == pytest.approx(-20 * 366 / 365.25)
    made_gmt.grid(path / "vel_ll.grd", -20.0)
    assert "mm/yr by GMTSAR, but cm/yr by displacements in cm" in outcome(path)


def test_displacements_in_another_unit_than_the_velocity_are_refused(tmp_path):
    path = made_gmt.make(tmp_path, -2.0)
    made_gmt.grid(path / "vel_ll.grd", -20.0)
    assert "its series move 0.1 times as fast as its velocities" in outcome(path)


def test_a_declaration_that_contradicts_gmtsar_is_refused(tmp_path):
    path = made_gmt.make(tmp_path)
    assert points(path, TOWARD).columns.velocity_mm_yr == pytest.approx(-20)
    assert "its unit is cm/yr by --unit, but mm/yr by GMTSAR" in outcome(path, Declaration(unit="cm/yr"))
    assert "is away by --positive, but toward by GMTSAR" in outcome(path, Declaration(positive="away"))


def test_a_single_grid_is_asked_for_what_it_does_not_state(tmp_path):
    path = made_gmt.grid(tmp_path / "vel_ll.grd", -20)
    assert "unit and sign of its values are not declared" in outcome(path)
    assert points(path, TOWARD).columns.velocity_mm_yr == pytest.approx(-20)
    stated = made_gmt.grid(tmp_path / "a.grd", 0.02, unit="m/yr")
    assert points(stated, Declaration(positive="away")).columns.velocity_mm_yr == pytest.approx(-20)
    assert "its unit is mm/yr by --unit, but m/yr by the file" in outcome(stated, TOWARD)


def test_a_series_of_xarray_is_read_with_its_dates(tmp_path):
    path = made_gmt.make_series(tmp_path, coherence=np.ones((4, 5), np.float32))
    header, _, columns = points(path, Declaration(positive="toward"))
    assert recognise(path) == "gmt"
    assert header.dates == made_gmt.DAYS
    assert columns.velocity_mm_yr == pytest.approx(-20, abs=0.01)
    assert columns.longitude.min() == pytest.approx(20.8)


def in_radar_geometry(folder):
    return made_gmt.grid(folder / "vel.grd", -20, axes=("x", "y"), west=1000)


def two_grids(folder):
    path = made_gmt.make(folder)
    made_gmt.grid(path / "vel_ll.grd", -20, west=-339.3)
    return path


def linked(folder):
    path = made_gmt.make_series(folder)
    with h5py.File(path, "a") as file:
        file["velocity"] = h5py.ExternalLink("/etc/hostname", "a")
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (in_radar_geometry, "it may be in radar geometry. Geocode it (proj_ra2ll.csh)"),
        (two_grids, "it does not lie on the grid of vel_ll.grd"),
        (
            lambda folder: made_gmt.make_series(folder, name="unw", unit=""),
            "unw is interferograms (radians), no motion",
        ),
        (lambda folder: made_gmt.make_series(folder, unit="radians"), "is interferograms (radians), no motion"),
        (lambda folder: made_gmt.grid(folder / "unwrap_ll.grd", 1), "this is an unwrapped interferogram (radians)"),
        (lambda folder: made_gmt.grid(folder / "corr_ll.grd", 1), "by its name it holds a coherence"),
        (lambda folder: made_gmt.grid(folder / "los_ll.grd", 1), "the displacement of one date or pair"),
        (lambda folder: made_gmt.grid(folder / "disp_2019004_ll.grd", 1), "the displacement of one date or pair"),
        (lambda folder: made_gmt.grid(folder / "20200101_ll.grd", 1), "the displacement of one date or pair"),
        (lambda folder: made_gmt.grid(folder / "vel_UD_ll.grd", 1), "up by its name, but los by --positive"),
        (
            lambda folder: made_gmt.packed(folder / "vel.nc", np.eye(3, dtype=np.int16), {"valid_range": [1, 2, 3]}, 3),
            "an attribute of velocity is no number",
        ),
        (lambda folder: made_gmt.make_series(folder, since="spring"), "its dates are no dates"),
        (lambda folder: made_gmt.make(folder, names="%Y1399_ll"), "invalid date"),
        (linked, "is a link to somewhere else"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_line_that_helps(tmp_path, make, message):
    assert message in outcome(make(tmp_path), TOWARD)

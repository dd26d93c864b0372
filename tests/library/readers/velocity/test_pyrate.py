"""GAMMA interferograms converted by PyRate: made ones, and the real ones of Mexico City."""

from datetime import date

import h5py
import numpy as np
import pytest

from ground_motion.readers.formats.registry import recognise
from ground_motion.readers.records import Declaration
from tests.makers import damage
from tests.makers import interferograms as ground
from tests.makers import pyrate as made_pyrate
from tests.makers.damage import points
from tests.makers.geotiff import write


def test_a_processor_whose_sign_is_not_known_is_asked_for(tmp_path):
    path = made_pyrate.make(tmp_path, -20.0, processor="ROIPAC")
    assert "'ROIPAC' points is not known. Add --positive" in damage.outcome(path)
    assert points(path, Declaration(positive="away"))["5_15"] == pytest.approx(-20, abs=0.01)
    assert points(path, Declaration(positive="toward"))["5_15"] == pytest.approx(20, abs=0.01)


def test_it_is_recognised_by_its_tags_whatever_its_name(tmp_path):
    assert recognise(made_pyrate.make(tmp_path, name="20200101_20200701")) == "pyrate"
    other = tmp_path / "other"
    write(other / "20200101-20200701_unw.tif", ground.coherence())
    assert "no product that is known" in damage.outcome(other)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"DATA_UNITS": "MILLIMETRES"}, "its unit is 'MILLIMETRES'"),
        ({"DATA_UNITS": ""}, "DATA_UNITS is missing"),
        ({"WAVELENGTH_METRES": "55.5"}, "its wavelength is '55.5'"),
        ({"WAVELENGTH_METRES": "C band"}, "its wavelength is 'C band'"),
        ({"WAVELENGTH_METRES": "nan"}, "its wavelength is 'nan'"),
        ({"FIRST_DATE": "20200101T"}, "invalid date"),
        ({"FIRST_DATE": "2020-01-01", "SECOND_DATE": "2021-01-01"}, "is also in"),
        ({"SECOND_DATE": ""}, "SECOND_DATE is missing"),
    ],
)
def test_bad_tags_are_refused_with_a_line_that_names_the_fault(tmp_path, tags, message):
    assert message in damage.outcome(made_pyrate.make(tmp_path, tags=tags))


def test_stacks_of_two_sensors_are_not_mixed(tmp_path):
    made_pyrate.make(tmp_path, pairs=ground.PAIRS[:2])
    path = made_pyrate.make(tmp_path, pairs=ground.PAIRS[2:], tags={"WAVELENGTH_METRES": "0.2424"})
    assert "2 wavelengths" in damage.outcome(path)


@pytest.mark.realdata
def test_mexico_city_comes_out_as_the_series_made_of_the_same_interferograms(real_data):
    """Sign and scale are the same; both zeros lie in the western hills, which do not move quite alike."""
    folder = real_data / "mexicocity_s1"
    loaded = points(folder / "interferograms")
    with h5py.File(folder / "cum.h5") as file:
        velocity, days = file["vel"][()], file["imdates"][()]
    rows, cols = np.array([pid.split("_") for pid in loaded.at], dtype=int).T
    theirs, ours = velocity[rows, cols], loaded.columns.velocity_mm_yr
    assert np.isfinite(theirs).sum() == np.isfinite(velocity).sum() == ours.size
    assert np.corrcoef(theirs, ours)[0, 1] > 0.9999
    slope, zero = np.polyfit(theirs, ours, 1)
    assert slope == pytest.approx(1, abs=0.01)
    assert abs(zero) < 30
    assert [int(f"{day:%Y%m%d}") for day in loaded.header.dates] == days.tolist()
    assert loaded.header.dates[0] == date(2018, 1, 6)

"""ARIA and NISAR GUNW: the sign of each, the line of sight from a coarse grid, what was not unwrapped, bad input."""

import h5py
import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Direction
from tests.makers import gunw as made_gunw
from tests.makers import interferograms as ground
from tests.makers.damage import outcome, points

BOTH = pytest.mark.parametrize("make", [made_gunw.aria_folder, made_gunw.nisar_folder])
MOVING, STILL = "8_15", "8_2"


@BOTH
def test_a_file_alone_is_a_pair_whose_zero_is_still_ground(tmp_path, make):
    (path, *_) = sorted(make(tmp_path, -20.0).iterdir())
    assert recognise(path) == "gunw"
    made = points(path)
    assert (made.header.level, len(made.header.dates)) == ("pair", 2)
    assert made[MOVING] == pytest.approx(-20, abs=0.02)
    assert made[STILL] == pytest.approx(0, abs=0.02)


@BOTH
def test_what_was_not_unwrapped_is_no_point(tmp_path, make):
    made = points(make(tmp_path))
    assert made.columns.pid.size == 15 * 20 - 1  # the first row has no phase, one pixel no component
    assert not {"0_5", "1_0"} & set(made.at)


def test_water_is_no_point_where_there_is_a_mask(tmp_path):
    mask = np.full((16, 20), 11, dtype=np.uint8)
    mask[3], mask[4] = 111, 255
    path = made_gunw.nisar(
        tmp_path, constant=3.0, **{"science/LSAR/GUNW/grids/frequencyA/unwrappedInterferogram/mask": mask}
    )
    made = points(path)
    assert made.columns.pid.size == 13 * 20 - 1
    assert not {"3_5", "4_5"} & set(made.at)


def test_a_file_without_coherence_or_components_is_read(tmp_path):
    made = points(made_gunw.aria(tmp_path, constant=3.0, leave_out=("coherence", "connectedComponents")))
    assert made.columns.pid.size == 15 * 20


def test_the_line_of_sight_is_that_at_the_ellipsoid_and_points_to_the_satellite(tmp_path):
    aria, nisar = points(made_gunw.aria_folder(tmp_path)), points(made_gunw.nisar_folder(tmp_path))
    sine, azimuth = np.sin(np.radians(38.0)), np.radians(-168.0)
    for name, part in zip(
        ("east", "north", "up"), (sine * np.cos(azimuth), sine * np.sin(azimuth), 0.788), strict=True
    ):
        assert getattr(aria.columns, f"los_{name}") == pytest.approx(part, abs=1e-3)
    for name, part in zip(("east", "north", "up"), (0.6, -0.1, 0.794), strict=True):
        assert getattr(nisar.columns, f"los_{name}") == pytest.approx(part, abs=1e-3)
    assert (aria.header.track, aria.header.direction, aria.header.polarisation) == (64, Direction.ASCENDING, "VV")
    assert (nisar.header.track, nisar.header.direction, nisar.header.polarisation) == (30, Direction.ASCENDING, "HH")
    assert aria.header.extras["wavelength_m"] == "0.055600"
    assert nisar.header.extras["wavelength_m"] == "0.238404"
    assert (nisar.header.grid_epsg, nisar.header.posting_m) == (32610, 80)


def test_a_line_of_sight_that_changes_is_interpolated_between_its_nodes(tmp_path):
    path = made_gunw.nisar(tmp_path)
    with h5py.File(path, "a") as file:
        x = file["science/LSAR/GUNW/metadata/radarGrid/xCoordinates"][()]
        file["science/LSAR/GUNW/metadata/radarGrid/losUnitVectorX"][...] = 0.5 + (x - 499_000) / 1e5
    made = points(path)
    easting = 500_000 + 80 * (int(MOVING.split("_")[1]) + 0.5)
    assert made.columns.los_east[made.at[MOVING]] == pytest.approx(0.5 + (easting - 499_000) / 1e5, abs=1e-4)


def test_frames_that_begin_elsewhere_are_cut_to_what_they_share(tmp_path):
    folder = made_gunw.aria_folder(tmp_path)
    (path, *_) = sorted(folder.iterdir())
    with h5py.File(path, "a") as file:
        file["science/grids/data/longitude"][...] += 3 * made_gunw.STEP
    made = points(folder)
    assert made.columns.longitude.min() == pytest.approx(made_gunw.WEST + 3.5 * made_gunw.STEP)
    assert len(open_velocity_field(folder).files) == 3


BAD_FILES = [
    ({"name": "download.nc"}, "its name no longer states its two dates. Keep the published name, S1-GUNW-"),
    ({"leave_out": ("imagingGeometry/azimuthAngle",)}, "azimuthAngle' is missing"),
    ({"leave_out": ("radarMetaData",)}, "wavelength' is missing"),
    ({"science/radarMetaData/wavelength": 5.6}, "its wavelength is 5.6 m"),
    ({"science/grids/data/latitude": np.arange(3.0)}, "not (3, 20)"),
    ({"science/grids/imagingGeometry/incidenceAngle": np.ones((3, 3, 3))}, "has the shape (3, 3, 3)"),
    ({"science/grids/data/unwrappedPhase": np.full((16, 20), np.nan, np.float32)}, "no pixel has a phase"),
    ({"way": "D"}, "descending by the file, but ascending by its line of sight"),
    ({"second": ground.DATES[1]}, "both its dates are"),
]


@pytest.mark.parametrize(("change", "message"), BAD_FILES, ids=[message for _, message in BAD_FILES])
def test_a_bad_file_is_refused_with_a_line_that_names_the_fault(tmp_path, change, message):
    assert message in outcome(made_gunw.aria(tmp_path, **change))


def test_a_bad_nisar_file_is_refused_with_a_line_that_names_the_fault(tmp_path):
    facts = "science/LSAR/identification"
    assert "secondary date is 'soon'" in outcome(
        made_gunw.nisar(tmp_path, **{f"{facts}/secondaryZeroDopplerStartTime": "soon"})
    )
    assert "descending by the file" in outcome(made_gunw.nisar(tmp_path, direction="Descending"))


def test_several_tracks_in_one_folder_are_refused(tmp_path):
    folder = made_gunw.aria_folder(tmp_path)
    made_gunw.aria(folder, ground.DATES[2], ground.DATES[0], track=137)
    assert "several values of track: 137, 64. Give one folder for each track" in outcome(folder)

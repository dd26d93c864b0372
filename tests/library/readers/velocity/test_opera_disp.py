"""OPERA DISP-S1: ministacks put one on the other, corrections taken off, masks, two processings, bad input."""

import re
from datetime import date

import h5py
import numpy as np
import pytest
from pyproj import Transformer

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Direction
from ground_motion.readers.velocity.opera_disp import frame as opera_disp
from tests.makers import opera_disp as made_opera_disp
from tests.makers.damage import outcome, the_field
from tests.makers.damage import the_batch as points
from tests.makers.opera_disp import PAIRS

DAYS = np.array([0, 24, 36, 48, 72, 96, 120])


def test_ground_that_sinks_20_mm_a_year_does_so_through_all_ministacks(tmp_path):
    batch = points(made_opera_disp.make_frame(tmp_path, velocity_m_yr=-0.02))
    assert batch.pid.size == 30
    assert batch.velocity_mm_yr == pytest.approx(-20, abs=0.01)
    assert batch.displacement_mm[0] == pytest.approx(-20 * DAYS / 365.25, abs=0.002)  # from the first reference on
    place = Transformer.from_crs(32611, 4326, always_xy=True).transform(400_015, 3_799_985)
    assert (batch.longitude[0], batch.latitude[0]) == pytest.approx(place)
    assert batch.pid[-1] == b"5_4"


def test_without_corrections_the_displacement_stays_as_it_is_and_the_header_says_so(tmp_path):
    header, batch = the_field(made_opera_disp.make_frame(tmp_path, PAIRS[:3], 0.0, leave_out=("corrections",)))
    assert batch.displacement_mm[0] == pytest.approx([0, 1, 1, 1], abs=1e-4)  # 4 mm of ionosphere, -3 mm of tide
    assert header.extras["corrections subtracted"].startswith("none")


def test_the_header_says_frame_track_dates_and_files(tmp_path):
    path = made_opera_disp.make_frame(tmp_path)
    field = open_velocity_field(path)
    header = field.header
    assert recognise(path) == "opera-disp"
    assert [f"{day:%Y%m%d}" for day in header.dates] == ["20160705", *(later for _, later in PAIRS)]
    assert (header.tile, header.level, header.track) == ("DISP-S1/F11116", "frame 11116", 42)
    assert (header.direction, header.polarisation) == (Direction.ASCENDING, "VV")
    assert (header.grid_epsg, header.posting_m) == (32611, 30)
    assert len(field.files) == 6
    assert "OPERA" in header.attribution
    assert header.release == "to 2016-11-02"


def test_one_file_alone_is_a_series_of_two_dates(tmp_path):
    path = made_opera_disp.make(tmp_path, name="S1AB_download.nc")
    assert recognise(path) == "opera-disp"  # by its content, and dated by it
    field = open_velocity_field(path)
    (batch,) = field.batches()
    assert field.header.dates == (date(2016, 7, 5), date(2016, 7, 29))
    assert field.files == ()
    assert field.header.tile == ""  # one step, and no newer release of a whole series
    assert batch.velocity_mm_yr == pytest.approx(-20, abs=0.01)


def masked(folder, pair, row, **content) -> None:
    """One file whose pixels of a row are not recommended, with a nonsense displacement."""
    mask = np.ones((6, 5), dtype=np.uint8)
    mask[row] = 0
    made_opera_disp.make(folder, pair, content={"recommended_mask": mask} | content)


def test_a_masked_pixel_is_unknown_on_that_date_only(tmp_path):
    frame = made_opera_disp.make_frame(tmp_path)
    masked(frame, PAIRS[0], 2)
    batch = points(frame)
    assert batch.pid.size == 30
    row = list(batch.pid).index(b"2_0")
    assert np.flatnonzero(np.isnan(batch.displacement_mm[row])).tolist() == [1]
    assert batch.velocity_mm_yr[row] == pytest.approx(-20, abs=0.01)


def test_what_is_masked_on_a_reference_date_stays_unknown_after_it(tmp_path):
    frame = made_opera_disp.make_frame(tmp_path)
    masked(frame, PAIRS[2], 2)
    batch = points(frame)
    assert b"2_0" not in batch.pid  # known on two of six dates: less than half
    assert batch.pid.size == 25


def test_water_is_no_point_and_no_water_mask_masks_nothing(tmp_path):
    water = np.ones((6, 5), dtype=np.uint8)
    water[:, 0] = 0
    frame = made_opera_disp.make_frame(tmp_path, content={"water_mask": water})
    assert points(frame).pid.size == 24
    unmade = {"water_mask": np.full((6, 5), 255, dtype=np.uint8)}
    assert points(made_opera_disp.make_frame(tmp_path, content=unmade)).pid.size == 30


def test_of_two_processings_the_newer_counts(tmp_path):
    frame = made_opera_disp.make_frame(tmp_path)
    newer = made_opera_disp.make(frame, PAIRS[5], velocity_m_yr=0.5, version="1.1", made="20250301T000000")
    field = open_velocity_field(frame)
    (batch,) = field.batches()
    assert newer in field.files
    assert len(field.files) == 6
    assert batch.displacement_mm[0, -1] == pytest.approx(-20 * 48 / 365.25 + 500 * 72 / 365.25, abs=0.01)
    assert field.header.extras["left out"].startswith("1 file")
    assert field.header.extras["versions"] == "1.0, 1.1"


def test_the_coherence_is_that_of_the_last_file_that_knows_it(tmp_path):
    frame = made_opera_disp.make_frame(tmp_path)
    made_opera_disp.make(frame, PAIRS[5], content={"temporal_coherence": np.full((6, 5), 0.6)})
    assert points(frame).temporal_coherence == pytest.approx(0.6)


def test_blocks_make_the_same_points_as_the_whole(tmp_path, monkeypatch):
    frame = made_opera_disp.make_frame(tmp_path)
    whole = points(frame)
    monkeypatch.setattr(opera_disp, "BLOCK_PIXELS", 4)
    parts = list(open_velocity_field(frame).batches())
    assert len(parts) == 4
    place = dict(zip(whole.pid, whole.longitude, strict=True))
    assert {pid: x for part in parts for pid, x in zip(part.pid, part.longitude, strict=True)} == place


def test_a_series_may_begin_with_a_later_ministack(tmp_path):
    batch = points(made_opera_disp.make_frame(tmp_path, PAIRS[3:]))
    assert batch.displacement_mm.shape == (30, 4)
    assert batch.velocity_mm_yr == pytest.approx(-20, abs=0.01)


def test_an_early_file_without_a_recommended_mask_is_masked_by_its_components(tmp_path):
    labels = np.ones((6, 5), dtype=np.uint16)
    labels[2], labels[3] = 0, 65_535
    early = {"leave_out": ("recommended_mask", "corrections"), "content": {"connected_component_labels": labels}}
    header, batch = the_field(made_opera_disp.make_frame(tmp_path, PAIRS, -0.02, version="0.4", **early))
    assert batch.pid.size == 20
    assert not {b"2_0", b"3_0"} & set(batch.pid)
    assert header.extras["versions"] == "0.4"


def test_a_phase_of_the_first_versions_is_positive_away_from_the_satellite(tmp_path):
    """0.05546576 m / 4 pi a radian: 20 mm a year away are 4.53 rad."""
    frame = tmp_path / "frame"
    frame.mkdir()
    for pair in PAIRS:
        years = (made_opera_disp.moment(pair[1]) - made_opera_disp.moment(pair[0])).days / 365.25
        phase = {"unwrapped_phase": np.full((6, 5), 4.5312 * years, dtype=np.float32)}
        left = ("displacement", "recommended_mask", "corrections")
        path = made_opera_disp.make(frame, pair, leave_out=left, content=phase, version="0.1")
        with h5py.File(path, "a") as file:
            file["unwrapped_phase"].attrs["units"] = "radians"
    assert points(frame).velocity_mm_yr == pytest.approx(-20, abs=0.01)


ZEROS = np.zeros((6, 5), dtype=np.float32)
NANS = np.full((6, 5), np.nan, dtype=np.float32)
BAD_FILES = [
    ({"leave_out": ("displacement",)}, "'displacement' is missing. Give whole OPERA"),
    ({"leave_out": ("displacement",), "content": {"unwrapped_phase": ZEROS}}, "unit of unwrapped_phase is missing"),
    ({"leave_out": ("x",)}, "'x' is missing"),
    ({"leave_out": ("spatial_ref",)}, "'spatial_ref' is missing"),
    ({"units": "millimeters"}, "unit of displacement is millimeters"),
    ({"units": ""}, "unit of displacement is missing"),
    ({"content": {"displacement": NANS}}, "no pixel is good"),
    ({"content": {"recommended_mask": ZEROS}}, "no pixel is good"),
    ({"content": {"displacement": ZEROS[:3]}}, "its coordinates"),
    ({"content": {"corrections/solid_earth_tide": ZEROS[:3]}}, "has the shape"),
    ({"content": {"x": 3_800_000 - 30.0 * np.arange(5), "y": 4e5 + 30.0 * np.arange(6)}}, "swapped"),
    ({"content": {"x": np.full(5, np.nan)}}, "not a number"),
    ({"content": {"identification/frame_id": 7}}, "name states frame 11116"),
    ({"content": {"identification/reference_datetime": np.bytes_("2016-07-11 14:07:55")}}, "disagrees about its ref"),
    ({"content": {"identification/secondary_datetime": np.bytes_("soon")}}, "not a time"),
    ({"content": {"time": np.array([86400.0 * 30])}}, "disagrees about its secondary date"),
    ({"content": {"time": np.array([1e300])}}, "beyond all calendars"),
    ({"pair": ("20160729", "20160705")}, "not before"),
    (
        {"name": "OPERA_L3_DISP-S1_IW_F11116_VV_20160799T140755Z_20160829T140755Z_v1.0_20241219T231545Z.nc"},
        "not a time",
    ),
    ({"name": "a.nc", "leave_out": ("identification",)}, "does not state its frame"),
]


@pytest.mark.parametrize(("change", "message"), BAD_FILES, ids=[message for _, message in BAD_FILES])
def test_a_bad_file_is_refused_with_a_line_that_names_the_fault(tmp_path, change, message):
    assert message in outcome(made_opera_disp.make(tmp_path, **change))


def another_format(frame):
    with h5py.File(frame / "vx.nc", "w") as file:
        file["vx"] = np.zeros((3, 3))


def damaged(frame):
    path = frame / made_opera_disp.file_name(*PAIRS[4])
    path.write_bytes(path.read_bytes()[:5000])


def fewer(frame):
    (frame / made_opera_disp.file_name(*PAIRS[2])).unlink()


def sixth(**options):
    return lambda frame: made_opera_disp.make(frame, **({"pair": PAIRS[5]} | options))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (sixth(frame="00042"), "frames 00042, 11116"),
        (sixth(pair=(PAIRS[0][0], PAIRS[5][1])), "begin on different dates"),
        (sixth(version="1.1"), "neither is marked as newer"),
        (sixth(content={"x": 500_000 + 30.0 * np.arange(5)}), "its grid is not that of"),
        (sixth(leave_out=("corrections",)), "has no /corrections/ionospheric_delay, which 5 other"),
        (another_format, "vx.nc: dataset 'displacement' is missing"),
        (damaged, "20161009.*damaged"),
        (fewer, r"builds on 2016-08-22, and no file.*Add the file whose second date is 2016"),
    ],
)
def test_a_folder_that_is_no_series_is_refused(tmp_path, spoil, message):
    frame = made_opera_disp.make_frame(tmp_path)
    spoil(frame)
    assert re.search(message, outcome(frame))

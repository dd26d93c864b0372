"""LiCSAR frames: units, signs, the reference, and damaged folders."""

from datetime import date

import numpy as np
import pytest
import rasterio
from affine import Affine

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Direction
from ground_motion.readers.velocity import stacks
from tests.makers import damage
from tests.makers import interferograms as ground
from tests.makers import licsar as made_licsar
from tests.makers.damage import points
from tests.makers.geotiff import DEGREES, write

PHASE = "GEOC/20200101_20200701/20200101_20200701.geo.unw.tif"


def test_the_header_says_frame_track_and_direction(tmp_path):
    field = open_velocity_field(made_licsar.make(tmp_path))
    header = field.header
    assert (header.track, header.direction, header.tile) == (21, Direction.DESCENDING, "LiCSAR/021D_04972_131213")
    assert header.dates == ground.DATES
    assert header.has_series
    assert "COMET" in header.attribution
    assert len(field.files) == 9  # three phases, three coherences, the look vectors
    assert field.expected_points == ground.ROWS * ground.COLS
    (batch,) = field.batches()
    assert batch.los_east == pytest.approx(0.6)
    assert batch.los_up == pytest.approx(0.79)
    assert batch.longitude.min() == pytest.approx(-99.2 + 0.0005)
    assert batch.latitude.max() == pytest.approx(19.5 - 0.0015)  # the first row was not unwrapped


@pytest.mark.parametrize("inside", ["GEOC", "interferograms", "."])
def test_it_is_recognised_by_its_pairs_whatever_its_name(tmp_path, inside):
    path = made_licsar.make(tmp_path, name="EGMS_L2b_pairs", inside=inside)
    assert recognise(path) == "licsar"
    assert open_velocity_field(path).header.track is None
    assert open_velocity_field(made_licsar.make(tmp_path) / "GEOC").header.track == 21  # the inner folder does as well


def test_a_folder_of_other_images_is_not_claimed(tmp_path):
    write(tmp_path / "20200101_20200701" / "20200101_20200701.geo.cc.tif", ground.coherence())
    (tmp_path / "20200101_20200701" / "20200101_20200701.geo.unw.tif").write_text("no image")
    assert "no pair holds its" in damage.outcome(tmp_path)


def test_the_reference_is_the_ground_that_moves_most_alike(tmp_path):
    """The right half sinks, faster and faster to the right: what moves as one piece is the left half."""
    even = points(made_licsar.make(tmp_path, layers=()))
    assert even["5_15"] - even["5_2"] == pytest.approx(-20, abs=0.01)

    def uneven(values, number):
        slope = np.linspace(0, 3, ground.COLS - ground.COLS // 2, dtype=np.float32)
        values[1:, ground.COLS // 2 :] += slope * ground.years(*ground.PAIRS[number])
        return values

    loaded = points(made_licsar.make(tmp_path, layers=(), change=uneven))
    assert loaded["5_2"] == pytest.approx(0, abs=0.01)
    assert loaded["5_15"] < -20


def test_a_pixel_that_no_pair_connects_is_refused_and_counted(tmp_path):
    def without(values, number):
        if number != 1:
            values[9, 9] = np.nan
        if number == 0:
            values[9, 8] = np.nan
        return values

    pairs = [*ground.PAIRS, (date(2021, 1, 1), date(2021, 7, 1)), (date(2021, 1, 1), date(2022, 1, 1))]
    (batch,) = open_velocity_field(made_licsar.make(tmp_path, pairs=pairs, change=without)).batches()
    assert [row.pid for row in batch.refused] == ["9_9"]
    assert "fewer than half" in batch.refused[0].reason
    assert b"9_8" in batch.pid


def test_blocks_of_rows_give_what_one_block_gives(tmp_path, monkeypatch):
    path = made_licsar.make(tmp_path)
    whole = points(path).columns.velocity_mm_yr
    monkeypatch.setattr(stacks, "BLOCK_PHASES", 3 * 20 * 5)
    assert len(list(open_velocity_field(path).batches())) == 4
    assert points(path).columns.velocity_mm_yr == pytest.approx(whole)


def renamed(folder, old, new):
    (folder / "GEOC" / old).rename(folder / "GEOC" / new)
    for file in (folder / "GEOC" / new).iterdir():
        file.rename(file.with_name(file.name.replace(old, new)))


def test_a_fill_value_without_a_tag_is_no_phase(tmp_path):
    def change(values, number):
        values[1:4] = -9999
        return values

    loaded = points(made_licsar.make(tmp_path, -20.0, change=change))
    assert loaded.columns.pid.size == (ground.ROWS - 4) * ground.COLS
    assert loaded["5_15"] == pytest.approx(-20, abs=0.01)


def gap(path):
    for file in (path / "GEOC" / "20200101_20200701").iterdir():
        file.unlink()
    renamed(path, "20200101_20210101", "20220101_20220701")


def other_place(path):
    write(path / PHASE, ground.coherence(), transform=DEGREES @ Affine.translation(100, 0))


def swapped(path):
    for file in path.rglob("*.tif"):
        with rasterio.open(file) as image:
            values = image.read(1)
        write(file, values, transform=Affine(0.001, 0, 19.5, 0, -0.001, -99.2))


def nothing_in_common(path):
    for number, file in enumerate(sorted(path.rglob("*.unw.tif"))):
        values = np.zeros((ground.ROWS, ground.COLS), dtype=np.float32)
        values[number] = 3
        write(file, values)


def nodata_not_declared(path):
    for file in sorted(path.rglob("*.unw.tif")):
        values = np.ones((ground.ROWS, ground.COLS), dtype=np.float32)
        values[3, 3] = -9.9e9
        write(file, values)


def infinite(path):
    for file in sorted(path.rglob("*.unw.tif")):
        write(file, np.full((ground.ROWS, ground.COLS), np.inf, dtype=np.float32))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (gap, "the network falls apart: no chain of pairs leads from 2020-07-01 to 2022-01-01"),
        (lambda path: write(path / PHASE, ground.coherence(), crs="EPSG:32614"), "does not lie on the grid"),
        (other_place, "does not overlap"),
        (swapped, "swapped"),
        (lambda path: write(path / PHASE, np.ones((2, ground.ROWS, ground.COLS))), "2 bands"),
        (nothing_in_common, "no pixel has a phase in every interferogram"),
        (infinite, "no pixel has a phase in every interferogram"),
        (nodata_not_declared, "is impossible"),
        (lambda path: renamed(path, "20200101_20200701", "20200132_20200701"), "invalid date"),
        (lambda path: renamed(path, "20200101_20200701", "20200701_20200101x"), ""),
        (lambda path: renamed(path, "20200101_20200701", "20200701_20200701"), "both its dates are 2020-07-01"),
        (lambda path: renamed(path, "20200101_20210101", "20200701_20200101"), "is also in"),
    ],
)
def test_a_bad_folder_is_refused_with_a_line_that_names_the_fault(tmp_path, spoil, message):
    path = made_licsar.make(tmp_path)
    spoil(path)
    outcome = damage.outcome(path)
    assert message in outcome
    assert bool(outcome) == bool(message)


def test_more_phases_than_can_be_inverted_here_are_refused_before_any_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(stacks, "MAX_PHASES", 900)
    path = made_licsar.make(tmp_path)
    assert "3 pairs of 16 x 20 pixels are more than 900 phases" in damage.outcome(path)
    monkeypatch.setattr(stacks, "MAX_PAIRS", 2)
    assert "more than 2" in damage.outcome(path)

"""Stacks of KFTS-InSAR: the network is inverted, places stand beside it, and the sign is declared."""

import shutil
from datetime import date

import numpy as np
import pytest

from ground_motion.readers.records import Declaration
from tests.makers import interferograms as ground
from tests.makers import kfts as made_kfts
from tests.makers.damage import outcome, points

TOWARD = Declaration(positive="toward")


def test_the_network_is_inverted_and_pixels_stand_where_the_files_beside_it_say(tmp_path):
    header, at, columns = points(made_kfts.make(tmp_path), TOWARD)
    assert header.dates == ground.DATES
    assert columns.pid.size == (ground.ROWS - 1) * ground.COLS
    assert columns.velocity_mm_yr[at["5_15"]] == pytest.approx(-20, abs=0.01)
    assert columns.velocity_mm_yr[at["5_2"]] == pytest.approx(0, abs=0.01)
    assert (columns.longitude[at["5_15"]], columns.latitude[at["5_15"]]) == pytest.approx((15.015, 37.695), abs=1e-5)
    assert columns.rmse_mm[at["5_15"]] == pytest.approx(0, abs=1e-4)


def test_the_sign_is_asked_for_and_turned(tmp_path):
    path = made_kfts.make(tmp_path)
    assert "the sign of its values is not declared" in outcome(path)
    _, at, columns = points(path, Declaration(positive="away"))
    assert columns.velocity_mm_yr[at["5_15"]] == pytest.approx(20, abs=0.01)


def test_the_stacks_of_a_folder_are_one_network(tmp_path):
    made_kfts.make(tmp_path, pairs=ground.PAIRS[:1])
    path = made_kfts.make(tmp_path, name="new.h5", pairs=ground.PAIRS[1:2])
    header, at, columns = points(path, TOWARD)
    assert (header.dates, header.extras["pairs"]) == (ground.DATES, "2")
    assert columns.velocity_mm_yr[at["5_15"]] == pytest.approx(-20, abs=0.01)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"places": False}, "but not where its 16 x 20 pixels are. Put the lon.flt and lat.flt of"),
        ({"dates": [731_237, 731_272]}, "do not fit"),
        ({"dates": [1, 2, 10**9]}, "invalid day"),
        ({"Jmat": np.ones((3, 3))}, "does not connect two dates"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_line_that_helps(tmp_path, change, message):
    assert message in outcome(made_kfts.make(tmp_path, **change), TOWARD)


def test_places_of_another_grid_are_refused(tmp_path):
    path = made_kfts.make(tmp_path)
    (path / "lat.flt").write_bytes(bytes(100))
    assert "lat.flt: it has 100 bytes where 16 x 20 pixels need 1,280" in outcome(path, TOWARD)


@pytest.mark.realdata
def test_interferograms_of_etna_are_a_series_once_they_are_placed(tmp_path, real_data):
    folder = real_data / "velocity_real/etna_kfts"
    assert "it holds 222 interferograms of 63 dates, but not where its 20 x 20 pixels are" in outcome(folder, TOWARD)
    shutil.copy(folder / "Etna_sample.h5", tmp_path)
    row, col = np.mgrid[:20, :20]
    (15 + 0.002 * col).astype("<f4").tofile(tmp_path / "lon.flt")
    (37.7 - 0.002 * row).astype("<f4").tofile(tmp_path / "lat.flt")
    header, _, columns = points(tmp_path, TOWARD)
    assert (len(header.dates), header.dates[0], header.dates[-1]) == (61, date(2003, 1, 22), date(2010, 6, 9))
    assert columns.pid.size == 400
    assert np.abs(columns.velocity_mm_yr).max() < 5

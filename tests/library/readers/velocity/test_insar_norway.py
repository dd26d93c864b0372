"""InSAR Norway exports: names in any writing, units and signs, one track a file."""

from datetime import date

import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_field, recognise
from ground_motion.readers.records import Component, Declaration, Direction
from tests.makers import damage
from tests.makers import generic as made_generic
from tests.makers.damage import the_batch, the_field
from tests.makers.insar_norway import make


def test_ground_that_goes_away_by_20_mm_a_year_does_so_here(tmp_path):
    batch = the_batch(make(tmp_path, velocity_mm_yr=-20.0))
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(-20.0 * 2.001, abs=0.02)
    assert (batch.pid[0], batch.longitude[0], batch.latitude[0]) == (b"S1A000000", 10.4, 63.43)
    assert batch.temporal_coherence[0] == pytest.approx(0.85)
    assert batch.los_up[0] == pytest.approx(0.78)
    assert np.isnan(batch.velocity_std_mm_yr).all()
    header, batch = the_field(make(tmp_path, with_series=False))
    assert not header.has_series
    assert batch.displacement_mm.shape == (12, 0)


def test_the_header_says_track_pass_dates_and_who_made_it(tmp_path):
    header = open_velocity_field(make(tmp_path)).header
    assert (header.source_format, header.component, header.track) == ("insar-norway", Component.LOS, 44)
    assert header.direction is Direction.ASCENDING
    assert (header.dates[0], header.dates[-1]) == (date(2020, 1, 3), date(2022, 1, 3))
    assert header.extras["dataset"] == "Sentinel-1 Ascending 1"
    assert "NGU" in header.attribution
    assert header.tile == ""


@pytest.mark.parametrize(
    "write", [str.upper, lambda name: name.replace("_", " ").title(), lambda n: n.replace(" ", "_")]
)
def test_names_are_known_in_any_writing(tmp_path, write):
    def rewrite(table):
        for name in list(table):
            table[write(name)] = table.pop(name)

    path = make(tmp_path, name="EGMS or what.csv", change=rewrite, delimiter=";")
    assert recognise(path) == "insar-norway"
    batch = the_batch(path)
    assert batch.velocity_mm_yr == pytest.approx(-20.0)


@pytest.mark.parametrize(("track", "number"), [("A044", 44), ("044", 44), ("Ascending one", None)])
def test_a_track_is_a_number_where_it_can_be_one(tmp_path, track, number):
    assert open_velocity_field(make(tmp_path, track=track)).header.track == number


BAD = {
    "column 'Dataset' holds several: 'Sentinel-1 Ascending 1', 'o'": lambda t: t["Dataset"].__setitem__(7, "o"),
    "column 'Track' holds several: '117', '44'": lambda t: t["Track"].__setitem__(11, "117"),
    "column 'pointid' is missing": lambda t: t.pop("Point ID"),
    "column 'track' is missing": lambda t: t.pop("Track"),
    "column 'meanvelocity' is missing": lambda t: t.pop("mean_velocity"),
    "column 'losup' is missing": lambda t: t.pop("los_up"),
    "columns 'latitude' and 'Latitude' are the same": lambda t: t.update(Latitude=t["latitude"]),
    "latitude 10.4000 is not in Norway": lambda t: t.update(latitude=t["longitude"], longitude=t["latitude"]),
    "times as fast": lambda t: t.update({day: [value / 10 for value in t[day]] for day in made_generic.DATES}),
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_export_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    assert message in damage.outcome(make(tmp_path, change=BAD[message]))


def test_every_row_left_out_has_its_reason(tmp_path):
    def spoil(table):
        table["mean_velocity"][1], table["mean_velocity"][2], table["20210103"][4] = "inf", "nan", "inf"
        table["Point ID"][5] = ""
        table["los_east"][6] = 5

    batch = the_batch(make(tmp_path, change=spoil))
    assert {row.pid: row.reason for row in batch.refused} == {
        "S1A000001": "its velocity is not a number",
        "S1A000002": "its velocity is not a number",
        "": "its id is empty or not valid text",
        "S1A000006": "its line of sight is not a unit vector",
    }
    assert np.isnan(batch.displacement_mm[list(batch.pid).index(b"S1A000004"), 2])


def test_a_track_that_contradicts_the_file_is_asked_about(tmp_path):
    expected = "track is 7 by --track, but 44 by column Track"
    assert expected in damage.outcome(make(tmp_path), Declaration(track=7))

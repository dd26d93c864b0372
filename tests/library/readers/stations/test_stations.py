"""Series of stations in every format: known motion comes out in mm, + east, north and up; damage is named by line."""

import re

import numpy as np
import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import STATION_READERS, open_stations, open_velocity_fields, recognise
from ground_motion.readers.stations.records import StationTechnique
from tests.makers import stations as made
from tests.makers.damage import NOISY, flipped, truncated

PLACE = (13.19, 38.71)
RATES = (3.0, -2.0, -8.0)
ENU = made.enu_mm(RATES, 60, 30, noise_mm=0.01)
MAKERS = {
    "ngl-tenv3": lambda folder: made.tenv3(folder, ENU, PLACE, step=30),
    "pos": lambda folder: made.pos(folder, ENU, PLACE, step=30),
    "stations": lambda folder: made.gnss_table(folder, {"MADE": (ENU, PLACE)}, step=30),
}


def test_every_format_of_stations_has_a_maker():
    assert {*MAKERS, "gauges"} == {*STATION_READERS}


@pytest.mark.parametrize("make", [*MAKERS.values(), lambda folder: made.pos_table(folder, ENU, PLACE, step=30)])
def test_known_motion_of_a_station_comes_out_in_mm_east_north_and_up(tmp_path, make):
    path = make(tmp_path)
    name = recognise(path)
    (station,) = open_stations(path)
    assert (station.code, station.technique) == ("MADE", StationTechnique.GNSS)
    assert (station.longitude, station.latitude) == pytest.approx(PLACE, abs=1e-6)
    years = np.array([(day - station.dates[0]).days for day in station.dates]) / 365.25
    assert [np.polyfit(years, values, 1)[0] for values in station.columns_mm[:3]] == pytest.approx(RATES, abs=0.05)
    assert (station.columns_mm[3:] > 0).all()
    assert station.frame == {"ngl-tenv3": "EU", "pos": "NAM14", "stations": "ETRF2000"}[name]
    with pytest.raises(InputError, match="not a velocity field"):
        open_velocity_fields(path)


def test_heights_of_a_benchmark_become_mm_above_the_first(tmp_path):
    (mark,) = open_stations(made.levelling(tmp_path, [43.2100, 43.1960, 43.1805], PLACE))
    assert (mark.code, mark.technique) == ("BM7", StationTechnique.LEVELLING)
    assert mark.columns_mm[2] == pytest.approx([0, -14.0, -29.5], abs=1e-3)
    assert mark.columns_mm[5] == pytest.approx(0.8)
    assert np.isnan(mark.columns_mm[:2]).all()


RAIN = "gauge,date,longitude,latitude,rain_mm_day"
GROUNDWATER = "gauge;date;longitude;latitude;level_m"


def gauge_table(folder, head: str, *rows: str):
    path = folder / "gauges.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return path


def test_rain_and_levels_of_groundwater_come_out_in_the_unit_of_their_column(tmp_path):
    path = gauge_table(tmp_path, RAIN, "R1,2021-01-02,13.2,38.7,4.5", "R1,2021-01-01,13.2,38.7,0")
    assert recognise(path) == "gauges"
    (rain,) = open_stations(path)
    assert (rain.code, rain.kind, *rain.values) == ("R1", "rain", 0.0, 4.5)
    (well,) = open_stations(gauge_table(tmp_path, GROUNDWATER, "G1;2021-01-02;13.2;38.7;-98.5"))
    assert (well.code, well.kind, *well.values) == ("G1", "groundwater", -98.5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("R1,2021-01-01,13.2,38.7,-1", "line 3: rain_mm_day is -1"),
        ("R1,2021-01-01,13.2,38.7,9999", "line 3: rain_mm_day is 9999"),
        ("R1,2021-01-01,13.2,38.7,nan", "line 3: rain_mm_day is 'nan', not a number"),
        ("R0,2021-01-01,13.2,38.7,1", "lines 2 and 3: R0 has two values of 2021-01-01"),
        ("R0,2021-01-02,14.2,38.7,1", "line 3: R0 lies elsewhere than on line 2"),
        (",2021-01-01,13.2,38.7,1", "line 3: '' is not the name of a station"),
        ("R1,2021-01-01,13.2,98.7,1", "line 3: latitude 98.7"),
        ("R1,2021-01-01,13.2", "row 3 has 3 fields and the header 5"),
    ],
)
def test_a_fault_in_a_table_of_gauges_is_named_by_its_line(tmp_path, row, message):
    path = gauge_table(tmp_path, RAIN, "R0,2021-01-01,13.2,38.7,1", row)
    with pytest.raises(InputError, match=re.escape(message)):
        open_stations(path)


@NOISY
@pytest.mark.parametrize("name", MAKERS)
def test_a_damaged_series_is_refused_in_one_line_or_read_sanely(tmp_path, name):
    path = MAKERS[name](tmp_path)
    refused = [outcome(path) for damage in (truncated(path, 24), flipped(path, 24)) for _ in damage]
    assert sum(bool(line) for line in refused) > 24
    assert outcome(path) == ""


def outcome(path) -> str:
    """'' for sane series, else the line that the file was refused with."""
    refused = ""
    try:
        stations = open_stations(path)
    except InputError as fault:
        refused, stations = str(fault), ()
    assert not refused or (refused.startswith(f"{path}: ") and "\n" not in refused)
    for one in stations:
        assert list(one.dates) == sorted(set(one.dates))
        assert np.isfinite(one.columns_mm).all()
        assert abs(one.latitude) <= 90
        assert abs(one.longitude) <= 180
    return refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2018-01-31", "2018-01-01", "lines 2 and 3: MADE has two values of 2018-01-01"),
        ("2018-01-31", "31.1.2018", "line 3: '31.1.2018' is not a date"),
        ("2018-01-31,13.19", "2018-01-31,14.19", "line 3: MADE lies elsewhere than on line 2"),
        ("2018-01-31,13.19,38.71", "2018-01-31,13.19,98.71", "line 3: latitude 98.71"),
        ("2018-01-31,13.19,38.71,", "2018-01-31,13.19,38.71,9999999", "moved by more than a kilometre"),
        (",1.0,1.1,3.2,", ",0,1.1,3.2,", "line 2: a standard deviation is 0 mm"),
        ("MADE,2018-01-01", ",2018-01-01", "line 2: '' is not the name of a station"),
        ("up_mm", "height", "no column 'up_mm'"),
        (",1.0,1.1,3.2,", ",nan,1.1,3.2,", "line 2: east_sigma_mm is 'nan', not a number"),
    ],
)
def test_a_fault_in_a_table_is_named_by_its_line(tmp_path, old, new, message):
    path = MAKERS["stations"](tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert message in outcome(path)


NUMBERS = {  # of each format: columns by their place in a row; a standard deviation is the last
    "ngl-tenv3": [(7, "east"), (9, "north"), (12, "up"), (14, "sigma east")],
    "pos": [(15, "dN"), (17, "dU"), (20, "Su")],
    "stations": [(4, "east_mm"), (6, "up_mm"), (9, "up_sigma_mm")],
    "levelling": [(4, "height_m"), (5, "sigma_mm")],
}
WITH_LEVELLING = MAKERS | {"levelling": lambda folder: made.levelling(folder, [43.21, 43.19, 43.18], PLACE)}


def with_number(path, text: str, at: int, lines: str = "one") -> int:
    """Replace a number of the first date or of all; return the number of the first date's line."""
    rows = path.read_text().splitlines()
    first = next(index for index, row in enumerate(rows) if re.match(r" \d{8} |MADE |MADE,|BM7,", row))
    for index in range(first, first + 1 if lines == "one" else len(rows)):
        split = re.split(r"([ ,]+)", rows[index].strip())
        split[2 * at] = text
        rows[index] = "".join(split)
    path.write_text("\n".join([*rows, ""]))
    return first + 1


def columns():
    return [(name, *column) for name, column_of in NUMBERS.items() for column in column_of]


@pytest.mark.parametrize("lines", ["one", "all"])
@pytest.mark.parametrize("text", ["1e308", "-1.7e308", "1e30", "1e12"])
@pytest.mark.parametrize(("name", "at", "column"), columns())
def test_a_number_beyond_its_unit_is_refused_with_line_value_and_remedy(tmp_path, name, at, column, text, lines):
    path = WITH_LEVELLING[name](tmp_path)
    line = with_number(path, text, at, lines)
    said = outcome(path).removeprefix(f"{path}: ")
    assert said.startswith(f"line {line}: {column} is ")
    assert text in said
    assert "Check the unit" in said
    assert len(said) <= 200


@pytest.mark.parametrize("text", ["1e-40", "1e-320", "0", "-1"])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_standard_deviation_that_would_become_zero_is_refused(tmp_path, name, text):
    path = WITH_LEVELLING[name](tmp_path)
    line = with_number(path, text, NUMBERS[name][-1][0])
    assert f"line {line}: a standard deviation is" in outcome(path)


def test_a_tenv3_without_positions_is_refused_with_the_remedy(tmp_path):
    path = MAKERS["ngl-tenv3"](tmp_path)
    path.write_text("\n".join(" ".join(line.split()[:20]) for line in path.read_text().splitlines()) + "\n")
    assert "line 2 has 20 of 23 columns" in outcome(path)
    assert "Download it again" in outcome(path)


def test_a_date_that_contradicts_itself_is_refused(tmp_path):
    path = MAKERS["ngl-tenv3"](tmp_path)
    path.write_text(path.read_text().replace("18JAN31", "18JAN30"))
    assert "line 3: date '18JAN30' and MJD 58149 differ" in outcome(path)

"""Mapping files: they name odd columns and state days, and are refused with the fault's own line."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import Declaration, Direction
from tests.makers.damage import outcome, the_field
from tests.makers.generic import DATES, YEARS, csv_text, make, mapping, projected

EXAMPLE = Path(__file__).resolve().parents[4] / "docs/examples/mapping.toml"


def test_the_example_mapping_reads_a_projected_commercial_export(tmp_path):
    def commercial(table):
        placed = projected(table)
        table.clear()
        table.update(placed)
        for ours, theirs in (("EASTING", "E_UTM32"), ("NORTHING", "N_UTM32")):
            table[theirs] = table.pop(ours)
        table["HEIGHT"][2] = -9999

    field = open_velocity_field(make(tmp_path, change=commercial), declared=Declaration(mapping=EXAMPLE))
    (batch,) = field.batches()
    assert batch.longitude[5] == pytest.approx(11.005, abs=1e-6)
    assert batch.latitude[5] == pytest.approx(47.5, abs=1e-6)
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert np.isnan(batch.height_m[2])
    assert batch.los_east[0] == pytest.approx(-0.613, abs=0.001)
    header = field.header
    assert (header.track, header.direction, header.tile) == (44, Direction.ASCENDING, "example/harbour/044")
    assert (header.attribution, header.licence, header.release) == ("Example Surveys Ltd", "CC BY 4.0", "2025_2")


def test_a_mapping_makes_any_table_generic_and_names_odd_columns(tmp_path):
    content = """
        unit = "mm/yr"
        positive = "away"
        [columns]
        pid = "Nr"
        longitude = "Rechts"
        latitude = "Hoch"
        velocity = "Rate"
    """
    renamed = {"CODE": "Nr", "LON": "Rechts", "LAT": "Hoch", "VEL": "Rate"}

    def rename(table):
        for name in list(table):
            table[renamed.get(name, name)] = table.pop(name)

    path = make(tmp_path, change=rename)
    assert "no columns of positions that is known: Nr, Rechts" in outcome(path)
    (batch,) = open_velocity_field(path, declared=mapping(tmp_path, content)).batches()
    assert batch.velocity_mm_yr == pytest.approx(20.0)
    assert np.isnan(batch.temporal_coherence).all()  # with [columns], what it does not name is not read


def test_a_mapping_states_another_unit_for_the_series_and_its_own_dates(tmp_path):
    def metres(table):
        for day in DATES:
            table[f"{day[6:]}.{day[4:6]}.{day[:4]}"] = [value / 1000 for value in table.pop(f"D{day}")]

    content = 'unit = "mm/yr"\nseries = "m"\npositive = "toward"\ndates = "%d.%m.%Y"\n'
    header, batch = the_field(make(tmp_path, change=metres), declared=mapping(tmp_path, content))
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)
    assert header.dates[-1] == date(2022, 1, 3)


BAD_MAPPINGS = {
    "cannot be read as TOML": "unit = ",
    "'units' is no key": 'units = "mm/yr"',
    "unit = 'inch/yr' is not accepted": 'unit = "inch/yr"',
    "positive = 'forward' is not accepted": 'positive = "forward"',
    "epsg = 'utm32' is not accepted": 'epsg = "utm32"',
    "EPSG:999999 is not a known reference system": 'epsg = 999999\nunit = "mm/yr"\npositive = "up"\n[columns]\n'
    'easting = "LON"\nnorthing = "LAT"\nvelocity = "VEL"',
    "'WGS 84' has no degrees, nor easting and northing": 'epsg = 4978\nunit = "mm/yr"\npositive = "up"\n[columns]\n'
    'easting = "LON"\nnorthing = "LAT"\nvelocity = "VEL"',
    "column 'NOPE' is missing": 'unit = "mm/yr"\npositive = "up"\n[columns]\nvelocity = "NOPE"',
    "'speed' is no property of a point": '[columns]\nspeed = "VEL"',
    "velocity = 3 is not what [columns] holds": "[columns]\nvelocity = 3",
    "the date pattern 'D%Y%m' is none": 'dates = "D%Y%m"\nunit = "mm/yr"\npositive = "up"',
    "no column is called like": 'dates = "Z%Y%m%d"\nunit = "mm/yr"\npositive = "up"',
    "no column is a position": 'unit = "mm/yr"\npositive = "up"\n[columns]\nvelocity = "VEL"',
    "direction is descending by the mapping, but ascending": 'unit = "mm/yr"\npositive = "toward"\n'
    'direction = "descending"\n[constants]\nincidence_angle = 38\ntrack_angle = 350',
}


@pytest.mark.parametrize("message", BAD_MAPPINGS)
def test_a_bad_mapping_is_refused_with_a_line_that_names_the_fault(tmp_path, message):
    assert message in outcome(make(tmp_path), mapping(tmp_path, BAD_MAPPINGS[message]))


# ---- series whose columns have no dates for names: the first row or the mapping states their days ----
EXPORT = """unit = "mm/yr"\npositive = "toward"\n{}\n[columns]\nlongitude = "c1"\nlatitude = "c2"\nvelocity = "c3"\n"""
DAYS = [date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in DATES]
MATLAB = [day.toordinal() + 366 for day in DAYS]


def export(folder, first_row=None, more=0):
    """Columns without names of their own, as StaMPS is exported: place, velocity, series; `more` columns behind."""
    first = [] if first_row is None else [[103.6858, 32.0086, "NaN", *first_row, *[0] * more]]
    rows = first + [
        [103.66 + 0.001 * index, 32.08, -20.0, *(-20.0 * year for year in YEARS), *[0] * more] for index in range(5)
    ]
    names = [f"c{number}" for number in range(1, len(rows[0]) + 1)]
    path = folder / "export.csv"
    path.write_text(csv_text({name: [row[at] for row in rows] for at, name in enumerate(names)}))
    return path


def declared(folder, text):
    return mapping(folder, EXPORT.format(text))


@pytest.mark.parametrize(
    ("stated", "row"),
    [
        ('date_row = "matlab"', MATLAB),
        ('date_row = "matlab"', [number + 0.7 for number in MATLAB]),  # the time of the day
        ('date_row = "yyyymmdd"', DATES),
        (f"dates = [{', '.join(map(str, DAYS))}]", None),
    ],
)
def test_the_first_row_or_the_mapping_states_the_days(tmp_path, stated, row):
    header, batch = the_field(export(tmp_path, row), declared=declared(tmp_path, stated))
    assert header.dates == tuple(DAYS)
    assert batch.pid.size == 5  # the row of days is no point
    assert batch.refused == ()
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)


def test_day_numbers_count_as_matlab_does(tmp_path):
    row = [735928, 735976, 736000, 736036, 736864]  # datestr of them in MATLAB
    header = open_velocity_field(export(tmp_path, row), declared=declared(tmp_path, 'date_row = "matlab"')).header
    assert (header.dates[0], header.dates[-1]) == (date(2014, 11, 25), date(2017, 6, 18))


@pytest.mark.parametrize("stated", [f"dates = [{', '.join(map(str, DAYS))}]", 'date_row = "matlab"'])
def test_other_columns_may_stand_behind_the_series(tmp_path, stated):
    path = export(tmp_path, None if "dates" in stated else MATLAB, more=2)
    expected = "Name the first and the last date column in date_columns"
    assert expected in outcome(path, declared(tmp_path, stated))
    field = open_velocity_field(path, declared=declared(tmp_path, f'{stated}\ndate_columns = ["c4", "c8"]'))
    assert field.header.dates == tuple(DAYS)


BAD_DAYS = {
    "4 days are listed for 5 columns": f"dates = [{', '.join(map(str, DAYS[:4]))}]",
    "not in order": f"dates = [{', '.join(map(str, DAYS[::-1]))}]",
    "both dates and date_row": f'date_row = "matlab"\ndates = [{DAYS[0]}]',
    "column 'c99' is missing": 'date_row = "matlab"\ndate_columns = ["c4", "c99"]',
    "date_row = 'lotus' is not accepted": 'date_row = "lotus"',
    "dates = [1, 2] is not accepted": "dates = [1, 2]",
    "date_columns = ['c4'] is not accepted": 'date_columns = ["c4"]',
    "posting_m = 0 is not accepted": "posting_m = 0",
    "holds -0.0 in column 'c4', which is no day (matlab)": 'date_row = "matlab"',
    "which is no day (yyyymmdd)": 'date_row = "yyyymmdd"',
}


@pytest.mark.parametrize("message", BAD_DAYS)
def test_days_that_do_not_fit_are_refused_with_a_line_that_names_the_fault(tmp_path, message):
    assert message in outcome(export(tmp_path), declared(tmp_path, BAD_DAYS[message]))


def test_days_without_named_columns_are_asked_about(tmp_path):
    stated = mapping(tmp_path, 'unit = "mm/yr"\npositive = "toward"\ndate_row = "matlab"\n')
    assert "does not state which columns are dates" in outcome(export(tmp_path, MATLAB), stated)

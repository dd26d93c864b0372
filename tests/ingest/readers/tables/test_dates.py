"""Series whose columns have no dates for names: the first row or the mapping states their days."""

from datetime import date

import pytest

from ingest.formats import open_velocity_field
from tests.makers.damage import outcome
from tests.makers.generic import DATES, YEARS, csv_text, mapping

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
    field = open_velocity_field(export(tmp_path, row), declared=declared(tmp_path, stated))
    (batch,) = field.batches()
    assert field.header.dates == tuple(DAYS)
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


BAD = {
    "4 days are listed for 5 columns": f"dates = [{', '.join(map(str, DAYS[:4]))}]",
    "not in order": f"dates = [{', '.join(map(str, DAYS[::-1]))}]",
    "both dates and date_row": f'date_row = "matlab"\ndates = [{DAYS[0]}]',
    "column 'c99' is missing": 'date_row = "matlab"\ndate_columns = ["c4", "c99"]',
    "date_row = 'excel' is not accepted": 'date_row = "excel"',
    "dates = [1, 2] is not accepted": "dates = [1, 2]",
    "date_columns = ['c4'] is not accepted": 'date_columns = ["c4"]',
    "posting_m = 0 is not accepted": "posting_m = 0",
    "holds -0.0 in column 'c4', which is no day (matlab)": 'date_row = "matlab"',
    "which is no day (yyyymmdd)": 'date_row = "yyyymmdd"',
}


@pytest.mark.parametrize("message", BAD)
def test_days_that_do_not_fit_are_refused_with_a_line_that_names_the_fault(tmp_path, message):
    assert message in outcome(export(tmp_path), declared(tmp_path, BAD[message]))


def test_days_without_named_columns_are_asked_about(tmp_path):
    stated = mapping(tmp_path, 'unit = "mm/yr"\npositive = "toward"\ndate_row = "matlab"\n')
    assert "does not state which columns are dates" in outcome(export(tmp_path, MATLAB), stated)

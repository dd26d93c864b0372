"""Dates in the names of columns: every usual notation, one for all columns of a table, none ever dropped in silence."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers.tables.dates import EXCEL_DAY_0, MATLAB_DAYS_BEFORE_YEAR_1, dates_by_name

DAYS = [date(2019, 1, 4) + timedelta(days=24 * step) for step in range(12)]
PATH = Path("points.csv")


def decimal(day):
    return f"{day.year + (day.timetuple().tm_yday - 1) / 365:.4f}"


NOTATIONS = {
    **{form: (lambda day, form=form: day.strftime(form)) for form in (
        "%Y%m%d", "D%Y%m%d", "d_%Y%m%d", "disp_%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d", "%Y/%m/%d", "%d/%m/%Y",
        "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y%j", "disp_%Y%j", "%Y-%j", "%d%b%Y", "%d-%b-%Y", "%d-%b-%y", "D%d%b%Y",
        "%Y-%m-%dT05:30:01", "%Y-%m-%d 00:00:00", "%Y-%m-%d [mm]", "X%Y.%m.%d", "%d%m%Y",
    )},
    "decimal years": decimal,
    "MATLAB": lambda day: str(day.toordinal() + MATLAB_DAYS_BEFORE_YEAR_1),
    "Excel": lambda day: str((day - EXCEL_DAY_0).days),
}  # fmt: skip


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_notation_that_fits_all_columns_is_taken(notation):
    names = [NOTATIONS[notation](day) for day in DAYS]
    assert list(dates_by_name(PATH, ["CODE", "LAT", "LON", "VEL", *names]).values()) == DAYS


def test_years_are_their_middles():
    assert list(dates_by_name(PATH, ["2015", "2016", "2017"]).values()) == [date(y, 7, 2) for y in (2015, 2016, 2017)]


def test_a_day_that_may_be_a_month_is_refused_with_both_readings():
    with pytest.raises(InputError, match=r"may be 2019-01-05 \(DD-MM-YYYY\) or 2019-05-01 \(MM-DD-YYYY\)") as refused:
        dates_by_name(PATH, ["05/01/2019", "06/02/2019", "07/03/2019"])
    assert 'dates = "%d/%m/%Y"' in str(refused.value)
    given = dates_by_name(PATH, ["05/01/2019", "06/02/2019", "07/03/2019"], "%d/%m/%Y")
    assert list(given.values()) == [date(2019, 1, 5), date(2019, 2, 6), date(2019, 3, 7)]


def test_months_by_name_are_their_first_days_in_several_languages():
    months = [date(2019, month, 1) for month in range(1, 13)]
    for form in ("%b-%y", "%b %Y", "%b%y", "%B %Y"):
        assert dates_by_name(PATH, [day.strftime(form) for day in months]) == {
            day.strftime(form): day for day in months
        }
    german = dates_by_name(PATH, ["Mär-19", "Mai-19", "Okt-19", "Dez-19"])
    assert [day.month for day in german.values()] == [3, 5, 10, 12]
    french = dates_by_name(PATH, ["janv-19", "févr-19", "mars-19", "mai-19", "juin-19", "juil-19", "août-19", "déc-19"])
    assert [day.month for day in french.values()] == [1, 2, 3, 5, 6, 7, 8, 12]


def test_columns_of_days_in_any_order_are_sorted():
    names = [f"D{day:%Y%m%d}" for day in DAYS]
    assert list(dates_by_name(PATH, names[::-1])) == names
    assert list(dates_by_name(PATH, [*names[6:], *names[:6]])) == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["D20190104", "D20190228", "04/03/2019"], "are not all dates of one form"),
        (["D20190104", "D20190231", "D20190304"], "are not all dates of one form"),
        (["D20190104", "D2019-01-04", "D20190304"], "or two are of one day"),
        (["set_01", "set_02", "set_03"], "are not all dates of one form"),
        (["d0001", "d0002", "d0003"], "are not all dates of one form"),
    ],
)
def test_columns_that_look_like_dates_are_never_dropped_in_silence(names, message):
    with pytest.raises(InputError, match=message):
        dates_by_name(PATH, ["CODE", "VEL", *names])


def test_amplitudes_beside_a_series_are_no_series():
    names = [f"{prefix}_{day:%Y%m%d}" for prefix in ("d", "a", "h2ph") for day in DAYS]
    assert list(dates_by_name(PATH, names)) == names[:12]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("%Y%j", "2019004"), ("D%d%b%y", "D04Jan19"), ("%d.%m.%Y", "4.1.2019"), ("s%Y-%j", "s2019-004")],
)
def test_a_mapping_knows_days_of_the_year_and_months_by_name(pattern, name):
    assert dates_by_name(PATH, [name], pattern) == {name: DAYS[0]}

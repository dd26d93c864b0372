"""Text tables as people have them: any encoding, separator, line end and missing value, with or without a header."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from ground_motion.readers.records import Component, Declaration
from ground_motion.readers.tables import text_table
from tests.makers import damage
from tests.makers.damage import the_batch, the_field
from tests.makers.generic import DATES, TOWARD, YEARS, csv_text, make, table_of

PLAIN = csv_text(table_of(n=12))
SEMICOLONS = csv_text(table_of(n=12), ";")
WRITTEN = {
    "with a mark": ("points.csv", PLAIN.encode("utf-8-sig")),
    "in UTF-16": ("points.csv", PLAIN.encode("utf-16")),
    "in UTF-16 without a mark": ("points.csv", SEMICOLONS.encode("utf-16-le")),
    "in UTF-16, the high byte first": ("points.csv", SEMICOLONS.encode("utf-16-be")),
    "with the minus of typography": ("points.csv", PLAIN.replace("-", "\N{MINUS SIGN}").encode()),
    "in Windows-1252": ("points.csv", PLAIN.replace("HEIGHT", "HÖHE").encode("cp1252")),
    "with returns": ("points.csv", PLAIN.replace("\n", "\r").encode()),
    "with returns and feeds": ("points.csv", PLAIN.replace("\n", "\r\n").encode()),
    "with tabs": ("points.tsv", csv_text(table_of(n=12), "\t").encode()),
    "with spaces": ("points.txt", csv_text(table_of(n=12), "   ").encode()),
    "with bars": ("points.dat", csv_text(table_of(n=12), "|").encode()),
    "with comments": ("points.csv", f"# made by us\n% EPSG:4326, mm/yr\n// 2024\n\n{PLAIN}".encode()),
    "with a comment behind": ("points.csv", f"{PLAIN}# 12 points\n".encode()),
    "with a title in its first cell": (
        "points.csv",
        f"Points{',' * PLAIN.split(chr(10))[0].count(',')}\n{PLAIN}".encode(),
    ),
    "with titles": ("points.csv", f"Velocities of a town\n\n{PLAIN}".encode()),
    "with a commented header": ("points.txt", f"# {csv_text(table_of(n=12), ' ')}".encode()),
    "with decimal commas": ("points.csv", SEMICOLONS.replace(".", ",").encode()),
    "with ends of rows": ("points.csv", PLAIN.replace("\n", ",\n").encode()),
    "with ends of all rows but the header": ("points.csv", PLAIN.replace("\n", ",\n").replace(",\n", "\n", 1).encode()),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_table_is_read_however_it_is_written(tmp_path, how):
    name, content = WRITTEN[how]
    path = tmp_path / name
    path.write_bytes(content)
    assert recognise(path) == "generic"
    batch = the_batch(path, TOWARD)
    assert batch.pid.size == 12
    assert batch.longitude == pytest.approx([11.0 + 0.001 * index for index in range(12)])
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)


def test_without_the_extra_for_tables_text_that_is_not_utf_8_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(text_table, "find_spec", lambda name: None)
    name, content = WRITTEN["in Windows-1252"]
    (tmp_path / name).write_bytes(content)
    assert "needs the extra `tables`. Export it as UTF-8" in damage.outcome(tmp_path / name, TOWARD)


@pytest.mark.parametrize("word", ["", "None", "NULL", "N/A", "#N/A", "-", "--", "*****", " None ", "nan"])
def test_words_for_missing_values_are_no_values(tmp_path, word):
    batch = the_batch(make(tmp_path, change=lambda table: table["D20210103"].__setitem__(3, word)), TOWARD)
    assert np.isnan(batch.displacement_mm[3, 2])
    assert np.isfinite(batch.displacement_mm[:3]).all()


def test_numbers_of_fortran_are_numbers(tmp_path):
    batch = the_batch(make(tmp_path, change=lambda table: table["VEL"].__setitem__(3, "-0.2D+02")), TOWARD)
    assert batch.velocity_mm_yr[3] == pytest.approx(-20.0)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("VEL [mm/a]", "mm/yr"),
        ("Velocity (cm/yr)", "cm/yr"),
        ("vel_m_yr", "m/yr"),
        ("Displacement rate [mm/a]", "mm/yr"),
        ("LOS velocity [mm per year]", "mm/yr"),
    ],
)
def test_a_unit_in_a_header_is_the_column_s_own(tmp_path, name, unit):
    path = make(tmp_path, change=lambda table: table.__setitem__(name, table.pop("VEL")), velocity=-0.02)
    scale = {"mm/yr": 1, "cm/yr": 10, "m/yr": 1000}[unit]
    assert the_batch(path, Declaration(positive="toward")).velocity_mm_yr == pytest.approx(-0.02 * scale)
    other = "m/yr" if unit != "m/yr" else "cm/yr"
    assert f"its unit is {other} by --unit" in damage.outcome(path, Declaration(unit=other, positive="toward"))


CONTRADICTIONS = {
    "its unit is mm/yr by --unit, but in/yr by": ["Velocity (in/yr)", "vel_in_per_year", "VEL [inch/year]"],
    "its unit is mm/yr by --unit, but ft/yr by": ["vel_ft_yr", "VEL (feet / year)"],
    "its unit is mm/yr by --unit, but furlong/yr by": ["VEL [furlong/yr]"],
    "says line of sight, but --positive says up": ["LOS_VEL", "Vlos", "vel_los_mm_yr", "VEL (LOS)", "VEL [mm/yr LOS]"],
}


@pytest.mark.parametrize(
    ("message", "name"), [(words, name) for words in CONTRADICTIONS for name in CONTRADICTIONS[words]]
)
def test_a_velocity_s_name_that_contradicts_the_declaration_is_refused_with_both(tmp_path, message, name):
    path = make(tmp_path, change=lambda table: table.__setitem__(name, table.pop("VEL")))
    said = damage.outcome(path, Declaration(unit="mm/yr", positive="up"))
    assert message in said
    assert name in said


def renamed(name, times=1.0):
    return lambda table: table.update(
        {name.format(day): [value * times for value in table.pop(f"D{day}")] for day in DATES}
    )


def increments(table):
    table.update({f"D{day}": [0.0 if day == DATES[0] else -10.0] * 12 for day in DATES})


def daily_increments(table):
    table |= {f"D{date(2022, 2, 1) + timedelta(at):%Y%m%d}": [-20 / 365.25] * 12 for at in range(400)}
    for day in DATES:
        table.pop(f"D{day}")


BAD_SERIES = {
    "its series are 'in' by column 'D20200103 (in)'": renamed("D{} (in)"),
    "its series are 'ft' by column 'D20200103_ft'": renamed("D{}_ft"),
    "its series are 'in' by column 'D20200103 [in]'": lambda table: (renamed("D{} [in]")(table), table.pop("VEL")),
    "is mm by column 'D20220103 (mm)', but cm by": lambda table: (
        renamed("D{} (cm)")(table),
        table.update({"D20220103 (mm)": table.pop("D20220103 (cm)")}),
    ),
    "column 'HEIGHT (ft)' states ft, where height is read in m": lambda table: table.update(
        {"HEIGHT (ft)": table.pop("HEIGHT")}
    ),
    "its series are increments: only their running sums move": increments,
    "its series are increments: only their": daily_increments,
}


@pytest.mark.parametrize("message", BAD_SERIES)
def test_series_in_another_unit_or_since_the_date_before_are_refused(tmp_path, message):
    assert message in damage.outcome(make(tmp_path, change=BAD_SERIES[message]), TOWARD)


def headless(folder, name, first=(139.7, 35.6), more=1):
    path = folder / name
    path.write_text("".join(f"{first[0] + 1e-3 * at} {first[1]} -2.5{f' {at}.5' * more}\n" for at in range(60)))
    return path


@pytest.mark.parametrize("more", range(2, 10))
def test_of_more_than_four_columns_without_names_none_is_guessed(tmp_path, more):
    said = damage.outcome(headless(tmp_path, "points.xy", more=more), TOWARD)
    assert f"it has no header: {more + 3} columns" in said
    assert "Name them in a mapping" in said


def test_a_table_without_a_header_is_asked_about_with_its_first_row(tmp_path):
    path = headless(tmp_path, "points.txt", (11.0012, 47.50012))
    said = damage.outcome(path, TOWARD)
    assert "it has no header: 4 columns, 11.0012 47.50012 -2.5 0.5. Name them in a mapping" in said
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'unit = "mm/yr"\npositive = "up"\n[columns]\n'
        'longitude = "column 1"\nlatitude = "column 2"\nvelocity = "column 3"\nheight = "column 4"\n'
    )
    header, batch = the_field(path, Declaration(mapping=mapping))
    assert (batch.pid.size, header.component) == (60, Component.UP)
    assert batch.height_m[3] == pytest.approx(3.5)


def test_the_order_of_gmt_is_taken_only_with_unit_and_sign_and_where_it_is_sure(tmp_path):
    assert "add --unit and --positive" in damage.outcome(headless(tmp_path, "points.xy"), Declaration())
    for name in ("points.xy", "points.txt"):  # beyond 90 degrees it is no latitude
        (field,) = open_velocity_fields(headless(tmp_path, name), declared=TOWARD)
        (batch,) = field.batches()
        assert (batch.longitude[0], batch.latitude[0], batch.velocity_mm_yr[0]) == pytest.approx((139.7, 35.6, -2.5))
        assert "its first columns were taken for longitude, latitude, velocity" in field.changes[0]


def test_a_mapping_beside_a_table_is_its_mapping(tmp_path):
    path = make(tmp_path)
    path.with_suffix(".toml").write_text('unit = "cm/yr"\npositive = "away"\n')
    assert the_batch(path).velocity_mm_yr == pytest.approx(200.0)


def test_two_components_in_one_table_are_two_fields(tmp_path):
    def both(table):
        for name in [name for name in table if name[:2] == "D2"]:
            table.pop(name)
        table |= {"VEL_V": table.pop("VEL"), "VEL_E": [3.0] * 12, "VEL_STD_V": [0.5] * 12}

    up, east = open_velocity_fields(make(tmp_path, change=both), declared=Declaration(unit="mm/yr"))
    assert (up.header.component, east.header.component) == (Component.UP, Component.EAST)
    assert next(up.batches()).velocity_mm_yr == pytest.approx(-20.0)
    assert next(up.batches()).velocity_std_mm_yr == pytest.approx(0.5)
    assert next(east.batches()).velocity_mm_yr == pytest.approx(3.0)


def long_rows(day="{0}-{1}-{2}", places=12, digits=3, to=lambda table: table):
    """A row for each of DATES at each place, without ids: lon, lat, acq_date, velocity, disp_cm."""
    rows = [
        (round(11 + at / 1000, digits), 47.5, day.format(date[:4], date[4:6], date[6:]), -20.0, round(-2 * year, 4))
        for at in range(places)
        for date, year in zip(DATES, YEARS, strict=True)
    ]
    return to(
        dict(zip(("lon", "lat", "acq_date", "velocity", "disp_cm"), map(list, zip(*rows, strict=True)), strict=True))
    )


LONG = {
    "without ids": long_rows(),
    "with an id for each point": {"id": [f"P{at // 5}" for at in range(60)], **long_rows(digits=2)},
    "with an id for each row": {"fid": list(range(60)), **long_rows()},
    "by date": long_rows(to=lambda table: {name: [v for at in range(5) for v in table[name][at::5]] for name in table}),
    "days first": long_rows("{2}/{1}/{0}"),
    "with times": long_rows("{0}-{1}-{2}T05:11:00Z"),
    "without velocities": long_rows(to=lambda table: {name: table[name] for name in table if name != "velocity"}),
}


@pytest.mark.parametrize("how", LONG)
def test_a_row_for_each_date_is_read_as_series(tmp_path, how):
    path = tmp_path / "long.csv"
    path.write_text(csv_text(LONG[how]))
    header, batch = the_field(path, TOWARD)
    assert [f"{day:%Y%m%d}" for day in header.dates] == list(DATES)
    assert batch.longitude == pytest.approx([11 + at / 1000 for at in range(12)], abs=0.006)
    assert batch.velocity_mm_yr == pytest.approx(-20.0, abs=0.01)
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02, abs=0.01)
    pq.write_table(pa.table(LONG[how]), tmp_path / "long.parquet")
    assert (the_batch(tmp_path / "long.parquet", TOWARD).displacement_mm == batch.displacement_mm).all()


def changed(**columns):
    return long_rows(to=lambda table: table | columns)


BAD_LONG = {
    "stand at one place, with ": changed(lon=[11.0] * 60, disp_cm=list(range(60))),
    "5 rows stand at one place, one for each 'acq_date', and none of": long_rows(
        to=lambda table: {name.replace("disp_cm", "value"): table[name] for name in table}
    ),
    "60 of its rows stand at 12 places, and no column is known to be their date": changed(acq_date=["?"] * 60),
    "column 'velocity' differs between the dates of one place": changed(velocity=list(range(60))),
    "column 'LOS20200103 [cm]' says line of sight, but --positive says up": long_rows(
        to=lambda table: {name.replace("disp_cm", "los disp_cm"): table[name] for name in table}
    ),
}


@pytest.mark.parametrize("message", BAD_LONG)
def test_a_row_for_each_date_that_is_no_series_is_refused(tmp_path, message):
    path = tmp_path / "long.csv"
    path.write_text(csv_text(BAD_LONG[message]))
    assert message in damage.outcome(path, Declaration(unit="mm/yr", positive="up"))


def test_a_mapping_names_date_and_displacement(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(csv_text(BAD_LONG["5 rows stand at one place, one for each 'acq_date', and none of"]))
    path.with_suffix(".toml").write_text(
        'unit = "mm/yr"\nseries = "cm"\npositive = "toward"\n[columns]\nlongitude = "lon"\nlatitude = "lat"\n'
        'date = "acq_date"\ndisplacement = "value"\n'
    )
    assert the_batch(path).velocity_mm_yr == pytest.approx([-20.0] * 12, abs=0.01)


EAST_ASIA = {
    "shift_jis": "番号,経度,緯度,速度",
    "euc_jp": "番号,経度,緯度,速度",
    "big5": "編號,經度,緯度,速率",
    "euc_kr": "번호,경도,위도,속도",
    "gb18030": "编号,经度,纬度,速率",
}


@pytest.mark.parametrize("encoding", EAST_ASIA)
def test_the_names_in_a_mapping_tell_apart_encodings(tmp_path, encoding):
    names = EAST_ASIA[encoding].split(",")
    path = tmp_path / "points.csv"
    rows = (f"P{at},{11 + at / 1000},47.5,-20.0\n" for at in range(60))
    path.write_bytes("".join([EAST_ASIA[encoding], "\n", *rows]).encode(encoding))
    roles = zip(("pid", "longitude", "latitude", "velocity"), names, strict=True)
    mapping = tmp_path / "m.toml"
    mapping.write_text("[columns]\n" + "".join(f'{role} = "{name}"\n' for role, name in roles), "utf-8")
    (field,) = open_velocity_fields(path, declared=replace(TOWARD, mapping=mapping))
    assert the_batch(path, replace(TOWARD, mapping=mapping)).velocity_mm_yr == pytest.approx([-20.0] * 60)
    assert "It is not UTF-8" in field.changes[0]


def test_a_text_of_several_lines_is_named(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text('name,lon,lat,vel\n"a\nb",11.0,47.5,-3.1\n')
    assert "a cell in quotation marks holds several lines" in damage.outcome(path, TOWARD)


def test_a_grid_as_text_is_no_table(tmp_path):
    path = tmp_path / "vel.asc"
    path.write_text("ncols 4\nnrows 2\n1 2 3 4\n5 6 7 8\n")
    assert "gdal_translate vel.asc vel.tif" in damage.outcome(path, TOWARD)


def test_the_mapping_of_a_folder_is_for_the_tables_that_cannot_be_read_without_it(tmp_path):
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        'unit = "mm/yr"\npositive = "up"\nepsg = 32633\n[columns]\n'
        'easting = "column 1"\nnorthing = "column 2"\nvelocity = "column 3"\n'
    )
    metres = headless(tmp_path, "metres.txt", (506_879.5, 4_167_239.5))
    declared = replace(TOWARD, mapping=mapping, for_lacking=True)
    assert the_field(metres, declared)[0].component is Component.UP
    for other in (make(tmp_path), headless(tmp_path, "points.xy")):
        assert the_field(other, declared)[0].component is Component.LOS

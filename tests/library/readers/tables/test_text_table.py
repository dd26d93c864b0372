"""Text tables as people have them: any encoding, separator, line end and missing value, with or without a header."""

import gzip
from dataclasses import replace

import numpy as np
import pytest

from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from ground_motion.readers.records import Component, Declaration
from ground_motion.readers.tables import text_table
from tests.makers import damage
from tests.makers.damage import the_batch, the_field
from tests.makers.generic import TOWARD, csv_text, make, table_of

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


def headless(folder, name, first=(139.7, 35.6)):
    path = folder / name
    path.write_text("".join(f"{first[0] + 1e-3 * at} {first[1]} {-2.5} {at}.5\n" for at in range(60)))
    return path


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


def test_a_table_of_one_row_for_each_date_is_told_what_to_do(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(
        "id,lon,lat,date,displacement\n" + "".join(f"P{n},11.0,47.5,2020-01-0{n},1.5\n" for n in range(1, 9))
    )
    assert "Give one row for each point, and a column for each date" in damage.outcome(path, TOWARD)
    rows = (f"{11 + n / 100},47.5,2020-0{month}-01,-3.1,1.5\n" for n in range(9) for month in range(1, 4))
    path.write_text("lon,lat,date,velocity,displacement\n" + "".join(rows))
    assert "it has a row for each date. Give one row for each point" in damage.outcome(path, TOWARD)


def test_a_text_of_several_lines_is_named(tmp_path):
    path = tmp_path / "points.csv"
    path.write_text('name,lon,lat,vel\n"a\nb",11.0,47.5,-3.1\n')
    assert "a cell in quotation marks holds several lines" in damage.outcome(path, TOWARD)


def test_a_grid_as_text_is_no_table(tmp_path):
    path = tmp_path / "vel.asc"
    path.write_text("ncols 4\nnrows 2\n1 2 3 4\n5 6 7 8\n")
    assert "gdal_translate vel.asc vel.tif" in damage.outcome(path, TOWARD)


def test_a_clean_table_is_read_as_bytes_and_not_decoded(tmp_path):
    assert text_table.table_of(make(tmp_path)).is_plain
    packed = tmp_path / "points.csv.gz"
    packed.write_bytes(gzip.compress(PLAIN.encode()))
    assert the_batch(packed, TOWARD).pid.size == 12


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

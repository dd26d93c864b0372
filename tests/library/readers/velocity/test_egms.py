"""EGMS files: every release's names, our units and signs, and one clear line for what cannot be used."""

import zipfile
from datetime import date

import pytest

from ground_motion.core.errors import InputError
from ground_motion.readers.formats.registry import open_velocity_field
from ground_motion.readers.records import Component, Declaration, Direction
from tests.makers import damage
from tests.makers import egms as made
from tests.makers.damage import the_batch as points
from tests.makers.damage import the_field
from tests.makers.egms import egms_table
from tests.makers.generic import csv_text


def reverse(table):
    for name in list(table)[:-5][::-1]:
        table[name] = table.pop(name)


@pytest.mark.parametrize(
    "options",
    [{}, {"old_names": True}, {"change": reverse}, {"delimiter": ";"}],
    ids=["plain", "old names", "reversed", "semicolons"],
)
def test_names_order_and_delimiters_of_every_release_give_the_same_records(make_egms, options):
    batch = points(make_egms(velocity_mm_yr=5.0, **options))
    assert (batch.pid[0], batch.height_m[0], batch.rmse_mm[0]) == (b"pt00000000", 12.5, 1.5)
    assert batch.velocity_mm_yr == pytest.approx(5.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(10.0)  # two years, positive toward the satellite
    assert batch.los_up[0] > 0


def test_the_header_comes_from_xml_and_name(make_egms):
    header = open_velocity_field(make_egms()).header
    assert (header.level, header.track, header.burst, header.polarisation) == ("L2b", 117, "0227", "VV")
    assert (header.direction, header.component) == (Direction.ASCENDING, Component.LOS)
    assert header.release == "2020_2024_1"
    assert not header.simulated
    assert open_velocity_field(make_egms(los=(0.59, -0.12, 0.80))).header.direction is Direction.DESCENDING


def test_simulated_data_say_so_in_their_header(make_egms):
    path = make_egms(xml="<BURST><track>901</track><simulated>true</simulated></BURST>")
    header = open_velocity_field(path).header
    assert header.simulated
    assert "Copernicus" not in header.attribution


@pytest.mark.parametrize(("letter", "component"), [("U", Component.UP), ("E", Component.EAST)])
def test_l3_takes_its_component_from_the_name_and_its_position_from_the_grid(make_egms, letter, component):
    path = make_egms(f"EGMS_L3_E46N17_100km_{letter}_2020_2024_1.zip")
    header, batch = the_field(path)
    assert header.component is component
    assert header.posting_m == 100
    assert batch.latitude[0] == pytest.approx(38.69, abs=0.02)
    assert batch.longitude[0] == pytest.approx(13.19, abs=0.02)


BAD_TABLES = {
    "column 'mean_velocity' is missing": lambda table: table.pop("mean_velocity"),
    "column 'pid' is missing": lambda table: table.pop("pid"),
    "column 'los_up' is missing": lambda table: table.pop("los_up"),
    "column 'los_east' is missing": lambda table: table.pop("los_east"),
    "swapped": lambda table: table.update(latitude=table["longitude"], longitude=table["latitude"]),
    "not in order": lambda table: table.update({"20190101": table["20200103"]}),
    "not a date": lambda table: table.update({"20201399": table.pop("20200715")}),
    "holds 'fast', which is no number": lambda table: table["mean_velocity"].__setitem__(2, "fast"),
    "do not name the same places": lambda table: table.update(easting=[value + 1e6 for value in table["easting"]]),
    "no rows": lambda table: [column.clear() for column in table.values()],
}


@pytest.mark.parametrize("message", BAD_TABLES)
def test_a_bad_table_is_refused_with_a_line_that_names_the_fault(make_egms, message):
    assert message in damage.outcome(make_egms(change=BAD_TABLES[message]))


def test_a_wrong_format_is_not_forced_(make_egms):
    with pytest.raises(InputError, match="not a file of format 'licsbas'"):
        open_velocity_field(make_egms(), "licsbas")


@pytest.mark.parametrize(("sign", "component"), [("up", Component.UP), ("east", Component.EAST)])
def test_joined_l3_tables_have_the_component_that_is_declared_and_each_point_once(tmp_path, sign, component):
    table = egms_table(level="L3")
    joined = {name: [*values, *values[:5]] for name, values in table.items()}
    path = tmp_path / "whole_country.csv"
    path.write_text(csv_text(joined))
    read = damage.points(path, Declaration(positive=sign))
    assert (read.header.component, read.header.level, read.header.posting_m) == (component, "L3", 100)
    assert read.header.dates[0] == date(2020, 1, 3)
    assert sorted(read.columns.pid) == sorted(pid.encode() for pid in table["pid"])
    assert "Add --positive up (L3_.._U) or --positive east" in damage.outcome(path)


def test_a_zip_of_level_3_may_hold_its_grid_beside_its_table(tmp_path):
    table, grid = made.table("EGMS_L3_E46N17_100km_U_2020_2024_1.csv")(tmp_path), made.grid(tmp_path)
    with zipfile.ZipFile(tmp_path / "EGMS_L3_E46N17_100km_U_2020_2024_1.zip", "w") as archive:
        for file in (table, grid):
            archive.write(file, file.name)
    field = open_velocity_field(tmp_path / "EGMS_L3_E46N17_100km_U_2020_2024_1.zip")
    assert (field.header.component, field.header.has_series, len(field.header.dates)) == (Component.UP, True, 5)


def test_a_declared_component_may_not_contradict_the_name(make_egms):
    path = make_egms("EGMS_L3_E46N17_100km_U_2020_2024_1.zip")
    assert points(path, Declaration(positive="up")).pid.size == 12
    with pytest.raises(InputError, match="up by its name, but east by --positive"):
        open_velocity_field(path, declared=Declaration(positive="east"))


@pytest.mark.parametrize("years", ["", "_2018_2022_1", "_2019_2023_1", "_2020_2024_1"])
def test_every_release_is_known_by_its_name(make_egms, years):
    header = open_velocity_field(make_egms(f"EGMS_L2a_117_0227_IW2_VV{years}.zip")).header
    assert (header.release, header.level, header.tile) == (years[1:], "L2a", "L2a/117/0227/2/VV/los")

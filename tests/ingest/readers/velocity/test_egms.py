"""EGMS files: every release's names, our units and signs, and one clear line for what cannot be used."""

import zipfile

import numpy as np
import pytest

from ingest.errors import InputError
from ingest.formats import open_velocity_field
from ingest.models import Product
from ingest.products.services import product_load
from ingest.readers.records import Component, Direction
from tests.makers import damage
from tests.makers.damage import the_batch as points


@pytest.mark.parametrize("old_names", [False, True])
def test_both_generations_of_column_names_give_the_same_records(make_egms, old_names):
    batch = points(make_egms(old_names=old_names))
    assert batch.height_m[0] == pytest.approx(12.5)
    assert batch.rmse_mm[0] == pytest.approx(1.5)
    assert batch.pid[0] == b"pt00000000"


def test_los_stays_positive_toward_the_satellite(make_egms):
    batch = points(make_egms(velocity_mm_yr=5.0))
    assert batch.velocity_mm_yr == pytest.approx(5.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(10.0)  # two years at 5 mm/yr
    assert batch.los_up[0] > 0


def test_columns_may_stand_in_any_order(make_egms):
    def reverse(table):
        for name in list(table)[:-5][::-1]:
            table[name] = table.pop(name)

    batch = points(make_egms(change=reverse))
    assert batch.velocity_mm_yr == pytest.approx(5.0)


def test_semicolons_of_a_common_toolkit_are_understood(make_egms):
    assert points(make_egms(delimiter=";")).velocity_mm_yr == pytest.approx(5.0)


def test_the_header_comes_from_xml_and_name(make_egms):
    header = open_velocity_field(make_egms()).header
    assert (header.level, header.track, header.burst, header.polarisation) == ("L2b", 117, "0227", "VV")
    assert (header.direction, header.component) == (Direction.ASCENDING, Component.LOS)
    assert header.release == "2020_2024_1"
    assert not header.simulated


def test_a_satellite_in_the_east_is_a_descending_pass(make_egms):
    assert open_velocity_field(make_egms(los=(0.59, -0.12, 0.80))).header.direction is Direction.DESCENDING


def test_simulated_data_say_so_in_their_header(make_egms):
    path = make_egms(xml="<BURST><track>901</track><simulated>true</simulated></BURST>")
    header = open_velocity_field(path).header
    assert header.simulated
    assert "Copernicus" not in header.attribution


@pytest.mark.parametrize(("letter", "component"), [("U", Component.UP), ("E", Component.EAST)])
def test_l3_takes_its_component_from_the_name_and_its_position_from_the_grid(make_egms, letter, component):
    path = make_egms(f"EGMS_L3_E46N17_100km_{letter}_2020_2024_1.zip")
    field = open_velocity_field(path)
    (batch,) = field.batches()
    assert field.header.component is component
    assert field.header.posting_m == 100
    assert batch.latitude[0] == pytest.approx(38.69, abs=0.02)
    assert batch.longitude[0] == pytest.approx(13.19, abs=0.02)


def test_rows_without_a_velocity_are_left_out_and_counted(make_egms):
    def spoil(table):
        table["mean_velocity"][3] = "nan"
        table["mean_velocity"][5] = ""

    batch = points(make_egms(change=spoil))
    assert batch.pid.size == 10
    assert [row.pid for row in batch.refused] == ["pt00000003", "pt00000005"]
    assert {row.reason for row in batch.refused} == {"its velocity is not a number"}


def test_a_gap_in_a_series_is_not_a_zero(make_egms):
    batch = points(make_egms(change=lambda table: table["20210103"].__setitem__(0, "")))
    assert np.isnan(batch.displacement_mm[0, 2])


def drop(name):
    return lambda table: table.pop(name)


def rename(old, new):
    return lambda table: table.__setitem__(new, table.pop(old))


def swap(table):
    table["latitude"], table["longitude"] = table["longitude"], table["latitude"]


def out_of_order(table):
    table["20190101"] = table["20200103"]


def not_a_number(table):
    table["mean_velocity"][2] = "fast"


BAD_TABLES = {
    "column 'mean_velocity' is missing": drop("mean_velocity"),
    "column 'pid' is missing": drop("pid"),
    "column 'los_up' is missing": drop("los_up"),
    "column 'los_east' is missing": drop("los_east"),
    "swapped": swap,
    "not in order": out_of_order,
    "not a date": rename("20200715", "20201399"),
    "cannot be read": not_a_number,
}


@pytest.mark.parametrize("message", BAD_TABLES)
def test_a_bad_table_is_refused_with_a_line_that_names_the_fault(make_egms, message):
    path = make_egms(change=BAD_TABLES[message])
    with pytest.raises(InputError, match=message) as fault:
        list(open_velocity_field(path).batches())
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_a_truncated_zip_is_refused(make_egms):
    path = make_egms()
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a whole zip"):
        open_velocity_field(path)


def test_a_flipped_bit_is_noticed(make_egms):
    path = make_egms(n=2000)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged|cannot be read"):
        list(open_velocity_field(path).batches())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.zip", b"", "empty"),
        ("a.txt", b"pid,easting\n", "none of the known formats"),
        ("a.h5", b"pid,easting\n", "damaged"),
        ("a.csv", b"PK\x03\x04 something", "none of the known formats"),
        ("a.csv", b"\n", "the table is empty"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_velocity_field(path)


def test_a_header_without_rows_is_refused(make_egms):
    path = make_egms("EGMS_L2b_117_0227_IW2_VV_2020_2024_1.csv", n=0)
    with pytest.raises(InputError, match="no rows"):
        open_velocity_field(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.zip: there is no such file"):
        open_velocity_field(tmp_path / "nowhere.zip")


def test_an_l3_file_that_lost_its_name_is_asked_about(make_egms):
    path = make_egms("EGMS_L3_E46N17_100km_U_2020_2024_1.zip")
    with pytest.raises(InputError, match="vertical or east-west"):
        open_velocity_field(path.rename(path.with_name("download.zip")))


def test_a_zip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 50_000_000)
    with pytest.raises(InputError, match="would unpack"):
        open_velocity_field(path)


def test_two_tables_in_a_zip_are_refused(make_egms):
    path = make_egms()
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("second.csv", "pid\n")
    with pytest.raises(InputError, match=r"2 \.csv files"):
        open_velocity_field(path)


def test_xml_with_entities_is_refused(make_egms):
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><BURST><track>&b;</track></BURST>'
    )
    with pytest.raises(InputError, match="XML header"):
        open_velocity_field(make_egms(xml=bomb))


def test_a_wrong_format_is_not_forced(make_egms):
    with pytest.raises(InputError, match="not a file of format 'licsbas'"):
        open_velocity_field(make_egms(), "licsbas")


@pytest.mark.parametrize("suffix", ["zip", "csv"])
def test_a_table_cut_off_anywhere_is_refused(make_egms, suffix):
    path = make_egms(name=f"EGMS_L2b_117_0227_IW2_VV_2020_2024_1.{suffix}")
    whole = path.read_bytes().count(b"\n")
    for _ in damage.truncated(path):
        content = path.read_bytes()
        whole_lines = suffix == "csv" and content.endswith(b"\n") and 1 < content.count(b"\n") < whole
        assert damage.outcome(path) or whole_lines  # nothing in a CSV says that more lines came


@pytest.mark.parametrize("suffix", ["zip", "csv"])
def test_turned_bits_give_a_line_or_sane_numbers(make_egms, suffix):
    path = make_egms(name=f"EGMS_L2b_117_0227_IW2_VV_2020_2024_1.{suffix}", n=60)
    lines = [damage.outcome(path) for _ in damage.flipped(path, seeds=100, bits=2)]
    refused = [line for line in lines if line]
    assert refused
    assert all(line.startswith(f"{path}: ") for line in refused)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.update(latitude=table["longitude"], longitude=table["latitude"]), "swapped"),
        (lambda table: table.update(mean_velocity=["inf"] * 12), "none of its 12 rows"),
        (lambda table: table.update(easting=[value + 1e6 for value in table["easting"]]), "do not agree"),
    ],
)
def test_values_that_cannot_be_are_refused(make_egms, change, message, db):
    path = make_egms(change=change)
    with pytest.raises(InputError, match=message):
        product_load(path=path)
    assert not Product.objects.exists()

"""Shapefiles of points: geometry and table together, whatever the .prj and .cpg state, zipped or not."""

import zipfile
from datetime import date

import numpy as np
import pytest
import shapefile
from django.core.management import call_command
from pyproj import CRS, Transformer

from ingest.errors import InputError
from ingest.formats import open_velocity_field, recognise
from ingest.models import Product
from ingest.readers.records import Component, Declaration, Direction
from tests.makers import damage, shapefiles
from tests.makers.generic import DATES, table_of

TOWARD = Declaration(unit="mm/yr", positive="toward")
LAEA = "+proj=laea +lat_0=47 +lon_0=11 +x_0=1000 +y_0=2000 +ellps=GRS80 +units=m"  # no EPSG number


def the_points(path, declared=TOWARD):
    (batch,) = open_velocity_field(path, declared=declared).batches()
    return batch


def refused(path, message, declared=TOWARD):
    with pytest.raises(InputError) as fault:
        list(open_velocity_field(path, declared=declared).batches())
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


def written(path, prj=4326, names=None, **options):
    """Twelve points that sink; names: the file's own for columns."""
    table = table_of()
    crs = prj if prj else 4326
    to = Transformer.from_crs(4326, crs, always_xy=True).transform
    places = [to(x, y) for x, y in zip(table.pop("LON"), table.pop("LAT"), strict=True)]
    table = {(names or {}).get(name, name): values for name, values in table.items()}
    return shapefiles.write(path, places, table, prj, **options)


@pytest.mark.parametrize("prj", [4326, 4258, 25832, 32632, CRS.from_proj4(LAEA).to_wkt("WKT1_ESRI")])
def test_points_stand_where_the_prj_puts_them(tmp_path, prj):
    batch = the_points(written(tmp_path / "points.shp", prj))
    assert batch.longitude == pytest.approx([11.0 + 0.001 * index for index in range(12)], abs=2e-6)
    assert batch.latitude == pytest.approx(47.5, abs=2e-6)


@pytest.mark.parametrize("shape_type", [shapefile.POINTZ, shapefile.POINTM, shapefile.MULTIPOINT])
def test_every_type_of_single_points_is_read(tmp_path, shape_type):
    batch = the_points(written(tmp_path / "points.shp", shape_type=shape_type))
    assert batch.longitude[11] == pytest.approx(11.011)


def test_names_cut_to_ten_letters_are_known(tmp_path):
    cut = {"VEL": "mean_veloc", "COHERENCE": "temporal_c", "CODE": "pid"}
    cut |= {f"D{day}": f"d_{day}" for day in DATES}
    field = open_velocity_field(written(tmp_path / "points.shp", names=cut), declared=TOWARD)
    (batch,) = field.batches()
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.temporal_coherence == pytest.approx(0.9)
    assert field.header.dates == tuple(date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in DATES)


def test_points_of_p_sbas_are_centimetres_with_a_line_of_sight(tmp_path):
    table, n = table_of(unit="cm", velocity=-2.0), 12
    places = list(zip(table["LON"], table["LAT"], strict=True))
    given = {"ID": [300_000 + index for index in range(n)], "Lat": table["LAT"], "Lon": table["LON"]}
    given |= {"Topo": [99.5] * n, "Vel": table["VEL"], "Coer": [0.9] * n}
    given |= {"cosN": [-0.11] * n, "cosE": [0.65] * n, "cosU": [0.752] * n}
    given |= {f"D{day}": table[f"D{day}"] for day in DATES}
    path = shapefiles.write(tmp_path / "points.shp", places, given, shape_type=shapefile.MULTIPOINT)
    field = open_velocity_field(path, declared=Declaration(unit="cm/yr", positive="toward"))
    (batch,) = field.batches()
    assert batch.pid[3] == b"300003"
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)
    assert batch.height_m == pytest.approx(99.5)
    assert field.header.direction is Direction.DESCENDING  # the satellite stands east of the ground


@pytest.mark.parametrize(
    ("encoding", "stated"), [("utf-8", "UTF-8"), ("latin-1", "ISO-8859-1"), ("cp1252", "ANSI 1252")]
)
def test_texts_are_of_the_encoding_that_the_cpg_states(tmp_path, encoding, stated):
    table = {"CODE": [f"Höhe{index}" for index in range(3)], "VEL": [1.5, 2.5, 3.5]}
    path = shapefiles.write(tmp_path / "points.shp", [(11, 47), (11, 48), (11, 49)], table, encoding=encoding)
    path.with_suffix(".cpg").write_text(stated)
    assert [pid.decode() for pid in the_points(path).pid] == ["Höhe0", "Höhe1", "Höhe2"]


def test_empty_shapes_and_empty_numbers_are_rows_left_out(tmp_path):
    path = tmp_path / "points.shp"
    with shapefile.Writer(str(path), shapeType=shapefile.POINT) as writer:
        writer.field("ID", "N", 18, 0)
        writer.field("VEL", "N", 24, 15)
        for number, velocity in enumerate((1.5, None, 2.5), start=1):
            writer.null() if number == 1 else writer.point(11, 47)
            writer.record(number, velocity)
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
    batch = the_points(path)
    assert list(batch.pid) == [b"3"]
    assert {row.pid: row.reason for row in batch.refused} == {
        "1": "its position is not a number",
        "2": "its velocity is not a number",
    }


def test_a_deleted_row_takes_its_shape_with_it(tmp_path):
    path = written(tmp_path / "points.shp")
    table = path.with_suffix(".dbf")
    content = bytearray(table.read_bytes())
    header, length = int.from_bytes(content[8:10], "little"), int.from_bytes(content[10:12], "little")
    content[header + 2 * length] = ord("*")
    table.write_bytes(content)
    batch = the_points(path)
    assert batch.pid.size == 11
    assert batch.pid[2] == b"P00003"
    assert batch.longitude[2] == pytest.approx(11.003)


def test_the_index_is_not_needed(tmp_path):
    path = written(tmp_path / "points.shp")
    path.with_suffix(".shx").unlink()
    assert the_points(path).pid.size == 12


def test_a_missing_table_is_named(tmp_path):
    path = written(tmp_path / "points.shp")
    path.with_suffix(".dbf").unlink()
    refused(path, "the file points.dbf is missing beside it. Give all its parts")


def test_without_a_prj_the_system_is_asked_about_and_a_mapping_states_it(tmp_path):
    path = written(tmp_path / "points.shp", 25832)
    path.with_suffix(".prj").unlink()
    refused(path, "its geometry has no reference system (EPSG). Add epsg to a mapping")
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('unit = "mm/yr"\npositive = "toward"\nepsg = 25832\n')
    assert the_points(path, Declaration(mapping=mapping)).latitude == pytest.approx(47.5, abs=1e-6)


@pytest.mark.parametrize("text", ["", "UTM 33", 'PROJCS["cut'])
def test_a_prj_that_is_none_is_refused(tmp_path, text):
    path = written(tmp_path / "points.shp")
    path.with_suffix(".prj").write_text(text)
    refused(path, "points.prj states no reference system")


def test_columns_of_degrees_must_name_the_same_places_as_the_geometry(tmp_path):
    table = table_of()
    places = list(zip(table["LON"], table["LAT"], strict=True))
    table["LON"], table["LAT"] = table["LAT"], table["LON"]
    refused(shapefiles.write(tmp_path / "points.shp", places, table), "do not name the same places")


@pytest.mark.parametrize("names", [("LON", "LAT"), ("X", "Y")])
def test_columns_of_metres_beside_the_geometry_are_no_degrees(tmp_path, names):
    to = Transformer.from_crs(4326, 25832, always_xy=True).transform
    table = table_of()
    places = [to(x, y) for x, y in zip(table.pop("LON"), table.pop("LAT"), strict=True)]
    table |= dict(zip(names, map(list, zip(*places, strict=True)), strict=True))
    batch = the_points(shapefiles.write(tmp_path / "points.shp", places, table, 25832))
    assert batch.longitude[11] == pytest.approx(11.011, abs=1e-6)


def test_shapes_of_several_points_are_refused(tmp_path):
    path = tmp_path / "points.shp"
    with shapefile.Writer(str(path), shapeType=shapefile.MULTIPOINT) as writer:
        writer.field("VEL", "N", 24, 15)
        writer.multipoint([(11, 47), (11, 48)])
        writer.record(1.5)
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
    refused(path, "one of its shapes holds 2 points")


def test_polygons_are_no_points(tmp_path):
    path = tmp_path / "points.shp"
    with shapefile.Writer(str(path), shapeType=shapefile.POLYGON) as writer:
        writer.field("VEL", "N", 24, 15)
        writer.poly([[(11, 47), (11, 48), (12, 48), (11, 47)]])
        writer.record(1.5)
    refused(path, "its shapes are of the type Polygon, not Point")


def test_a_table_of_other_points_is_refused(tmp_path):
    path = written(tmp_path / "points.shp")
    table = {"CODE": ["A", "B"], "VEL": [1.5, 2.5]}
    other = shapefiles.write(tmp_path / "other.shp", [(11, 47), (11, 48)], table)
    other.with_suffix(".dbf").replace(path.with_suffix(".dbf"))
    refused(path, "it holds 12 shapes and its table 2 rows")


def test_a_zip_may_hold_a_folder_and_other_files_but_one_shapefile(tmp_path):
    path = written(tmp_path / "points.shp")
    packed = shapefiles.zipped(path, tmp_path / "packed.zip", "export/")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("export/readme.txt", "how it was made")
    assert recognise(packed) == "generic"
    assert the_points(packed).pid.size == 12
    with zipfile.ZipFile(packed, "a") as archive:
        archive.write(path, "export/second.shp")
    refused(packed, "packed.zip: the zip holds 2 layers where one is expected")


def test_a_fault_inside_a_zip_names_the_zip(tmp_path):
    path = written(tmp_path / "points.shp")
    path.with_suffix(".dbf").unlink()
    refused(shapefiles.zipped(path, tmp_path / "packed.zip"), "packed.zip: the file layer.dbf is missing")


@pytest.mark.parametrize("suffix", [".shp", ".dbf", ".prj"])
def test_every_part_may_be_damaged(tmp_path, suffix):
    path = written(tmp_path / "points.shp")
    outcomes = [damage.outcome(path, TOWARD) for _ in damage.truncated(path.with_suffix(suffix), 32)]
    assert "" not in outcomes
    outcomes = [damage.outcome(path, TOWARD) for _ in damage.flipped(path.with_suffix(suffix), 32)]
    assert set(outcomes) - {""}


@pytest.mark.django_db
def test_the_command_loads_shapefiles_of_a_folder_once_each(tmp_path, capsys):
    for name in ("north", "south"):
        written(tmp_path / f"{name}.shp", names={"VEL": "VEL_MM_YR"} if name == "north" else None)
    options = {"unit": "mm/yr", "positive": "toward"}
    call_command("ingest", str(tmp_path), **options)
    assert sorted(product.file_name for product in Product.objects.all()) == ["north.shp", "south.shp"]
    assert {product.n_points for product in Product.objects.all()} == {12}
    with pytest.raises(SystemExit):
        call_command("ingest", str(tmp_path / "north.shp"), **options)
    assert "already loaded" in capsys.readouterr().err


@pytest.mark.django_db
def test_a_folder_of_nothing_but_one_shapefile_is_that_shapefile(tmp_path):
    path = written(tmp_path / "points.shp")
    assert recognise(tmp_path) == "generic"
    assert the_points(tmp_path).pid.size == 12
    call_command("ingest", str(tmp_path), unit="mm/yr", positive="toward")
    with pytest.raises(SystemExit):  # it is the same product, however it is given
        call_command("ingest", str(path), unit="mm/yr", positive="toward")
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(InputError, match="none of the known formats"):
        recognise(tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "points", "dates", "first", "median", "direction"),
    [
        # the line of sight that the files state makes "Asc" a descending pass, and so do its dates (track 154)
        ("Sentinel_Asc", 573, 134, date(2015, 3, 9), -3.7, Direction.DESCENDING),
        ("Sentinel_Desc", 914, 146, date(2014, 10, 27), -1.1, Direction.ASCENDING),
    ],
)
def test_donana_is_read_in_centimetres(real_data, name, points, dates, first, median, direction):
    path = real_data / "velocity_real/donana_psbas" / f"{name}.shp"
    field = open_velocity_field(path, declared=Declaration(unit="cm/yr", positive="toward"))
    (batch,) = field.batches()
    header = field.header
    assert (batch.pid.size, len(header.dates), header.dates[0]) == (points, dates, first)
    assert (header.component, header.direction) == (Component.LOS, direction)
    assert np.median(batch.velocity_mm_yr) == pytest.approx(median, abs=0.06)
    assert batch.los_up.min() > 0.7
    assert 37.1 < batch.latitude.min() < batch.latitude.max() < 37.4

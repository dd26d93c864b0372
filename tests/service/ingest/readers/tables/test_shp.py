"""Shapefiles of points: geometry and table together, whatever the .prj and .cpg state, zipped or not."""

import zipfile
from datetime import date

import pytest
import shapefile
from django.core.management import call_command
from pyproj import CRS, Transformer

from ground_motion.readers.formats.registry import recognise
from ground_motion.readers.records import Direction
from tests.makers import damage, shapefiles
from tests.makers.damage import the_field
from tests.makers.generic import DATES, TOWARD, mapping, table_of

LAEA = "+proj=laea +lat_0=47 +lon_0=11 +x_0=1000 +y_0=2000 +ellps=GRS80 +units=m"  # no EPSG number


def refused(path, message):
    assert message in damage.outcome(path, TOWARD)


def the_batch(path, declared=TOWARD):
    return damage.the_batch(path, declared)


def written(path, prj=4326, names=None, **options):
    """Twelve points that sink; names: the file's own for columns."""
    table = table_of()
    crs = prj if prj else 4326
    to = Transformer.from_crs(4326, crs, always_xy=True).transform
    places = [to(x, y) for x, y in zip(table.pop("LON"), table.pop("LAT"), strict=True)]
    table = {(names or {}).get(name, name): values for name, values in table.items()}
    return shapefiles.write(path, places, table, prj, **options)


@pytest.mark.parametrize(
    ("prj", "shape_type"),
    [
        *((prj, shapefile.POINT) for prj in (4326, 4258, 25832, 32632, CRS.from_proj4(LAEA).to_wkt("WKT1_ESRI"))),
        *((4326, shape_type) for shape_type in (shapefile.POINTZ, shapefile.POINTM, shapefile.MULTIPOINT)),
    ],
)
def test_points_of_every_type_stand_where_the_prj_puts_them(tmp_path, prj, shape_type):
    batch = the_batch(written(tmp_path / "points.shp", prj, shape_type=shape_type))
    assert batch.longitude == pytest.approx([11.0 + 0.001 * index for index in range(12)], abs=2e-6)
    assert batch.latitude == pytest.approx(47.5, abs=2e-6)


def test_names_cut_to_ten_letters_are_known_and_a_deleted_row_takes_its_shape_with_it(tmp_path):
    cut = {"VEL": "mean_veloc", "COHERENCE": "temporal_c", "CODE": "pid"} | {f"D{day}": f"d_{day}" for day in DATES}
    path = written(tmp_path / "points.shp", names=cut)
    table = path.with_suffix(".dbf")
    content = bytearray(table.read_bytes())
    header, length = int.from_bytes(content[8:10], "little"), int.from_bytes(content[10:12], "little")
    content[header + 2 * length] = ord("*")
    table.write_bytes(content)
    header, batch = the_field(path, declared=TOWARD)
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.temporal_coherence == pytest.approx(0.9)
    assert header.dates == tuple(date(int(day[:4]), int(day[4:6]), int(day[6:])) for day in DATES)
    assert (batch.pid.size, batch.pid[2]) == (11, b"P00003")
    assert batch.longitude[2] == pytest.approx(11.003)


def test_points_of_p_sbas_are_centimetres_with_a_line_of_sight(tmp_path):
    table, n = table_of(unit="cm", velocity=-2.0), 12
    places = list(zip(table["LON"], table["LAT"], strict=True))
    given = {"ID": [300_000 + index for index in range(n)], "Lat": table["LAT"], "Lon": table["LON"]}
    given |= {"Topo": [99.5] * n, "Vel": table["VEL"], "Coer": [0.9] * n}
    given |= {"cosN": [-0.11] * n, "cosE": [0.65] * n, "cosU": [0.752] * n}
    given |= {f"D{day}": table[f"D{day}"] for day in DATES}
    path = shapefiles.write(tmp_path / "points.shp", places, given, shape_type=shapefile.MULTIPOINT)
    header, batch = the_field(path)
    assert batch.pid[3] == b"300003"
    assert batch.velocity_mm_yr == pytest.approx(-20.0)
    assert batch.displacement_mm[:, -1] == pytest.approx(-40.02)
    assert batch.height_m == pytest.approx(99.5)
    assert header.direction is Direction.DESCENDING  # the satellite stands east of the ground


@pytest.mark.parametrize(
    ("encoding", "stated"), [("utf-8", "UTF-8"), ("latin-1", "ISO-8859-1"), ("cp1252", "ANSI 1252")]
)
def test_texts_are_of_the_encoding_that_the_cpg_states(tmp_path, encoding, stated):
    table = {"CODE": [f"Höhe{index}" for index in range(3)], "VEL": [1.5, 2.5, 3.5]}
    path = shapefiles.write(tmp_path / "points.shp", [(11, 47), (11, 48), (11, 49)], table, encoding=encoding)
    path.with_suffix(".cpg").write_text(stated)
    assert [pid.decode() for pid in the_batch(path).pid] == ["Höhe0", "Höhe1", "Höhe2"]


def test_empty_shapes_and_empty_numbers_are_rows_left_out(tmp_path):
    path = tmp_path / "points.shp"
    with shapefile.Writer(str(path), shapeType=shapefile.POINT) as writer:
        writer.field("ID", "N", 18, 0)
        writer.field("VEL", "N", 24, 15)
        for number, velocity in enumerate((1.5, None, 2.5), start=1):
            writer.null() if number == 1 else writer.point(11, 47)
            writer.record(number, velocity)
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
    batch = the_batch(path)
    assert list(batch.pid) == [b"3"]
    assert {row.pid: row.reason for row in batch.refused} == {
        "1": "its position is not a number",
        "2": "its velocity is not a number",
    }


def test_without_a_prj_the_system_is_asked_about_and_a_mapping_states_it(tmp_path):
    path = written(tmp_path / "points.shp", 25832)
    path.with_suffix(".prj").unlink()
    refused(path, "its geometry has no reference system (EPSG). Add epsg to a mapping")
    utm = mapping(tmp_path, 'unit = "mm/yr"\npositive = "toward"\nepsg = 25832\n')
    assert the_batch(path, utm).latitude == pytest.approx(47.5, abs=1e-6)
    for text in ("", "UTM 33", 'PROJCS["cut'):
        path.with_suffix(".prj").write_text(text)
        refused(path, "")


def test_of_its_parts_the_index_alone_is_not_needed(tmp_path):
    path = written(tmp_path / "points.shp")
    path.with_suffix(".shx").unlink()
    assert the_batch(path).pid.size == 12
    path.with_suffix(".dbf").unlink()
    refused(path, "the file points.dbf is missing beside it. Give all its parts")
    refused(shapefiles.zipped(path, tmp_path / "packed.zip"), "packed.zip: the file points.dbf is missing")


def two_points(writer):
    writer.multipoint([(11, 47), (11, 48)])


def polygon(writer):
    writer.poly([[(11, 47), (11, 48), (12, 48), (11, 47)]])


@pytest.mark.parametrize(
    ("shape_type", "draw", "message"),
    [
        (shapefile.MULTIPOINT, two_points, "one of its shapes holds 2 points"),
        (shapefile.POLYGON, polygon, "it holds 0 point layers where one is expected: points (Polygon)"),
    ],
)
def test_shapes_that_are_no_single_points_are_refused(tmp_path, shape_type, draw, message):
    path = tmp_path / "points.shp"
    with shapefile.Writer(str(path), shapeType=shape_type) as writer:
        writer.field("VEL", "N", 24, 15)
        draw(writer)
        writer.record(1.5)
    path.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt("WKT1_ESRI"))
    refused(path, message)


@pytest.mark.parametrize("names", [("LON", "LAT"), ("X", "Y")])
def test_columns_of_metres_beside_the_geometry_are_no_degrees_and_a_table_of_other_points_is_refused(tmp_path, names):
    to = Transformer.from_crs(4326, 25832, always_xy=True).transform
    table = table_of()
    degrees = table.pop("LON"), table.pop("LAT")
    places = [to(x, y) for x, y in zip(*degrees, strict=True)]
    metres = dict(zip(names, map(list, zip(*places, strict=True)), strict=True))
    path = shapefiles.write(tmp_path / "points.shp", places, table | metres, 25832)
    assert the_batch(path).longitude[11] == pytest.approx(11.011, abs=1e-6)
    other = shapefiles.write(tmp_path / "other.shp", [(11, 47), (11, 48)], {"CODE": ["A", "B"], "VEL": [1.5, 2.5]})
    other.with_suffix(".dbf").replace(path.with_suffix(".dbf"))
    refused(path, "it holds 12 shapes and its table 2 rows")
    swapped = table | {"LON": degrees[1], "LAT": degrees[0]}
    refused(shapefiles.write(path, [*zip(*degrees, strict=True)], swapped), "do not name the same places")


def test_a_zip_may_hold_a_folder_and_other_files_but_one_shapefile(tmp_path):
    path = written(tmp_path / "points.shp")
    packed = shapefiles.zipped(path, tmp_path / "packed.zip", "export/")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("export/readme.txt", "how it was made")
    assert recognise(packed) == "generic"
    assert the_batch(packed).pid.size == 12
    with zipfile.ZipFile(packed, "a") as archive:
        archive.write(path, "export/second.shp")
    refused(packed, "packed.zip: it holds 2 products: points.shp, second.shp. Unpack it, and give what it holds")


@pytest.mark.django_db
def test_a_folder_of_nothing_but_one_shapefile_is_that_shapefile(tmp_path):
    path = written(tmp_path / "points.shp")
    assert recognise(tmp_path) == "generic"
    assert the_batch(tmp_path).pid.size == 12
    call_command("ingest", str(tmp_path), unit="mm/yr", positive="toward")
    with pytest.raises(SystemExit):  # it is the same product, however it is given
        call_command("ingest", str(path), unit="mm/yr", positive="toward")
    (tmp_path / "other.csv").write_text("a,b\n")
    refused(tmp_path, "no product that is known")

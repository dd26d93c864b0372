"""What is in an archive is read as if it were given itself; limits hold before anything is written."""

import bz2
import gc
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile

import pytest

from ground_motion.readers import archives
from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from tests.makers import shapefiles
from tests.makers.damage import outcome, the_batch
from tests.makers.generic import TOWARD, csv_text, make, table_of

TABLE = csv_text(table_of(n=12)).encode()


def tarred(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def workbook(path, sheets):
    """A spreadsheet of tables as CSV, with its words inline."""
    main, office = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    types, rels = f"{office}/package/2006/content-types", f"{office}/package/2006/relationships"
    kinds, ids = (
        "application/vnd.openxmlformats-officedocument.spreadsheetml",
        f"{office}/officeDocument/2006/relationships",
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Default Extension="rels" ContentType='
        f'"application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/xl/workbook.xml" '
        f'ContentType="{kinds}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{rels}"><Relationship Id="r" Type="{ids}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{ids}"><sheets>'
        + "".join(f'<sheet name="S{n}" sheetId="{n + 1}" r:id="r{n}"/>' for n in range(len(sheets)))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{rels}">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{ids}/worksheet" Target="worksheets/s{n}.xml"/>' for n in range(len(sheets))
        )
        + "</Relationships>",
    }
    for n, sheet in enumerate(sheets):
        rows = "".join(f"<row>{''.join(map(cell, line.split(',')))}</row>" for line in sheet.decode().splitlines())
        parts[f"xl/worksheets/s{n}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def cell(text):
    try:
        return f"<c><v>{float(text)!r}</v></c>"
    except ValueError:
        return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


PACKED = {
    "points.csv.gz": gzip.compress(TABLE),
    "points.csv.bz2": bz2.compress(TABLE),
    "points.csv.xz": lzma.compress(TABLE),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_packed_table_is_that_table(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(PACKED[name])
    assert recognise(path) == "generic"
    assert the_batch(path, TOWARD).velocity_mm_yr == pytest.approx(-20.0)


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz")]
)
def test_a_tar_gives_its_one_product(tmp_path, name, mode):
    path = tarred(tmp_path / name, {"export/readme.txt": b"made", "export/points.csv": TABLE}, mode)
    assert the_batch(path, TOWARD).pid.size == 12


def test_a_spreadsheet_gives_its_one_table(tmp_path):
    path = workbook(tmp_path / "points.xlsx", [TABLE, b""])
    assert the_batch(path, TOWARD).velocity_mm_yr == pytest.approx(-20.0)
    path = workbook(tmp_path / "numbers.xlsx", [b"Points of a town,,,\n\n" + TABLE.replace(b"D20", b"20")])
    assert the_batch(path, TOWARD).displacement_mm.shape == (12, 5)
    path = workbook(tmp_path / "two.xlsx", [TABLE, TABLE])
    assert "2 of its sheets hold a table: S0, S1" in outcome(path, TOWARD)


def test_without_the_extra_for_tables_a_spreadsheet_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "find_spec", lambda name: None)
    said = outcome(workbook(tmp_path / "points.xlsx", [TABLE]), TOWARD)
    assert "needs the extra `tables`. Export it as CSV" in said


def test_what_was_unpacked_stays_as_long_as_its_points_may_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    packed = shapefiles.zipped(make(tmp_path, "shp"), tmp_path / "points.zip")
    (field,) = open_velocity_fields(packed, declared=TOWARD)
    assert sum(batch.pid.size for batch in field.batches()) == sum(batch.pid.size for batch in field.batches()) == 12
    assert field.files == ()
    del field
    gc.collect()
    assert not list((tmp_path / "temporary").iterdir())


def test_several_products_in_one_archive_are_named(tmp_path):
    path = tarred(tmp_path / "two.tar", {"north.csv": TABLE, "south.csv": TABLE})
    assert "two.tar: it holds 2 products: north.csv, south.csv. Unpack it" in outcome(path, TOWARD)
    path = tarred(tmp_path / "none.tar", {"a.bin": b"1", "b.bin": b"2"})
    assert "none.tar: it holds no product at its top: a.bin, b.bin" in outcome(path, TOWARD)


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def encrypted(path):
    """A zip whose headers say that its member has a password."""
    content = bytearray(zipped(path, {"points.csv": TABLE}).read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(mark) + flags] |= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (encrypted, "a.zip: the zip is encrypted. Unpack it with its password"),
        (lambda path: zipped(path, {"b.zip": zipped(path, {"c.tif": b"II*"}).read_bytes()}), "another archive, b.zip"),
        (lambda path: zipped(path, {}), "it holds no file. Pack the files again"),
        (lambda path: zipped(path, {"a/vel.tif": b"II*", "b/vel.tif": b"II*"}), "no product at its top: a, b. Unpack"),
    ],
)
def test_an_archive_that_is_no_product_says_what_it_holds_and_the_next_step(tmp_path, make, message):
    assert message in outcome(make(tmp_path / "a.zip"), TOWARD)


def test_errors_name_the_archive_and_not_what_was_unpacked(tmp_path):
    path = tmp_path / "points.csv.gz"
    path.write_bytes(gzip.compress(TABLE.replace(b"-20.0", b"fast", 1)))
    assert outcome(path, TOWARD).startswith(f"{path}: line 2: column 'VEL' holds 'fast'")


def link(path):
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)


HOSTILE = {
    "a.tar": ("leads out of it", lambda path: tarred(path, {"../a.csv": TABLE})),
    "b.tar": ("leads out of it", lambda path: tarred(path, {"/tmp/a.csv": TABLE})),
    "c.tar": ("is a link", link),
    "d.tar": ("twice", lambda path: tarred(path, {"a.csv": TABLE, "./a.csv": TABLE})),
    "e.tar": ("files and more", lambda path: tarred(path, {f"{n}.csv": b"" for n in range(1100)})),
    "f.csv.gz": ("unpacks to more than", lambda path: path.write_bytes(gzip.compress(bytes(2**27)))),
    "g.csv.gz": ("archive is damaged", lambda path: path.write_bytes(gzip.compress(TABLE)[:-20])),
    "h.tar.gz": ("archive is damaged", lambda path: path.write_bytes(b"\x1f\x8b\x08" + bytes(100))),
    "i.xlsx": ("cannot be read as a spreadsheet", lambda path: path.write_bytes(b"PK\x03\x04" + bytes(99))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_with_its_own_name(tmp_path, name):
    message, write = HOSTILE[name]
    write(tmp_path / name)
    said = outcome(tmp_path / name, TOWARD)
    assert message in said
    assert said.startswith(str(tmp_path / name))


def test_only_so_much_is_unpacked_in_all(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 1000)
    assert "unpacks to more than" in outcome(tarred(tmp_path / "a.tar", {"a.csv": TABLE}), TOWARD)

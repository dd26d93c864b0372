"""What is in an archive is read as if it were given itself; limits hold before anything is written."""

import bz2
import gc
import gzip
import lzma
import shutil
import tempfile

import pytest

from ground_motion.core.errors import DiskFull
from ground_motion.readers import sheets
from ground_motion.readers.formats.registry import open_velocity_fields, recognise
from tests.makers import shapefiles
from tests.makers.damage import outcome, the_batch, zip_of
from tests.makers.generic import TOWARD, csv_text, make, table_of
from tests.makers.hostile import Trap
from tests.makers.hostile_archives import archives_and_sheets, tarred, workbook

TABLE = csv_text(table_of(n=12)).encode()


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
    path = tarred(tmp_path / name, [("export/readme.txt", b"made"), ("export/points.csv", TABLE)], mode)
    assert the_batch(path, TOWARD).pid.size == 12


def test_a_spreadsheet_gives_its_one_table(tmp_path):
    path = workbook(tmp_path / "points.xlsx", [TABLE, b""])
    assert the_batch(path, TOWARD).velocity_mm_yr == pytest.approx(-20.0)
    path = workbook(tmp_path / "numbers.xlsx", [b"Points of a town,,,\n\n" + TABLE.replace(b"D20", b"20")])
    assert the_batch(path, TOWARD).displacement_mm.shape == (12, 5)
    path = workbook(tmp_path / "two.xlsx", [TABLE, TABLE])
    assert "2 of its sheets hold a table: S0, S1" in outcome(path, TOWARD)


def test_without_the_extra_for_tables_a_spreadsheet_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "find_spec", lambda name: None)
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
    path = tarred(tmp_path / "two.tar", [("north.csv", TABLE), ("south.csv", TABLE)])
    assert "two.tar: it holds 2 products: north.csv, south.csv. Unpack it" in outcome(path, TOWARD)
    path = tarred(tmp_path / "none.tar", [("a.bin", b"1"), ("b.bin", b"2")])
    assert "none.tar: it holds no product at its top: a.bin, b.bin" in outcome(path, TOWARD)


def encrypted(path):
    """A zip whose headers say that its member has a password."""
    content = bytearray(zip_of(path, {"points.csv": TABLE}).read_bytes())
    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.find(mark) + flags] |= 1
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (encrypted, "a.zip: points.csv is encrypted. Unpack it with its password"),
        (lambda path: zip_of(path, {"b.zip": zip_of(path, {"c.tif": b"II*"}).read_bytes()}), "another archive, b.zip"),
        (lambda path: zip_of(path, {}), "it holds no file. Pack the files again"),
        (lambda path: zip_of(path, {"a/vel.tif": b"II*", "b/vel.tif": b"II*"}), "no product at its top: a, b. Unpack"),
    ],
)
def test_an_archive_that_is_no_product_says_what_it_holds_and_the_next_step(tmp_path, make, message):
    assert message in outcome(make(tmp_path / "a.zip"), TOWARD)


def test_errors_name_the_archive_and_not_what_was_unpacked(tmp_path):
    path = tmp_path / "points.csv.gz"
    path.write_bytes(gzip.compress(TABLE.replace(b"-20.0", b"fast", 1)))
    assert outcome(path, TOWARD).startswith(f"{path}: line 2: column 'VEL' holds 'fast'")


HOSTILE = {hostile.name: hostile for hostile in archives_and_sheets()}
WORDS = {
    "tar leading to ../a.csv": "it names a file outside itself (../a.csv). Do not use it",
    "tar leading to /tmp/a.csv": "it names a file outside itself (/tmp/a.csv). Do not use it",
    "tar with a link": "it holds a link (a.csv). Give the files themselves",
    "tar with a pipe": "it holds a link (a.csv). Give the files themselves",
    "tar with a table twice": "it holds ./a.csv twice",
    "tar with 1,100 files": "it holds more than 1,000 files",
    "tar with a file and a folder of one name": "a file and a folder that are both called a. Rename it, and pack",
    "tar with a file inside a file": "a file and a folder that are both called a. Rename it, and pack",
    "zip with a file and a folder of one name": "a file and a folder that are both called a. Rename it, and pack",
    "tar with a name of 300 letters": f"the name {'x' * 59}… is too long. Rename it",
    "zip with a name of 300 letters": f"the name {'x' * 59}… is too long. Rename it",
    "tar with 400 folders in each other": f"the name {'a/' * 29}a… is too long",
    "tar with a name that ends in its middle": "the name a?b.csv is not written in UTF-8",
    "tar with a name in another encoding": "the name ?.csv is not written in UTF-8",
    "tar without a name": "both called .. Rename it",
    "tar with a sparse file of 1 TB": "it would unpack to more than 16,777,216 bytes. Check where",
    "tar with a name of 100 MB": "bytes. Check where this file comes from",
    "tar.xz of 386 kB that unpacks to 2.5 GB": "bytes. Check where this file comes from",
    "gz that unpacks to 128 MB": "it would unpack to more than 26",
    "gz cut short": "archive is damaged",
    "tar.gz of noise": "archive is damaged",
    "tar whose numbers are words": "archive is damaged",
    "sheet that is none": "cannot be read as a spreadsheet",
    "sheet that unpacks to 100 MB": "it would unpack to more than",
    "sheet with a cell at its far end": "its cells need too much memory: one may stand far from the table. Delete",
}


@pytest.mark.parametrize("name", WORDS)
def test_a_hostile_archive_is_refused_with_its_own_name(tmp_path, name):
    path = HOSTILE[name].make_in(Trap(tmp_path, tmp_path, 0))
    said = outcome(path, TOWARD)
    assert WORDS[name] in said
    assert said.startswith(str(path))


def test_no_more_is_unpacked_than_half_of_the_free_disk(tmp_path, monkeypatch):
    path = zip_of(tmp_path / "a.zip", {"vel.tif": bytes(2**20)})
    disk = shutil.disk_usage(tmp_path)._replace(total=2**30, free=2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk)
    with pytest.raises(DiskFull, match=r"a.zip unpacks to 0.00 GB, but only 0.00 GB of the disk"):
        recognise(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk._replace(total=2**20))
    assert "1,048,576 bytes, more than this disk has room for. Split it into smaller files" in outcome(path, TOWARD)

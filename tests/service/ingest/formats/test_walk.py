"""Folders are walked wholly: products at any depth, and a report of what was loaded, refused and left alone."""

import os
import zipfile
from datetime import date
from pathlib import Path

import pytest
from django.core.management import call_command

from ground_motion.core.errors import InputError
from ground_motion.readers.formats import walk as walking
from ground_motion.readers.formats.registry import recognise
from ground_motion.readers.formats.walk import walk
from ground_motion.readers.records import Declaration
from ingest.management.commands import ingest as ingesting
from ingest.models import Product
from tests.makers import generic, geotiff, licsbas, mintpy

YEARS = (date(2019, 1, 1), date(2023, 12, 31))
DECLARED = {"unit": "mm/yr", "positive": "toward"}


def inside(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    return folder / name


def names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in walk(folder).arrivals]


def test_products_at_any_depth_are_found_and_other_files_are_left_alone_with_a_reason(tmp_path):
    licsbas.make(inside(tmp_path, "a/b/c"))
    folder = mintpy.make_folder(inside(tmp_path, "a/mintpy"))
    licsbas.make(folder)  # A table in the folder of a product is not swallowed by it.
    geotiff.make(folder, name="height.tif")  # as MintPy's own maps
    (tmp_path / "a" / "LICENSE").write_text("free")
    (tmp_path / "map.pdf").write_bytes(b"%PDF-1.7")
    assert names(tmp_path) == ["a/b/c/cum.h5", "a/mintpy/geo", "a/mintpy/geo/cum.h5"]
    assert {path.name: why.split(",")[0] for path, why in walk(tmp_path).left_alone.items()} == {
        "LICENSE": "neither its content nor its ending is that of a known format",
        "map.pdf": "this is a PDF document",
    }


def test_hidden_files_and_parts_of_others_are_no_files_of_their_own(tmp_path):
    generic.make(tmp_path / "shape", "shp", name="points.shp")
    geotiff.make(tmp_path, name="vel.tif")
    for name in (
        ".DS_Store",
        "vel.tif.ovr",
        "vel.tif.aux.xml",
        "vel.tfw",
        "Thumbs.db",
        ".vel.tif",
        "__MACOSX/._vel.tif",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "shape" / "points.qix").write_bytes(b"x")
    assert names(tmp_path) == ["shape", "vel.tif"]
    assert walk(tmp_path).left_alone == {}


def test_what_is_called_like_data_or_lacks_a_part_is_refused_and_not_left_alone(tmp_path):
    licsbas.make(tmp_path)
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4")
    (tmp_path / "colours.csv").write_text("name,colour\n")
    (tmp_path / "readme.txt").write_text("All about it.\n")
    (tmp_path / "half" / "results").mkdir(parents=True)
    for name in ("vel", "vstd"):
        (tmp_path / "half" / "results" / name).write_bytes(b"x")
    assert names(tmp_path) == ["colours.csv", "cum.h5", "cut.zip", "half/results"]
    assert {path.name for path in walk(tmp_path).left_alone} == {"readme.txt", "vel", "vstd"}


def test_layers_beside_velocities_are_left_alone_whatever_is_declared(tmp_path, make_egms):
    for name in ("velocity", "temporal_coherence", "20200101_20200113.unw"):
        geotiff.make(tmp_path / "maps", name=f"{name}.tif")
    found = walk(tmp_path / "maps", Declaration(unit="mm/yr", positive="toward"))
    assert [path.name for path in found.arrivals] == ["velocity.tif"]
    assert {path.name: why for path, why in found.left_alone.items()} == {
        "20200101_20200113.unw.tif": "by its name it holds an unwrapped interferogram, not velocities",
        "temporal_coherence.tif": "by its name it holds a coherence, not velocities",
    }
    known = make_egms(n=5)
    table = known.with_name("own.csv")
    table.write_text("Nr,Rechts,Hoch,Rate\n1,2,3,4\n")
    declared = Declaration(mapping=tmp_path / "m.toml")  # for tables that no particular reader knows
    assert (recognise(known, declared), recognise(table, declared)) == ("egms", "generic")
    (inside(tmp_path, "a/b") / "x.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match=r"holds no file of a known format \(1 others, such as x.pdf: this is a PDF"):
        walk(tmp_path / "a")


def test_depth_and_number_of_names_are_limited_and_links_in_circles_end(tmp_path, monkeypatch):
    deep = tmp_path.joinpath(*"abcdefghijklmnop")
    deep.mkdir(parents=True)
    licsbas.make(deep)
    licsbas.make(tmp_path)
    (tmp_path / "a" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "z").symlink_to(tmp_path / "a", target_is_directory=True)
    os.symlink("nowhere", tmp_path / "gone.csv")
    assert names(tmp_path) == ["cum.h5", "gone.csv"]
    assert "folders deep" in next(iter(walk(tmp_path).left_alone.values()))
    monkeypatch.setattr(walking, "MAX_NAMES", 3)
    with pytest.raises(InputError, match="more than 3 names"):
        walk(tmp_path)


@pytest.mark.django_db
def test_the_report_lists_what_was_loaded_refused_and_left_alone_and_a_command_to_paste(tmp_path, capsys):
    licsbas.make(inside(tmp_path, "a/b"))
    geotiff.make(tmp_path / "my maps", name="vel.tif")
    (tmp_path / "LICENSE").write_text("free")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("notes.md", b"x")
    for path, is_any in ((tmp_path / "other.zip", True), (tmp_path, False)):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            call_command("ingest", str(path), any=is_any)
        assert ended.value.code == 2
    said = capsys.readouterr()
    assert len(said.err.strip().splitlines()) == 2
    report = said.out[said.out.index("Loaded: 1\n") :]
    assert f"  {tmp_path}/a/b/cum.h5\nRefused: 2\n" in report
    assert f"  {tmp_path}/my maps/vel.tif: the unit, sign and period of its values are not declared\n" in report
    assert f"Left alone: 1\n  {tmp_path}/: LICENSE: neither its content" in report
    command = f"ingest --unit mm/yr --positive toward --period 2019-01-01/2023-12-31 '{tmp_path}/my maps/vel.tif'"
    assert command in report
    call_command("ingest", str(tmp_path), any=True, skip_loaded=True, period=YEARS, **DECLARED)
    (tmp_path / "other.zip").unlink()
    call_command(
        "ingest", str(tmp_path), skip_loaded=True, period=YEARS, **DECLARED
    )  # What is left alone is no failure.
    assert Product.objects.count() == 2


@pytest.mark.django_db
def test_one_file_that_cannot_be_read_or_shown_never_stops_the_others(tmp_path, capsys, monkeypatch):
    licsbas.make(inside(tmp_path, "good"))
    (tmp_path / "link.h5").symlink_to(tmp_path / "good" / "cum.h5")
    for name in (b"bad\xff.tif", b"two\nlines.csv"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"II*\0")
    broken = geotiff.make(tmp_path, name="broken.tif")
    load = ingesting.arrival_load

    def loaded(path, **options):
        if path == broken:
            raise KeyError("a fault of the program")
        return load(path=path, **options)

    monkeypatch.setattr(ingesting, "arrival_load", loaded)
    call_command("ingest", str(tmp_path), any=True, workers=1)
    said = capsys.readouterr()
    report = said.out[said.out.index("Loaded: 1\n") :].splitlines()
    assert [line.split(": ")[0] for line in report if line.startswith("  /")][1:] == [
        f"  {tmp_path}/{name}" for name in ("bad?.tif", "broken.tif", "two?lines.csv")
    ]
    assert f"{tmp_path}/bad?.tif: its name is not written in UTF-8" in said.out
    assert "KeyError: 'a fault of the program'" in said.err

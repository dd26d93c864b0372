"""Hostile archives other than zips of tables, and spreadsheets; and archives and spreadsheets that are sound."""

import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.makers.generic import csv_text, table_of
from tests.makers.hostile import Hostile, Trap

TABLE = csv_text(table_of(n=12)).encode()


def tarred(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(content), {"path": name} if "\0" in name else {}
            archive.addfile(info, io.BytesIO(content))
    return path


def workbook(path: Path, sheets: list[bytes], more: str = "") -> Path:
    """A spreadsheet of tables as CSV, with its words inline. more: rows of the first sheet, as XML."""
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
        rows += more if n == 0 else ""
        parts[f"xl/worksheets/s{n}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return path


def cell(text: str) -> str:
    try:
        return f"<c><v>{float(text)!r}</v></c>"
    except ValueError:
        return f'<c t="inlineStr"><is><t>{text}</t></is></c>'


def archives_and_sheets() -> Iterator[Hostile]:
    members: dict[str, list[tuple[str, bytes]]] = {
        "leading to ../a.csv": [("../a.csv", TABLE)],
        "leading to /tmp/a.csv": [("/tmp/a.csv", TABLE)],
        "with a table twice": [("a.csv", TABLE), ("./a.csv", TABLE)],
        "with 1,100 files": [(f"{n}.csv", b"") for n in range(1100)],
        "with a file and a folder of one name": [("a/b.csv", TABLE), ("a", b"")],
        "with a file inside a file": [("a", b""), ("a/b.csv", TABLE)],
        "with a name of 300 letters": [(f"{'x' * 300}.csv", TABLE)],
        "with 20 folders of 250 letters": [("/".join(["y" * 250] * 20 + ["a.csv"]), TABLE)],
        "with 400 folders in each other": [(f"{'a/' * 400}a.csv", TABLE)],
        "with a name that ends in its middle": [("a\0b.csv", TABLE)],
        "with a name in another encoding": [("\udcfc.csv", TABLE)],
        "without a name": [(".", TABLE)],
    }
    for what, files in members.items():
        yield Hostile(f"tar {what}", "a.tar", _tar(files))
    named = ("with a file and a folder of one name", "with a name of 300 letters", "with 20 folders of 250 letters")
    for what in named:
        yield Hostile(f"zip {what}", "a.zip", _zip(dict(members[what])))
    for what, kind in {"a link": tarfile.SYMTYPE, "a pipe": tarfile.FIFOTYPE}.items():
        yield Hostile(f"tar with {what}", "a.tar", _special(kind))
    yield Hostile("tar with a sparse file of 1 TB", "a.tar", _sparse)
    yield Hostile("tar with a name of 100 MB", "a.tar.gz", _long_name)
    yield Hostile("tar whose numbers are words", "a.tar", _words)
    yield Hostile("tar.xz of 386 kB that unpacks to 2.5 GB", "a.tar.xz", _dense)
    yield Hostile("gz that unpacks to 128 MB", "a.csv.gz", _bytes(lambda: gzip.compress(bytes(2**27))))
    yield Hostile("gz cut short", "a.csv.gz", _bytes(lambda: gzip.compress(TABLE)[:-20]))
    yield Hostile("tar.gz of noise", "a.tar.gz", _bytes(lambda: b"\x1f\x8b\x08" + bytes(100)))
    yield Hostile("sheet that is none", "a.xlsx", _bytes(lambda: b"PK\x03\x04" + bytes(99)))
    yield Hostile("sheet that unpacks to 100 MB", "a.xlsx", _zip({"xl/worksheets/sheet1.xml": bytes(10**8)}))
    yield Hostile("sheet with a cell at its far end", "a.xlsx", _far_cell)


def _bytes(content: Callable[[], bytes]) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(content())


def _tar(files: list[tuple[str, bytes]]) -> Callable[[Path, Trap], object]:
    return lambda path, trap: tarred(path, files)


def _zip(files: dict[str, bytes]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    return make


def _special(kind: bytes) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with tarfile.open(path, "w") as archive:
            info = tarfile.TarInfo("a.csv")
            info.type, info.linkname = kind, str(trap.canary)
            archive.addfile(info)

    return make


def _sparse(path: Path, trap: Trap) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,0", "GNU.sparse.size": f"{2**40}"}
        archive.addfile(info)


def _words(path: Path, trap: Trap) -> None:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "a,b", "GNU.sparse.size": "many"}
        archive.addfile(info)


def _long_name(path: Path, trap: Trap) -> None:
    """A header that says how long a name is comes before the name, and whoever reads tars holds all of it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 10**8
    with gzip.open(path, "wb", compresslevel=1) as out:
        out.write(info.tobuf(tarfile.GNU_FORMAT) + b"x" * (info.size + 10**4))


def _dense(path: Path, trap: Trap) -> None:
    """Zeros pack 1:6500: one packed piece is written again and again, without packing 2.5 GB."""
    head = tarfile.TarInfo("a.csv")
    head.size = 25 * 10**8
    piece = lzma.compress(bytes(5 * 10**7))
    path.write_bytes(lzma.compress(head.tobuf()) + piece * 51)


def _far_cell(path: Path, trap: Trap) -> None:
    workbook(path, [TABLE], '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')

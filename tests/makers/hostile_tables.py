"""Hostile tables, zips, XML headers, noise, and files that are two things at once; and the whole corpus."""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.makers import licsbas
from tests.makers.hostile import EGMS, L3, VRT, Hostile, Trap, foreign_rasters, hdf5s, plain_tiff, tiffs
from tests.makers.hostile_archives import archives_and_sheets
from tests.makers.hostile_products import point_files, safes, sizes

COLUMNS = (
    "pid,easting,northing,height,rmse,mean_velocity,mean_velocity_std,los_east,los_north,los_up,latitude,longitude"
)
DAYS = "20200103,20210103"
HEADER = f"{COLUMNS},{DAYS}"
ROW = "p1,4600000,1740000,10,1,5,0.1,-0.62,-0.1,0.78,38.6990,13.1890,0,5"
MAGICS = {
    "tiff": b"II*\0",
    "tiff-be": b"MM\0*",
    "bigtiff": b"II+\0\x08\0\0\0",
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "zip": b"PK\x03\x04",
    "zip-end": b"PK\x05\x06",
    "netcdf3": b"CDF\x01",
    "netcdf3-64": b"CDF\x02",
    "png": b"\x89PNG\r\n\x1a\n",
    "gzip": b"\x1f\x8b\x08",
    "pdf": b"%PDF-1.7\n",
    "elf": b"\x7fELF",
    "sqlite": b"SQLite format 3\0",
    "parquet": b"PAR1",
    "bom": b"\xef\xbb\xbf",
    "utf16": b"\xff\xfe",
    "xml": b"<?xml version='1.0'?>",
    "7z": b"7z\xbc\xaf\x27\x1c",
}
ENDINGS = (".tif", ".h5", ".nc", ".zip", ".csv")
Members = list[tuple[str, str | bytes]] | Callable[[], list[tuple[str, str | bytes]]]  # Large ones are made when asked.


def every() -> list[Hostile]:
    """The whole corpus, in a fixed order."""
    parts = (foreign_rasters, tiffs, hdf5s, zips, tables, xmls, noise, polyglots, safes, sizes, point_files)
    return [one for part in (*parts, archives_and_sheets) for one in part()]


def zips() -> Iterator[Hostile]:
    good = f"{HEADER}\n{ROW}\n"
    plain: dict[str, Members] = {
        "two tables": [("a.csv", good), ("b.csv", good)],
        "no table": [("readme.txt", "nothing")],
        "a zip in it": [("a.zip", _zip_bytes([("a.csv", good)]))],
        "a vrt in it": [("a.tif", VRT.format(source="/etc/passwd"))],
        "the same name twice": [("a.csv", good), ("a.csv", good)],
        "the same name in other letters": [("a.csv", good), ("A.CSV", good)],
        "a folder called a table": [("a.csv/", b"")],
        "ten thousand files": lambda: [(f"{i}.txt", "") for i in range(10_000)],
        "a hundred thousand files": lambda: [(f"{i}", "") for i in range(100_000)],
        "names with line ends": [("a\nb.txt", "x"), ("c\r.txt", "y")],
    }
    for what, members in plain.items():
        yield Hostile(f"zip with {what}", f"{EGMS}.zip", _zip(members))
    outside = ("../../escaped.csv", "/tmp/escaped.csv", "..\\..\\escaped.csv", "C:\\escaped.csv", "a/../../../e.csv")
    for where in outside:
        yield Hostile(f"zip leading to {where}", f"{EGMS}.zip", _zip([(where, good)]), harmless=True)
        yield Hostile(f"zip leading to {where} and more", f"{EGMS}.zip", _zip([(where, good), ("a.csv", good)]))
    yield Hostile("zip bomb", f"{EGMS}.zip", _zip(lambda: [("a.csv", b"0" * 100_000_000)]))
    lines = f"{HEADER}\n", f"{ROW}\n"
    yield Hostile("zip bomb of lines", f"{EGMS}.zip", _zip(lambda: [("a.csv", lines[0] + lines[1] * 500_000)]))
    yield Hostile("zip bomb of a header", f"{EGMS}.zip", _zip(lambda: [("a.csv", good), ("a.xml", b" " * 40_000_000)]))
    yield Hostile("zip with a link", f"{EGMS}.zip", _zip_link)
    changes: dict[str, Callable[[bytearray, int, int], None]] = {
        "an encrypted table": lambda raw, local, central: _flag(raw, local, central, 1),
        "a strongly encrypted table": lambda raw, local, central: _flag(raw, local, central, 0x41),
        "an unknown compression": lambda raw, local, central: _short(raw, local + 8, central + 10, 99),
        "a removed compression": lambda raw, local, central: _short(raw, local + 8, central + 10, 6),
        "a size that lies small": lambda raw, local, central: _long(raw, local + 22, central + 24, 10),
        "a size that lies large": lambda raw, local, central: _long(raw, local + 22, central + 24, 2**31),
        "a packed size that lies": lambda raw, local, central: _long(raw, local + 18, central + 20, 2**31),
        "a wrong checksum": lambda raw, local, central: _long(raw, local + 14, central + 16, 12345),
        "a table that starts elsewhere": lambda raw, local, central: struct.pack_into("<I", raw, central + 42, 2**31),
        "another name inside": lambda raw, local, central: raw.__setitem__(slice(local + 30, local + 31), b"/"),
    }
    for what, change in changes.items():
        yield Hostile(f"zip with {what}", f"{EGMS}.zip", _zip_changed(change))
    for at in (4, 10, 30, 60, -1, -10, -22, -40):
        yield Hostile(f"zip cut at {at}", f"{EGMS}.zip", _zip_cut(at))
    yield Hostile("zip with a comment that is a zip", f"{EGMS}.zip", _zip_comment)


def _zip_bytes(members: list[tuple[str, str | bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.NameToInfo.pop(name, None)
            archive.writestr(info, content)
    return buffer.getvalue()


def _zip(members: Members) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(_zip_bytes(members() if callable(members) else members))


def _zip_link(path: Path, trap: Trap) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("a.csv")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, str(trap.canary))


def _zip_changed(change: Callable[[bytearray, int, int], None]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        raw = bytearray(_zip_bytes([("a.csv", f"{HEADER}\n{ROW}\n")]))
        change(raw, raw.index(b"PK\x03\x04"), raw.index(b"PK\x01\x02"))
        path.write_bytes(raw)

    return make


def _flag(raw: bytearray, local: int, central: int, bits: int) -> None:
    _short(raw, local + 6, central + 8, bits)


def _short(raw: bytearray, local: int, central: int, value: int) -> None:
    for at in (local, central):
        struct.pack_into("<H", raw, at, value)


def _long(raw: bytearray, local: int, central: int, value: int) -> None:
    for at in (local, central):
        struct.pack_into("<I", raw, at, value)


def _zip_cut(at: int) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(_zip_bytes([("a.csv", f"{HEADER}\n{ROW}\n")])[:at])


def _zip_comment(path: Path, trap: Trap) -> None:
    inner = _zip_bytes([("evil.csv", "a,b\n")])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "x")
        archive.comment = inner


def tables() -> Iterator[Hostile]:
    bodies: dict[str, str | bytes | Callable[[], str]] = {
        "nul bytes": f"{HEADER}\n{ROW}\n".encode().replace(b"p1", b"p\0\0"),
        "nul header": b"\0" * 5000,
        "utf-16": f"{HEADER}\n{ROW}\n".encode("utf-16"),
        "utf-32": f"{HEADER}\n{ROW}\n".encode("utf-32"),
        "a million columns": lambda: ",".join(f"c{i}" for i in range(1_000_000)),
        "a hundred thousand date columns": lambda: f"{COLUMNS},{','.join('20200101' for _ in range(100_000))}\n",
        "a column twice": f"{HEADER},{DAYS}\n{ROW},1,2\n",
        "a day that is none": f"{COLUMNS},20209999,20210101\n{ROW}\n",
        "no rows": f"{HEADER}\n",
        "empty lines": f"{HEADER}\n" + "\n" * 100_000,
        "a row too short": f"{HEADER}\n{ROW}\np2,1\n",
        "a row too long": f"{HEADER}\n{ROW}\n{ROW},1,2,3\n",
        "words for numbers": f"{HEADER}\n{ROW.replace('4600000', 'east')}\n",
        "a number that is too large": f"{HEADER}\n{ROW.replace('4600000', '1e999')}\n",
        "positions at infinity": f"{HEADER}\n{ROW.replace('38.6990', 'inf').replace('13.1890', '-inf')}\n",
        "another place": f"{HEADER}\n{ROW.replace('38.6990', '13.1').replace('13.1890', '38.7')}\n",
        "an open quote": f'{HEADER}\n"{ROW}\n' + "x,y\n" * 1000,
        "control characters": f"{HEADER}\n\x1b[31m{ROW[2:]}\n".replace("mean_velocity,", "mean\x1b[2J,"),
        "a column of a path": f"{HEADER.replace('pid', '/etc/passwd')}\n{ROW}\n",
        "html": "<html><body><script>alert(1)</script></body></html>",
        "xml with an entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        "json": '{"pid": 1}',
        "shell": "#!/bin/sh\ncat /etc/passwd\n",
        "a pid of a megabyte": f"{HEADER}\n{'p' * 2**20}{ROW[2:]}\n",
        "bytes that are no text": f"{HEADER}\n".encode() + b"\xff\xfe\xfd" + ROW[2:].encode() + b"\n",
    }
    harmless = {  # the loader and the database decide about ids and rows; eastings are a check only
        "bytes that are no text",
        "nul bytes",
        "empty lines",
        "a pid of a megabyte",
        "a number that is too large",
        "positions at infinity",
    }
    for what, body in bodies.items():
        for name in (f"{EGMS}.csv", f"{EGMS}.zip"):
            yield Hostile(f"table with {what} {name[-3:]}", name, _table(body), harmless=what in harmless)
    formulas = ("=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", '=HYPERLINK("http://127.0.0.1/")')
    for formula in formulas:  # text that a spreadsheet would run; the export guards it, here it is a name
        yield Hostile(
            f"formula {formula[:8]}", f"{EGMS}.csv", _table(f'{HEADER}\n"{formula}"{ROW[2:]}\n'), harmless=True
        )
    yield Hostile("a line of 1 GB without an end", f"{EGMS}.csv", _endless(b"", 2**30))
    yield Hostile("a row of 1 GB without an end", f"{EGMS}.csv", _endless(f"{HEADER}\n".encode(), 2**30))


def _table(body: str | bytes | Callable[[], str]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        text = body() if callable(body) else body
        raw = text.encode() if isinstance(text, str) else text
        path.write_bytes(_zip_bytes([("a.csv", raw)]) if path.suffix == ".zip" else raw)

    return make


def _endless(start: bytes, size: int) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with path.open("wb") as stream:
            stream.write(start)
            stream.truncate(size)

    return make


def xmls() -> Iterator[Hostile]:
    lol = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    bodies = {
        "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "lol">{lol}]><a>&l9;</a>',
        "external entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file://{canary}">]><BURST><track>&b;</track></BURST>',
        "external entity by net": '<!DOCTYPE a [<!ENTITY b SYSTEM "http://127.0.0.1:{port}/x">]><BURST><track>&b;</track></BURST>',
        "parameter entity": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:{port}/x.dtd">%b;]><BURST/>',
        "external dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/x.dtd"><BURST/>',
        "deep": "<a>" * 200_000 + "</a>" * 200_000,
        "open": "<BURST><track>117",
        "no xml": "track: 117",
        "nothing": "",
        "two roots": "<a/><b/>",
    }
    for what, body in bodies.items():
        yield Hostile(f"xml with {what}", f"{EGMS}.zip", _xml(body))


def _xml(body: str) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        path.write_bytes(_zip_bytes([("a.csv", f"{HEADER}\n{ROW}\n"), ("a.xml", trap.named_in(body))]))

    return make


def noise() -> Iterator[Hostile]:
    for what, magic in MAGICS.items():
        for ending in ENDINGS:
            known = {".tif": L3, ".zip": f"{EGMS}.zip", ".csv": f"{EGMS}.csv"}.get(ending, f"cum{ending}")
            for seed, name in ((1, f"noise{ending}"), (2, known)):
                yield Hostile(f"noise {what} {ending} {seed}", name, _noise(magic, seed))


def _noise(magic: bytes, seed: int) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(magic + random.Random(repr((magic, seed))).randbytes(4096))


def polyglots() -> Iterator[Hostile]:
    def glued(first: str, second: str) -> Callable[[Path, Trap], object]:
        return lambda path, trap: path.write_bytes(_piece(first, trap) + _piece(second, trap))

    before = (("tiff", "zip"), ("csv", "zip"), ("vrt", "tiff"), ("vrt", "zip"))
    for first, second in (*before, ("hdf5", "vrt"), ("vrt", "hdf5"), ("zip", "vrt")):
        for ending in ENDINGS:
            # a table before a zip is read as the zip that it also is; a GeoTIFF with a zip behind it is a GeoTIFF
            yield Hostile(f"{first} and {second} as {ending}", f"{EGMS}{ending}", glued(first, second), harmless=True)


def _piece(kind: str, trap: Trap) -> bytes:
    if kind == "csv":
        return f"{HEADER}\n{ROW}\n".encode()
    if kind == "vrt":
        return VRT.format(source=trap.canary).encode()
    if kind == "zip":
        return _zip_bytes([("a.csv", f"{HEADER}\n{ROW}\n")])
    path = plain_tiff(trap.folder / "piece.tif") if kind == "tiff" else licsbas.make(trap.folder)
    return path.read_bytes()

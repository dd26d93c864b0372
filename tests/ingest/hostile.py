"""Hostile files, by the hundred: each is made into a folder and must be refused by whoever reads it.

A maker gets a Trap: where to write, a canary file that must never be read, and the port of a socket that must never be
reached. A new format adds a function that yields Hostile and names it in `every`.
"""

import io
import random
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import rasterio
from affine import Affine

CANARY = b"CANARY-7f3a91c2-never-to-be-seen"
EGMS = "EGMS_L2b_117_0227_IW2_VV_2020_2024_1"
L3 = "EGMS_L3_E45N17_100km_U_2020_2024_1.tif"
RTC = "OPERA_L2_RTC-S1_T137-292320-IW2_20211119T015900Z_20250830T120333Z_S1A_30_v1.0_VV.tif"
COLUMNS = (
    "pid,easting,northing,height,rmse,mean_velocity,mean_velocity_std,los_east,los_north,los_up,latitude,longitude"
)
DAYS = "20200103,20210103"
HEADER = f"{COLUMNS},{DAYS}"
ROW = "p1,4600000,1740000,10,1,5,0.1,-0.62,-0.1,0.78,38.6990,13.1890,0,5"
MAGICS = {
    "tiff": b"II*\0", "tiff-be": b"MM\0*", "bigtiff": b"II+\0\x08\0\0\0", "hdf5": b"\x89HDF\r\n\x1a\n", "zip": b"PK\x03\x04",
    "zip-end": b"PK\x05\x06", "netcdf3": b"CDF\x01", "netcdf3-64": b"CDF\x02", "png": b"\x89PNG\r\n\x1a\n", "gzip": b"\x1f\x8b\x08",
    "pdf": b"%PDF-1.7\n", "elf": b"\x7fELF", "sqlite": b"SQLite format 3\0", "parquet": b"PAR1", "bom": b"\xef\xbb\xbf",
    "utf16": b"\xff\xfe", "xml": b"<?xml version='1.0'?>", "7z": b"7z\xbc\xaf\x27\x1c",
}  # fmt: skip
ENDINGS = (".tif", ".h5", ".nc", ".zip", ".csv")


class Trap(NamedTuple):
    """What a maker may point at."""

    folder: Path
    canary: Path
    port: int


class Hostile(NamedTuple):
    """name: of the trick; file: what it is called; make: writes it. harmless: may be read as what it says it is."""

    name: str
    file: str
    make: Callable[[Path, Trap], object]
    harmless: bool = False


def every() -> list[Hostile]:
    """The whole corpus, in a fixed order."""
    parts = (foreign_rasters, tiffs, hdf5s, zips, tables, xmls, noise, polyglots)
    return [one for part in parts for one in part()]


# ---- rasters that are none, or that lead elsewhere ----
VRT = """<VRTDataset rasterXSize="4" rasterYSize="4"><SRS>EPSG:32633</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>
<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand"><SourceFilename>{source}</SourceFilename></VRTRasterBand>
</VRTDataset>"""


def foreign_rasters() -> Iterator[Hostile]:
    vrts = {
        "canary": lambda trap: str(trap.canary),
        "socket": lambda trap: f"/vsicurl/http://127.0.0.1:{trap.port}/a.tif",
        "streaming": lambda trap: f"/vsicurl_streaming/http://127.0.0.1:{trap.port}/a.tif",
        "s3": lambda trap: "/vsis3/bucket/a.tif",
        "stdin": lambda trap: "/vsistdin/",
        "zip": lambda trap: f"/vsizip/{trap.canary}",
        "subfile": lambda trap: f"/vsisubfile/0_10,{trap.canary}",
        "proc": lambda trap: "/proc/self/environ",
    }
    for what, source in vrts.items():
        for name in ("velocity.tif", L3, RTC, "a.nc", "cum.h5"):
            yield Hostile(f"vrt to {what} as {Path(name).suffix} {name[:4]}", name, _vrt(source))
    texts = {
        "wms": '<GDAL_WMS><Service name="WMS"><ServerUrl>http://127.0.0.1:{port}/?</ServerUrl></Service></GDAL_WMS>',
        "wcs": "<WCS_GDAL><ServiceURL>http://127.0.0.1:{port}/?</ServiceURL></WCS_GDAL>",
        "gti": "<GDALTileIndexDataset><IndexDataset>{canary}</IndexDataset></GDALTileIndexDataset>",
        "mrf": "<MRF_META><CachedSource><Source>{canary}</Source></CachedSource></MRF_META>",
        "envi": "ENVI\nsamples = 4\nlines = 4\nbands = 1\n",
        "path": "{canary}",
        "url": "/vsicurl/http://127.0.0.1:{port}/a.tif",
        "netcdf name": 'NETCDF:"{canary}":cum',
    }
    for what, text in texts.items():
        for name in ("velocity.tif", "a.h5", "a.csv"):
            yield Hostile(f"{what} text as {Path(name).suffix}", name, _text(text))


def _vrt(source: Callable[[Trap], str]) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_text(VRT.format(source=source(trap)))


def _text(text: str) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_text(text.format(port=trap.port, canary=trap.canary))


# ---- TIFF ----
def tiffs() -> Iterator[Hostile]:
    for name in ("velocity.tif", L3, RTC):
        short = name[:5]
        yield Hostile(f"sparse 1,000 GB {short}", name, _sparse(500_000, 500_000))
        yield Hostile(f"wide {short}", name, _sparse(2_000_000_000, 1))
        yield Hostile(f"deflate bomb {short}", name, _sparse(40_000, 40_000))
        yield Hostile(
            f"reference system with a file {short}", name, _crs("+proj=utm +zone=33 +nadgrids={canary} +units=m")
        )
        yield Hostile(
            f"reference system from the net {short}",
            name,
            _crs("+proj=utm +zone=33 +nadgrids=http://127.0.0.1:{port}/g"),
        )
        for what, patch in _TIFF_PATCHES.items():
            yield Hostile(f"{what} {short}", name, _patched(patch))


_TIFF_PATCHES: dict[str, Callable[[bytes], bytes]] = {
    "directory far away": lambda raw: raw[:4] + struct.pack("<I", 0xFFFFFFF0) + raw[8:],
    "directory in the header": lambda raw: raw[:4] + struct.pack("<I", 0) + raw[8:],
    "directory that is its own next": lambda raw: _own_next(raw),
    "more entries than bytes": lambda raw: _entries(raw, 0xFFFF),
    "no entries": lambda raw: _entries(raw, 0),
    "cut in the directory": lambda raw: raw[: struct.unpack("<I", raw[4:8])[0] + 20],
    "cut in the header": lambda raw: raw[:6],
    "header only": lambda raw: raw[:8],
}


def _own_next(raw: bytes) -> bytes:
    at = struct.unpack("<I", raw[4:8])[0]
    count = struct.unpack("<H", raw[at : at + 2])[0]
    end = at + 2 + 12 * count
    return raw[: at + 2] + b"\0" * (12 * count) + struct.pack("<I", at) + raw[end + 4 :]


def _entries(raw: bytes, count: int) -> bytes:
    at = struct.unpack("<I", raw[4:8])[0]
    return raw[:at] + struct.pack("<H", count) + raw[at + 2 :]


def _plain_tiff(path: Path, **changes) -> None:
    profile = {
        "driver": "GTiff", "dtype": "float32", "count": 1, "width": 8, "height": 8, "crs": "EPSG:32633",
        "transform": Affine(30, 0, 4e5, 0, -30, 5e6),
    } | changes  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(np.ones((profile["height"], profile["width"]), dtype=np.float32), 1)


def _patched(patch: Callable[[bytes], bytes]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        _plain_tiff(path)
        path.write_bytes(patch(path.read_bytes()))

    return make


def _sparse(width: int, height: int) -> Callable[[Path, Trap], object]:
    """Declares width x height float32 values and holds none of them."""

    def make(path: Path, trap: Trap) -> None:
        side = 512 if height > 1 else 16
        profile = {
            "driver": "GTiff", "dtype": "float32", "count": 1, "width": width, "height": height, "crs": "EPSG:32633",
            "transform": Affine(30, 0, 4e5, 0, -30, 5e6), "SPARSE_OK": True, "BIGTIFF": "YES", "tiled": height > 1,
            "compress": "deflate",
        }  # fmt: skip
        if height > 1:
            profile |= {
                "blockxsize": 8192 if width > 100_000 else side,
                "blockysize": 8192 if width > 100_000 else side,
            }
        else:
            profile["blockysize"] = 1
        with rasterio.open(path, "w", **profile):
            pass

    return make


def _crs(text: str) -> Callable[[Path, Trap], object]:
    """A reference system as text in the file's keys, leading to a file or a host."""

    def make(path: Path, trap: Trap) -> None:
        wanted = text.format(port=trap.port, canary=trap.canary)
        _plain_tiff(path)
        raw = path.read_bytes()
        keys = f"PROJ {wanted}|".encode()
        path.write_bytes(raw + keys)
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(PROJ=wanted, SRS=wanted)
            raster.crs = None

    return make


# ---- HDF5 and NetCDF-4 ----
def hdf5s() -> Iterator[Hostile]:
    tricks: dict[str, Callable[[h5py.File, Trap], object]] = {
        "declares 4,000 GB": lambda f, t: _declare(f, (1000, 1_000_000, 1000)),
        "declares more than can be": lambda f, t: _declare(f, (2**40, 2**20, 4)),
        "external link": lambda f, t: _put(f, "cum", h5py.ExternalLink(str(t.canary), "cum")),
        "external link by url": lambda f, t: _put(f, "cum", h5py.ExternalLink(f"http://127.0.0.1:{t.port}/a.h5", "/")),
        "external link in a group": lambda f, t: _put(f.create_group("deep"), "cum", h5py.ExternalLink(str(t.canary), "/")),
        "external storage": lambda f, t: _external(f, t),
        "virtual dataset": lambda f, t: _virtual(f, t),
        "soft link": lambda f, t: _put(f, "cum", h5py.SoftLink("/vel")),
        "soft link to itself": lambda f, t: _put(f, "cum", h5py.SoftLink("/cum")),
        "soft link to nothing": lambda f, t: _put(f, "cum", h5py.SoftLink("/nothing/at/all")),
        "hard-link cycle": lambda f, t: _cycle(f),
        "hard link to the root": lambda f, t: _put(f, "root", f["/"]),
        "deep groups": lambda f, t: f.create_group("/".join(["g"] * 3000)),
        "many objects": lambda f, t: [f.create_group(f"g{i}") for i in range(10_500)],
        "a group in place of a dataset": lambda f, t: (f.pop("cum"), f.create_group("cum")),
        "a text in place of a number": lambda f, t: (f.pop("cum"), f.create_dataset("cum", data="x" * 1000)),
        "an object reference": lambda f, t: (f.pop("cum"), f.create_dataset("cum", data=f["vel"].ref, dtype=h5py.ref_dtype)),
        "strings of any length": lambda f, t: (f.pop("imdates"), f.create_dataset("imdates", data=["a" * 1000] * 3)),
        "a compound": lambda f, t: (f.pop("vel"), f.create_dataset("vel", data=np.zeros((4, 5), dtype=[("a", "f4"), ("b", "i8")]))),
        "no dimensions": lambda f, t: (f.pop("cum"), f.create_dataset("cum", data=3.0)),
        "thirty dimensions": lambda f, t: (f.pop("cum"), f.create_dataset("cum", shape=(1,) * 30)),
        "nothing in it": lambda f, t: (f.pop("vel"), f.create_dataset("vel", data=h5py.Empty("f4"))),
        "dates beyond the calendar": lambda f, t: (f.pop("imdates"), f.create_dataset("imdates", data=[2**62, 1, -5])),
        "corner at infinity": lambda f, t: (f.pop("corner_lat"), f.create_dataset("corner_lat", data=np.inf)),
        "corner that is a field": lambda f, t: (f.pop("corner_lat"), f.create_dataset("corner_lat", data=np.zeros(7))),
        "corner that is a text": lambda f, t: (f.pop("corner_lat"), f.create_dataset("corner_lat", data="/etc/passwd")),
    }  # fmt: skip
    for what, trick in tricks.items():
        for name in ("cum.h5", "velocity.nc"):
            yield Hostile(f"{what} {name[-3:]}", name, _hdf5(trick))
    for at in (8, 9, 13, 24, 40, 60, 96, 200, 500, 1000):
        yield Hostile(f"hdf5 cut at {at}", "cum.h5", _cut_hdf5(at))
    yield Hostile("netcdf 3 that declares 4,000 GB", "a.nc", lambda path, trap: path.write_bytes(
        b"CDF\x02" + struct.pack(">IIIII", 0, 10, 1, 1, 0x78000000) + struct.pack(">I", 0x7FFFFFFF) + b"\0" * 40))  # fmt: skip


def _hdf5(trick: Callable[[h5py.File, Trap], object]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with h5py.File(path, "w") as file:
            _licsbas(file)
            trick(file, trap)

    return make


def _licsbas(file: h5py.File) -> None:
    velocity = np.full((4, 5), 3.0, dtype=np.float32)
    content = {
        "imdates": np.array([20200101, 20200701, 20210101]), "vel": velocity, "cum": np.zeros((3, 4, 5), np.float32),
        "corner_lat": 19.5, "corner_lon": -99.2, "post_lat": -0.001, "post_lon": 0.001,
    }  # fmt: skip
    for key, value in content.items():
        file[key] = value


def _put(group: h5py.Group, name: str, what: object) -> None:
    if name in group:
        del group[name]
    group[name] = what


def _declare(file: h5py.File, shape: tuple[int, ...]) -> None:
    del file["cum"]
    file.create_dataset("cum", shape=shape, dtype="f4", chunks=(1, 100, 4))


def _external(file: h5py.File, trap: Trap) -> None:
    del file["cum"]
    file.create_dataset("cum", shape=(1, 4, 5), dtype="u1", external=[(str(trap.canary), 0, 20)])


def _virtual(file: h5py.File, trap: Trap) -> None:
    del file["cum"]
    layout = h5py.VirtualLayout(shape=(3, 4, 5), dtype="f4")
    layout[:] = h5py.VirtualSource(str(trap.canary), "cum", shape=(3, 4, 5))
    file.create_virtual_dataset("cum", layout)


def _cycle(file: h5py.File) -> None:
    one = file.create_group("one")
    one["two"] = file.create_group("two")
    file["two"]["one"] = one


def _cut_hdf5(at: int) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with h5py.File(path, "w") as file:
            _licsbas(file)
        path.write_bytes(path.read_bytes()[:at])

    return make


# ---- zip ----
def zips() -> Iterator[Hostile]:
    good = f"{HEADER}\n{ROW}\n"
    plain: dict[str, list[tuple[str, str | bytes]]] = {
        "two tables": [("a.csv", good), ("b.csv", good)],
        "no table": [("readme.txt", "nothing")],
        "a zip in it": [("a.zip", _zip_bytes([("a.csv", good)]))],
        "a vrt in it": [("a.tif", VRT.format(source="/etc/passwd"))],
        "the same name twice": [("a.csv", good), ("a.csv", good)],
        "the same name in other letters": [("a.csv", good), ("A.CSV", good)],
        "a folder called a table": [("a.csv/", b"")],
        "ten thousand files": [(f"{i}.txt", "") for i in range(10_000)],
        "a hundred thousand files": [(f"{i}", "") for i in range(100_000)],
        "names with line ends": [("a\nb.txt", "x"), ("c\r.txt", "y")],
    }
    for what, members in plain.items():
        yield Hostile(f"zip with {what}", f"{EGMS}.zip", _zip(members))
    for where in (
        "../../escaped.csv",
        "/tmp/escaped.csv",
        "..\\..\\escaped.csv",
        "C:\\escaped.csv",
        "a/../../../e.csv",
    ):
        yield Hostile(f"zip leading to {where}", f"{EGMS}.zip", _zip([(where, good)]), harmless=True)
        yield Hostile(f"zip leading to {where} and more", f"{EGMS}.zip", _zip([(where, good), ("a.csv", good)]))
    yield Hostile("zip bomb", f"{EGMS}.zip", _zip([("a.csv", b"0" * 100_000_000)]))
    yield Hostile(
        "zip bomb of lines", f"{EGMS}.zip", _zip([("a.csv", f"{HEADER}\n".encode() + f"{ROW}\n".encode() * 500_000)])
    )
    yield Hostile("zip bomb of a header", f"{EGMS}.zip", _zip([("a.csv", good), ("a.xml", b" " * 40_000_000)]))
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


def _zip(members: list[tuple[str, str | bytes]]) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(_zip_bytes(members))


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


# ---- tables ----
def tables() -> Iterator[Hostile]:
    bodies: dict[str, str | bytes] = {
        "nul bytes": f"{HEADER}\n{ROW}\n".encode().replace(b"p1", b"p\0\0"),
        "nul header": b"\0" * 5000,
        "utf-16": f"{HEADER}\n{ROW}\n".encode("utf-16"),
        "utf-32": f"{HEADER}\n{ROW}\n".encode("utf-32"),
        "a million columns": ",".join(f"c{i}" for i in range(1_000_000)),
        "a hundred thousand date columns": f"{COLUMNS},{','.join('20200101' for _ in range(100_000))}\n",
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
    harmless = {"bytes that are no text", "nul bytes", "empty lines", "a pid of a megabyte"}  # the database decides
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


def _table(body: str | bytes) -> Callable[[Path, Trap], object]:
    raw = body.encode() if isinstance(body, str) else body
    return lambda path, trap: path.write_bytes(_zip_bytes([("a.csv", raw)]) if path.suffix == ".zip" else raw)


def _endless(start: bytes, size: int) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with path.open("wb") as stream:
            stream.write(start)
            stream.truncate(size)

    return make


# ---- XML inside a zip ----
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
        text = body.replace("{canary}", str(trap.canary)).replace("{port}", str(trap.port))
        path.write_bytes(_zip_bytes([("a.csv", f"{HEADER}\n{ROW}\n"), ("a.xml", text)]))

    return make


# ---- noise and things that are two things ----
def noise() -> Iterator[Hostile]:
    for what, magic in MAGICS.items():
        for ending in ENDINGS:
            for seed in (1, 2):
                name = (
                    f"noise{ending}"
                    if seed == 1
                    else {".tif": L3, ".zip": f"{EGMS}.zip", ".csv": f"{EGMS}.csv"}.get(ending)
                )
                yield Hostile(f"noise {what} {ending} {seed}", name or f"cum{ending}", _noise(magic, seed))


def _noise(magic: bytes, seed: int) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(magic + random.Random(repr((magic, seed))).randbytes(4096))


def polyglots() -> Iterator[Hostile]:
    def glued(first: str, second: str) -> Callable[[Path, Trap], object]:
        def make(path: Path, trap: Trap) -> None:
            path.write_bytes(_piece(first, trap) + _piece(second, trap))

        return make

    for first, second in (
        ("tiff", "zip"),
        ("csv", "zip"),
        ("vrt", "tiff"),
        ("vrt", "zip"),
        ("hdf5", "vrt"),
        ("vrt", "hdf5"),
        ("zip", "vrt"),
    ):
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
    path = trap.folder / f"piece.{kind}"
    if kind == "tiff":
        _plain_tiff(path)
    else:
        with h5py.File(path, "w") as file:
            _licsbas(file)
    return path.read_bytes()

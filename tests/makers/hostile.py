"""Hostile files, by the hundred: each is made into a folder and must be refused by whoever reads it.

A maker gets a Trap: where to write, a canary file that must never be read, and the port of a socket that must never be
reached. Here: rasters, HDF5 and NetCDF; tables, zips and noise: hostile_tables.py, which also puts all together. A new
format adds a function that yields Hostile and names it in `every` there.
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import rasterio
from affine import Affine

from tests.makers import geotiff, licsbas

CANARY = b"CANARY-7f3a91c2-never-to-be-seen"
EGMS = "EGMS_L2b_117_0227_IW2_VV_2020_2024_1"
L3 = "EGMS_L3_E45N17_100km_U_2020_2024_1.tif"
RTC = "OPERA_L2_RTC-S1_T137-292320-IW2_20211119T015900Z_20250830T120333Z_S1A_30_v1.0_VV.tif"


PLACE = {"crs": "EPSG:32633", "transform": Affine(30, 0, 4e5, 0, -30, 5e6)}


class Trap(NamedTuple):
    """What a maker may point at."""

    folder: Path
    canary: Path
    port: int

    def named_in(self, text: str) -> str:
        """Return the text with the canary and the port in the place of {canary} and {port}."""
        return text.replace("{canary}", str(self.canary)).replace("{port}", str(self.port))


class Hostile(NamedTuple):
    """name: of the trick; file: what it is called; make: writes it. harmless: may be read as what it claims to be."""

    name: str
    file: str
    make: Callable[[Path, Trap], object]
    harmless: bool = False

    def make_in(self, trap: Trap) -> Path:
        """Write the file into the trap's folder."""
        path = trap.folder / self.file
        self.make(path, trap)
        return path


# ---- rasters that are none, or that lead elsewhere ----
VRT = """<VRTDataset rasterXSize="4" rasterYSize="4"><SRS>EPSG:32633</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>
<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">
<SourceFilename>{source}</SourceFilename></VRTRasterBand>
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
    return lambda path, trap: path.write_text(trap.named_in(text))


# ---- TIFF ----
def tiffs() -> Iterator[Hostile]:
    for name in ("velocity.tif", L3, RTC):
        short = name[:5]
        yield Hostile(f"sparse 1,000 GB {short}", name, sparse_tiff(500_000, 500_000))
        yield Hostile(f"wide {short}", name, sparse_tiff(2_000_000_000, 1))
        yield Hostile(f"deflate bomb {short}", name, sparse_tiff(40_000, 40_000))
        for where in ("{canary}", "http://127.0.0.1:{port}/g"):
            crs = _crs(f"+proj=utm +zone=33 +ellps=bessel +units=m +nadgrids={where}")
            yield Hostile(f"reference system of {where[:5]} {short}", name, crs, harmless=True)
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


def plain_tiff(path: Path, **changes) -> Path:
    return geotiff.write(path, np.ones((8, 8), dtype=np.float32), **PLACE | changes)


def _patched(patch: Callable[[bytes], bytes]) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(patch(plain_tiff(path).read_bytes()))


def sparse_tiff(width: int, height: int, block: int = 512) -> Callable[[Path, Trap], object]:
    """Declares width x height float32 values and holds none of them."""

    def make(path: Path, trap: Trap) -> None:
        profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": width, "height": height} | PLACE
        profile |= {"SPARSE_OK": True, "BIGTIFF": "YES", "tiled": height > 1, "compress": "deflate"}
        if height > 1:
            side = 8192 if width > 100_000 else block
            profile |= {"blockxsize": side, "blockysize": side}
        else:
            profile["blockysize"] = 1
        with rasterio.open(path, "w", **profile):
            pass

    return make


def _crs(text: str) -> Callable[[Path, Trap], object]:
    """A reference system that leads to a file or a host, as far as the format can hold it, and as a tag."""

    def make(path: Path, trap: Trap) -> None:
        wanted = trap.named_in(text)
        plain_tiff(path, crs=wanted)
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(PROJ=wanted, SRS=wanted)

    return make


# ---- HDF5 and NetCDF-4 ----
def hdf5s() -> Iterator[Hostile]:
    tricks: dict[str, Callable[[h5py.File, Trap], object]] = {
        "declares 4,000 GB": lambda f, t: _declare(f, (1000, 1_000_000, 1000)),
        "declares more than can be": lambda f, t: _declare(f, (2**40, 2**20, 4)),
        "external link": lambda f, t: _put(f, "cum", h5py.ExternalLink(str(t.canary), "cum")),
        "external link by url": lambda f, t: _put(f, "cum", h5py.ExternalLink(f"http://127.0.0.1:{t.port}/a.h5", "/")),
        "external link in a group": lambda f, t: _put(f.create_group("g"), "c", h5py.ExternalLink(str(t.canary), "/")),
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
        "a text in place of a number": lambda f, t: _new(f, "cum", data="x" * 1000),
        "an object reference": lambda f, t: _new(f, "cum", data=f["vel"].ref, dtype=h5py.ref_dtype),
        "strings of any length": lambda f, t: _new(f, "imdates", data=["a" * 1000] * 3),
        "a compound": lambda f, t: _new(f, "vel", data=np.zeros((4, 5), dtype=[("a", "f4"), ("b", "i8")])),
        "no dimensions": lambda f, t: _new(f, "cum", data=3.0),
        "thirty dimensions": lambda f, t: _new(f, "cum", shape=(1,) * 30, dtype="f4"),
        "nothing in it": lambda f, t: _new(f, "vel", data=h5py.Empty("f4")),
        "dates beyond the calendar": lambda f, t: _new(f, "imdates", data=[2**62, 1, -5]),
        "corner at infinity": lambda f, t: _new(f, "corner_lat", data=np.inf),
        "corner that is a field": lambda f, t: _new(f, "corner_lat", data=np.zeros(7)),
        "corner that is a text": lambda f, t: _new(f, "corner_lat", data="/etc/passwd"),
    }
    for what, trick in tricks.items():
        for name in ("cum.h5", "velocity.nc"):
            yield Hostile(f"{what} {name[-3:]}", name, _hdf5(trick), harmless=what == "deep groups")
    for at in (8, 9, 13, 24, 40, 60, 96, 200, 500, 1000):
        yield Hostile(f"hdf5 cut at {at}", "cum.h5", _cut_hdf5(at))
    yield Hostile("netcdf 3 that declares 4,000 GB", "a.nc", _netcdf3)


def _hdf5(trick: Callable[[h5py.File, Trap], object]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with h5py.File(licsbas.make(path.parent).rename(path), "a") as file:
            trick(file, trap)

    return make


def _put(group: h5py.Group, name: str, what: object) -> None:
    if name in group:
        del group[name]
    group[name] = what


def _new(file: h5py.File, name: str, **what: object) -> None:
    del file[name]
    file.create_dataset(name, **what)


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


def _netcdf3(path: Path, trap: Trap) -> None:
    header = struct.pack(">IIIIII", 0, 10, 1, 1, 0x78000000, 0x7FFFFFFF)
    path.write_bytes(b"CDF\x02" + header + b"\0" * 40)


def _cut_hdf5(at: int) -> Callable[[Path, Trap], object]:
    return lambda path, trap: path.write_bytes(licsbas.make(path.parent).read_bytes()[:at])

"""Shapefiles that lie about their sizes, lead elsewhere, or unpack without end."""

import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import shapefile

from tests.makers import shapefiles
from tests.makers.hostile import Hostile, Trap

COLUMNS = {"ID": [1, 2, 3], "VEL": [1.5, 2.5, 3.5]}
PLACES = [(11.0, 47.0), (11.1, 47.1), (11.2, 47.2)]


def point_files() -> Iterator[Hostile]:
    """All of them; the name of a file ends in .shp or .zip."""
    shapes: dict[str, Callable[[bytes], bytes]] = {
        "a length that lies": lambda raw: raw[:24] + struct.pack(">i", 2**30) + raw[28:],
        "a record of 4 GB": lambda raw: raw[:104] + struct.pack(">i", 2**31 - 1) + raw[108:],
        "a record of less than nothing": lambda raw: raw[:104] + struct.pack(">i", -1) + raw[108:],
        "an unknown type": lambda raw: raw[:32] + struct.pack("<i", 99) + raw[36:],
        "no shapes": lambda raw: raw[:24] + struct.pack(">i", 50) + raw[28:100],
        "its header only": lambda raw: raw[:100],
    }
    for what, change in shapes.items():
        yield Hostile(f"shapefile with {what}", "points.shp", _changed(".shp", change))
    tables: dict[str, Callable[[bytes], bytes]] = {
        "4 billion rows": lambda raw: raw[:4] + struct.pack("<I", 2**32 - 1) + raw[8:],
        "a header without an end": lambda raw: raw[:8] + struct.pack("<H", 2**16 - 1) + raw[10:],
        "rows of no bytes": lambda raw: raw[:10] + struct.pack("<H", 0) + raw[12:],
        "rows that are not there": lambda raw: raw[:-60],
        "nothing": lambda raw: b"",
    }
    for what, change in tables.items():
        yield Hostile(f"shapefile whose table has {what}", "points.shp", _changed(".dbf", change))
    for where in ("{canary}", "http://127.0.0.1:{port}/g"):
        yield Hostile(f"shapefile whose system is {where[:5]}", "points.shp", _system(where), harmless=True)
    yield Hostile("shapefile with a shape of two billion points", "points.shp", _crowded)
    yield Hostile("zipped shapefile with a bomb of a table", "points.zip", _bomb)
    yield Hostile("zipped shapefile with a link", "points.zip", _link)
    yield Hostile("zipped shapefile leading out", "points.zip", _leading_out)


def _made(folder: Path, prj: str | int = 4326) -> Path:
    return shapefiles.write(folder / "points.shp", PLACES, COLUMNS, prj)


def _changed(suffix: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        part = _made(path.parent).with_suffix(suffix)
        part.write_bytes(change(part.read_bytes()))

    return make


def _system(where: str) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        grid = f'EXTENSION["PROJ4_GRIDS","{trap.named_in(where)}"]'
        base = f'GEOGCS["a",DATUM["a",SPHEROID["Bessel",6377397.155,299.1528128],{grid}],PRIMEM["Greenwich",0],'
        _made(path.parent, base + 'UNIT["degree",0.0174532925199433]]')

    return make


def _crowded(path: Path, trap: Trap) -> None:
    shapefiles.write(path, PLACES, COLUMNS, shape_type=shapefile.MULTIPOINT)
    raw = bytearray(path.read_bytes())
    raw[144:148] = struct.pack("<i", 2**31 - 1)  # behind the header, the record's header, its type and its box
    path.write_bytes(raw)


def _bomb(path: Path, trap: Trap) -> None:
    loose = _made(trap.canary.parent)
    loose.with_suffix(".dbf").write_bytes(loose.with_suffix(".dbf").read_bytes() + b" " * 100_000_000)
    shapefiles.zipped(loose, path)


def _link(path: Path, trap: Trap) -> None:
    shapefiles.zipped(_made(trap.canary.parent), path)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("points.sbn")
        info.create_system, info.external_attr = 3, 0o120777 << 16
        archive.writestr(info, str(trap.canary))


def _leading_out(path: Path, trap: Trap) -> None:
    shapefiles.zipped(_made(trap.canary.parent), path, "../../")

"""Hostile Sentinel-1 products and shapefiles, and products of some hundred bytes that declare a country."""

import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import shapefile

from tests.makers import licsbas, mintpy, shapefiles
from tests.makers.hostile import L3, VRT, Hostile, Trap, sparse_tiff
from tests.makers.simulated_safe import Flight, Recipe
from tests.makers.simulated_safe import make as make_safe

SMALL = Recipe(flight=Flight(lines=32, pixels=48), polarisations=("VV",), grid=(3, 4))
SAFE = f"{SMALL.name}.zip"
Change = Callable[[str, bytes, Trap], bytes]  # name of a member, what it holds, the trap -> what it shall hold


def safes() -> Iterator[Hostile]:
    bodies = {
        "billion laughs": '<!DOCTYPE a [<!ENTITY l0 "lol"><!ENTITY l1 "&l0;&l0;&l0;&l0;">]><a>&l1;</a>',
        "external entity": '<!DOCTYPE a [<!ENTITY b SYSTEM "file://{canary}">]><product>&b;</product>',
        "external dtd": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/x.dtd"><product/>',
        "deep": "<a>" * 200_000 + "</a>" * 200_000,
        "nothing": "",
    }
    for part in ("manifest.safe", "annotation/s1a", "calibration-", "noise-"):
        for what, body in bodies.items():
            yield Hostile(f"safe with {what} in {part}", SAFE, _inside(part, _filled(body)))
    image = "measurement/"
    yield Hostile("safe with a vrt", SAFE, _inside(image, _filled(VRT.format(source="{canary}"))))
    yield Hostile("safe with a bomb of an image", SAFE, _inside(image, lambda name, held, trap: held + bytes(2**28)))
    yield Hostile("safe with a bomb of xml", SAFE, _inside("noise-", lambda name, held, trap: held + b" " * 2**27))
    for what, old, new in (
        ("a huge image", b"numberOfSamples>48<", b"numberOfSamples>199999<"),
        ("a huge grid", b"<rangePixelSpacing>1", b"<rangePixelSpacing>1e-300 1"),
        ("places that are no numbers", b"<latitude>4", b"<latitude>nan4"),
        ("places all over the Earth", b"<longitude>1.", b"<longitude>-9."),
        ("heights out of this world", b"<height>0", b"<height>9e300"),
    ):
        yield Hostile(f"safe with {what}", SAFE, _inside("annotation/s1a", _replaced(old, new)))
    yield Hostile("safe with another name inside", SAFE, _named("../../escaped.xml"))
    yield Hostile("safe with ten thousand files", SAFE, _named(*(f"{number}.txt" for number in range(10_000))))


def _filled(body: str) -> Change:
    return lambda name, held, trap: trap.named_in(body).encode()


def _replaced(old: bytes, new: bytes) -> Change:
    return lambda name, held, trap: held.replace(old, new, 1)


def _members() -> dict[str, bytes]:
    with (
        tempfile.TemporaryDirectory() as folder,
        zipfile.ZipFile(make_safe(Path(folder), SMALL, packed=True)) as archive,
    ):
        return {name: archive.read(name) for name in archive.namelist()}


def _inside(part: str, change: Change) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, held in _members().items():
                archive.writestr(name, change(name, held, trap) if part in name and not name.endswith("/") else held)

    return make


def _named(*names: str) -> Callable[[Path, Trap], object]:
    def make(path: Path, trap: Trap) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, held in (_members() | dict.fromkeys(names, b"x")).items():
                archive.writestr(name, held)

    return make


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
        # The index says where each shape is, so that wrong lengths and types between them do no harm.
        points_stay = what in {"an unknown type", "a record of 4 GB", "a record of less than nothing"}
        yield Hostile(f"shapefile with {what}", "points.shp", _changed(".shp", change), harmless=points_stay)
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
    yield Hostile("shapefile with a shape of two billion points", "points.shp", _crowded, harmless=True)
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


SIDE = 31_000  # 961 million pixels: fewer than a raster may have


def sizes() -> Iterator[Hostile]:
    for name in ("velocity.tif", L3):
        yield Hostile(f"10^9 points in 400 bytes {name[:5]}", name, sparse_tiff(SIDE, SIDE, block=16_384))
    files: dict[str, tuple[Callable[[Path], Path], str, int]] = {
        "licsbas": (licsbas.make, "cum", 4),
        "mintpy series": (mintpy.make, "timeseries", 4),
        "mintpy velocity": (mintpy.make_velocity, "velocity", 0),
        "hdfeos5": (mintpy.make_he5, f"{mintpy.HE5}/observation/displacement", 4),
    }
    for what, (maker, dataset, layers) in files.items():
        yield Hostile(f"10^9 pixels in {what}", "series.h5", _huge_hdf5(maker, dataset, layers))


def _huge_hdf5(maker: Callable[[Path], Path], dataset: str, layers: int) -> Callable[[Path, Trap], object]:
    """A product of which one dataset declares so much; its chunks were never written."""

    def make(path: Path, trap: Trap) -> None:
        maker(path.parent).rename(path)
        with h5py.File(path, "a") as file:
            del file[dataset]
            shape = (layers, SIDE, SIDE) if layers else (SIDE, SIDE)
            file.create_dataset(dataset, shape=shape, dtype="f4", chunks=(*shape[:-2], 1000, 1000))

    return make

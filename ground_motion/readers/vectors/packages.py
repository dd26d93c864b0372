"""Unpacking of zip files that hold one layer. The whole archive is checked before anything is unpacked."""

import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ground_motion.core.errors import InputError, gettext_noop

MAX_MEMBERS = 200
MAX_BYTES = 8 * 2**30  # GeoNames' table of all countries is 1.7 GB
MAX_RATIO = 200
LAYERS = {".shp", ".gpkg", ".geojson", ".json", ".kml", ".csv", ".txt", ".tif", ".tiff"}
FAULTS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OSError)
PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,59}")  # Errors name the file by it; GDAL may mistake others.
DOWNLOAD = gettext_noop("Download it again")
DAMAGED = gettext_noop("the zip file is damaged (%(fault)s)")
ONE_LAYER = gettext_noop("Give one layer in each zip")
CHECK_SOURCE = gettext_noop("Check where this file comes from")


@contextmanager
def unpack(path: Path, named: re.Pattern[str] | None = None, most_bytes: int = MAX_BYTES) -> Iterator[Path]:
    """Yield the unpacked layer of a zip (of several, that `named` matches), or any other file. Raises InputError."""
    if path.suffix.lower() != ".zip":
        yield path
        return
    try:
        with zipfile.ZipFile(path) as archive, TemporaryDirectory() as folder:
            main, members = _choose(path, archive, named, most_bytes)
            stem = PurePosixPath(main.filename).stem
            unpacked = Path(folder) / (stem if PLAIN_NAME.fullmatch(stem) else "layer")
            for info in members:
                _unpack(archive, info, Path(f"{unpacked}{PurePosixPath(info.filename).suffix.lower()}"))
            yield Path(f"{unpacked}{PurePosixPath(main.filename).suffix.lower()}")
    except FAULTS as fault:
        # Only errors of a disk have a number, those of unpacking have none.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise InputError(path, DAMAGED, DOWNLOAD, fault=str(fault)[:120]) from fault


def layer_name(path: Path, named: re.Pattern[str] | None = None) -> str:
    """Return the name of a file, or of the layer in a zip, without its suffix."""
    if path.suffix.lower() != ".zip":
        return path.stem
    try:
        with zipfile.ZipFile(path) as archive:
            return PurePosixPath(_choose(path, archive, named)[0].filename).stem
    except zipfile.BadZipFile as fault:
        raise InputError(path, DAMAGED, DOWNLOAD, fault=str(fault)[:120]) from fault


def _choose(
    path: Path, archive: zipfile.ZipFile, named: re.Pattern[str] | None, most_bytes: int = MAX_BYTES
) -> tuple[zipfile.ZipInfo, list[zipfile.ZipInfo]]:
    members = [info for info in archive.infolist() if not info.is_dir()]
    _check(path, members, most_bytes)
    layers = [
        info
        for info in members
        if PurePosixPath(info.filename).suffix.lower() in LAYERS
        and not PurePosixPath(info.filename).name.lower().startswith(("readme", "."))
    ]
    shapes = [info for info in layers if info.filename.lower().endswith(".shp")]
    chosen = shapes or layers
    if len(chosen) > 1 and named is not None:
        chosen = [info for info in chosen if named.fullmatch(PurePosixPath(info.filename).stem)]
    if len(chosen) != 1:
        problem = gettext_noop("the zip holds %(number)s layers where one is expected")
        raise InputError(path, problem, ONE_LAYER, number=len(chosen))
    main = chosen[0]
    if not shapes:
        return main, [main]
    stem = main.filename[:-4]
    return main, [
        info for info in members if info.filename[:-4] == stem and PurePosixPath(info.filename).suffix.lower() in PARTS
    ]


def _check(path: Path, members: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise InputError(path, gettext_noop("the zip holds %(number)s files"), ONE_LAYER, number=len(members))
    total = sum(info.file_size for info in members)
    if total > most_bytes:
        raise InputError(path, gettext_noop("it would unpack to %(size)s bytes"), CHECK_SOURCE, size=total)
    for info in members:
        member_name(path, info)
        if info.file_size > MAX_RATIO * max(info.compress_size, 1):
            problem = gettext_noop("%(name)s would unpack to %(size)s bytes")
            raise InputError(path, problem, CHECK_SOURCE, name=info.filename[:80], size=info.file_size)


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    with archive.open(info) as packed, target.open("wb") as out:
        left = info.file_size
        while block := packed.read(min(2**20, left + 1)):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"{info.filename[:80]} is longer than declared")
            out.write(block)


def member_name(path: Path, info: zipfile.ZipInfo) -> PurePosixPath:
    """Return a member's path in its zip. InputError if it leads out of the zip, is a link or is encrypted."""
    name = PurePosixPath(info.filename.replace("\\", "/"))
    named = {"name": info.filename[:80]}
    if name.is_absolute() or ".." in name.parts:
        problem = gettext_noop("it names a file outside itself (%(name)s)")
        raise InputError(path, problem, gettext_noop("Do not use it"), **named)
    if stat.S_ISLNK(info.external_attr >> 16):
        problem = gettext_noop("it holds a link (%(name)s)")
        raise InputError(path, problem, gettext_noop("Give the files themselves"), **named)
    if info.flag_bits & 0x1:
        problem = gettext_noop("%(name)s is encrypted")
        raise InputError(path, problem, gettext_noop("Give the zip as it was downloaded"), **named)
    return name

"""The one gate of archives: names are checked and sizes are measured before anything is unpacked.

Zips pass `open_zip` (also .kmz and the spreadsheets that are zips), tars and packed files pass `measure` on their own;
what is written to a disk passes `require_room`.
"""

import lzma
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from ground_motion.core.errors import DiskFull, InputError, gettext_noop, one_line

MAX_MEMBERS = 1000
MAX_BYTES = 16 * 2**30
MAX_RATIO = 200  # Digits pack about 1:5; far more is a bomb.
SMALL_BYTES = 16 * 2**20  # Archives that unpack to less do no harm, whatever their ratio.
MAX_DISK_SHARE = 0.5  # An unpacked archive takes at most this share of the free disk.
MAX_NAME_BYTES, MAX_DEPTH = 255, 32  # Linux allows no longer names; MAX_DEPTH limits nested folders.
MAX_PATH_BYTES = 2048  # Linux allows paths of 4,096 bytes, with that of the folder.
BLOCK_BYTES = 2**20
LAYERS = {".shp", ".gpkg", ".geojson", ".json", ".kml", ".csv", ".txt", ".tif", ".tiff"}
FAULTS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OSError),
    UnicodeDecodeError,
)
PARTS = {".shp", ".shx", ".dbf", ".prj", ".cpg"}
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]{0,59}")  # Errors name the file by it; GDAL may mistake others.
DOWNLOAD = gettext_noop("Download it again")
DAMAGED = gettext_noop("the archive is damaged (%(fault)s)")
ONE_LAYER = gettext_noop("Give one layer in each zip")
CHECK_SOURCE = gettext_noop("Check where this file comes from")
RENAME = gettext_noop("Rename it, and pack the files again")


class Entry(NamedTuple):
    """A member as its archive states it. is_special: whether it is a link, a device or a pipe."""

    name: str
    size_bytes: int
    is_folder: bool = False
    is_special: bool = False
    is_encrypted: bool = False

    @property
    def path(self) -> PurePosixPath:
        """Path in the archive; Windows separates folders otherwise."""
        return PurePosixPath(self.name.replace("\\", "/"))


def max_unpacked_bytes(path: Path, most_bytes: int = MAX_BYTES) -> int:
    """Return how many bytes an archive of this size may unpack to."""
    return min(most_bytes, max(SMALL_BYTES, MAX_RATIO * path.stat().st_size))


def measure(path: Path, entries: Iterable[Entry], most_bytes: int = MAX_BYTES) -> int:
    """Return how many bytes the members of an archive unpack to. InputError if a member or the sum is refused."""
    most, total = max_unpacked_bytes(path, most_bytes), 0
    files: set[PurePosixPath] = set()
    folders = {PurePosixPath()}  # An entry without a name would be the archive's own folder.
    for number, entry in enumerate(entries, start=1):
        if number > MAX_MEMBERS:
            remedy = gettext_noop("Give one product in each archive")
            raise InputError(path, gettext_noop("it holds more than %(most)s files"), remedy, most=MAX_MEMBERS)
        _check_member(path, entry)
        if entry.path in files:
            raise InputError(path, gettext_noop("it holds %(name)s twice"), CHECK_SOURCE, name=_shown(entry))
        (folders if entry.is_folder else files).add(entry.path)
        folders.update(entry.path.parents)
        total += entry.size_bytes
        if total > most:
            raise too_large(path, most)
    if both := files & folders:
        problem = gettext_noop("it holds a file and a folder that are both called %(name)s")
        raise InputError(path, problem, RENAME, name=one_line(f"{min(both)}", 60))
    return total


def too_large(path: Path, most_bytes: int) -> InputError:
    """Return the refusal of an archive that unpacks to more than it may."""
    return InputError(path, gettext_noop("it would unpack to more than %(size)s bytes"), CHECK_SOURCE, size=most_bytes)


def require_room(path: Path, size_bytes: int, folder: Path) -> None:
    """Raise DiskFull if unpacking an archive would fill the disk of a folder, InputError if it always would."""
    disk = shutil.disk_usage(folder)
    if size_bytes > MAX_DISK_SHARE * disk.total:
        problem = gettext_noop("it would unpack to %(size)s bytes, more than this disk has room for")
        raise InputError(path, problem, gettext_noop("Split it into smaller files"), size=size_bytes)
    if size_bytes > MAX_DISK_SHARE * disk.free:
        room = f"{disk.free / 1e9:.2f} GB of the disk of temporary files are free"
        raise DiskFull(f"{path.name:.80} unpacks to {size_bytes / 1e9:.2f} GB, but only {room}: free space.")


def _check_member(path: Path, entry: Entry) -> None:
    """Raise InputError for a member that cannot be written, or that leads out of its archive."""
    name, parts = entry.path, entry.path.parts
    if name.is_absolute() or ".." in parts:
        problem, remedy = gettext_noop("it names a file outside itself (%(name)s)"), gettext_noop("Do not use it")
    elif entry.is_special:
        problem, remedy = gettext_noop("it holds a link (%(name)s)"), gettext_noop("Give the files themselves")
    elif entry.is_encrypted:
        problem = gettext_noop("%(name)s is encrypted")
        remedy = gettext_noop("Unpack it with its password, and give what it holds")
    elif any("\ud800" <= letter <= "\udfff" or letter == "\0" for letter in entry.name):
        problem, remedy = gettext_noop("the name %(name)s is not written in UTF-8"), RENAME
    elif (
        len(parts) > MAX_DEPTH
        or len(entry.name.encode()) > MAX_PATH_BYTES
        or any(len(part.encode()) > MAX_NAME_BYTES for part in parts)
    ):
        problem, remedy = gettext_noop("the name %(name)s is too long"), RENAME
    elif entry.size_bytes < 0:
        problem, remedy = gettext_noop("%(name)s has no size"), DOWNLOAD
    else:
        return
    raise InputError(path, problem, remedy, name=_shown(entry))


def _shown(entry: Entry) -> str:
    return one_line("".join(letter if letter.isprintable() else "?" for letter in entry.name), 60)


@contextmanager
def faults_named(path: Path) -> Iterator[None]:
    """Turn faults of unpacking into an InputError; faults of the disk stay what they are."""
    try:
        yield
    except InputError:
        raise
    except FAULTS as fault:
        # Only errors of a disk have a number, those of unpacking have none.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise InputError(path, DAMAGED, DOWNLOAD, fault=str(fault)[:100]) from fault


@contextmanager
def open_zip(
    path: Path, most_bytes: int = MAX_BYTES
) -> Iterator[tuple[zipfile.ZipFile, dict[PurePosixPath, zipfile.ZipInfo]]]:
    """Yield a measured zip and its files by their paths in it. Raises InputError."""
    with faults_named(path), zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        entries = [_entry(info) for info in infos]
        measure(path, entries, most_bytes)
        yield archive, {entry.path: info for entry, info in zip(entries, infos, strict=True) if not entry.is_folder}


def _entry(info: zipfile.ZipInfo) -> Entry:
    is_link = stat.S_ISLNK(info.external_attr >> 16)
    return Entry(info.filename, info.file_size, info.is_dir(), is_link, bool(info.flag_bits & 0x1))


@contextmanager
def unpack(path: Path, named: re.Pattern[str] | None = None, most_bytes: int = MAX_BYTES) -> Iterator[Path]:
    """Yield the unpacked layer of a zip (of several, that `named` matches), or any other file. Raises InputError."""
    if path.suffix.lower() != ".zip":
        yield path
        return
    with open_zip(path, most_bytes) as (archive, files), TemporaryDirectory() as folder:
        main, chosen = _choose(path, list(files), named)
        require_room(path, sum(files[name].file_size for name in chosen), Path(folder))
        unpacked = Path(folder) / (main.stem if PLAIN_NAME.fullmatch(main.stem) else "layer")
        for name in chosen:
            with archive.open(files[name]) as packed, Path(f"{unpacked}{name.suffix.lower()}").open("wb") as out:
                shutil.copyfileobj(packed, out, BLOCK_BYTES)
        yield Path(f"{unpacked}{main.suffix.lower()}")


def layer_name(path: Path, named: re.Pattern[str] | None = None) -> str:
    """Return the name of a file, or of the layer in a zip, without its suffix."""
    if path.suffix.lower() != ".zip":
        return path.stem
    with open_zip(path) as (_, files):
        return _choose(path, list(files), named)[0].stem


def _choose(
    path: Path, names: list[PurePosixPath], named: re.Pattern[str] | None
) -> tuple[PurePosixPath, list[PurePosixPath]]:
    """Return the file of the one layer, and all files that belong to it. Raises InputError."""
    layers = [name for name in names if name.suffix.lower() in LAYERS]
    layers = [name for name in layers if not name.name.lower().startswith(("readme", "."))]
    shapes = [name for name in layers if name.suffix.lower() == ".shp"]
    chosen = shapes or layers
    if len(chosen) > 1 and named is not None:
        chosen = [name for name in chosen if named.fullmatch(name.stem)]
    if len(chosen) != 1:
        problem = gettext_noop("the zip holds %(number)s layers where one is expected")
        raise InputError(path, problem, ONE_LAYER, number=len(chosen))
    (main,) = chosen
    parts = [name for name in names if name.with_suffix("") == main.with_suffix("") and name.suffix.lower() in PARTS]
    return main, parts if shapes else [main]


def names_in_zip(path: Path) -> list[str]:
    """Return the names of the files in a zip; an empty list if it may not be unpacked. Never raises."""
    with suppress(InputError, OSError), open_zip(path) as (_, files):
        return [str(name) for name in files]
    return []

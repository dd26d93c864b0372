"""Archives (zip, tar), packed files and spreadsheets, unpacked for whatever reader their content needs.

All pass the gate (`readers.vectors.packages`) before anything is written. Unpacked files go with the last reference.
"""

import bz2
import gzip
import lzma
import shutil
import tarfile
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ground_motion.core.errors import refusing
from ground_motion.core.files import head_of, names_in
from ground_motion.readers import sheets
from ground_motion.readers.vectors import packages

PACKED: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
MAGIC: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
TARS = frozenset({".tar", ".tgz", ".tbz2", ".txz"})
SUFFIXES = frozenset({".zip", ".kmz", *TARS, *PACKED}) | sheets.SUFFIXES


class Unpacked:
    """A temporary folder with the content of an archive; it is removed with the last reference to this object."""

    def __init__(self, path: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="unpacked-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        if path.suffix.lower() in sheets.SUFFIXES:
            sheets.unpack(path, self.folder)
            return
        opened = _zip if path.suffix.lower() in {".zip", ".kmz"} else _tar if is_tar(path) else _packed
        with opened(path) as (size_bytes, members):
            packages.require_room(path, size_bytes, self.folder)
            for name, stream in members:
                target = self.folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as out:
                    shutil.copyfileobj(stream, out, packages.BLOCK_BYTES)


Members = Iterator[tuple[PurePosixPath, IO[bytes]]]


@contextmanager
def _zip(path: Path) -> Iterator[tuple[int, Members]]:
    """Yield the sum of the sizes of an archive's files, and each with its content, in their order."""
    with packages.open_zip(path) as (archive, files):
        size_bytes = sum(info.file_size for info in files.values())
        yield size_bytes, ((name, archive.open(info)) for name, info in files.items())


@contextmanager
def _tar(path: Path) -> Iterator[tuple[int, Members]]:
    """Yield the same for a tar, decompressed once to measure it and again to read it: it has no list of its files."""
    with _tar_stream(path) as archive:
        size_bytes = packages.measure(path, map(_entry, archive))
    with _tar_stream(path) as archive:
        contents = ((_entry(info).path, archive.extractfile(info)) for info in archive)
        yield size_bytes, ((name, content) for name, content in contents if content is not None)


@contextmanager
def _packed(path: Path) -> Iterator[tuple[int, Members]]:
    """Yield the same of a file that is packed alone."""
    unpack = PACKED[path.suffix.lower()]
    with packages.faults_named(path), unpack(path) as stream:
        size_bytes, counted = 0, _Counted(path, stream)
        while block := counted.read(packages.BLOCK_BYTES):
            size_bytes += len(block)
        packages.measure(path, [member := packages.Entry(path.stem, size_bytes)])
        stream.seek(0)
        yield size_bytes, iter([(member.path, stream)])


class _Counted:
    """Stream of the decompressed bytes of an archive. Reading too many raises InputError."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path, self._stream, self._left = path, stream, packages.max_unpacked_bytes(path)

    def read(self, size: int) -> bytes:
        """Return the next bytes."""
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise packages.too_large(self._path, packages.max_unpacked_bytes(self._path))
        return block


@contextmanager
def _tar_stream(path: Path) -> Iterator[tarfile.TarFile]:
    unpack: Callable[..., Any] = next((way for magic, way in MAGIC.items() if head_of(path, 5).startswith(magic)), open)
    faults = (tarfile.TarError, ValueError, LookupError, OverflowError)  # Headers hold numbers as text.
    whole = refusing(path, packages.DAMAGED, packages.DOWNLOAD, *faults, fault="")
    with packages.faults_named(path), whole, unpack(path, "rb") as stream:
        counted: Any = _Counted(path, stream)
        with tarfile.open(fileobj=counted, mode="r|") as archive:
            yield archive


def _entry(info: tarfile.TarInfo) -> packages.Entry:
    return packages.Entry(info.name, info.size, info.isdir(), not (info.isfile() or info.isdir()))


def is_tar(path: Path) -> bool:
    """Return whether a name is that of a tar archive, packed or not."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return suffixes[-1:] == [".tar"] or suffixes[:1] == [".tar"] or path.suffix.lower() in TARS


def products_in(folder: Path) -> list[Path]:
    """Return the contents of an unpacked folder, without readers' notes, licences and hidden files."""
    names = [name for name in names_in(folder) if name[0] != "." and name != "__MACOSX"]
    notes = {name for name in names if name.lower().startswith(("readme", "license", "licence"))}
    return [folder / name for name in names if name not in notes] or [folder / name for name in names]

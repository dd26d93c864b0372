"""Archives (zip, tar), packed files and spreadsheets, unpacked for whatever reader their content needs.

Everything is checked before it is written: numbers, sizes and ratios, and that no member is a link, is encrypted or
leads out of the archive. What was unpacked is removed as soon as nothing refers to it any more.
"""

import bz2
import csv
import gzip
import lzma
import shutil
import tarfile
import tempfile
import weakref
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ground_motion.core.errors import InputError
from ground_motion.readers.files import CONTAINER_FAULTS, MAX_MEMBERS, MAX_PACKED_RATIO, names_in
from ground_motion.readers.vectors.packages import member_name

PACKED: dict[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
TARS = frozenset({".tar", ".tgz", ".tbz2", ".txz"})
SPREADSHEETS = frozenset({".xlsx", ".xlsb", ".xls", ".ods"})
SUFFIXES = frozenset({".zip", ".kmz", *TARS, *PACKED}) | SPREADSHEETS
MAX_SHEET_BYTES = 2**28  # All of an unpacked spreadsheet is held in memory.
MAX_UNPACKED_BYTES = 16 * 2**30  # All members together may have so many bytes.
SMALL_BYTES = 64 * 2**20  # Below it, no ratio of packing does harm.
BLOCK_BYTES = 2**20
CHECK = "Check where this file comes from"


class Unpacked:
    """A temporary folder with the content of an archive; it is removed with the last reference to this object."""

    def __init__(self, path: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="unpacked-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._left = MAX_UNPACKED_BYTES
        with _faults(path):
            if path.suffix.lower() in {".zip", ".kmz"}:
                self._unzip(path)
            elif path.suffix.lower() in SPREADSHEETS:
                self._write_sheet(path)
            elif is_tar(path):
                self._untar(path)
            else:
                with PACKED[path.suffix.lower()](path) as packed:
                    self._write(path, packed, PurePosixPath(path.stem), path.stat().st_size)

    @property
    def root(self) -> Path:
        """The folder, or the only file or folder in it, however deep."""
        at = self.folder
        while at.is_dir() and len(names := _visible(at)) == 1:
            at /= names[0]
        return at

    def _unzip(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            _check_number(path, len(members))
            for info in members:
                name = member_name(path, info)
                with archive.open(info) as packed:
                    self._write(path, packed, name, info.compress_size)

    def _untar(self, path: Path) -> None:
        with tarfile.open(path) as archive:
            for number, info in enumerate(archive, start=1):
                _check_number(path, number)
                name = PurePosixPath(info.name)
                if name.is_absolute() or ".." in name.parts or not (info.isfile() or info.isdir()):
                    problem = f"it holds {info.name[:80]!r}, which is a link, a device or leads out of it"
                    raise InputError(path, problem, "Give the files themselves")
                if info.isfile() and (packed := archive.extractfile(info)) is not None:
                    self._write(path, packed, name, path.stat().st_size)

    def _write_sheet(self, path: Path) -> None:
        """Write the only sheet with cells of a spreadsheet as a table. Raises InputError for several."""
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                _check_number(path, len(archive.infolist()))
                size = sum(info.file_size for info in archive.infolist())
        if size > MAX_SHEET_BYTES:
            raise InputError(path, f"it unpacks to {size:,} bytes", "Export it as CSV")
        if find_spec("python_calamine") is None:
            raise InputError(path, "a spreadsheet needs the extra `tables`", "Export it as CSV")
        from python_calamine import CalamineError, CalamineWorkbook

        try:
            book = CalamineWorkbook.from_path(path)
            sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names[:MAX_MEMBERS]}
        except CalamineError as fault:
            raise InputError(path, f"it cannot be read as a spreadsheet ({fault!s:.80})", "Export it as CSV") from fault
        full = {name: rows for name, rows in sheets.items() if len(rows) > 1}
        if len(full) != 1:
            shown = ", ".join(full or sheets)
            raise InputError(
                path, f"{len(full)} of its sheets hold a table: {shown:.80}", "Keep one, or export it as CSV"
            )
        (rows,) = full.values()
        with (self.folder / f"{path.stem}.csv").open("w", newline="", encoding="utf-8") as out:
            # All numbers of a spreadsheet are floats, also years and days, by which columns are named.
            whole = ([int(c) if isinstance(c, float) and c.is_integer() else c for c in row] for row in rows)
            csv.writer(out, delimiter="\t", lineterminator="\n").writerows(whole)

    def _write(self, path: Path, packed: IO[bytes], name: PurePosixPath, packed_bytes: int) -> None:
        """Write a member, whatever size it declares. Raises InputError for one that grows beyond the limits."""
        target, written = self.folder / name, 0
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            raise InputError(path, f"it holds {str(name)[:80]!r} twice", CHECK)
        with target.open("wb") as out:
            while block := packed.read(BLOCK_BYTES):
                written += len(block)
                self._left -= len(block)
                too_dense = written > SMALL_BYTES and written > MAX_PACKED_RATIO * max(packed_bytes, 1)
                if self._left < 0 or too_dense:
                    problem = f"{str(name)[:80]} unpacks to more than {written:,} bytes"
                    raise InputError(path, problem, CHECK)
                out.write(block)


def is_tar(path: Path) -> bool:
    """Return whether a name is that of a tar archive, packed or not."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return suffixes[-1:] == [".tar"] or suffixes[:1] == [".tar"] or path.suffix.lower() in TARS


def products_in(folder: Path) -> list[Path]:
    """Return what stands in an unpacked folder, without readers' notes, licences and hidden files."""
    return [folder / name for name in _visible(folder)]


def _visible(folder: Path) -> list[str]:
    names = [name for name in names_in(folder) if name[0] != "." and name != "__MACOSX"]
    notes = {name for name in names if name.lower().startswith(("readme", "license", "licence"))}
    return [name for name in names if name not in notes] or names


def _check_number(path: Path, number: int) -> None:
    if number > MAX_MEMBERS:
        raise InputError(path, f"it holds {number:,} files and more", "Give one product in each archive")


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (*CONTAINER_FAULTS, tarfile.TarError) as fault:
        # Only errors of a disk have a number, those of unpacking have none.
        if isinstance(fault, OSError) and fault.errno is not None:
            raise
        raise InputError(path, f"the archive is damaged ({str(fault)[:100]})", "Download it again") from fault

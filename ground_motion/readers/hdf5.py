"""Functions that readers of HDF5 and NetCDF-4 share: a file is opened and checked before any of its values is used.

Every value is read through `numbers`, `scalar`, `words` or `attributes`: for damaged bytes these name the file and the
dataset, whatever h5py raises. Texts of variable length are stored in global heaps (HDF5 File Format Specification,
version 3.0, III.E). The library (2.0.0 and earlier) walks a heap from object to object by their sizes, and a wrong size
can keep it in an endless loop in C that nothing interrupts. Heaps are therefore walked here first.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from ground_motion.core.errors import InputError, refusing
from ground_motion.core.files import begins, refuse_hollow
from ground_motion.readers.records import Float32, Float64

SIGNATURE = b"GCOL\x01"
MIN_BYTES = 4096  # The library itself refuses a heap of fewer bytes.
MAX_BYTES = 2**26
READ_BYTES = 2**24
_HEAD, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")
# Position of the sizes of an address and a length in each version's superblock.
_SIZES_AT = {0: 13, 1: 13, 2: 9, 3: 9}
MAGIC = b"\x89HDF\r\n\x1a\n"
SUFFIXES = frozenset({".h5", ".hdf5", ".he5", ".nc", ".grd"})
MAX_VALUES = 4 * 10**9  # 16 GB of float32: more than any frame at full resolution
MAX_VALUE_BYTES = 4096  # Values such as a date, a name or a polygon; texts of variable length are stored apart.
MAX_CHUNK_BYTES = 2**28  # A chunk is unpacked whole, whatever part is read.
MAX_BLOCK_VALUES = 20_000_000  # 80 MB of float32
MAX_OBJECTS = 10_000
MAX_LIST = 10_000  # Most dates, or coordinates of a row.
MAX_DEPTH = 32
BATCH_ROWS = 64
REMEDY = "Copy or make it again"
CF_LIMITS = frozenset({"valid_min", "valid_max", "valid_range"})
CF_PACKING = CF_LIMITS | {"scale_factor", "add_offset", "_FillValue", "missing_value"}
_PLAIN = (h5py.h5t.TypeIntegerID, h5py.h5t.TypeFloatID, h5py.h5t.TypeStringID, h5py.h5t.TypeEnumID)
# h5py and numpy raise any of these for wrong bytes.
FAULTS = (
    *(OSError, RuntimeError, KeyError, ArithmeticError, ValueError),
    *(TypeError, AttributeError, MemoryError, SystemError),
)


def fault_of(path: Path) -> str:
    """Return why the global heaps of an HDF5 file cannot be read safely; an empty text if they can. Raises OSError."""
    stat = path.stat()
    return _fault_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=4096)
def _fault_of(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as stream:
        start = stream.read(16)
        sizes_at = _SIZES_AT.get(start[8]) if len(start) == 16 else None
        if sizes_at is None:
            return "its superblock is cut off, or of an unknown version"
        if start[sizes_at : sizes_at + 2] != b"\x08\x08":
            return "its addresses do not have 8 bytes"
        for place in _signatures(stream):
            if not _walks(stream, place, size):
                return f"a list of texts at byte {place:,} does not end"
    return ""


def _signatures(stream: BinaryIO) -> Iterator[int]:
    """Yield the offsets, in rising order, at which a global heap may begin (its signature is there)."""
    overlap = len(SIGNATURE) - 1
    offset, tail = 0, b""
    stream.seek(0)
    while block := stream.read(READ_BYTES):
        content = tail + block
        at = content.find(SIGNATURE)
        while at >= 0:
            yield offset - len(tail) + at
            at = content.find(SIGNATURE, at + 1)
        offset, tail = offset + len(block), content[-overlap:]
        stream.seek(offset)


def _walks(stream: BinaryIO, place: int, file_size: int) -> bool:
    """Return whether a heap's objects lead to its end; True also if it is no heap or the library refuses it."""
    stream.seek(place)
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return True
    _, _, size = _HEAD.unpack(head)
    if size < MIN_BYTES or place + size > file_size:
        return True  # The library refuses it.
    if size > MAX_BYTES:
        return False
    stream.seek(place)
    heap, at = stream.read(size), _HEAD.size
    while at + _OBJECT.size <= size:
        index, _, length = _OBJECT.unpack_from(heap, at)
        # The free space at the end includes its own header, and has no padding.
        step = length if index == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or at + step > size:
            return False
        at += step
    return True


def is_hdf5(path: Path) -> bool:
    """Return whether a file has the signature and an extension of HDF5."""
    return begins(path, SUFFIXES, MAGIC)


@contextmanager
def open_file(path: Path) -> Iterator[h5py.File]:
    """Open a file. Raises InputError if a dataset takes values from another file or declares an impossible size."""
    with _reading(path, "the HDF5 file"):
        file = _open(path)
    # A value that was fetched without our help may be damaged.
    faults = (OSError, RuntimeError, KeyError, OverflowError)
    with refusing(path, "the HDF5 file is damaged ({})", REMEDY, *faults), file:
        with _reading(path, "the HDF5 file"):
            _refuse_foreign(path, file)
        yield file


def _open(path: Path) -> h5py.File:
    """Open a file with the library. Raises InputError if a damaged heap would keep it in an endless loop."""
    if is_hdf5(path) and (fault := fault_of(path)):
        raise InputError(path, f"the HDF5 file is damaged ({fault})", REMEDY)
    return h5py.File(path, "r")


def _reading(path: Path, what: str) -> AbstractContextManager[None]:
    """Convert any exception of h5py for damaged data to InputError. what: name of the data in the message."""
    return refusing(path, f"{what} is damaged ({{}})", REMEDY, *FAULTS)


def names(path: Path) -> frozenset[str]:
    """Return the names of a file's top-level groups and datasets; empty if it is no HDF5 file."""
    return look(path)[0]


def look(path: Path) -> tuple[frozenset[str], dict[str, str]]:
    """Return (top-level names, attributes) of a file; both empty if it is no HDF5 file. Never raises."""
    with suppress(*FAULTS):
        if is_hdf5(path):
            with _open(path) as file:
                return frozenset(file), attributes(path, file)
    return frozenset(), {}


def holds(path: Path, name: str) -> bool:
    """Return whether a file is HDF5 and contains an object of this name (a path within the file). Never raises."""
    with suppress(*FAULTS):
        if is_hdf5(path):
            with _open(path) as file:
                return name in file
    return False


def require(path: Path, file: h5py.Group, required: tuple[str, ...], remedy: str) -> None:
    """Raise InputError for the first dataset that is missing."""
    missing = [name for name in required if not is_dataset(path, file, name)]
    if missing:
        raise InputError(path, f"dataset {missing[0]!r} is missing", remedy)


def require_shape(path: Path, file: h5py.Group, names: Iterable[str], shape: tuple[int, ...], remedy: str) -> None:
    """Raise InputError for the first of these datasets that has another shape; one that is missing has none."""
    for name in names:
        if is_dataset(path, file, name) and (found := shape_of(path, file, name)) != shape:
            raise InputError(path, f"dataset {name!r} has the shape {found}, not {shape}", remedy)


def is_dataset(path: Path, file: h5py.Group, name: str) -> bool:
    """Return whether a name is a dataset of the file. Raises InputError where the file is damaged."""
    with _reading(path, f"dataset {name!r}"):
        return isinstance(file.get(name), h5py.Dataset)


def shape_of(path: Path, file: h5py.Group, name: str) -> tuple[int, ...]:
    """Return the shape of a dataset; () if there is none with that name."""
    with _reading(path, f"dataset {name!r}"):
        return tuple(file[name].shape or ()) if is_dataset(path, file, name) else ()


def text(value: Any) -> str:
    """Return an attribute or scalar as text; h5py may give it as bytes, as str, or as an array of one element."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def attributes(path: Path, file: h5py.Group, name: str = "/") -> dict[str, str]:
    """Return name -> text of the attributes of a file, or of the object `name` in it."""
    with _reading(path, "an attribute"):
        held = file[name].attrs
        return {str(key): text(held[key]) for key in held if _is_plain(held.get_id(key))}


def _is_plain(item: h5py.h5a.AttrID | h5py.h5d.DatasetID) -> bool:
    """Return whether an object is of numbers or texts; damaged data of other types crash the library."""
    return isinstance(item.get_type(), _PLAIN)


def words(path: Path, file: h5py.Group, name: str) -> str:
    """Return a dataset's single text or number as text; an empty text if there is no such dataset."""
    if not is_dataset(path, file, name):
        return ""
    with _reading(path, f"dataset {name!r}"):
        dataset = file[name]
        if dataset.size != 1 or not _is_plain(dataset.id):
            raise InputError(path, f"dataset {name!r} is not the one text or number that is expected", REMEDY)
        return text(dataset[()])


def _numbers(path: Path, file: h5py.Group, name: str, where: Any) -> Any:
    with _reading(path, f"dataset {name!r}"):
        dataset = file[name]
        if not _is_plain(dataset.id) or dataset.dtype.kind not in "iufb":
            raise InputError(path, f"dataset {name!r} holds {dataset.dtype}, not numbers", REMEDY)
        return np.asarray(dataset[where])


def numbers(path: Path, file: h5py.Group, name: str, where: Any = (), dtype: Any = np.float32) -> NDArray[Any]:
    """Return the values of a dataset, or of the part `where`, as float32; infinite values become NaN."""
    with np.errstate(over="ignore", invalid="ignore"):  # A damaged float64 may be larger than any float32.
        values: NDArray[Any] = _numbers(path, file, name, where).astype(dtype)
    values[~np.isfinite(values)] = np.nan
    return values


def cf_values(path: Path, file: h5py.Group, name: str, where: Any = ()) -> Float64:
    """Read a variable or a part of it, as float64 in its stated unit; see `unpacked`."""
    raw = _numbers(path, file, name, where)
    with _reading(path, "an attribute"):
        held = file[name].attrs
        stated = {key: held[key] for key in held if key in CF_PACKING and _is_plain(held.get_id(key))}
    return unpacked(path, name, raw, stated)


def unpacked(path: Path, name: str, raw: NDArray[Any], stated: Mapping[str, Any]) -> Float64:
    """Return the numbers of a variable as its attributes state, as float64, NaN where missing or out of range.

    Fill values and limits are compared with packed numbers, but limits that are decimals, for packed integers, with
    unpacked ones (CF 1.11, sections 2.5.1 and 8.1; NetCDF Users Guide, attribute conventions).
    """
    with refusing(path, f"an attribute of {name} is no number ({{}})", REMEDY, ValueError, TypeError):
        known = {key: np.asarray(stated[key]).astype(np.float64).ravel() for key in CF_PACKING if key in stated}
        scale, offset = (float(known.get(key, [usual])[0]) for key, usual in (("scale_factor", 1), ("add_offset", 0)))
        limits = [float(known.get(key, [usual])[0]) for key, usual in (("valid_min", -np.inf), ("valid_max", np.inf))]
        least, most = map(float, known.get("valid_range", limits))
    with np.errstate(all="ignore"):
        values: Float64 = raw.astype(np.float64) * scale + offset
        kinds = {np.asarray(stated[key]).dtype.kind for key in CF_LIMITS & {*stated}}
        limited = values if raw.dtype.kind in "iu" and "f" in kinds else raw
        fills = np.concatenate([known.get(key, []) for key in ("_FillValue", "missing_value")])
        missing = np.isin(raw, fills) | (limited < least) | (limited > most)
        return np.where(missing | ~np.isfinite(values), np.nan, values)


def coordinates(path: Path, file: h5py.Group, name: str) -> Float64:
    """Return the values of a list (1-D dataset) as float64. Raises InputError if one is not a finite number."""
    if shape_of(path, file, name)[1:] or not 0 < shape_of(path, file, name)[0] <= MAX_VALUES**0.5:
        problem = f"dataset {name!r} has the shape {shape_of(path, file, name)} where a list is expected"
        raise InputError(path, problem, REMEDY)
    values: Float64 = _numbers(path, file, name, ()).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(path, f"dataset {name!r} holds a value that is not a number", REMEDY)
    return values


def scalar(path: Path, file: h5py.Group, name: str) -> float:
    """Return the single number of a dataset. Raises InputError for several values or one that is not finite."""
    shape = shape_of(path, file, name)
    if np.prod(shape, dtype=np.float64) != 1:
        raise InputError(path, f"dataset {name!r} has the shape {shape} where one number is expected", REMEDY)
    value = float(_numbers(path, file, name, ()).ravel()[0])
    if not np.isfinite(value):
        raise InputError(path, f"dataset {name!r} is {value}", REMEDY)
    return value


def days(path: Path, file: h5py.Group, name: str) -> tuple[date, ...]:
    """Return the dates of a series, written YYYYMMDD as numbers or text. Raises InputError where out of order."""
    shape = shape_of(path, file, name)
    if len(shape) != 1 or not 2 <= shape[0] <= MAX_LIST:
        raise InputError(path, f"{name} has the shape {shape} where a list of dates is expected", REMEDY)
    with _reading(path, f"dataset {name!r}"):
        dataset = file[name]
        if not _is_plain(dataset.id):
            raise InputError(path, f"{name} holds neither numbers nor texts", REMEDY)
        stamps = dataset[()]
    with refusing(path, f"{name} holds an invalid date ({{}})", REMEDY, ValueError, TypeError, OverflowError):
        dates = tuple(day_of(stamp) for stamp in stamps)
    if any(later <= earlier for earlier, later in pairwise(dates)):
        raise InputError(path, f"{name} holds {len(dates)} dates that are not in order", REMEDY)
    return dates


def day_of(stamp: Any) -> date:
    """Parse a date written YYYYMMDD, as a number, or as a text that may end with T and a time. Raises ValueError."""
    digits = text(stamp).partition("T")[0] if isinstance(stamp, bytes | str) else str(int(stamp))
    if len(digits) != 8 or not digits.isdigit():
        raise ValueError(f"{digits!r} is not YYYYMMDD")
    return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 (a day has no time zone)


def row_blocks(rows: int, cols: int, layers: int) -> Iterator[slice]:
    """Yield slices of rows so small that a block with all its layers (dates) needs little memory."""
    step = max(1, min(BATCH_ROWS, MAX_BLOCK_VALUES // max(1, cols * layers)))
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def millimetres(values: Float32, factor: float = 1000.0) -> Float32:
    """Convert metres, or what a factor converts, to millimetres; overflow gives infinity, which the gate refuses."""
    with np.errstate(over="ignore"):
        return values * np.float32(factor)


def _refuse_foreign(path: Path, file: h5py.File) -> None:
    """Raise InputError for links and datasets that take their values from another file; products need none."""
    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    seen = 0
    while waiting:
        prefix, group = waiting.pop()
        if prefix.count("/") > MAX_DEPTH:  # A group may hold itself.
            raise InputError(path, f"its groups stand more than {MAX_DEPTH} deep", "Give one product per file")
        for name in group:
            seen += 1
            full = f"{prefix}{name}"
            if seen > MAX_OBJECTS:
                raise InputError(path, f"it holds more than {MAX_OBJECTS:,} objects", "Give one product per file")
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                problem = f"dataset {full!r} is a link to somewhere else"
                raise InputError(path, problem, "Give the file itself, not one that links to it")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append((f"{full}/", item))
            elif isinstance(item, h5py.Dataset):
                _refuse_dataset(path, full, item)


def _refuse_dataset(path: Path, name: str, dataset: h5py.Dataset) -> None:
    if dataset.external or dataset.is_virtual:
        problem = f"dataset {name!r} takes its values from another file"
        raise InputError(path, problem, "Copy the values into this file")
    count, size = np.prod(dataset.shape or (), dtype=np.float64), dataset.dtype.itemsize
    if count > MAX_VALUES or (count > 1 and size > MAX_VALUE_BYTES):
        raise InputError(path, f"dataset {name!r} declares {dataset.shape} values", "Cut it into pieces")
    if dataset.chunks and np.prod(dataset.chunks, dtype=np.float64) * size > MAX_CHUNK_BYTES:
        raise InputError(path, f"dataset {name!r} declares chunks of {dataset.chunks}", "Write it in smaller chunks")
    refuse_hollow(path, f"dataset {name!r} declares {dataset.shape} values", float(count) * size)

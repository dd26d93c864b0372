"""Texts of any length stand in HDF5's global heaps, and a wrong size in one keeps the HDF5 library busy for ever.

The library (2.0.0, and those before it) walks from object to object by their sizes; where a size was changed it can
come upon an object of no size at all and stay there, in C, where nothing interrupts it. So heaps are walked here first.
Source: HDF5 File Format Specification, version 3.0, III.E "Global Heap".
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

SIGNATURE = b"GCOL\x01"
LEAST_BYTES = 4096  # of a heap; the library refuses a smaller one itself
MOST_BYTES = 2**26
READ_BYTES = 2**24
_HEAD, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")
# where the superblock of each version states how many bytes an address and a length have
_SIZES_AT = {0: 13, 1: 13, 2: 9, 3: 9}


def fault_of(path: Path) -> str:
    """Return what is wrong with the global heaps of an HDF5 file; empty where nothing is. Raises OSError."""
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
    """Return offsets at which heaps may begin: in the order of the file, each once."""
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
    """Return whether a heap's objects lead to its end; true of what is no heap at all."""
    stream.seek(place)
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return True
    _, _, size = _HEAD.unpack(head)
    if size < LEAST_BYTES or place + size > file_size:
        return True  # the library refuses it
    if size > MOST_BYTES:
        return False
    stream.seek(place)
    heap, at = stream.read(size), _HEAD.size
    while at + _OBJECT.size <= size:
        index, _, length = _OBJECT.unpack_from(heap, at)
        # the free space at the end counts its own head, and is padded to nothing
        step = length if index == 0 else _OBJECT.size + -(-length // 8) * 8
        if step < _OBJECT.size or at + step > size:
            return False
        at += step
    return True

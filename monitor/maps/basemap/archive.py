"""Base map in one PMTiles file (github.com/protomaps/PMTiles, spec v3)."""

import json
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

MAGIC, VERSION = b"PMTiles", 3
MAX_BYTES = 16 * 2**20  # of a directory or of metadata, unpacked
HEADER = struct.Struct("<8s 11Q x 3B 27x")  # section 3: magic, offsets and lengths, counts, compressions, tile type
SECTIONS = ("root", "metadata", "leaves", "tiles")
GZIP, MVT = 2, 1
READABLE = {1, GZIP}  # uncompressed, or compressed as browsers expect
SCHEMA_SIGNS = {"earth", "transportation"}  # one layer that only Protomaps has, one that only OpenMapTiles has


def fault_of(path: Path) -> str:
    """Return the reason why a file cannot be a base map, or ''. Checks header, root directory and metadata."""
    try:
        state = path.stat()
    except OSError:
        return f"{path}: there is no such file"
    fault = _fault(path, state.st_size, state.st_mtime_ns)
    return f"{path}: {fault}" if fault else ""


@lru_cache(maxsize=4)
def _fault(path: Path, size: int, changed_ns: int) -> str:
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if head[:7] != MAGIC:
            return f"this is no PMTiles archive (it begins with {head[:7]!r})"
        if head[7:8] != bytes([VERSION]):
            return f"PMTiles version {head[7] if head[7:] else 0} is not read"
        if len(head) < HEADER.size:
            return "this file ends within its header"
        values = HEADER.unpack(head)
        sections = {name: (values[n], values[n + 1]) for n, name in zip(range(1, 9, 2), SECTIONS, strict=True)}
        packed, packed_tiles, tile_type = values[-3:]  # compression of directories and of tiles; type of tiles
        missing = max(offset + length for offset, length in sections.values()) - size
        if missing > 0:
            return f"this file is cut off: {missing:,} bytes are missing"
        if tile_type != MVT or not {packed, packed_tiles} <= READABLE:
            return "its tiles are no vector tiles (MVT), or are packed otherwise than by gzip"
        try:
            root, metadata = (_read(file, *sections[name], packed) for name in ("root", "metadata"))
            layers = {str(layer["id"]) for layer in json.loads(metadata)["vector_layers"]}
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as fault:
            return f"its directory or its metadata cannot be read ({type(fault).__name__})"
    if not root[:1].strip(b"\0"):
        return "there is no tile in it"
    if not layers & SCHEMA_SIGNS:
        return "its layers are neither those of Protomaps nor those of OpenMapTiles"
    return ""


def _read(file: BinaryIO, offset: int, length: int, packed: int) -> bytes:
    """Return a section's bytes, decompressed if `packed` is GZIP. Raises OSError, EOFError, zlib.error, ValueError."""
    if length > MAX_BYTES:
        raise ValueError("too long")
    file.seek(offset)
    content = file.read(length)
    if packed == GZIP:
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(content, MAX_BYTES)
        if not unpacking.eof:
            raise EOFError
    return content

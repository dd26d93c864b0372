"""Base map in one PMTiles file (github.com/protomaps/PMTiles, spec v3), read in byte ranges (RFC 9110, section 14)."""

import json
import re
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase

from monitor.wording.refusals import number_or_none

MAGIC, VERSION = b"PMTiles", 3
MOST_BYTES = 16 * 2**20  # of one answer; browsers ask for much less
HEADER = struct.Struct("<8s 11Q x 3B 27x")  # section 3: magic, offsets and lengths, counts, compressions, tile type
SECTIONS = ("root", "metadata", "leaves", "tiles")
GZIP, MVT = 2, 1
READABLE = {1, GZIP}  # uncompressed, or compressed as browsers expect
SCHEMA_SIGNS = {"earth", "transportation"}  # one layer that only Protomaps has, one that only OpenMapTiles has
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


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
        sections = {name: values[n : n + 2] for n, name in zip(range(1, 9, 2), SECTIONS, strict=True)}
        packed, packed_tiles, tile_type = values[-3:]  # compression of directories and of tiles; type of tiles
        missing = max(offset + length for offset, length in sections.values()) - size
        if missing > 0:
            return f"this file is cut off: {missing:,} bytes are missing"
        if tile_type != MVT or not {packed, packed_tiles} <= READABLE:
            return "its tiles are no vector tiles (MVT), or are packed otherwise than by gzip"
        try:
            root, metadata = (_read(file, *sections[name], packed) for name in ("root", "metadata"))
            layers = {str(one["id"]) for one in json.loads(metadata)["vector_layers"]}
        except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as fault:
            return f"its directory or its metadata cannot be read ({type(fault).__name__})"
    if not root[:1].strip(b"\0"):
        return "there is no tile in it"
    if not layers & SCHEMA_SIGNS:
        return "its layers are neither those of Protomaps nor those of OpenMapTiles"
    return ""


def _read(file: BinaryIO, offset: int, length: int, packed: int) -> bytes:
    """Return a section's bytes, decompressed if `packed` is GZIP. Raises OSError, EOFError, zlib.error, ValueError."""
    if length > MOST_BYTES:
        raise ValueError("too long")
    file.seek(offset)
    content = file.read(length)
    if packed == GZIP:
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(content, MOST_BYTES)
        if not unpacking.eof:
            raise EOFError
    return content


def part_of(request: HttpRequest, path: Path) -> HttpResponseBase:
    """Answer with the byte range that a request's Range header names, or with the whole file."""
    state = path.stat()
    etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    response: HttpResponseBase
    if wanted is None:
        response = FileResponse(path.open("rb"), content_type="application/vnd.pmtiles")
    else:
        first, end = (number_or_none(text) for text in wanted.groups())
        last = min(state.st_size if end is None else end, (first or 0) + MOST_BYTES - 1, state.st_size - 1)
        if first is None or first > last:
            response = HttpResponse(status=416, headers={"Content-Range": f"bytes */{state.st_size}"})
        else:
            with path.open("rb") as file:
                file.seek(first)
                content = file.read(last - first + 1)
            response = HttpResponse(content, status=206, content_type="application/vnd.pmtiles")
            response["Content-Range"] = f"bytes {first}-{last}/{state.st_size}"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=86400"
    return response

"""A base map in one file (PMTiles, version 3), of which browsers fetch the parts that they draw.

Specification: github.com/protomaps/PMTiles, spec v3. Ranges: RFC 9110, section 14.
"""

import re
from pathlib import Path

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase

MAGIC, VERSION = b"PMTiles", 3
MOST_BYTES = 16 * 2**20  # of one part; the reader asks for much less
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def fault_of(path: Path) -> str:
    """Why a file cannot be a base map; empty where it can."""
    if not path.is_file():
        return f"{path}: there is no such file"
    with path.open("rb") as file:
        head = file.read(8)
    if head[:7] != MAGIC:
        return f"{path}: this is no PMTiles archive (it begins with {head[:7]!r})"
    if head[7] != VERSION:
        return f"{path}: PMTiles version {head[7]} is not read"
    return ""


def part_of(request: HttpRequest, path: Path) -> HttpResponseBase:
    """The range of a file that a request names, or all of it."""
    state = path.stat()
    etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    wanted = _RANGE.fullmatch(request.headers.get("Range", ""))
    response: HttpResponseBase
    if wanted is None:
        response = FileResponse(path.open("rb"), content_type="application/vnd.pmtiles")
    else:
        first = int(wanted[1])
        last = min(int(wanted[2] or state.st_size), first + MOST_BYTES - 1, state.st_size - 1)
        if first > last:
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

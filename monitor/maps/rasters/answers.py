"""Responses with pictures, tiles, tables and stored files.

Pictures and tiles are drawn if the client's copy is outdated; files are served by byte ranges (RFC 9110, 14).
"""

import csv
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import IO, NamedTuple
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import gettext_lazy

from ground_motion.core.errors import StorageFailed
from ingest.foundation.storage import stored_part
from monitor.wording.refusals import number_or_none

MAX_ZOOM = 22
GONE = gettext_lazy("The file with the result of this run is no longer in the storage, or it is broken.")
CHUNK_BYTES = 2**18
PROXY_SENDS = "X-Sends-Files"  # docker/nginx sets this header; no visitor can send it through the proxy.
_RANGE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.ASCII)


class ImageGone(LookupError):
    """Error for a picture whose file is missing from the storage or damaged. The message is for readers."""


def png_response(request: HttpRequest, etag: str, make: Callable[[], bytes]) -> HttpResponseBase:
    """Answer with a PNG, or 404 if make raises ImageGone."""
    try:
        return unless_held(request, etag, make, "image/png", "public, max-age=300")
    except ImageGone as gone:
        return HttpResponse(f"{gone}\n", status=404, content_type="text/plain; charset=utf-8")


def etag_of(*parts: object) -> str:
    """Return an ETag computed from the parts."""
    return f'"{sha256(chr(0).join(map(str, parts)).encode()).hexdigest()[:32]}"'


def unless_held(
    request: HttpRequest, etag: str, make: Callable[[], bytes], content_type: str, cache: str
) -> HttpResponseBase:
    """Answer with the content that make returns, or 304, without calling make, if the client has a current copy."""
    response = get_conditional_response(request, etag=etag) or HttpResponse(make(), content_type=content_type)
    response["ETag"] = etag
    response["Cache-Control"] = cache
    return response


def tile_or_404(z: int, x: int, y: int, known: bool = True) -> None:
    """Raise Http404 unless z, x, y is a tile of Web Mercator up to MAX_ZOOM and its layer is known."""
    if not (known and z <= MAX_ZOOM and x < 2**z and y < 2**z):
        raise Http404("There is no such tile.")


def csv_response(name: str, rows: Iterable[Sequence[object]]) -> HttpResponse:
    """Answer with a CSV file to save as name.csv. rows: the first holds the names of the columns."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
    csv.writer(response).writerows(rows)
    return response


class StoredFile(NamedTuple):
    """File to serve.

    Args:
        opened: returns a stream that begins at the first byte and holds at least all up to the last.
        at_proxy: address under which the proxy finds the file and sends it itself; empty: the site sends it.
        max_bytes: limit of one answer; a longer range is cut, and a longer file is refused as a whole. None: no limit.
    """

    name: str
    n_bytes: int
    content_type: str
    opened: Callable[[int, int], IO[bytes]]
    at_proxy: str = ""
    max_bytes: int | None = None


def ranged_file(
    request: HttpRequest,
    file: FieldFile,
    content: str,
    n_bytes: int | None,
    name: str = "",
    content_type: str = "image/tiff",
) -> HttpResponseBase:
    """Answer with a stored file or a byte range of it. Raises Http404, StorageFailed.

    content: its hash, or a name that no other content ever has; n_bytes: its size on record, None without one.
    """
    if not file.name:
        raise Http404("There is no such file.")
    try:
        size = file.size
        if n_bytes not in (None, size):
            raise StorageFailed(f"{file.name} has {size} bytes instead of {n_bytes}: restore it from a backup")
        stored = StoredFile(name or file.name, size, content_type, lambda first, last: stored_part(file, first, last))
        # The size is part of the ETag, so that a client never joins parts of a whole file and of one that was cut.
        etag = etag_of(content, size)
        # docker/nginx sends the file if it is in front, reads the folder of rasters, and says so.
        is_asked = settings.PROXIES > 0 and request.headers.get(PROXY_SENDS) == "yes"
        if is_asked and isinstance(file.storage, FileSystemStorage):
            stored = stored._replace(at_proxy=f"/.stored/{quote(file.name)}")
            state = os.stat(file.path)
            etag = f'"{int(state.st_mtime):x}-{state.st_size:x}"'  # nginx makes the same, so that both agree.
        answer = ranged(request, stored, etag, "public, max-age=300")
    except FileNotFoundError as gone:
        raise Http404("There is no such file.") from gone
    answer["Content-Disposition"] = f'attachment; filename="{stored.name}"'
    return answer


def ranged(request: HttpRequest, stored: StoredFile, etag: str, cache: str) -> HttpResponseBase:
    """Answer with the whole file (200), one byte range (206), or 304, 412, 416. etag: strong, of this content.

    A request for several ranges is refused (416): no known client needs them, and they are costly to serve.
    """
    response = get_conditional_response(request, etag=etag) or _part(request, stored, etag)
    if "X-Accel-Redirect" not in response:  # the proxy writes the header itself
        response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = cache
    return response


def _part(request: HttpRequest, stored: StoredFile, etag: str) -> HttpResponseBase:
    is_current = request.headers.get("If-Range", etag) == etag
    first, last, status = 0, stored.n_bytes - 1, 200
    if is_current and (wanted := _range_of(request)):
        span = _span(wanted, stored.n_bytes)
        if span is None:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{stored.n_bytes}"})
        (first, last), status = span, 206
    response: HttpResponseBase
    if stored.at_proxy:
        response = HttpResponse(content_type=stored.content_type, headers={"X-Accel-Redirect": stored.at_proxy})
        patch_vary_headers(response, [PROXY_SENDS])
        return response
    length = last - first + 1
    if request.method == "GET" and stored.max_bytes is not None and length > stored.max_bytes:
        if status == 200:
            return HttpResponse(f"Ask for ranges of at most {stored.max_bytes} bytes.", "text/plain", 403)
        length = stored.max_bytes
        last = first + length - 1
    if request.method == "HEAD" or not length:
        response = HttpResponse(content_type=stored.content_type)
    else:
        stream = stored.opened(first, last)
        kind = HttpResponse if length <= CHUNK_BYTES else StreamingHttpResponse
        response = kind(_read(stream, length), status=status, content_type=stored.content_type)
        # A generator that never began does not close its stream.
        response._resource_closers.append(stream.close)  # type: ignore[union-attr]  # Django's own list
    response["Content-Length"] = str(length)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{stored.n_bytes}"
    return response


def _range_of(request: HttpRequest) -> str:
    """Return the range of bytes that a GET request asks for; empty if there is none, or in another unit."""
    wanted = request.headers.get("Range", "").strip()
    return wanted if request.method == "GET" and wanted.startswith("bytes=") else ""


def _span(wanted: str, n_bytes: int) -> tuple[int, int] | None:
    """Return the first and the last byte that a Range header names; None if it is invalid or beyond the end."""
    parts = _RANGE.fullmatch(wanted)
    if parts is None or parts[1] == parts[2] == "":
        return None
    begin, end = (number_or_none(text, n_bytes) for text in parts.groups())
    begin, end = (n_bytes if number is None else number for number in (begin, end))  # Missing, or beyond every file
    first, last = (begin, min(end, n_bytes - 1)) if parts[1] else (n_bytes - end, n_bytes - 1)
    return (first, last) if first <= last else None


def _read(stream: IO[bytes], left: int) -> Iterator[bytes]:
    with stream:
        while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk

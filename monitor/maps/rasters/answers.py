"""Responses with pictures and tiles, which are only drawn if the client's copy is outdated, and with CSV tables."""

import csv
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext_lazy

MAX_ZOOM = 22
GONE = gettext_lazy("The file with the result of this run is no longer in the storage, or it is broken.")


class ImageGone(LookupError):
    """Error for a picture whose file is missing from the storage or damaged. The message is for readers."""


def png_response(
    request: HttpRequest, etag: str, make: Callable[[], bytes], cache: str = "public, max-age=300"
) -> HttpResponseBase:
    """Answer with a PNG, or 404 if make raises ImageGone. cache: value of the header Cache-Control."""
    try:
        return unless_held(request, etag, make, "image/png", cache)
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

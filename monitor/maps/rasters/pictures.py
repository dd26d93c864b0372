"""Pictures as answers: made when asked for and not held already, and a plain 404 where a file is gone."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response


class ImageGone(LookupError):
    """File of a picture that is not in the storage any more, or broken. In words."""


def png_response(
    request: HttpRequest, etag: str, make: Callable[[], bytes], cache: str = "public, max-age=300"
) -> HttpResponseBase:
    """Answer with a picture. make: raises ImageGone; cache: the header Cache-Control."""
    response = get_conditional_response(request, etag=etag)
    if response is None:
        try:
            response = HttpResponse(make(), content_type="image/png")
        except ImageGone as gone:
            return HttpResponse(f"{gone}\n", status=404, content_type="text/plain; charset=utf-8")
    response["ETag"] = etag
    response["Cache-Control"] = cache
    return response

"""Headers that belong to whole parts of the site."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

PUBLIC_DATA = ("/api/", "/alerts.atom", "/alerts.geojson")


def public_data(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Any page may read what everybody may read: no cookies go with such a request, so nothing private can be read."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if request.path.startswith(PUBLIC_DATA):
            response["Access-Control-Allow-Origin"] = "*"
        return response

    return middleware

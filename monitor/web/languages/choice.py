"""In which language an answer is written, and how its copies are kept apart.

Pages follow the address (`?language=de`), else the reader's choice (a cookie), else the browser, else English. Public
data and the admin follow their address only, so one copy of an address serves everybody.
"""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.utils import translation
from django.utils.cache import patch_vary_headers

from monitor.web.middleware import PUBLIC_DATA

BY_ADDRESS = (*PUBLIC_DATA, "/admin/")
PAGES_AMONG_DATA = ("/api/v1/",)
WORDED = ("text/html", "text/plain", "application/json")
FRAMED = "/embed/"  # by pages of others: no cookie comes with such a request

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def follow_language(get_response: GetResponse) -> GetResponse:
    """Middleware: the language of each request, with the headers that say so."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        asked, by_address = asked_language(request.GET), _by_address(request)
        request.LANGUAGE_CODE = asked or (settings.LANGUAGE_CODE if by_address else _of_the_reader(request))
        with translation.override(request.LANGUAGE_CODE):
            response = get_response(request)
        if asked and 300 <= response.status_code < 400:
            _lead_on_in(asked, response)
        worded = response.get("Content-Type", "").startswith(WORDED)
        if asked or (worded and not by_address):
            response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        if worded and not asked and not by_address:
            patch_vary_headers(response, ["Accept-Language", *([] if _framed(request) else ["Cookie"])])
        return response

    return middleware


def asked_language(asked: QueryDict) -> str | None:
    """The language in an address; None where it names none that we speak."""
    try:
        return translation.get_supported_language_variant(asked.get("language", ""))
    except LookupError:
        return None


def _lead_on_in(language: str, response: HttpResponseBase) -> None:
    """A page of ours that an answer leads on to is asked for in the same language."""
    address = urlsplit(response.get("Location", ""))
    query = QueryDict(address.query, mutable=True)
    if address.path.startswith("/") and not address.netloc and "language" not in query:
        query["language"] = language
        response["Location"] = urlunsplit(address._replace(query=query.urlencode()))


def _of_the_reader(request: HttpRequest) -> str:
    if _framed(request):
        request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
    return translation.get_language_from_request(request)


def _by_address(request: HttpRequest) -> bool:
    return request.path.startswith(BY_ADDRESS) and request.path not in PAGES_AMONG_DATA


def _framed(request: HttpRequest) -> bool:
    return request.path.startswith(FRAMED)

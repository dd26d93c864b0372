"""Language of an answer: from the address, a cookie or the browser; for public data from the address only."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import django
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.utils import translation
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog, set_language

from monitor.web.middleware import PUBLIC_DATA

BY_ADDRESS = (*PUBLIC_DATA, "/admin/")
PAGES_AMONG_DATA = ("/api/v1/",)
WORDED = ("text/html", "text/plain", "application/json")
FRAMED = "/embed/"  # Pages of other sites frame these, so that no cookie comes with the request.
KEPT = "public, max-age=31536000, immutable"  # Every catalogue has its own address, so that an answer never changes.
KEPT_OTHER = "public, max-age=60"  # A page of another version asks for this.

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def follow_language(get_response: GetResponse) -> GetResponse:
    """Set the language of each request, and the headers that state it. A middleware."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        asked, framed = asked_language(request.GET), request.path.startswith(FRAMED)
        by_address = request.path.startswith(BY_ADDRESS) and request.path not in PAGES_AMONG_DATA
        if framed:
            request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
        request.LANGUAGE_CODE = asked or (
            settings.LANGUAGE_CODE if by_address else translation.get_language_from_request(request)
        )
        with translation.override(request.LANGUAGE_CODE):
            response = get_response(request)
        if asked and 300 <= response.status_code < 400:
            _lead_on_in(asked, response)
        worded = response.get("Content-Type", "").startswith(WORDED)
        if asked or (worded and not by_address):
            response.headers.setdefault("Content-Language", request.LANGUAGE_CODE)
        if worded and not asked and not by_address:
            patch_vary_headers(response, ["Accept-Language", *([] if framed else ["Cookie"])])
        return response

    return middleware


def asked_language(asked: QueryDict) -> str | None:
    """Return the language in an address's query; None if it has none or one that the site lacks."""
    try:
        return translation.get_supported_language_variant(asked.get("language", ""))
    except LookupError:
        return None


def _lead_on_in(language: str, response: HttpResponseBase) -> None:
    """Add the language to the address of an answer's redirect, if it leads to a page of this site."""
    address = urlsplit(response.get("Location", ""))
    query = QueryDict(address.query, mutable=True)
    if address.path.startswith("/") and not address.netloc and "language" not in query:
        query["language"] = language
        response["Location"] = urlunsplit(address._replace(query=query.urlencode()))


# A language is no secret and grants nothing: without a token in its form, readers get no cookie before they choose.
choose_language = csrf_exempt(require_POST(set_language))


@require_safe
def words(request: HttpRequest, language: str, version: str) -> HttpResponseBase:
    """Return the translations for the site's scripts in one language, as a script."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    etag = f'"{words_version(language)}"'
    with translation.override(language):
        response = get_conditional_response(request, etag=etag) or JavaScriptCatalog.as_view(packages=["monitor"])(
            request
        )
    response["ETag"] = etag
    response["Cache-Control"] = KEPT if version == words_version(language) else KEPT_OTHER
    return response


@cache
def words_version(language: str) -> str:
    """Return a version text that changes with the translations and with the code that writes them."""
    digest = hashlib.sha256(django.__version__.encode())
    for folder in settings.LOCALE_PATHS:
        path = Path(folder, language, "LC_MESSAGES", "djangojs.mo")
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

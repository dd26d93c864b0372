"""The reader's choice of a language, and the words of the scripts in it."""

import hashlib
from functools import cache
from pathlib import Path

import django
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog, set_language

KEPT = "public, max-age=31536000, immutable"  # another catalogue has another address
KEPT_OTHER = "public, max-age=60"  # asked for by a page of another version

# A language is no secret and grants nothing: without a token in its form, readers get no cookie before they choose.
choose_language = csrf_exempt(require_POST(set_language))


@require_safe
def words(request: HttpRequest, language: str, version: str) -> HttpResponse:
    """The catalogue of the scripts in one language, as a script."""
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
    """What changes with the catalogue and with the code that writes it."""
    digest = hashlib.sha256(django.__version__.encode())
    for folder in settings.LOCALE_PATHS:
        path = Path(folder, language, "LC_MESSAGES", "djangojs.mo")
        if path.exists():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]

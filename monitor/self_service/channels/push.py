"""The script that a browser runs when a message comes. It lies at the root, so that it may speak for the whole site."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from monitor.paths import SITE_DIR


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(_script(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@cache
def _script() -> str:
    return (SITE_DIR / "static" / "js" / "push" / "worker.js").read_text(encoding="utf-8")

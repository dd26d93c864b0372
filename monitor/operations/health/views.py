"""Probes of whether the process is alive and can serve pages."""

import time
from functools import lru_cache
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitor.operations.health.condition import Report, examine
from monitor.operations.health.conditions import CONDITIONS

KEEP_SECONDS = 2.0  # The result of the readiness probe is kept this long.


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive; nothing else is checked."""
    return HttpResponse("alive\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report whether the site is ready, with status 503 if it is not. Public, therefore without details."""
    reports = _examined(int(time.monotonic() / KEEP_SECONDS))
    wrong = {
        report.condition.name: "it could not be checked" if report.unexpected else report.wrong
        for report in reports
        if report.wrong
    }
    return JsonResponse({"ready": not wrong, "wrong": wrong}, status=503 if wrong else 200)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer 410 with what replaces the metrics, until the version after 0.5."""
    words = "Metrics are gone: manage.py doctor and the mails to ADMIN_EMAILS say what is wrong.\n"
    return HttpResponse(words, status=HTTPStatus.GONE, content_type="text/plain; charset=utf-8")


@lru_cache(maxsize=1)
def _examined(moment: int) -> list[Report]:
    """Examine what the site needs; the result is cached for `moment`, so that frequent requests cost nothing."""
    return examine(condition for condition in CONDITIONS if condition.site_needs)

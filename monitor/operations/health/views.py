"""Probes of whether the process is alive and can serve pages; metrics for requests with the token."""

import time
from functools import lru_cache

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from monitor.operations.health.condition import Report, examine
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.metrics import metrics_text

KEEP_SECONDS = 2.0


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
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics for Prometheus, if the request has METRICS_TOKEN as its bearer token."""
    if not settings.METRICS_TOKEN:
        raise Http404("This service offers no metrics.")
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        raise PermissionDenied("Metrics are read with the token of METRICS_TOKEN.")
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)


@lru_cache(maxsize=1)
def _examined(moment: int) -> list[Report]:
    """Examine what the site needs; the result is cached for `moment`, so that frequent requests cost nothing."""
    return examine(condition for condition in CONDITIONS if condition.site_needs)

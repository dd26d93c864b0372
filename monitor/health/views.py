"""Probes: does this process live, and can it answer pages?"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from monitor.health.condition import Report, examine
from monitor.health.conditions import CONDITIONS


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives. Nothing else is asked."""
    return HttpResponse("alive\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether database, migrations and broker are right, and 503 where one is not. Strangers read it: no details."""
    reports = examine(condition for condition in CONDITIONS if condition.site_needs)
    wrong = {report.condition.name: _for_strangers(report) for report in reports if report.wrong}
    return JsonResponse({"ready": not wrong, "wrong": wrong}, status=503 if wrong else 200)


def _for_strangers(report: Report) -> str:
    return "it could not be checked" if report.unexpected else report.wrong

"""Pages of residents' reports, on which operators decide. Nobody but operators sees text and photo."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from detection.models import Alert
from ground_motion.core.errors import promised
from monitor.maps.map.selectors import map_at
from monitor.models.operations import ResidentReport
from monitor.subscribers.reports.selectors import alerts_near_reports, reports_confirmed, reports_waiting
from monitor.subscribers.reports.services import MAX_REASON_LENGTH, report_decide
from monitor.web.guards import account_in, deciders_only
from monitor.wording.cards.whereabouts import area_names
from monitor.wording.refusals import number_or_none

ON_A_PAGE, DECIDED_LATELY = 50, 20
AROUND_DEGREES = 0.002
State = ResidentReport.State


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_reports(request: HttpRequest) -> HttpResponse:
    """Show the reports that wait, and the last decided; on POST, accept or reject one."""
    if request.method != "POST":
        return _page(request)
    report = reports_confirmed().filter(pk=number_or_none(request.POST.get("report", "")) or 0).first()
    state, reason = request.POST.get("state", ""), request.POST.get("reason", "")
    if report is None or state not in {State.ACCEPTED, State.REJECTED}:
        return _page(request, _("There is no such report. Nothing was changed."), status=400)
    if state == State.REJECTED and not reason.strip():
        return _page(request, _("Please say why you do not accept the report."), status=400)
    if not report_decide(report=report, by=account_in(request), state=state, reason=reason):
        return _page(request, _("This report has already been decided. Nothing was changed."), status=409)
    accepted = state == State.ACCEPTED
    messages.success(request, _("The report was accepted.") if accepted else _("The report was not accepted."))
    return HttpResponseRedirect(reverse("review-reports"))


@require_safe
@deciders_only
def review_report_photo(request: HttpRequest, report: int) -> HttpResponse:
    """Return the photo of a report, which was encoded anew when it was uploaded."""
    kept = get_object_or_404(ResidentReport, pk=report, confirmed_at__isnull=False, photo__isnull=False)
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": f'attachment; filename="report{kept.pk}.jpg"',
    }
    return HttpResponse(bytes(promised(kept.photo)), content_type="image/jpeg", headers=headers)


def _page(request: HttpRequest, fault: str = "", status: int = 200) -> HttpResponse:
    decided = reports_confirmed().exclude(state=State.WAITING).select_related("decided_by").order_by("-decided_at")
    context = {
        "n_waiting": reports_waiting().count(),
        "waiting": report_rows(list(reports_waiting()[:ON_A_PAGE])),
        "decided": report_rows(list(decided[:DECIDED_LATELY])),
        "longest_reason": MAX_REASON_LENGTH,
        "fault": fault,
    }
    return render(request, "pages/reviews/reports.html", context, status=status)


def report_rows(reports: list[ResidentReport]) -> list[dict[str, Any]]:
    """Return reports with the name of the place, its address on the map, and the alerts near it."""
    pairs = alerts_near_reports(reports=[one.pk for one in reports])
    alerts = Alert.objects.defer("area").in_bulk({alert for alert, _report in pairs})
    near = [[alerts[alert] for alert, other in pairs if other == one.pk] for one in reports]
    simulated = [any(alert.simulated for alert in those) for those in near]
    names = area_names([(one.place, made) for one, made in zip(reports, simulated, strict=True)])
    return [
        {"report": report, "place": name, "alerts": those, "map_url": _map_url(*report.place)}
        for report, name, those in zip(reports, names, near, strict=True)
    ]


def _map_url(longitude: float, latitude: float) -> str:
    box = longitude - AROUND_DEGREES, latitude - AROUND_DEGREES, longitude + AROUND_DEGREES, latitude + AROUND_DEGREES
    return f"{reverse('map')}{map_at(*box)}"

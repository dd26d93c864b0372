"""Residents' reports: the form, and the page behind the mailed link, which confirms, shows and deletes a report."""

from datetime import date
from typing import Any

from django import forms
from django.contrib.gis.geos import Point
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from monitor.maps.charts.here import position_of
from monitor.maps.map.place_search import PlaceForm
from monitor.maps.map.selectors import map_totals
from monitor.models.operations import ResidentReport
from monitor.self_service.subscriptions.forms import EmailForm
from monitor.self_service.subscriptions.links import private_page
from monitor.self_service.subscriptions.views import too_many, within_limits
from monitor.subscribers.reports.selectors import KEEP, NEAR_M
from monitor.subscribers.reports.services import MAX_TEXT_LENGTH, read_report_token, report_confirm, report_request
from monitor.web.request_limits import ACTS, PREVIEWS, costly
from monitor.web.secret_links import Expired
from monitor.wording.cards.filters import alert_or_404
from monitor.wording.refusals import Refusal

EARLIEST = date(1900, 1, 1)
FIRST_ZONE = timezone.get_fixed_timezone(14 * 60)  # Each day begins first in this time zone.


class ReportForm(EmailForm, PlaceForm):
    """Form for what a resident saw, where and when, and the mail address last."""

    asks_geocoder = True

    kind = forms.ChoiceField(
        choices=ResidentReport.Kind.choices, error_messages={"required": gettext_lazy("Choose what you see.")}
    )
    seen_on = forms.DateField(
        label=gettext_lazy("Seen on"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"required": gettext_lazy("Choose the day on which you saw it.")},
    )
    text = forms.CharField(
        label=gettext_lazy("What it looks like, and since when"),
        required=False,
        max_length=MAX_TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def clean_seen_on(self) -> date:
        """Return the day. Raises ValidationError if it has begun nowhere yet, or is before EARLIEST."""
        day: date = self.cleaned_data["seen_on"]
        if not EARLIEST <= day <= _latest_day():
            raise forms.ValidationError(_("Choose today or an earlier day."))
        return day

    def clean(self) -> dict[str, Any]:
        """Check that a report of the kind “Something else” has a description."""
        cleaned = super().clean() or {}
        if cleaned.get("kind") == ResidentReport.Kind.OTHER and not cleaned.get("text", "").strip():
            self.add_error("text", _("Describe what you see."))
        return cleaned


@costly(posted=PREVIEWS)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def resident_report(request: HttpRequest) -> HttpResponse:
    """Show the form, perhaps at the place of an alert (?alert=) or of a house (?lat=&lon=); on POST, save a report."""
    if request.method != "POST":
        return _page(request, ReportForm(initial=_prefilled(request)))
    form = ReportForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    if not within_limits(request):
        return too_many(request)
    given = {name: form.cleaned_data[name] for name in ("email", "kind", "seen_on", "text")}
    report_request(**given, place=form.cleaned_data["position"])
    return redirect("subscribe-sent")


@costly(posted=ACTS)
@private_page
def report_link(request: HttpRequest, token: str) -> HttpResponse:
    """Show a report to whoever sent it, who confirms or deletes it. Mail scanners open links, so a GET does neither."""
    report = ResidentReport.objects.filter(pk=read_report_token(token)).first()
    if report is None:
        raise Expired("it was deleted in the meantime")
    deed = request.POST.get("deed") if request.method == "POST" else ""
    if deed == "delete":
        report.delete()
        return render(request, "self_service/reports/deleted.html")
    if deed == "confirm":
        report_confirm(report=report)
        return redirect("report-link", token=token)
    return render(request, "self_service/reports/link.html", {"report": report})


def _prefilled(request: HttpRequest) -> dict[str, str]:
    if code := request.GET.get("alert", ""):
        at: Point = alert_or_404(code).area.point_on_surface
        return {"place": f"{at.y:.4f}, {at.x:.4f}"}
    try:
        longitude, latitude = position_of(request.GET.get("lat", ""), request.GET.get("lon", ""))
    except Refusal:
        return {}
    return {"place": f"{latitude}, {longitude}"}


def _latest_day() -> date:
    """Return the latest day that has begun anywhere: the reader's own clock may be ahead of UTC."""
    return timezone.localdate(timezone=FIRST_ZONE)


def _page(request: HttpRequest, form: ReportForm, status: int = 200) -> HttpResponse:
    form.fields["seen_on"].widget.attrs["max"] = _latest_day().isoformat()
    context = {
        "form": form,
        "bounds": map_totals()["bounds"],
        "near_m": NEAR_M,
        "keep_years": KEEP.days // 365,
    }
    return render(request, "self_service/reports/report.html", context, status=status)

"""The page of the points of an area as a file: form and preview; the answer to the form is the file."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ingest.foundation.geos import geos
from monitor.open_data.extracts import services as extracts
from monitor.open_data.extracts.formats import KINDS
from monitor.self_service.subscriptions.views import prefilled, preview, where_config
from monitor.subscribers.subscriptions.places import WhereForm, form_of
from monitor.web.request_limits import EXTRACTS, GIVEN_FILES, PREVIEWS, costly
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal, problem

DEFAULTS = {"where": "circle", "distance": "2000", "own_km": "5", "file_format": "gpkg"}


class ExtractForm(WhereForm):
    """Form of an area and the kind of file; it counts the points of the area."""

    name = None  # type: ignore[assignment]  # Django's way to leave a field out
    file_format = forms.ChoiceField(
        choices=[(name, kind.label) for name, kind in KINDS.items()],
        error_messages={"required": gettext_lazy("Choose a kind of file.")},
    )
    without_series = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Set `wish` in the cleaned data to the area, what its file is to be, and its points by data set."""
        cleaned = super().clean() or {}
        if cleaned.get("region") and cleaned.get("file_format"):
            wish = {"area": geos(cleaned["region"].outline), "file_format": cleaned["file_format"]}
            wish["with_series"] = not cleaned.get("without_series")
            try:
                cleaned["wish"] = wish | {"points": extracts.points_of(**wish)}
            except Refusal as refusal:
                self.add_error("where", refusal.error)
        return cleaned


@costly(posted=EXTRACTS)
@require_http_methods(["GET", "HEAD", "POST"])
def extract(request: HttpRequest) -> HttpResponseBase:
    """Show the form, perhaps filled in (?bbox=…, ?region=…, ?alert=…), or answer with the file."""
    form, status = form_of(ExtractForm, request, DEFAULTS | prefilled(request))
    if form.is_bound and form.is_valid():
        kind = KINDS[form.cleaned_data["file_format"]]
        try:
            file = extracts.extract_open(**form.cleaned_data["wish"])
        except Refusal as refusal:
            form.add_error("where", refusal.error)
        else:
            name = f"ground-motion-{timezone.now():%Y%m%d}{kind.suffix}"
            return FileResponse(file, as_attachment=True, filename=name, content_type=kind.content_type)
    context = {"form": form, "where_config": where_config(form), "published_url": settings.PUBLISHED_URL}
    return render(request, "self_service/extracts/extract.html", context, status=status)


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@require_POST
def extract_preview(request: HttpRequest) -> JsonResponse:
    """Count the points of a form's area."""
    form = ExtractForm(request.POST, request.FILES)
    return preview(form, lambda: {"sentence": _sentence(form.cleaned_data["wish"]["points"]), "unseen": ""})


@require_safe
def extract_gone(request: HttpRequest, token: str) -> HttpResponse:
    """Answer 410 for the pages and files of earlier versions, until the version after 0.5."""
    page = request.build_absolute_uri(reverse("extract"))
    return problem(HTTPStatus.GONE, "Files that a mail led to are gone", f"Choose the area again at {page}.")


def _sentence(points: dict[int, int]) -> str:
    n = sum(points.values())
    words = ngettext("%(points)s measurement point", "%(points)s measurement points", n) % {"points": whole(n)}
    sets = ngettext("in %(n)s data set.", "in %(n)s data sets.", len(points))
    return f"{words} {sets % {'n': whole(len(points))}}"

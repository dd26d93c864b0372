"""Pages of the points of an area as a file: form and preview; behind the link in the mail, progress and file."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ingest.foundation.geos import geos
from ingest.models import Product
from monitor.maps.rasters.answers import asks_for_last_byte, ranged_file
from monitor.models.operations import Extract
from monitor.self_service.subscriptions.forms import EmailForm
from monitor.self_service.subscriptions.links import private_page
from monitor.self_service.subscriptions.views import prefilled, preview, too_many, where_config, within_limits
from monitor.subscribers.extracts import services as extracts
from monitor.subscribers.extracts.formats import KINDS
from monitor.subscribers.quotas.services import Claim, network_key, room_check
from monitor.subscribers.quotas.stores import EXTRACTS
from monitor.subscribers.subscriptions import limits
from monitor.subscribers.subscriptions.places import WhereForm, form_of
from monitor.web.request_limits import ACTS, GIVEN_FILES, PREVIEWS, RASTERS, costly, network_of
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal

DEFAULTS = {"where": "circle", "distance": "2000", "own_km": "5", "file_format": Extract.Format.GEOPACKAGE.value}
WISH = ("file_format", "with_series")


class ExtractForm(EmailForm, WhereForm):
    """Form of an area, the kind of file and a mail address; it counts the points of the area."""

    name = None  # type: ignore[assignment]  # Django's way to leave a field out
    file_format = forms.ChoiceField(
        choices=Extract.Format.choices, error_messages={"required": gettext_lazy("Choose a kind of file.")}
    )
    without_series = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Set `contents` in the cleaned data to the points of the area by data set."""
        cleaned = super().clean() or {}
        cleaned["with_series"] = not cleaned.get("without_series")
        if cleaned.get("region") and cleaned.get("file_format"):
            try:
                area, wish = geos(cleaned["region"].outline), {name: cleaned[name] for name in WISH}
                cleaned["contents"] = extracts.contents_of(area=area, **wish)
            except Refusal as refusal:
                self.add_error("where", refusal.error)
        return cleaned


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@require_http_methods(["GET", "HEAD", "POST"])
def extract(request: HttpRequest) -> HttpResponse:
    """Show the form, perhaps filled in (?bbox=…, ?region=…, ?alert=…), or mail the link to an extract."""
    form, status = form_of(ExtractForm, request, DEFAULTS | prefilled(request))
    if not form.is_bound or not form.is_valid():
        return _form_page(request, form, status)
    if not within_limits(request):
        return too_many(request)
    size_bytes, network = form.cleaned_data["contents"].size_bytes, network_key(ip=network_of(request))
    try:  # A mailbox's share is not checked, so that nobody learns what its owner has asked for.
        room_check(store=EXTRACTS, claim=Claim(size_bytes, network=network, is_proven=False))
    except Refusal as refusal:
        form.add_error("where", refusal.error)
        return _form_page(request, form, 422)
    wish = {name: form.cleaned_data[name] for name in ("email", "region", "contents", *WISH)}
    if limits.allowed_for_address(email=wish["email"]):  # else the answer is the same
        extracts.extract_request(**wish)
    return redirect("subscribe-sent")


def _form_page(request: HttpRequest, form: WhereForm, status: int) -> HttpResponse:
    context = {"form": form, "where_config": where_config(form)}
    return render(request, "self_service/extracts/extract.html", context, status=status)


@costly(posted=PREVIEWS, files=GIVEN_FILES)
@require_POST
def extract_preview(request: HttpRequest) -> JsonResponse:
    """Count the points of a form's area."""
    form = ExtractForm(request.POST, request.FILES)
    form.fields["email"].required = False
    return preview(form, lambda: {"sentence": _sentence(form.cleaned_data["contents"]), "unseen": ""})


@costly(posted=ACTS)
@private_page
def extract_page(request: HttpRequest, token: str) -> HttpResponse:
    """Show an extract with its progress or its file. A mail scanner opens links, so only a POST starts the work."""
    asked, refusal = extracts.extract_read(token), ""
    if request.POST.get("deed") == "delete":
        extracts.extracts_delete(extracts=Extract.objects.filter(pk=asked.pk))
        return redirect("extract")
    if request.POST.get("deed") == "start":
        try:
            extracts.extract_confirm(extract=asked, ip=network_of(request))
            return redirect("extract-page", token=token)
        except Refusal as full:
            refusal = full.error
    context = {
        "refusal": refusal,
        "extract": asked,
        "token": token,
        "busy": bool(asked.confirmed_at) and asked.state in Extract.UNSETTLED,
        "n_points": whole(asked.n_points),
        "done": whole(asked.points_done),
        "keep_days": extracts.KEEP.days,
        "ends_at": asked.created_at + extracts.KEEP,
        "max_minutes": extracts.MAX_WORK.seconds // 60,
    }
    return render(request, "self_service/extracts/page.html", context, status=409 if refusal else 200)


@costly(RASTERS)
@private_page
@require_safe
def extract_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Answer with the file of an extract, or a byte range of it."""
    asked = extracts.extract_read(token)
    if not asked.file.name:
        raise Http404("The file is not ready yet.")
    if Product.objects.filter(pk__in=asked.products).count() < len(asked.products):
        raise Http404("Some of its data were taken back. Order it again.")
    kind = KINDS[asked.file_format]
    name = f"ground-motion-{asked.created_at:%Y%m%d}-{asked.pk}{kind.suffix}"
    content, n_bytes = asked.file.name, asked.size_bytes or None  # Older files have no recorded size.
    answer = ranged_file(request, asked.file, content, n_bytes, name, kind.content_type, "private, no-store")
    if answer.status_code < 300 and asks_for_last_byte(request, asked.file.size):  # Such files are the first to go.
        Extract.objects.filter(pk=asked.pk, downloaded_at=None).update(downloaded_at=timezone.now())
    return answer


def _sentence(contents: extracts.Contents) -> str:
    n = contents.n_points
    words = ngettext("%(points)s measurement point", "%(points)s measurement points", n) % {"points": whole(n)}
    sets = ngettext("in %(n)s data set.", "in %(n)s data sets.", len(contents.by_product))
    return f"{words} {sets % {'n': whole(len(contents.by_product))}}"

"""Views of uploads through the browser, and of the state of every uploaded file; for operators."""

import logging
import shutil
from pathlib import Path
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ground_motion.core.errors import DiskFull, promised
from ground_motion.readers.formats.registry import SUFFIXES_OF_ONE_FILE
from ingest.foundation.storage.inputs import input_put
from ingest.jobs import services as job_selectors
from ingest.jobs.services import UPLOADS, columns_put, job_queue, job_retry, job_withdraw, may_retry
from ingest.models import IngestJob, Product
from monitor.pages.uploads.forms import ColumnsForm, FileForm, job_row, plain_reason, state_words
from monitor.pages.uploads.resumable import (
    MAPPING_FIELD,
    NO_ROOM,
    STILL_FIELD,
    Incoming,
    PrivateFolderHandler,
    in_words,
    too_much,
)
from monitor.subscribers.subscriptions import given_files
from monitor.web import request_limits
from monitor.web.guards import loaders_only
from monitor.web.middleware import cleaned
from monitor.wording.refusals import Refusal, number_or_none, values_of

logger = logging.getLogger(__name__)

SHOWN = 40
COLUMNS = "columns.toml"  # name under which a column list that was given before is stored again
MAX_FILES = 50  # Most files of one form; a browser sends each by itself.
BROKEN_OFF = gettext_lazy("The transfer was interrupted. Nothing was kept; please send it again.")


@request_limits.costly(posted=request_limits.UPLOADS)
@csrf_exempt  # `_receive` checks the token, which is in the same body as the files
@require_http_methods(["GET", "HEAD", "POST"])
@loaders_only
def uploads(request: HttpRequest) -> HttpResponse:
    """Show the form and the latest uploaded files; on POST, receive files."""
    if request.method != "POST":
        return _page(request)
    corrected = _corrected(request)
    fault = too_much(number_or_none(request.META.get("CONTENT_LENGTH") or "") or 0)
    if fault:
        return _answer(request, [], [fault], status=507 if fault == str(NO_ROOM) else 413, unread=True)
    handler, kept = PrivateFolderHandler(), set[Path]()
    request.upload_handlers = [handler]
    try:
        return _receive(request, handler, kept, corrected)
    finally:
        handler.discard(kept)


@require_safe
@loaders_only
def uploads_jobs(request: HttpRequest) -> HttpResponse:
    """Answer with the states and faults of the latest jobs as JSON."""
    jobs = list(job_selectors.jobs_lately(limit=SHOWN))
    rows = [{"id": job.pk, "state": job.state, "words": state_words(job), "reason": plain_reason(job)} for job in jobs]
    return JsonResponse({"busy": any(job.state in IngestJob.UNSETTLED for job in jobs), "jobs": rows})


@require_POST
@loaders_only
def upload_again(request: HttpRequest, job: int) -> HttpResponse:
    """Try to load a file again with new declarations."""
    known = get_object_or_404(IngestJob, pk=job)
    form = FileForm(request.POST)
    if not form.is_valid():
        return _page(request, faults=_faults(form), status=400)
    mapping = Path(known.mapping_path) if known.mapping_path else None
    if "column-x" in request.POST and may_retry(known):
        columns = ColumnsForm(known, request.POST)
        if not columns.is_valid():
            return _page(request, faults=_faults(columns), status=400)
        mapping = columns_put(job=known, text=columns.mapping())
    still = form.cleaned_data["still"] or known.still
    if not job_retry(job=known, submission=form.submission(known.given_by, mapping, still)):
        fault = _("%(file)s was not tried again: declare something else about it, or send the file again.")
        return _page(request, faults=[fault % {"file": known.original_name}], status=409)
    messages.success(request, _("%(file)s is tried again.") % {"file": known.original_name})
    return redirect("uploads")


@require_POST
@loaders_only
def upload_withdraw(request: HttpRequest, job: int) -> HttpResponse:
    """Delete a file that was refused, and end its job."""
    known = get_object_or_404(IngestJob, pk=job)
    if not job_withdraw(job=known, by=request.user.get_username()):
        fault = _("%(file)s is no longer waiting for an answer.")
        return _page(request, faults=[fault % {"file": known.original_name}], status=409)
    messages.success(request, _("%(file)s was withdrawn and deleted.") % {"file": known.original_name})
    return redirect("uploads")


@csrf_protect
def _receive(
    request: HttpRequest, handler: PrivateFolderHandler, kept: set[Path], corrected: Product | None
) -> HttpResponse:
    """Read the request's body and queue its files. A body without the form's last field, `whole`, is incomplete."""
    try:
        form, sent = FileForm(cleaned(request.POST)), values_of("files", request.FILES.getlist("files"), MAX_FILES)
        files, mapping = cast("list[Incoming]", sent), cast("Incoming | None", request.FILES.get(MAPPING_FIELD))
    except Refusal as refusal:
        return _answer(request, [], [f"{refusal.error}. {refusal.remedy}"], status=400)
    except (UnreadablePostError, MultiPartParserError):
        return _answer(request, [], [str(BROKEN_OFF)], status=400)
    if handler.full:
        return _answer(request, [], [str(NO_ROOM)], status=507)
    faults = handler.faults + _faults(form)
    if "whole" not in request.POST:
        return _answer(request, [], faults or [str(BROKEN_OFF)], status=400)
    if form.errors or handler.lacks_declaration or (not files and not faults):
        return _answer(request, [], faults or [_("Choose at least one file.")], status=422)
    try:
        still = _still(cast("Incoming | None", request.FILES.get(STILL_FIELD)))
    except Refusal as refusal:
        return _answer(request, [], [refusal.error], status=422)
    names: list[str] = []
    refused = 422
    for file in files:
        if corrected and file.sha256 != corrected.file_sha256:
            fault = _("%(file)s is not the file that was loaded. Choose %(name)s: only what is declared of it changes.")
            faults.append(fault % {"file": file.name, "name": corrected.file_name})
            continue
        if IngestJob.objects.filter(sha256=file.sha256, state__in=IngestJob.UNSETTLED).exists():
            fault = _("%(file)s is in the list already, waiting or being read. It was not added again.")
            faults.append(fault % {"file": file.name})
            continue
        try:
            columns = file.folder / (mapping.path.name if mapping else COLUMNS)
            if mapping:
                shutil.copy(mapping.path, columns)
            elif corrected and "mapping" in corrected.header.get("declared", {}):
                columns.write_text(corrected.header["declared"]["mapping"], encoding="utf-8")
            has_columns = columns.exists()
            folder = Path(input_put(file.folder, f"{UPLOADS}/{file.folder.name}"))
        except OSError as fault:
            logger.warning("an upload could not be stored: %s", fault)
            full = isinstance(fault, DiskFull)
            faults.append(str(NO_ROOM if full else BROKEN_OFF))
            refused = 507 if full else 503
            continue
        kept |= {folder}
        beside = folder / columns.name if has_columns else None
        job_queue(
            source=IngestJob.Source.UPLOAD,
            path=folder / file.path.name,
            original_name=promised(file.name),
            size_bytes=promised(file.size),
            sha256=file.sha256,
            submission=form.submission(request.user.get_username(), beside, still),
            corrects=corrected,
            why=form.cleaned_data["why"],
        )
        names.append(promised(file.name))
    return _answer(request, names, faults, status=refused if faults and not names else 200)


def _still(file: Incoming | None) -> str:
    """Return the polygons of a file, read in a confined process, as WKT; empty without a file. Raises Refusal."""
    if file is None:
        return ""
    return str(given_files.boundary(content=file.path.read_bytes(), name=promised(file.name)).outline.wkt)


def _answer(
    request: HttpRequest, names: list[str], faults: list[str], status: int, unread: bool = False
) -> HttpResponse:
    """Answer a script with JSON, and a browser's form with a page or a redirect."""
    if "application/json" in request.headers.get("Accept", ""):
        response: HttpResponse = JsonResponse({"queued": names, "faults": faults}, status=status)
    elif faults:
        response = _page(request, faults=faults, status=status)
    else:
        received = ngettext(
            "%(number)s file was received. Below you see what becomes of it.",
            "%(number)s files were received. Below you see what becomes of it.",
            len(names),
        )
        messages.success(request, received % {"number": len(names)})
        response = redirect("uploads")
    if unread:
        response["Connection"] = "close"
    return response


def _page(request: HttpRequest, faults: list[str] | None = None, status: int = 200) -> HttpResponse:
    rows = [job_row(job) for job in job_selectors.jobs_lately(limit=SHOWN)]
    corrected = _corrected(request)
    known = {"attribution": corrected.attribution, "licence": corrected.licence} if corrected else {}
    declared = corrected.header.get("declared", {}) if corrected else {}
    context = {
        "form": FileForm(initial=known | declared | {"still": ""}),
        "has_still": "still" in declared,
        "corrected": corrected,
        "jobs": rows,
        "busy": any(row["state"] in IngestJob.UNSETTLED for row in rows),
        "faults": faults or [],
        "suffixes": sorted(SUFFIXES_OF_ONE_FILE),
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        "max_words": in_words(settings.UPLOAD_MAX_BYTES),
        "keep_hours": settings.UPLOAD_KEEP_HOURS,
        "watch": bool(settings.WATCH_FOLDER),
    }
    return render(request, "pages/uploads/uploads.html", context, status=status)


def _corrected(request: HttpRequest) -> Product | None:
    """Return the product that the address names for correction; None if files are added. Raises Http404."""
    asked = request.GET.get("correct")
    return None if asked is None else get_object_or_404(Product, pk=number_or_none(asked))


def _faults(form: FileForm | ColumnsForm) -> list[str]:
    return [str(error) for errors in form.errors.values() for error in errors]

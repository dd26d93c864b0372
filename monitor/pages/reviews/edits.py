"""Views of a reviewer's acts: changing an alert, and private notes."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from detection.by_hand import as_json, columns_set_by_hand
from detection.kinds import row_of
from detection.models import Alert, CaseFile, Proposal
from detection.reviews.claims import Claimed, Overtaken
from detection.reviews.edits import MAX_TEXT_LENGTH, alert_edit, edit_take_back, kinds_open, last_edit
from detection.reviews.notes import MAX_NOTE_LENGTH as MAX_PRIVATE_NOTE_LENGTH
from detection.reviews.notes import SUFFIXES, note_add
from detection.reviews.outlines import Unfit
from detection.reviews.proposals import PUBLISHED, needs_second, proposal_waiting
from detection.rules.severity import Severity
from detection.selectors import PUBLIC_STATES
from ground_motion.core.areas import bounds_of
from monitor.maps.map.selectors import map_config
from monitor.pages.reviews.visits import files_of
from monitor.web.guards import account_in, reviewers_only
from monitor.web.request_limits import GIVEN_FILES, costly
from monitor.wording.cards.cards import alert_card
from monitor.wording.cards.filters import alert_or_404
from monitor.wording.families import voice
from monitor.wording.refusals import number_or_none
from monitor.wording.states import in_language

TYPES = ",".join(SUFFIXES)


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def review_edit(request: HttpRequest, code: str) -> HttpResponse:
    """Show the form for changing an alert; on POST, record or propose the change."""
    alert = alert_or_404(code)
    if request.method != "POST":
        return _page(request, alert)
    expected_edit = number_or_none(request.POST.get("expected_edit", ""))
    try:
        edit = alert_edit(
            alert=alert,
            editor=account_in(request),
            wanted=wanted_of(request),
            expected_state=request.POST.get("expected_state", ""),
            expected_edit=-1 if expected_edit is None else expected_edit,
            announce="announce" in request.POST,
        )
    except Unfit as unfit:
        return _page(request, alert, str(unfit), request.POST, status=400)
    except ValueError as fault:
        return _page(request, alert_or_404(code), _unchanged(fault), request.POST, status=409)
    done = _("%(code)s was changed.") if edit else _("Nothing was changed: %(code)s is like that already.")
    if isinstance(edit, Proposal):
        done = _("Your change of %(code)s waits for a second person.")
    messages.success(request, done % {"code": alert.code})
    return redirect("review-case", alert.code)


@require_POST
@reviewers_only
def review_edit_undo(request: HttpRequest, code: str) -> HttpResponse:
    """Take a change of an alert back."""
    alert = alert_or_404(code)
    edit = alert.edits.filter(pk=number_or_none(request.POST.get("edit", "")) or 0).first()
    if edit is None:
        return _page(request, alert, _("There is no such entry in the trail. Nothing was changed."), status=400)
    try:
        undone = edit_take_back(edit=edit, editor=account_in(request))
    except ValueError as fault:
        return _page(request, alert, _unchanged(fault), status=409)
    done = _("Taken back. %(code)s is as it was before.")
    if isinstance(undone, Proposal):
        done = _("Taking the change of %(code)s back waits for a second person.")
    messages.success(request, done % {"code": alert.code})
    return redirect("review-case", alert.code)


@costly(files=GIVEN_FILES)
@require_POST
@reviewers_only
def review_note(request: HttpRequest, code: str) -> HttpResponse:
    """Record a private note on an alert, with its files."""
    alert = alert_or_404(code)
    try:
        text, files = request.POST.get("note", ""), files_of(request)
        note_add(alert=alert, author=account_in(request), text=text, files=files)
    except Unfit as unfit:
        return _page(request, alert, str(unfit), status=400)
    messages.success(request, _("The note was kept."))
    return redirect(reverse("review-edit", args=[alert.code]) + "#notes")


@require_safe
@reviewers_only
def review_file(request: HttpRequest, code: str, file: int) -> HttpResponse:
    """Answer with a note's file as an attachment, so that a file from outside never opens within this site."""
    kept = get_object_or_404(CaseFile, note__alert=alert_or_404(code), pk=file)
    response = HttpResponse(bytes(kept.content), content_type=kept.media_type)
    response["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Disposition"] = f'attachment; filename="{kept.name.encode("ascii", "replace").decode()}"'
    return response


def _unchanged(fault: ValueError) -> str:
    if isinstance(fault, Claimed):
        return _("%(who)s holds this case. Nothing was changed.") % {"who": fault.claim.holder.get_username()}
    if isinstance(fault, Overtaken):
        return _("Somebody else has changed this alert in the meantime. Yours was not recorded; look at it again.")
    return _("Nothing was changed: %(fault)s.") % {"fault": in_language(str(fault))}


def wanted_of(request: HttpRequest) -> dict[str, Any]:
    """Return an alert's new values from a form, by field; fields that were not sent are left out. Raises Unfit."""
    wanted: dict[str, Any] = {name: request.POST[name] for name in ("kind", "severity") if name in request.POST}
    if request.POST.get("outline_is", "same") != "same":
        wanted["area"] = request.POST.get("outline", "") if request.POST["outline_is"] == "drawn" else ""
        if request.POST["outline_is"] == "drawn" and not wanted["area"].strip():
            raise Unfit(_("Draw the outline, or write it as GeoJSON."))
    texts = {code: request.POST[f"text_{code}"] for code, _n in settings.LANGUAGES if f"text_{code}" in request.POST}
    return wanted | ({"texts": texts} if texts else {})


def choices(kinds: list[Any], kind: str, severity: str) -> dict[str, Any]:
    """Return the kinds and severities that a form offers. An unknown kind has the severities of the first kind."""
    grades = voice(kind if kind in kinds else kinds[0])
    return {
        "kinds": [(one.value, row_of(one).label, one == kind) for one in kinds],
        "severities": [(one.value, grades.severity(one).label, one == severity) for one in reversed(Severity)],
    }


def _page(request: HttpRequest, alert: Alert, fault: str = "", draft: Any = None, status: int = 200) -> HttpResponse:
    given, set_by_hand = draft or {}, columns_set_by_hand(alert)
    texts = set_by_hand.texts if set_by_hand else {}
    context = {
        "card": alert_card(alert),
        "alert_area": as_json(alert.area),
        "outline": given.get("outline", ""),
        "outline_is": given.get("outline_is", "same"),
        "outline_by_hand": bool(set_by_hand and set_by_hand.area and set_by_hand.computed),
        "texts": [(c, name, given.get(f"text_{c}", texts.get(c, ""))) for c, name in settings.LANGUAGES],
        "longest_text": MAX_TEXT_LENGTH,
        "expected_edit": last_edit(alert),
        "may_change": alert.state in PUBLIC_STATES,
        "proposes": alert.state in PUBLISHED and needs_second(alert=alert),
        "text_waits": needs_second(alert=alert),
        "proposal": proposal_waiting(alert=alert),
        "notes": alert.notes.select_related("author").prefetch_related("files"),
        "longest_note": MAX_PRIVATE_NOTE_LENGTH,
        "types": TYPES,
        "fault": fault,
        "map_config": map_config(bounds_of(alert.area)),
        **choices(kinds_open(alert.kind), given.get("kind", alert.kind), given.get("severity", alert.severity)),
    }
    return render(request, "pages/reviews/edit.html", context, status=status)

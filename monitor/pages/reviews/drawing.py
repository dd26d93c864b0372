"""Drawing an alert of one's own: a place that the computer missed."""

from datetime import date

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from detection.kinds import Kind
from detection.models import Alert
from detection.reviews.drawn import EARLIEST, KINDS_DRAWN, Drawn, PlaceTaken, alert_draw
from detection.reviews.edits import LONGEST_TEXT
from detection.reviews.outlines import LONGEST_TEXT as LONGEST_OUTLINE
from detection.reviews.outlines import Unfit
from detection.reviews.services import LONGEST_NOTE
from detection.rules.lifecycle import State
from detection.rules.severity import Severity
from detection.rules.verdicts import REASONS, Verdict
from monitor.maps.map.config import map_config
from monitor.maps.map.selectors import map_totals
from monitor.pages.reviews.edits import choices
from monitor.web.guards import reviewers_only
from monitor.wording.cards.cards import alert_cards
from monitor.wording.states import in_language


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def review_draw(request: HttpRequest) -> HttpResponse:
    """Show the form, and again with a question where living alerts lie at the place; else draw the alert."""
    if request.method != "POST":
        return _page(request, {})
    draft = request.POST.dict()
    try:
        draft["outline"] = _outline(request)
        alert = alert_draw(drawn=_drawn(draft), by=request.user, known=request.POST.getlist("known"))
    except PlaceTaken as taken:
        return _page(request, draft, there=taken.alerts, status=409)
    except Unfit as unfit:
        return _page(request, draft, fault=str(unfit), status=400)
    confirmed = alert.state == State.CONFIRMED
    done = _("%(code)s is now a confirmed alert that everybody can see.")
    waits = _("Everybody can see %(code)s as reported. It is confirmed when a second person agrees.")
    messages.success(request, (done if confirmed else waits) % {"code": alert.code})
    return HttpResponseRedirect(reverse("review-case", args=[alert.code]))


def _outline(request: HttpRequest) -> str:
    """Return the outline of the chosen file, else the one that was drawn or written. Raises Unfit."""
    file = request.FILES.get("file")
    if file is None:
        return request.POST.get("outline", "")
    try:
        return file.read(LONGEST_OUTLINE + 1).decode()
    except UnicodeDecodeError as fault:
        raise Unfit(_("The outline is no GeoJSON of a polygon.")) from fault


def _drawn(draft: dict[str, str]) -> Drawn:
    try:
        seen_on = date.fromisoformat(draft.get("seen_on", ""))
    except ValueError as fault:
        raise Unfit(_("Please say on which day it was seen.")) from fault
    return Drawn(
        kind=draft.get("kind", ""),
        severity=draft.get("severity", ""),
        outline=draft["outline"],
        seen_on=seen_on,
        reason=draft.get("reason", ""),
        texts={code: draft.get(f"text_{code}", "") for code, _name in settings.LANGUAGES},
        note=draft.get("note", ""),
    )


def _page(
    request: HttpRequest, draft: dict[str, str], *, there: list[Alert] | None = None, fault: str = "", status: int = 200
) -> HttpResponse:
    today = timezone.now().date().isoformat()
    kind = draft.get("kind") if draft.get("kind") in KINDS_DRAWN else Kind.SUBSIDENCE
    context = {
        "drawn": True,
        "second_person": bool(settings.SECOND_PERSON_FROM),
        "there": alert_cards(there or []),
        "fault": fault,
        "outline": draft.get("outline", ""),
        "texts": [(code, name, draft.get(f"text_{code}", "")) for code, name in settings.LANGUAGES],
        "longest_text": LONGEST_TEXT,
        "reasons": [(code, in_language(one.label)) for code, one in REASONS[Verdict.DRAWN].items()],
        "reason": draft.get("reason", ""),
        "earliest": EARLIEST.isoformat(),
        "today": today,
        "seen_on": draft.get("seen_on", today),
        "note": draft.get("note", ""),
        "longest_note": LONGEST_NOTE,
        "map_config": map_config(map_totals().bounds),
        **choices(KINDS_DRAWN, kind, draft.get("severity", Severity.MODERATE)),
    }
    return render(request, "pages/reviews/draw.html", context, status=status)

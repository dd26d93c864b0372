"""Views of similar cases: recording one verdict on several of them at once, and taking it back."""

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from detection.models import Alert, ReviewBatch
from detection.reviews import batches
from detection.reviews.services import MAX_NOTE_LENGTH
from detection.rules.verdicts import REASONS, Verdict
from monitor.maps.map.plans import alert_plan
from monitor.web.guards import account_in, reviewers_only
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.filters import alert_or_404
from monitor.wording.figures import listed
from monitor.wording.refusals import Refusal, number_or_none, values_of
from monitor.wording.states import VERDICT_FORMS, VERDICT_HEADINGS, in_language

NOTES = ("public_note", "internal_note")


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def review_similar(request: HttpRequest, code: str) -> HttpResponse:
    """Show a case and similar ones to tick; on POST, record one verdict on the ticked cases."""
    alert = alert_or_404(code)
    if request.method != "POST":
        return _similar(request, alert, {alert.pk})
    try:
        cases = _ticked(request)
    except Refusal as refusal:
        return _similar(request, alert, {alert.pk}, refusal.error)
    verdict, _colon, reason = request.POST.get("answer", "").partition(":")
    if verdict not in batches.VERDICTS or reason not in REASONS[Verdict(verdict)]:
        return _similar(request, alert, cases, _("Please choose a verdict and a reason."))
    if not cases:
        return _similar(request, alert, cases, _("Please tick at least one case."))
    try:
        notes = {name: request.POST.get(name, "") for name in NOTES}
        batch = batches.batch_review(
            cases=cases, verdict=Verdict(verdict), reason_code=reason, reviewer=account_in(request), **notes
        )
    except ValueError as fault:
        return _similar(
            request, alert, cases, _("This was not recorded: %(fault)s.") % {"fault": in_language(str(fault))}
        )
    if not batch.done and not batch.proposed:
        return _similar(request, alert, cases, _left(batch.skipped), status=409)
    n = len(batch.done)
    _report(request, batch, ngettext("%(n)s case recorded.", "%(n)s cases recorded.", n) % {"n": n} if n else "")
    return redirect("review-batch", batch.row.pk) if batch.row else redirect("review-queue")


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def review_batch(request: HttpRequest, batch: int) -> HttpResponse:
    """Show the cases that one verdict changed together; on POST, take the verdict back."""
    row = get_object_or_404(ReviewBatch, pk=batch)
    if request.method != "POST":
        return _batch(request, row)
    undone = batches.batch_take_back(batch=row, reviewer=account_in(request))
    if not undone.done:
        return _batch(request, row, _left(undone.skipped), status=409)
    n = len(undone.done)
    _report(request, undone, ngettext("%(n)s verdict taken back.", "%(n)s verdicts taken back.", n) % {"n": n})
    return redirect("review-batch", row.pk)


def _ticked(request: HttpRequest) -> dict[int, str]:
    """Return the state that the form showed for each ticked alert, by id. Raises Refusal for more than it showed."""
    # A tick is sent as 'id:state'.
    ticks = values_of("case", request.POST.getlist("case"), batches.MAX_SIMILAR + 1)
    numbered = [(number_or_none(row), state) for row, _colon, state in (tick.partition(":") for tick in ticks)]
    return {row: state for row, state in numbered if row is not None}


def _report(request: HttpRequest, batch: batches.Batch, done: str) -> None:
    if done:
        messages.success(request, done)
    if batch.proposed:
        codes = listed([alert.code for alert in batch.proposed])
        messages.success(request, _("Proposed; a second person has to agree: %(codes)s.") % {"codes": codes})
    if batch.skipped:
        messages.warning(request, _left(batch.skipped))


def _left(skipped: list[batches.Skipped]) -> str:
    others = [one.alert.code for one in skipped if not one.holder]
    sentences = [
        _("%(code)s was left as it is: %(who)s holds it.") % {"code": one.alert.code, "who": one.holder}
        for one in skipped
        if one.holder
    ]
    if others:
        sentences.append(_("Left as they are, because something has changed: %(codes)s.") % {"codes": listed(others)})
    return " ".join(sentences)


def _similar(
    request: HttpRequest, alert: Alert, ticked: Collection[int], fault: str = "", status: int = 0
) -> HttpResponse:
    alerts = [alert, *batches.cases_similar(alert=alert)]
    if request.GET.get("tick") == "all":
        ticked = {one.pk for one in alerts}
    cards = alert_cards(alerts)
    context = {
        "code": alert.code,
        "kind_label": cards[0].kind_label,
        "cases": [
            {"alert": one, "card": card, "ticked": one.pk in ticked, "plan": alert_plan(one, card, [])}
            for one, card in zip(alerts, cards, strict=True)
        ],
        "full": len(alerts) > batches.MAX_SIMILAR,
        "most": batches.MAX_SIMILAR,
        "answers": [(VERDICT_FORMS[verdict]["title"], _reasons(request, verdict)) for verdict in batches.VERDICTS],
        "longest_note": MAX_NOTE_LENGTH,
        "fault": fault,
        **{name: request.POST.get(name, "") for name in NOTES},
    }
    return render(request, "pages/reviews/similar.html", context, status=status or (400 if fault else 200))


def _reasons(request: HttpRequest, verdict: Verdict) -> list[tuple[str, str, bool]]:
    """Return (value, label, whether it is chosen) for each possible reason of a verdict."""
    chosen = request.POST.get("answer", "")
    values = [(f"{verdict}:{code}", in_language(reason.label)) for code, reason in REASONS[verdict].items()]
    return [(value, words, value == chosen) for value, words in values]


def _batch(request: HttpRequest, row: ReviewBatch, fault: str = "", status: int = 200) -> HttpResponse:
    reviews = list(row.reviews.select_related("alert", "taken_back_by").order_by("alert_id"))
    if not reviews:
        raise Http404("There is nothing left of this batch.")
    context: dict[str, Any] = {
        "batch": row,
        "heading": VERDICT_HEADINGS[reviews[0].verdict],
        "reason": in_language(reviews[0].reason.label),
        "rows": [
            {"card": card, "undone": hasattr(review, "taken_back_by")}
            for review, card in zip(reviews, alert_cards([one.alert for one in reviews]), strict=True)
        ],
        "may_undo": batches.may_take_back_batch(batch=row),
        "fault": fault,
    }
    return render(request, "pages/reviews/batch.html", context, status=status)

"""Views of the review queue, of single cases, and of the acts on a case."""

from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from detection import selectors as detections
from detection.models import Alert, Proposal, PublicText
from detection.reviews import services
from detection.reviews.claims import Claimed, Overtaken, claim_release, claim_renew, claim_take
from detection.reviews.edits import edit_publish
from detection.reviews.outlines import Unfit
from detection.reviews.proposals import (
    proposal_decline,
    proposal_withdraw,
)
from detection.reviews.record import judgements
from detection.reviews.services import alert_review, review_take_back
from detection.reviews.visits import visit_plan
from detection.rules.verdicts import REASONS, Verdict
from detection.selectors import alert_by_code
from monitor.maps.map.selectors import map_config, map_totals
from monitor.pages.bulletins.drafts import bulletins_unsigned
from monitor.pages.reviews.evidence import FIELDS, CasePage, recorded_verdict
from monitor.pages.reviews.queue import QueueChoice, case_following, quality, queue_context
from monitor.pages.reviews.visits import PLAN_FIELDS, plan_of, report_of
from monitor.subscribers.reports.selectors import reports_waiting
from monitor.web.guards import account_in, may_review, publishers_only, reviewers_only
from monitor.web.request_limits import GIVEN_FILES, costly
from monitor.wording.cards.filters import alert_or_404
from monitor.wording.refusals import number_or_none
from monitor.wording.states import in_language, state_label


@require_safe
@reviewers_only
def review_queue(request: HttpRequest) -> HttpResponse:
    """Show the list of cases."""
    config = map_config(map_totals()["bounds"])
    context = queue_context(request) | {"map_config": config, "recorded": recorded_verdict(request)}
    if may_review(request.user):
        context["n_reports"] = reports_waiting().count()
        context["n_texts"] = PublicText.objects.filter(outcome=PublicText.Outcome.WAITING).count()
        context["drafts"] = bulletins_unsigned().only("last_day", "simulated")
    return render(request, "pages/reviews/queue.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@reviewers_only
def review_case(request: HttpRequest, code: str) -> HttpResponse:
    """Show a case; on POST, record a verdict on it."""
    alert = alert_or_404(code)
    if request.method == "POST":
        return _answer(request, alert)
    return _case(request, alert)


@require_POST
@reviewers_only
def review_undo(request: HttpRequest, code: str) -> HttpResponse:
    """Take a verdict on a case back."""
    alert = alert_or_404(code)
    review = alert.reviews.filter(pk=number_or_none(request.POST.get("review", "")) or 0).first()
    if review is None:
        return _case(request, alert, fault=_("There is no such entry in the trail. Nothing was changed."))
    take_back = partial(review_take_back, review=review, reviewer=account_in(request))
    return _done(request, alert, _("Taken back. %(code)s is as it was before."), take_back, takes_back=True)


@require_POST
@reviewers_only
def review_claim(request: HttpRequest, code: str) -> HttpResponse:
    """Renew the reviewer's hold on a case and answer with JSON, or release it and redirect to the list."""
    alert = alert_or_404(code)
    if request.POST.get("act") == "release":
        claim_release(alert=alert, holder=account_in(request))
        return HttpResponseRedirect(_with_choice(request, reverse("review-queue")))
    return JsonResponse({"held": claim_renew(alert=alert, holder=account_in(request)) is not None})


@costly(files=GIVEN_FILES)
@require_POST
@reviewers_only
def review_visit(request: HttpRequest, code: str) -> HttpResponse:
    """Record the result of a visit on site and, if requested, the verdict that follows."""
    alert = alert_or_404(code)
    try:
        report_of(request, alert)
    except (Claimed, Unfit) as fault:
        return _refused(request, alert, fault)
    except Overtaken:
        words = _("Somebody else has changed this alert in the meantime. Yours was not recorded; look at it again.")
        return _case(request, alert_or_404(code), fault=words, status=409)
    return _done(request, alert, _("The visit of %(code)s is recorded."))


@require_safe
@reviewers_only
def review_quality(request: HttpRequest) -> HttpResponse:
    """Show the page on the quality of reviews."""
    reviews = list(judgements())
    parts = [part for simulated in (False, True) if (part := quality(reviews, simulated))["anything"]]
    return render(request, "pages/reviews/quality.html", {"parts": parts})


@require_POST
@publishers_only
def review_publish(request: HttpRequest, code: str) -> HttpResponse:
    """Publish a colleague's proposal, or decline it with a reason."""
    alert = alert_or_404(code)
    proposal, act = _proposal(request, alert), request.POST.get("act", "")
    if proposal is None or act not in {"publish", "decline"}:
        return _case(request, alert, fault=_("This proposal no longer waits for an answer. Nothing was changed."))
    answer = request.POST.get("answer", "")
    if act == "decline" and not answer.strip():
        return _case(request, alert, fault=_("Please say why you decline the proposal."))
    if act == "decline":
        decline = partial(proposal_decline, proposal=proposal, publisher=account_in(request), answer=answer)
        return _done(request, alert, _("%(code)s is back in the queue."), decline)
    publishes = services.review_publish if proposal.confirms else edit_publish
    expected = request.POST.get("expected_state", "")
    publish = partial(publishes, proposal=proposal, publisher=account_in(request), expected_state=expected)
    return _done(request, alert, _("%(code)s is published."), publish)


@require_POST
@reviewers_only
def review_withdraw(request: HttpRequest, code: str) -> HttpResponse:
    """Withdraw the reviewer's own proposal that is not answered yet."""
    alert = alert_or_404(code)
    proposal = _proposal(request, alert)
    if proposal is None:
        return _case(request, alert, fault=_("This proposal no longer waits for an answer. Nothing was changed."))
    withdraw = partial(proposal_withdraw, proposal=proposal, proposer=account_in(request))
    return _done(request, alert, _("You have withdrawn what you proposed of %(code)s."), withdraw, takes_back=True)


def _done(
    request: HttpRequest,
    alert: Alert,
    words: str,
    act: Callable[[], object] = lambda: None,
    takes_back: bool = False,
) -> HttpResponse:
    """Act and show the case with the words; if the act is refused, show the case with the reason."""
    try:
        act()
    except ValueError as fault:
        return _refused(request, alert_or_404(alert.code), fault, takes_back=takes_back)
    messages.success(request, words % {"code": alert.code})
    return HttpResponseRedirect(_with_choice(request, reverse("review-case", args=[alert.code])))


def _refused(
    request: HttpRequest, alert: Alert, fault: ValueError, draft: dict[str, str] | None = None, takes_back: bool = False
) -> HttpResponse:
    """Show the case again with the reason why nothing was recorded. draft: what the reviewer had entered."""
    status = 409 if takes_back or isinstance(fault, (Claimed, Overtaken)) else 400
    if isinstance(fault, Claimed):
        words = _("%(name)s holds this case until %(time)s UTC. Yours was not recorded.")
        words %= {"name": fault.claim.holder, "time": time_format(fault.claim.until, "H:i")}
    elif isinstance(fault, Unfit):
        words = str(fault)
    elif isinstance(fault, Overtaken) and not takes_back:
        words = _overtaken(alert)
    else:
        # Translators: %(fault)s is an explanation in English
        words = _("Nothing was changed: %(fault)s.") if takes_back else _("This was not recorded: %(fault)s.")
        words %= {"fault": in_language(str(fault))}
    return _case(request, alert, draft, words, status)


def _proposal(request: HttpRequest, alert: Alert) -> Proposal | None:
    return alert.proposals.filter(pk=number_or_none(request.POST.get("proposal", "")) or 0).first()


def _with_choice(request: HttpRequest, path: str, **more: str) -> str:
    choice = QueueChoice(request)
    query = urlencode(choice.chosen | choice.shown | more)
    return f"{path}?{query}" if query else path


def _answer(request: HttpRequest, alert: Alert) -> HttpResponse:
    """Record the verdict in the form and open the next case; else show the reason and the entered values again."""
    verdict, fields = request.POST.get("verdict", ""), {name: request.POST.get(name, "") for name in FIELDS}
    draft = fields | {"verdict": verdict}
    if verdict not in set(Verdict) or fields["reason_code"] not in REASONS[Verdict(verdict)]:
        return _case(request, alert, draft=draft, fault=_("Please choose a verdict and a reason."))
    other = None
    if verdict == Verdict.DUPLICATE:
        draft["other"] = request.POST.get("other", "").strip().upper()
        try:
            other = alert_by_code(code=draft["other"])
        except Alert.DoesNotExist:
            return _case(request, alert, draft=draft, fault=_("There is no alert with this code."))
    expected_state = request.POST.get("expected_state", "")
    me, notes = account_in(request), {name: fields[name] for name in ("public_note", "internal_note")}
    draft |= {name: request.POST.get(name, "") for name in PLAN_FIELDS}
    try:
        plan = plan_of(request) if verdict == Verdict.FIELD_VISIT else None
        if plan:
            visit_plan(alert=alert, plan=plan, by=me, expected_state=expected_state, **notes)
        else:
            alert_review(
                alert=alert,
                verdict=Verdict(verdict),
                reason_code=fields["reason_code"],
                reviewer=me,
                expected_state=expected_state,
                other=other,
                **notes,
            )
    except ValueError as fault:
        return _refused(request, alert, fault, draft)
    following = case_following(request, alert)
    page = reverse("review-case", args=[following.code]) if following else reverse("review-queue")
    return HttpResponseRedirect(_with_choice(request, page, after=alert.code))


def _case(
    request: HttpRequest, alert: Alert, draft: dict[str, str] | None = None, fault: str = "", status: int = 0
) -> HttpResponse:
    living = detections.claims_living(now=timezone.now())
    claim = claim_take(alert=alert, holder=account_in(request)) if may_review(request.user) else living.get(alert.pk)
    page = CasePage(request, alert, claim, draft or {}, fault)
    context = queue_context(request, alert) | {"page": page, "card": page.card}
    return render(request, "pages/reviews/case.html", context, status=status or (400 if fault else 200))


def _overtaken(alert: Alert) -> str:
    last = alert.reviews.select_related("reviewer").last()
    if last and last.reviewer:
        first = _("%(name)s decided first: this alert is now “%(state)s”.")
    else:
        first = _("Something has changed in the meantime: this alert is now “%(state)s”.")
    known = {"name": str(last.reviewer) if last else "", "state": state_label(alert.state)}
    return " ".join([first % known, _("Yours was not recorded. Look at it again, then decide.")])

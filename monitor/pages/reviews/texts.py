"""Texts that stand beside alerts, such as a region's office or a bulletin, while they wait for a second person."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from detection.models import PublicText
from detection.reviews.proposals import MAX_ANSWER_LENGTH, Outcome, proposal_decline, proposal_withdraw, text_publish
from ingest.models import AdministrativeRegion
from monitor.models.messages import Bulletin
from monitor.pages.bulletins.drafts import bulletin_publish
from monitor.pages.regions.views import contact_publish
from monitor.web.guards import account_in, deciders_only, may_publish
from monitor.wording.refusals import number_or_none
from monitor.wording.states import in_language

PUBLISH = {"region": contact_publish, "bulletin": bulletin_publish}
MAX_WAITING, MAX_DECIDED = 100, 10


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_texts(request: HttpRequest) -> HttpResponse:
    """Show the texts that wait; on POST, publish, decline or withdraw one."""
    if request.method != "POST":
        return _page(request)
    text = PublicText.objects.filter(pk=number_or_none(request.POST.get("text", "")) or 0).first()
    act, who = request.POST.get("act", ""), account_in(request)
    if text is None or act not in DONE or (act != "withdraw" and not may_publish(who)):
        return _page(request, _("This is not waiting for an answer any more. Nothing was changed."), status=400)
    try:
        if act == "publish":
            text_publish(text=text, publisher=who, publish=PUBLISH[text.kind])
        elif act == "decline":
            proposal_decline(proposal=text, publisher=who, answer=request.POST.get("answer", ""))
        else:
            proposal_withdraw(proposal=text, proposer=who)
    except ValueError as fault:
        refusal = _("Nothing was changed: %(fault)s.") % {"fault": in_language(str(fault))}
        return _page(request, refusal, status=409)
    messages.success(request, DONE[act]())
    return HttpResponseRedirect(reverse("review-texts"))


DONE = {
    "publish": lambda: _("It is published."),
    "decline": lambda: _("It was declined."),
    "withdraw": lambda: _("It was withdrawn."),
}


def _page(request: HttpRequest, fault: str = "", status: int = 200) -> HttpResponse:
    texts = PublicText.objects.select_related("proposer", "decided_by")
    declined = texts.filter(outcome=Outcome.DECLINED).order_by("-decided_at")[:MAX_DECIDED]
    context = {
        "waiting": [_shown(text, request) for text in texts.filter(outcome=Outcome.WAITING)[:MAX_WAITING]],
        "declined": [_shown(text, request) for text in declined],
        "longest_answer": MAX_ANSWER_LENGTH,
        "fault": fault,
    }
    return render(request, "pages/reviews/texts.html", context, status=status)


def _shown(text: PublicText, request: HttpRequest) -> dict[str, Any]:
    """Return what a text is about, the page on which it would stand, and its paragraphs."""
    title, page, lines = _office(text) if text.kind == "region" else _bulletin(text)
    own = text.proposer_id == request.user.pk
    return {
        "row": text,
        "title": title,
        "page": page,
        "lines": [line for line in lines if line],
        "own": own,
        "may_answer": may_publish(request.user) and not own,
    }


def _office(text: PublicText) -> tuple[str, str, list[str]]:
    region = AdministrativeRegion.objects.filter(slug=text.name).only("name", "names").first()
    title = _("Who is responsible in %(region)s") % {"region": region.title if region else text.name}
    page = reverse("region-detail", args=[text.name]) if region else ""
    return title, page, list(text.change.values())


def _bulletin(text: PublicText) -> tuple[str, str, list[str]]:
    bulletin = Bulletin.objects.filter(pk=text.name).only("last_day").first()
    day = date_format(bulletin.last_day, "DATE_FORMAT") if bulletin else text.name
    page = reverse("bulletin-detail", args=[bulletin.pk]) if bulletin else ""
    comments = [f"{region}: {words}" for region, words in text.change["comments"].items()]
    return _("Bulletin of %(day)s") % {"day": day}, page, [text.change["introduction"], *comments]

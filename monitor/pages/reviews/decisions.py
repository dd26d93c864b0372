"""Lists that operators decide: residents' reports, texts that stand beside alerts, and who has what.

Nobody but operators sees a report's text. Texts, such as a region's office, wait for a second person.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from detection.models import Alert, PublicText
from detection.reviews.proposals import MAX_ANSWER_LENGTH, Outcome, proposal_decline, proposal_withdraw, text_publish
from ingest.models import AdministrativeRegion
from monitor.maps.map.selectors import map_at
from monitor.models.messages import Bulletin
from monitor.models.operations import ResidentReport
from monitor.pages.bulletins.drafts import bulletin_publish
from monitor.pages.regions.views import contact_publish
from monitor.subscribers.organisations.contacts import organisation_trust
from monitor.subscribers.organisations.escalations import (
    alert_hand_back,
    alert_take_over,
    alerts_asked_about,
    alerts_of_operators,
    alerts_unclaimed,
    escalations_open,
    organisations_asking,
)
from monitor.subscribers.reports.selectors import alerts_near_reports, reports_confirmed, reports_waiting
from monitor.subscribers.reports.services import MAX_REASON_LENGTH, report_decide
from monitor.web.guards import account_in, deciders_only, may_publish
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.whereabouts import area_names
from monitor.wording.refusals import Refusal, number_or_none
from monitor.wording.states import in_language

ON_A_PAGE, DECIDED_LATELY = 50, 20
AROUND_DEGREES = 0.002
State = ResidentReport.State


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_reports(request: HttpRequest) -> HttpResponse:
    """Show the reports that wait, and the last decided; on POST, accept or reject one."""
    if request.method != "POST":
        return _reports_page(request)
    report = reports_confirmed().filter(pk=number_or_none(request.POST.get("report", "")) or 0).first()
    state, reason = request.POST.get("state", ""), request.POST.get("reason", "")
    if report is None or state not in {State.ACCEPTED, State.REJECTED}:
        return _reports_page(request, _("There is no such report. Nothing was changed."), status=400)
    if state == State.REJECTED and not reason.strip():
        return _reports_page(request, _("Please say why you do not accept the report."), status=400)
    if not report_decide(report=report, by=account_in(request), state=state, reason=reason):
        return _reports_page(request, _("This report has already been decided. Nothing was changed."), status=409)
    accepted = state == State.ACCEPTED
    messages.success(request, _("The report was accepted.") if accepted else _("The report was not accepted."))
    return HttpResponseRedirect(reverse("review-reports"))


def _reports_page(request: HttpRequest, fault: str = "", status: int = 200) -> HttpResponse:
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
        {
            "report": report,
            "place": name,
            "alerts": those,
            "map_url": f"{reverse('map')}{map_at(*report.place.buffer(AROUND_DEGREES).extent)}",
        }
        for report, name, those in zip(reports, names, near, strict=True)
    ]


PUBLISH = {"region": contact_publish, "bulletin": bulletin_publish}
DONE = {
    "publish": gettext_lazy("It is published."),
    "decline": gettext_lazy("It was declined."),
    "withdraw": gettext_lazy("It was withdrawn."),
}
MAX_WAITING, MAX_DECIDED = 100, 10


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_texts(request: HttpRequest) -> HttpResponse:
    """Show the texts that wait; on POST, publish, decline or withdraw one."""
    if request.method != "POST":
        return _texts_page(request)
    text = PublicText.objects.filter(pk=number_or_none(request.POST.get("text", "")) or 0).first()
    act, who = request.POST.get("act", ""), account_in(request)
    if text is None or act not in DONE or (act != "withdraw" and not may_publish(who)):
        return _texts_page(request, _("This text no longer waits for an answer. Nothing was changed."), status=400)
    try:
        if act == "publish":
            text_publish(text=text, publisher=who, publish=PUBLISH[text.kind])
        elif act == "decline":
            proposal_decline(proposal=text, publisher=who, answer=request.POST.get("answer", ""))
        else:
            proposal_withdraw(proposal=text, proposer=who)
    except ValueError as fault:
        refusal = _("Nothing was changed: %(fault)s.") % {"fault": in_language(str(fault))}
        return _texts_page(request, refusal, status=409)
    messages.success(request, str(DONE[act]))
    return HttpResponseRedirect(reverse("review-texts"))


def _texts_page(request: HttpRequest, fault: str = "", status: int = 200) -> HttpResponse:
    texts = PublicText.objects.select_related("proposer", "decided_by")
    declined = texts.filter(outcome=Outcome.DECLINED).order_by("-decided_at")[:MAX_DECIDED]
    context = {
        "waiting": [_text_row(text, request) for text in texts.filter(outcome=Outcome.WAITING)[:MAX_WAITING]],
        "declined": [_text_row(text, request) for text in declined],
        "longest_answer": MAX_ANSWER_LENGTH,
        "fault": fault,
    }
    return render(request, "pages/reviews/texts.html", context, status=status)


def _text_row(text: PublicText, request: HttpRequest) -> dict[str, Any]:
    """Return what a text is about, the page on which it would appear, and its paragraphs."""
    if text.kind == "region":
        region = AdministrativeRegion.objects.filter(slug=text.name).only("name", "names").first()
        title = _("Who is responsible in %(region)s") % {"region": region.title if region else text.name}
        page = reverse("region-detail", args=[text.name]) if region else ""
        lines = list(text.change.values())
    else:
        bulletin = Bulletin.objects.filter(pk=text.name).only("last_day").first()
        day = date_format(bulletin.last_day, "DATE_FORMAT") if bulletin else text.name
        title = _("Bulletin of %(day)s") % {"day": day}
        page = reverse("bulletin-detail", args=[bulletin.pk]) if bulletin else ""
        comments = [f"{region}: {words}" for region, words in text.change["comments"].items()]
        lines = [text.change["introduction"], *comments]
    own = text.proposer_id == request.user.pk
    return {
        "row": text,
        "title": title,
        "page": page,
        "lines": list(filter(None, lines)),
        "own": own,
        "may_answer": may_publish(request.user) and not own,
    }


MAX_LISTED = 100


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_taken(request: HttpRequest) -> HttpResponse:
    """Show the alerts that nobody trusted has; on POST, take one up, give it back, or trust an organisation."""
    refusal = ""
    if request.method == "POST":
        try:
            _act_on_row(request)
            return HttpResponseRedirect(reverse("review-taken"))
        except Refusal as fault:
            refusal = fault.error
    alerts = list(alerts_of_operators()[:MAX_LISTED])
    context = {
        "unclaimed": list(zip(alerts, alert_cards(alerts), strict=True)),
        "n_unclaimed": alerts_unclaimed().count(),
        "n_asked": alerts_asked_about().count(),
        "by_operators": escalations_open().filter(organisation=None).select_related("alert"),
        "organisations": organisations_asking(),
        "refusal": refusal,
    }
    return render(request, "pages/reviews/taken.html", context, status=422 if refusal else 200)


def _act_on_row(request: HttpRequest) -> None:
    """Carry out the form of a row; ignore an unknown one. Raises Refusal."""
    pk, deed = number_or_none(request.POST.get("about", "")) or 0, request.POST.get("deed", "")
    actor = account_in(request).get_username()
    organisation = organisations_asking().filter(pk=pk).first()
    if organisation and deed in ("trust", "no-trust"):
        shown = request.POST.get("shown", "")
        organisation_trust(organisation=organisation, trusted=deed == "trust", actor=actor, shown=shown)
    alert = Alert.objects.filter(pk=pk).first()
    if alert and deed in ("take", "back"):
        change = alert_take_over if deed == "take" else alert_hand_back
        change(alert=alert, actor=actor)

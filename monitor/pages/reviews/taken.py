"""Operators' page of who has what: alerts that nobody has taken up, and which organisations operators trust."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from detection.models import Alert
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
from monitor.web.guards import account_in, deciders_only
from monitor.wording.cards.cards import alert_cards
from monitor.wording.refusals import Refusal, number_or_none

MAX_LISTED = 100


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def review_taken(request: HttpRequest) -> HttpResponse:
    """Show the alerts that nobody trusted has; on POST, take one up, give it back, or trust an organisation."""
    refusal = ""
    if request.method == "POST":
        try:
            _act(request)
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


def _act(request: HttpRequest) -> None:
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

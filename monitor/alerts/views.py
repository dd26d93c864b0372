"""Alerts: the list that needs no script, one page for each, and the same as data."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.selectors import alerts_public, reviews_standing
from monitor.alerts.evidence import alert_context
from monitor.cards.cards import alert_cards, review_words
from monitor.cards.filters import alert_or_404
from monitor.cards.whereabouts import surroundings
from monitor.map import selectors
from monitor.map.series import alert_body
from monitor.site.guards import may_review
from monitor.wording import sentences


@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    kinds, states = list(sentences.KIND_LABELS.items()), selectors.state_choices()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    kind = kind if kind in dict(kinds) else ""
    state = state if state in dict(states) else ""
    context = {
        "cards": alert_cards(alerts_public(kind=kind, state=state)),
        "kinds": kinds,
        "states": states,
        "selected_kind": kind,
        "selected_state": state,
    }
    return render(request, "alerts/list.html", context)


@require_safe
def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    alert = alert_or_404(code)
    said = [review_words(review) for review in reviews_standing(alert=alert)]
    here = surroundings(alert, with_missing=may_review(request.user))
    return render(request, "alerts/detail.html", alert_context(alert) | here | {"said": said})


@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    return JsonResponse(alert_body(alert_or_404(code)))

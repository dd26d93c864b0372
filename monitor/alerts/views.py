"""Alerts: the list that needs no script, one page for each, and the same as data."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.kinds import KIND_LABELS
from detection.rules.lifecycle import State
from detection.selectors import alerts_public
from monitor.alerts.evidence import alert_page
from monitor.cards.cards import alert_cards
from monitor.cards.filters import alert_or_404
from monitor.map.series import alert_body
from monitor.site.guards import may_look
from monitor.wording.states import state_label

ALERTS_ON_A_PAGE = 100


@require_safe
def alert_list(request: HttpRequest) -> HttpResponse:
    kinds, states = list(KIND_LABELS.items()), [(state.value, state_label(state)) for state in State]
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    kind = kind if kind in dict(kinds) else ""
    state = state if state in dict(states) else ""
    page = Paginator(alerts_public(kind=kind, state=state), ALERTS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "cards": alert_cards(page.object_list),
        "page": page,
        "n_alerts": page.paginator.count,
        "kinds": kinds,
        "states": states,
        "selected_kind": kind,
        "selected_state": state,
        "query": f"?{urlencode({'kind': kind, 'state': state})}" if kind or state else "",
        "chosen": f"{urlencode({'kind': kind, 'state': state})}&" if kind or state else "",
    }
    return render(request, "alerts/list.html", context)


@require_safe
def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    alert = alert_or_404(code)
    return render(request, "alerts/detail.html", alert_page(alert, with_missing=may_look(request.user)))


@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    return JsonResponse(alert_body(alert_or_404(code)))

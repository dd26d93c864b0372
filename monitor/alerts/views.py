"""Alerts: the list that needs no script, one page for each, and the same as data."""

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from detection.kinds import KIND_LABELS
from detection.rules.lifecycle import State
from detection.selectors import alerts_public, detection_of
from monitor.alerts.evidence import alert_page
from monitor.alerts.pictures import captions, evidence_png, fingerprint
from monitor.cards.cards import alert_cards
from monitor.cards.filters import alert_or_404
from monitor.map.series import alert_body
from monitor.rasters.pictures import png_response
from monitor.rasters.visibility import visibility_sentence
from monitor.site.guards import may_look
from monitor.wording.states import state_label

ALERTS_ON_A_PAGE = 100
HIGHEST = 2**63 - 1  # number of a row


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
        "unseen": visibility_sentence(None),
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
def alert_picture(request: HttpRequest, code: str, detection: int, name: str) -> HttpResponseBase:
    """What one run shows of the alert: its score map, the points, or their rates wrapped."""
    seen = detection_of(alert=alert_or_404(code), number=detection) if detection <= HIGHEST else None
    if seen is None or name not in {one.name for one in captions(seen)}:
        raise Http404("There is no such picture of this alert.")
    return png_response(request, fingerprint(seen, name), lambda: evidence_png(seen, name))


@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    return JsonResponse(alert_body(alert_or_404(code)))

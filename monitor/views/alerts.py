"""Alerts: the list that needs no script, one page for each, and the same as data."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from detection.models import Alert, Detection
from detection.selectors import alert_by_code, alerts_public, detections_current
from ingest.models import Product
from monitor import selectors, sentences
from monitor.cards import alert_card
from monitor.features import alert_feature
from monitor.raster_catalogue import evidence_raster
from monitor.series import alert_body
from monitor.views.map import map_config

STRETCHES_MM_YR = (10, 20, 50, 100, 300)
ACTOR_WORDS = {"automatic": "the computer"}


def alert_list(request: HttpRequest) -> HttpResponse:
    kinds, states = list(sentences.KIND_LABELS.items()), selectors.state_choices()
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    kind = kind if kind in dict(kinds) else ""
    state = state if state in dict(states) else ""
    context = {
        "cards": [alert_card(alert) for alert in alerts_public(kind=kind, state=state)],
        "kinds": kinds,
        "states": states,
        "selected_kind": kind,
        "selected_state": state,
    }
    return render(request, "monitor/alert_list.html", context)


def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    alert = _alert_or_404(code)
    card = alert_card(alert)
    stretch, detections = _stretch(alert), list(detections_current(alert=alert))
    raster = evidence_raster([detection.scan.prediction for detection in detections])
    context = {
        "card": card,
        "alert_geojson": alert_feature(alert, card),
        "map_config": map_config(selectors.layers_available(), list(alert.area.extent))
        | {"stretch_mm_yr": stretch, "evidence_raster": raster},
        "map_caption": raster["caption"] if raster else sentences.colour_caption("los", stretch),
        "advice": sentences.advice(alert.kind, alert.state),
        "transitions": [_transition(transition) for transition in alert.transitions.all()],
        "evidence": [_evidence(detection) for detection in detections],
        "limits": _limits(alert, [detection.scan.prediction.run.product for detection in detections]),
        "series_summary": [_series_row(found) for found in selectors.alert_series(alert=alert)],
    }
    return render(request, "monitor/alert_detail.html", context)


def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    return JsonResponse(alert_body(_alert_or_404(code)))


def _alert_or_404(code: str) -> Alert:
    try:
        return alert_by_code(code=code)
    except Alert.DoesNotExist as fault:
        raise Http404("There is no alert with this code.") from fault


def _stretch(alert: Alert) -> int:
    """The colour range that shows this alert's differences."""
    return next((reach for reach in STRETCHES_MM_YR if reach >= abs(alert.peak_rate_mm_yr)), STRETCHES_MM_YR[-1])


def _evidence(detection: Detection) -> dict[str, object]:
    run = detection.scan.prediction.run
    product = run.product
    way = sentences.WORDS[product.component][detection.rate_mm_yr > 0]
    return {
        "product_name": product.name,
        "product_url": reverse("product-analysis", args=[product.pk]),
        "method": run.model_version.method.replace("-", " "),
        "component_label": sentences.COMPONENT_LABELS[product.component],
        "rate_label": f"{way}, {sentences.with_uncertainty(detection.rate_mm_yr, detection.rate_sigma_mm_yr)} mm/year",
        "score": round(detection.score, 2),
        "area_label": sentences.area_label(detection.area_m2),
        "n_points": detection.n_points,
        "run_version": f"{run.model_version}, code {run.code_version}, on {run.device}",
        "input_sha256": run.input_sha256,
        "finished_at": run.finished_at,
        "probability_url": reverse("prediction-raster", args=[detection.scan.prediction_id]),
    }


def _limits(alert: Alert, products: list[Product]) -> list[str]:
    directions = {p.direction for p in products if p.component == "los"}
    widest = max((p.posting_m or 0 for p in products), default=0)
    return sentences.limits(alert.component, len(directions), widest, min((len(p.dates) for p in products), default=0))


def _transition(transition) -> dict[str, object]:
    labels = {state: label for state, (label, _) in sentences.STATE_LABELS.items()}
    return {
        "at": transition.at,
        "from_label": labels.get(transition.from_state, ""),
        "to_label": labels[transition.to_state],
        "actor": ACTOR_WORDS.get(transition.actor, transition.actor),
        "reason": transition.reason,
    }


def _series_row(found: dict) -> dict[str, object]:
    series, product = found["series"], found["product"]
    change = float(series.mean_mm[-1] - series.mean_mm[0])
    negative, positive = sentences.WORDS[product.component]
    return {
        "product_name": product.name,
        "first_date": series.dates[0],
        "last_date": series.dates[-1],
        "n_dates": len(series.dates),
        "n_points": series.n_points,
        "change_label": f"{sentences.figure(change)} mm {positive if change > 0 else negative}",
    }

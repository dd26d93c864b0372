"""Alerts: the list that needs no script, one page for each, and the same as data."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from detection.models import Alert, Detection
from detection.selectors import alert_by_code, alerts_public, detections_current, reviews_standing
from ingest.models import Product
from monitor import selectors, sentences
from monitor.cards import AlertCard, alert_card, review_words
from monitor.views.map import map_config
from monitor.views.points import product_summary

STRETCHES_MM_YR = (10, 20, 50, 100, 300)
ACTOR_WORDS = {"automatic": "the computer"}


@require_safe
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


@require_safe
def alert_detail(request: HttpRequest, code: str) -> HttpResponse:
    alert = alert_or_404(code)
    said = [review_words(review) for review in reviews_standing(alert=alert)]
    return render(request, "monitor/alert_detail.html", alert_context(alert) | {"said": said})


def alert_context(alert: Alert) -> dict[str, object]:
    """Everything that is known of an alert, in words: for its own page and for those who review it."""
    card = alert_card(alert)
    stretch, detections = _stretch(alert), list(detections_current(alert=alert))
    return {
        "card": card,
        "alert_geojson": _feature(alert, card),
        "map_config": map_config(selectors.layers_available(), list(alert.area.extent)) | {"stretch_mm_yr": stretch},
        "map_caption": sentences.colour_caption("los", stretch),
        "advice": sentences.advice(alert.kind, alert.state),
        "transitions": [_transition(transition) for transition in alert.transitions.all()],
        "evidence": [_evidence(detection) for detection in detections],
        "limits": _limits(alert, [detection.scan.prediction.run.product for detection in detections]),
        "series_summary": [_series_row(found) for found in selectors.alert_series(alert=alert)],
    }


@require_safe
def alert_series(request: HttpRequest, code: str) -> JsonResponse:
    alert = alert_or_404(code)
    negative, positive = sentences.WORDS[alert.component]
    series = [
        {
            "product": product_summary(found["product"]),
            "n_points": found["series"].n_points,
            "n_sampled": found["series"].n_sampled,
            "dates": [day.isoformat() for day in found["series"].dates],
            "mean_mm": _rounded(found["series"].mean_mm),
            "low_mm": _rounded(found["series"].low_mm),
            "high_mm": _rounded(found["series"].high_mm),
        }
        for found in selectors.alert_series(alert=alert)
    ]
    return JsonResponse({"code": alert.code, "series": series, "negative_word": negative, "positive_word": positive})


@require_safe
def alerts_geojson(request: HttpRequest) -> JsonResponse:
    """Every public alert with its outline, EPSG:4326."""
    features = [_feature(alert, alert_card(alert)) for alert in alerts_public()]
    return JsonResponse({"type": "FeatureCollection", "features": features}, content_type="application/geo+json")


def alert_or_404(code: str) -> Alert:
    try:
        return alert_by_code(code=code)
    except Alert.DoesNotExist as fault:
        raise Http404("There is no alert with this code.") from fault


def _feature(alert: Alert, card: AlertCard) -> dict[str, object]:
    names = (
        "code", "url", "kind", "kind_label", "place", "area_label", "rate_label", "state", "state_label",
        "severity", "severity_label", "sentence", "simulated", "longitude", "latitude",
    )  # fmt: skip
    return {
        "type": "Feature",
        "id": alert.pk,
        "geometry": {"type": "MultiPolygon", "coordinates": _outline(alert)},
        "properties": {name: getattr(card, name) for name in names},
    }


def _outline(alert: Alert) -> list:
    """Coordinates to about 10 cm."""
    return [[[[round(x, 6), round(y, 6)] for x, y in ring] for ring in polygon] for polygon in alert.area.coords]


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


def _rounded(values) -> list[float]:
    return [round(float(value), 2) for value in values]

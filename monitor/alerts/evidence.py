"""Everything that is known of an alert, in words: for its own page, and for those who review it."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from detection.glaciers.moving_series import series_of
from detection.glaciers.selectors import motions_touching
from detection.kinds import Family, Kind, family
from detection.models import Alert, Detection
from detection.search.patches import MOTION
from detection.selectors import detections_current
from ingest.context.simulated_truth import truth_in, truth_is_loaded
from ingest.models import Product, ScenePair
from monitor.cards.cards import alert_card
from monitor.cards.features import alert_feature
from monitor.glaciers.rows import glacier_link, series_table
from monitor.map import selectors
from monitor.map.config import map_config
from monitor.rasters.catalogue import evidence_raster
from monitor.wording import pairs as pair_sentences
from monitor.wording import sentences

STRETCHES_MM_YR = (10, 20, 50, 100, 300)
ACTOR_WORDS = {"automatic": "the computer"}


def alert_context(alert: Alert) -> dict[str, Any]:
    """What the templates of an alert need."""
    card = alert_card(alert)
    stretch, detections = _stretch(alert), list(detections_current(alert=alert))
    raster = evidence_raster([detection.scan.prediction for detection in detections])
    config = map_config(selectors.layers_available(), list(alert.area.extent))
    return {
        "card": card,
        "alert_geojson": alert_feature(alert, card),
        "map_config": config | {"stretch_mm_yr": stretch, "evidence_raster": raster},
        "map_caption": raster["caption"] if raster else sentences.colour_caption("los", stretch),
        "advice": _advice(alert),
        "cause": sentences.cause_sentences(alert.kind, alert.class_shares),
        "transitions": [_transition(transition) for transition in alert.transitions.all()],
        "evidence": [_evidence(detection) for detection in detections],
        **_speeds(alert, detections),
        "of_pairs": family(alert.kind) is not Family.VELOCITY,
        "limits": _limits(alert, detections),
        "simulated_here": _simulated_here(alert),
        "glaciers": [glacier_link(one) for one in motions_touching(area=alert.area, simulated=alert.simulated)],
        "series_summary": [_series_row(found) for found in selectors.alert_series(alert=alert)],
    }


def _speeds(alert: Alert, detections: Sequence[Detection]) -> dict[str, Any]:
    """The series of ground that has no outline of its own; a glacier's stands on the glacier's page."""
    if alert.kind not in (Kind.MOVING_GROUND, Kind.FAST_LANDSLIDE):
        return {}
    charts = series_of(detections)
    return {"charts": charts, "views": [series_table(view) for view in charts]}


def _simulated_here(alert: Alert) -> dict[str, Any] | None:
    """What a simulation put in where an alert lies, to compare; None for real data."""
    if not alert.simulated or not truth_is_loaded():
        return None
    return {"found": alert_card(alert).rate_label, "put_in": list(truth_in(area=alert.area))}


def _stretch(alert: Alert) -> int:
    """The colour range that shows this alert's differences."""
    peak = abs(alert.peak_rate_mm_yr or 0.0)
    return next((reach for reach in STRETCHES_MM_YR if reach >= peak), STRETCHES_MM_YR[-1])


def _advice(alert: Alert) -> list[str]:
    if family(alert.kind) is Family.VELOCITY or alert.state == "rejected":
        return sentences.advice(alert.kind, alert.state)
    return pair_sentences.advice(alert.kind, alert.state)


def _evidence(detection: Detection) -> dict[str, Any]:
    run = detection.scan.prediction.run
    seen = _in_pair(detection, run.pair) if run.pair else _in_product(detection, run.product)
    return seen | {
        "method": run.model_version.method.replace("-", " "),
        "score": round(detection.score, 2),
        "area_label": sentences.area_label(detection.area_m2),
        "n_points": detection.n_points,
        "weights_sha256": run.model_version.weights_sha256,
        "run_version": f"{run.model_version}, code {run.code_version}, on {run.device}",
        "input_sha256": run.input_sha256,
        "finished_at": run.finished_at,
        "raster_url": reverse("prediction-raster", args=[detection.scan.prediction_id]),
    }


def _in_product(detection: Detection, product: Product) -> dict[str, Any]:
    way = sentences.WORDS[product.component][detection.rate_mm_yr > 0]
    rate = sentences.with_uncertainty(detection.rate_mm_yr, detection.rate_sigma_mm_yr)
    return {
        "seen_in": product.name,
        "seen_in_url": reverse("product-analysis", args=[product.pk]),
        "component_label": sentences.COMPONENT_LABELS[product.component],
        "rate_label": f"{way}, {rate} mm/year",
        "reasons": [line for one in detection.reasons for line in sentences.reason_sentences(product.component, one)],
        "counted": "measurement points",
        "raster_label": "Score map (GeoTIFF)",
    }


def _in_pair(detection: Detection, pair: ScenePair) -> dict[str, Any]:
    if family(detection.kind) is Family.OFFSETS:
        speed = pair_sentences.speed_words(detection.speed_m_day, detection.speed_sigma_m_day)
        words = (
            f"{speed} to the {pair_sentences.compass(detection.bearing_deg)}",
            "along the ground",
            "Offsets (GeoTIFF)",
        )
    else:
        match = detection.coherence_before, detection.coherence_after
        words = (
            f"match fell from {match[0]:.0%} to {match[1]:.0%}, {-detection.change_sigma:.1f} times its usual spread",
            "against the pairs before",
            "Change of coherence (GeoTIFF)",
        )
    return {
        "seen_in": str(pair),
        "seen_in_url": "",
        "pair_url": reverse("pair-detail", args=[pair.pk]),  # for operators
        "rate_label": words[0],
        "component_label": words[1],
        "counted": "cells",
        "raster_label": words[2],
    }


def _limits(alert: Alert, detections: list[Detection]) -> list[str]:
    if family(alert.kind) is Family.VELOCITY:
        products = [detection.scan.prediction.run.product for detection in detections]
        directions = {p.direction for p in products if p.component == "los"}
        widest = max((p.posting_m or 0 for p in products), default=0)
        n_dates = min((p.n_dates for p in products), default=0)
        return sentences.limits(alert.component, len(directions), widest, n_dates)
    pairs = [detection.scan.prediction.run.pair for detection in detections]
    posting_m = max((pair.reference.posting_m for pair in pairs), default=30.0)
    days = max((pair.temporal_baseline_days for pair in pairs), default=12)
    return pair_sentences.limits(alert.kind, posting_m, days, MOTION.least_px * posting_m)


def _transition(transition) -> dict[str, Any]:
    labels = {state: label for state, (label, _) in sentences.STATE_LABELS.items()}
    return {
        "at": transition.created_at,
        "from_label": labels.get(transition.from_state, ""),
        "to_label": labels[transition.to_state],
        "actor": ACTOR_WORDS.get(transition.actor, transition.actor),
        "reason": transition.reason,
    }


def _series_row(found: dict[str, Any]) -> dict[str, Any]:
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

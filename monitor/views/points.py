"""One measurement point: its series with a fit and a plain sentence, as JSON and CSV."""

import csv

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from ingest.models import MeasurementPoint, Product
from ingest.selectors import point_get, point_series
from ml.series import fit_series
from monitor import sentences


@require_safe
def series_json(request: HttpRequest, product: int, pid: str) -> JsonResponse:
    point = _point_or_404(product, pid)
    displacement = point_series(point=point)
    fit = fit_series(point.product.dates, displacement)
    negative, positive = sentences.WORDS[point.product.component]
    first, last = point.product.dates[0], point.product.dates[-1]
    return JsonResponse({
        "product": product_summary(point.product),
        "pid": point.pid,
        "longitude": round(point.position.x, 6),
        "latitude": round(point.position.y, 6),
        "height_m": _number(point.height_m),
        "velocity_mm_yr": _number(point.velocity_mm_yr),
        "velocity_std_mm_yr": _number(point.velocity_std_mm_yr),
        "temporal_coherence": _number(point.temporal_coherence),
        "rmse_mm": _number(point.rmse_mm),
        "sentence": sentences.point_sentence(
            point.product.component, point.velocity_mm_yr, point.velocity_std_mm_yr, first, last
        ),
        "dates": [day.isoformat() for day in point.product.dates],
        "displacement_mm": [_number(value) for value in displacement],
        "fit_mm": [_number(value) for value in fit.fit_mm] if fit else None,
        "band_mm": _number(fit.sigma_mm) if fit else None,
        "negative_word": negative,
        "positive_word": positive,
        "csv_url": reverse("point-series-csv", args=[product, pid]),
    })  # fmt: skip


@require_safe
def series_csv(request: HttpRequest, product: int, pid: str) -> HttpResponse:
    point = _point_or_404(product, pid)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="product-{product:d}-point.csv"'
    writer = csv.writer(response)
    writer.writerow(["date", f"displacement_mm_{point.product.component}"])
    for day, value in zip(point.product.dates, point_series(point=point), strict=True):
        writer.writerow([day.isoformat(), "" if np.isnan(value) else round(float(value), 2)])
    return response


def product_summary(product: Product) -> dict[str, object]:
    """What a chart says of the product it draws."""
    return {
        "id": product.pk,
        "name": product.name,
        "track": product.track,
        "component": product.component,
        "component_label": sentences.COMPONENT_LABELS[product.component],
        "attribution": product.attribution,
        "simulated": product.simulated,
        "url": reverse("product-analysis", args=[product.pk]),
    }


def _point_or_404(product: int, pid: str) -> MeasurementPoint:
    try:
        return point_get(product_id=product, pid=pid)
    except MeasurementPoint.DoesNotExist as fault:
        raise Http404("There is no such point.") from fault


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), 2)

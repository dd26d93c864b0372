"""One measurement point: its series with a fit and a plain sentence, as JSON and CSV."""

import csv

import numpy as np
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from ingest.models import MeasurementPoint
from ingest.products.selectors import point_series
from monitor.maps.map.series import point_body, point_find


@require_safe
def series_json(request: HttpRequest, product: int, pid: str) -> JsonResponse:
    """Answer with the series as JSON."""
    return JsonResponse(point_body(_point_or_404(product, pid)))


@require_safe
def series_csv(request: HttpRequest, product: int, pid: str) -> HttpResponse:
    """Answer with the series as CSV."""
    point = _point_or_404(product, pid)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="product-{product:d}-point.csv"'
    writer = csv.writer(response)
    writer.writerow(["date", f"displacement_mm_{point.product.component}"])
    series = point_series(point=point)
    for day, value in zip(point.product.dates[: series.size], series, strict=True):
        writer.writerow([day.isoformat(), "" if np.isnan(value) else round(float(value), 2)])
    return response


def _point_or_404(product: int, pid: str) -> MeasurementPoint:
    try:
        return point_find(product_id=product, pid=pid)
    except MeasurementPoint.DoesNotExist as fault:
        raise Http404("There is no such point.") from fault

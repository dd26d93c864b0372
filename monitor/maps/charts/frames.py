"""Displacement of the points in view on each date, for the map's time slider."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _

from ingest.products.decomposition import interpolate_dates
from ingest.readers.records import Float32
from monitor.maps.charts import selectors
from monitor.maps.charts.selectors import PointsIn
from monitor.maps.map.layers import Layer
from monitor.wording.refusals import Refusal

MAX_POINTS = 1200
MAX_FRAMES = 48
MAX_PRODUCTS = 8
AT_START = 3  # known frames of a point whose mean is its zero


def frames_body(layer: Layer, view: GEOSGeometry) -> dict[str, object]:
    """Return as JSON each point's displacement on each day since its first frames, whole mm or None. Raises Refusal."""
    products = [product for product in selectors.products_over(area=view, layer=layer) if product.has_series][
        :MAX_PRODUCTS
    ]
    most = MAX_POINTS // max(1, len(products))
    found = [selectors.points_in_view(product=product, area=view, most=most) for product in products]
    parts = [one for one in found if one.pids]
    if not parts:
        raise Refusal(
            _("no measurement point of this layer with a series over time is in view"),
            _("Move the map to where points are, or choose another layer."),
        )
    days = frame_days([part.product.dates for part in parts])
    return {
        "layer": layer.name,
        "dates": [day.isoformat() for day in days],
        "n_points": sum(len(part.pids) for part in parts),
        "points": [row for part in parts for row in _rows(part, days)],
    }


def frame_days(dates: Sequence[Sequence[date]]) -> list[date]:
    """Return at most 48 days: a single product's own dates if these are few enough, else evenly spaced days."""
    if len(dates) == 1 and len(dates[0]) <= MAX_FRAMES:
        return list(dates[0])
    first, last = min(one[0] for one in dates), max(one[-1] for one in dates)
    span, n_frames = (last - first).days, min(MAX_FRAMES, max(len(one) for one in dates))
    return [first + timedelta(days=round(span * i / (n_frames - 1))) for i in range(n_frames)]


def since_start(series_mm: Float32) -> Float32:
    """Return displacement relative to the mean of each point's first known frames; (n, frames), mm, NaN if missing."""
    known = np.isfinite(series_mm)
    early = known & (np.cumsum(known, axis=1) <= AT_START)
    count = early.sum(axis=1, keepdims=True)
    start = np.where(early, series_mm, 0.0).sum(axis=1, keepdims=True) / np.where(count, count, np.nan)
    return np.asarray(series_mm - start, dtype=np.float32)


def _rows(points: PointsIn, days: Sequence[date]) -> list[list[object]]:
    """Return [longitude, latitude, [mm on each day, …]] for each point."""
    moved = since_start(interpolate_dates(points.series_mm, points.product.dates, days))
    whole = [[None if np.isnan(value) else round(float(value)) for value in row] for row in moved]
    return [
        [round(float(longitude), 5), round(float(latitude), 5), row]
        for longitude, latitude, row in zip(points.longitude, points.latitude, whole, strict=True)
    ]

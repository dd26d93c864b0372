"""Charts as JSON: every line with its fit, its changes and its figures, and a sentence about all of them."""

from collections.abc import Iterable

import numpy as np
from django.utils.translation import gettext as _
from pyproj import Geod

from ingest.models import Product
from monitor.maps.charts.query import PointName, SeriesQuery
from monitor.maps.charts.selectors import NearPoint
from monitor.maps.charts.traces import PeriodFit, Trace, fit_in
from monitor.maps.charts.words import Line, chart_sentence
from monitor.maps.map.series import changes_body, number, numbers, product_summary
from monitor.wording.components import both_directions
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region

NEAR_M = 250.0
_GEOD = Geod(ellps="WGS84")


def chart_body(query: SeriesQuery, traces: list[Trace], missing: list[PointName]) -> dict[str, object]:
    """Return a chart as JSON. Raises Refusal where no line is left."""
    if not traces and missing:
        raise Refusal(
            _("none of these points is part of the data any more"), _("A newer release may hold others near them.")
        )
    if not traces:
        raise Refusal(
            _("no measurement point stands in this area"), _("That does not mean that the ground is still there.")
        )
    shown = [fit_in(trace, query.period) for trace in traces]
    lines = [
        Line(trace.product.component, one.rate_mm_yr, one.sigma_mm_yr, len(one.changes))
        for trace, one in zip(traces, shown, strict=True)
    ]
    return {
        "sentence": chart_sentence(lines, min(one.first for one in shown), max(one.last for one in shown)),
        "traces": [_trace(*pair) for pair in zip(traces, shown, strict=True)],
        "missing": [f"{name.product_id}/{name.pid}" for name in missing],
        "reference": reference_body(query.reference),
        "first": min(trace.product.dates[0] for trace in traces).isoformat(),
        "last": max(trace.product.dates[-1] for trace in traces).isoformat(),
    }


def reference_body(reference: Region | None) -> dict[str, object] | None:
    """Return the reference with its name and outline."""
    if reference is None:
        return None
    return {"label": reference.label, "outline": reference.outline.__geo_interface__}


def _trace(trace: Trace, shown: PeriodFit) -> dict[str, object]:
    negative, positive = both_directions(trace.product.component)
    middle = trace.place.centroid
    return {
        "key": trace.key,
        "is_area": trace.is_area,
        "product": _product(trace.product),
        "longitude": round(middle.x, 6),
        "latitude": round(middle.y, 6),
        "n_points": trace.n_points,
        "n_reference": trace.n_reference,
        "dates": [day.isoformat() for day in trace.dates],
        "values_mm": numbers(trace.values_mm),
        "low_mm": None if trace.low_mm is None else numbers(trace.low_mm),
        "high_mm": None if trace.high_mm is None else numbers(trace.high_mm),
        "fit_mm": numbers(shown.fit_mm),
        "band_mm": number(shown.band_mm),
        "rate_mm_yr": number(shown.rate_mm_yr),
        "sigma_mm_yr": number(shown.sigma_mm_yr),
        "fitted": shown.fitted,
        "stated_mm_yr": number(trace.stated_mm_yr),
        "scatter_mm_yr": number(trace.stated_sigma_mm_yr) if trace.is_area else None,
        "changes": changes_body(trace.product, shown.changes),
        "negative_word": negative,
        "positive_word": positive,
    }


def near_body(longitude: float, latitude: float, found: Iterable[NearPoint]) -> dict[str, object]:
    """Return the nearest point of each component, direction and track within 250 m, nearest first. Raises Refusal."""
    best: dict[tuple[str, str, int | None], tuple[float, NearPoint]] = {}
    for near in found:
        distance_m = float(_GEOD.inv(longitude, latitude, near.longitude, near.latitude)[2])
        view = near.product.component, near.product.direction, near.product.track
        if distance_m <= NEAR_M and distance_m < best.get(view, (np.inf, near))[0]:
            best[view] = distance_m, near
    if not best:
        raise Refusal(
            _("no measurement point stands within %(distance)s m of this place") % {"distance": whole(NEAR_M)},
            _("That does not mean that the ground is still there. Choose a place nearer to a point of the map."),
        )
    rows = [
        {
            "key": f"{near.product.pk}/{near.pid}",
            "product": _product(near.product),
            "longitude": round(near.longitude, 6),
            "latitude": round(near.latitude, 6),
            "distance_m": round(distance_m),
        }
        for distance_m, near in sorted(best.values(), key=lambda one: one[0])
    ]
    return {"points": rows}


def _product(product: Product) -> dict[str, object]:
    return product_summary(product) | {"direction": product.direction}

"""Charts as JSON, with the fit, changes and figures of every line, and as files to download."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from django.contrib.gis.geos import GEOSGeometry
from django.utils.translation import gettext as _

from detection.rules.motion import Figure
from ground_motion.core.areas import centre_of
from ground_motion.core.projections import EARTH
from ingest.models import Product
from monitor.maps.charts.selectors import PointName, PointsIn, SeriesQuery
from monitor.maps.charts.traces import PeriodFit, Trace, fit_in, reference_body
from monitor.maps.charts.words import chart_sentence
from monitor.maps.imaging.charts import zero_mm
from monitor.maps.map.series import changes_body, number, numbers, product_summary
from monitor.wording.components import both_directions
from monitor.wording.figures import cell_text, whole
from monitor.wording.refusals import Refusal

NEAR_M = 250.0
Row = Mapping[str, Any]  # columns of one feature; geometry: GEOSGeometry


def chart_body(query: SeriesQuery, traces: list[Trace], missing: list[PointName]) -> dict[str, object]:
    """Return a chart of series as JSON. Raises Refusal if it has no line."""
    if not traces:
        gone = _("none of these points is part of the data any more"), _("A newer release may hold others near them.")
        none = _("no measurement point is in this area"), _("That does not mean that the ground is stable there.")
        raise Refusal(*(gone if missing else none))
    shown = [fit_in(trace, query.period) for trace in traces]
    rates = [
        Figure(one.rate_mm_yr, one.sigma_mm_yr, one.first, one.last, along=trace.product.component)
        for trace, one in zip(traces, shown, strict=True)
    ]
    first, last = min(one.first for one in shown), max(one.last for one in shown)
    return {
        "sentence": chart_sentence(rates, [len(one.changes) for one in shown], first, last),
        "traces": [trace_row(*pair) for pair in zip(traces, shown, strict=True)],
        "missing": [f"{name.product_id}/{name.pid}" for name in missing],
        "reference": reference_body(query.reference),
        "first": min(trace.product.dates[0] for trace in traces).isoformat(),
        "last": max(trace.product.dates[-1] for trace in traces).isoformat(),
    }


def trace_row(trace: Trace, shown: PeriodFit) -> dict[str, object]:
    """Return one line of a chart as JSON."""
    negative, positive = both_directions(trace.product.component)
    middle = centre_of(trace.place)
    return {
        "key": trace.key,
        "is_area": trace.is_area,
        "product": _product(trace.product),
        "longitude": round(middle.longitude, 6),
        "latitude": round(middle.latitude, 6),
        "n_points": trace.n_points,
        "n_reference": trace.n_reference,
        "dates": [day.isoformat() for day in trace.dates],
        "values_mm": numbers(trace.values_mm),
        "low_mm": None if trace.low_mm is None else numbers(trace.low_mm),
        "high_mm": None if trace.high_mm is None else numbers(trace.high_mm),
        "fit_mm": numbers(shown.fit_mm),
        "zero_mm": number(zero_mm(shown.fit_mm, trace.values_mm)),
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


def near_body(longitude: float, latitude: float, found: Iterable[PointsIn]) -> dict[str, object]:
    """Return the closest of the points found for each component, direction and track, nearest first. Raises Refusal."""
    best: dict[tuple[str, str, int | None], tuple[float, PointsIn, int]] = {}
    for points in (one for one in found if one.pids):
        here = np.full(points.longitude.shape, longitude), np.full(points.latitude.shape, latitude)
        away_m = EARTH.inv(*here, points.longitude, points.latitude)[2]
        view, at = (points.product.component, points.product.direction, points.product.track), int(np.argmin(away_m))
        if view not in best or away_m[at] < best[view][0]:
            best[view] = away_m[at], points, at
    if not best:
        raise Refusal(
            _("no measurement point stands within %(distance)s m of this place") % {"distance": whole(NEAR_M)},
            _("That does not mean that the ground is stable there. Choose a place nearer to a point of the map."),
        )
    rows = [
        {
            "key": f"{near.product.pk}/{near.pids[at]}",
            "product": _product(near.product),
            "longitude": round(near.longitude[at], 6),
            "latitude": round(near.latitude[at], 6),
            "distance_m": round(distance_m),
        }
        for distance_m, near, at in sorted(best.values(), key=lambda one: one[0])
    ]
    return {"points": rows}


def _product(product: Product) -> dict[str, object]:
    return product_summary(product) | {"direction": product.direction}


def as_csv(rows: Sequence[Row]) -> bytes:
    """Write rows as CSV: lists become one row per item, single values are repeated; a geometry becomes its centre."""
    file = io.StringIO()
    writer = csv.writer(file)
    names = [name for name in rows[0] if name != "geometry"]
    writer.writerow([*names, "longitude", "latitude"])
    for row in rows:
        place = [round(degrees, 6) for degrees in centre_of(row["geometry"])]
        n_values = max((len(value) for value in row.values() if isinstance(value, list)), default=1)
        for i in range(n_values):
            cells = [row[name][i] if isinstance(row[name], list) else row[name] for name in names]
            writer.writerow([*(cell_text(cell) if isinstance(cell, str) else cell for cell in cells), *place])
    return file.getvalue().encode()


def as_geojson(rows: Sequence[Row]) -> bytes:
    """Write rows as a GeoJSON FeatureCollection."""
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(row["geometry"].json),
            "properties": {name: value for name, value in row.items() if name != "geometry"},
        }
        for row in rows
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


FORMATS: dict[str, tuple[str, Callable[[Sequence[Row]], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "geojson": ("application/geo+json", as_geojson),
}


def series_rows(body: Mapping[str, Any], places: Sequence[GEOSGeometry]) -> list[Row]:
    """Return one row for each line of a chart. body: as `chart_body` returns it; places: geometries of its lines."""
    return [
        {
            "line": number,
            "data_set": trace["product"]["name"],
            **{name: trace["product"][name] for name in ("component", "track", "direction")},
            "point": "" if trace["is_area"] else trace["key"].partition("/")[2],
            "n_points": trace["n_points"],
            "reference": (body["reference"] or {}).get("label", ""),
            "rate_mm_yr": trace["rate_mm_yr"],
            "rate_sigma_mm_yr": trace["sigma_mm_yr"],
            "zero": "" if body["reference"] else trace["product"]["datum"]["sentence"],
            **{name: trace["product"][name] for name in ("attribution", "simulated")},
            "date": trace["dates"],
            "displacement_mm": trace["values_mm"],
            **{name: trace[name] or [None] * len(trace["dates"]) for name in ("low_mm", "high_mm", "fit_mm")},
            "geometry": place,
        }
        for number, (trace, place) in enumerate(zip(body["traces"], places, strict=True), 1)
    ]

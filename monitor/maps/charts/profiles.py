"""Profiles: velocity of the ground along a line, and its displacement along that line on a few days."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Any

import numpy as np
from django.contrib.gis.geos import Point
from django.utils.translation import gettext as _
from shapely import LineString

from core.geos import geos
from core.projections import local_system, transformer
from ingest.products.decomposition import interpolate_dates
from ingest.readers.records import Float64
from ml.statistics.profile import Along, Bins, bin_values, positions_along_line
from monitor.maps.charts import selectors
from monitor.maps.charts.query import ProfileQuery
from monitor.maps.charts.rows import reference_body
from monitor.maps.charts.selectors import PointsIn
from monitor.maps.charts.traces import Reference, mean_known, reference_of
from monitor.maps.charts.words import profile_sentence
from monitor.maps.map.series import number, numbers
from monitor.wording.components import both_directions
from monitor.wording.figures import whole
from monitor.wording.images import data_set_name
from monitor.wording.refusals import Refusal
from monitor.wording.regions import around_line

MAX_SHOWN = 2000
MIN_BINS, MAX_BINS = 4, 40
POINTS_OF_BIN = 5
MIN_BIN_M = 25.0
EPOCHS = 6
AVERAGED = 5  # dates around each epoch: one date alone is mostly scatter


def profile_body(query: ProfileQuery) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a profile for JSON, and a row per point for a file. Raises Refusal if no point is near the line."""
    line = query.line
    area = geos(around_line(line.corners, line.width_m).outline)
    found = [
        selectors.points_in(product=product, area=area, most=MAX_SHOWN)
        for product in selectors.products_over(area=area, layer=query.layer)
    ]
    parts = _best_direction([one for one in found if one.n_points])
    if not parts:
        raise Refusal(
            _("no measurement point of this layer stands within %(distance)s m of the line")
            % {"distance": whole(line.width_m / 2)},
            _("Draw it elsewhere, or give a larger width."),
        )
    references = [reference_of(part.product, query.reference) for part in parts]
    places = [places_along(line.corners, part) for part in parts]
    distance = np.concatenate([place.distance_m for place in places])
    pairs = list(zip(parts, references, strict=True))
    velocity = np.concatenate([part.velocity_mm_yr - reference.rate_mm_yr for part, reference in pairs])
    n_bins = bins_of(line.length_m, distance.size)
    usual = bin_values(distance, velocity, line.length_m, n_bins)
    product = parts[0].product
    n_points = sum(part.n_points for part in parts)
    negative, positive = both_directions(product.component)
    order = np.argsort(distance)
    body = {
        "sentence": profile_sentence(product.component, line.length_m, line.width_m, n_points, highest_of(usual)),
        "length_m": round(line.length_m),
        "width_m": line.width_m,
        "n_points": n_points,
        "n_shown": distance.size,
        "layer": str(query.layer.label),
        "direction": product.direction,
        "products": [data_set_name(part.product.name) for part in parts],
        "attribution": product.attribution,
        "simulated": product.simulated,
        "negative_word": negative,
        "positive_word": positive,
        "reference": reference_body(query.reference),
        "distance_m": numbers(distance[order], 0),
        "velocity_mm_yr": numbers(velocity[order]),
        "bins": {
            "distance_m": numbers(usual.distance_m, 0),
            "median_mm_yr": numbers(usual.median),
            "low_mm_yr": numbers(usual.low),
            "high_mm_yr": numbers(usual.high),
            "n_points": usual.n_points.tolist(),
        },
        "epochs": _epochs(pairs, distance, line.length_m, n_bins),
    }
    return body, _rows(parts, places, velocity)


def _best_direction(found: list[PointsIn]) -> list[PointsIn]:
    by_direction: dict[str, list[PointsIn]] = defaultdict(list)
    for one in found:
        by_direction[one.product.direction].append(one)
    return max(by_direction.values(), key=lambda parts: sum(part.n_points for part in parts), default=[])


def bins_of(length_m: float, n_points: int) -> int:
    """Return the number of pieces into which a line is divided."""
    return int(np.clip(min(length_m / MIN_BIN_M, n_points / POINTS_OF_BIN), MIN_BINS, MAX_BINS))


def highest_of(usual: Bins) -> tuple[float, float]:
    """Return where the median rate along a line is fastest, m from its start, and that rate, mm/yr; 0 if unknown."""
    if not np.isfinite(usual.median).any():
        return 0.0, 0.0
    peak = int(np.nanargmax(np.abs(usual.median)))
    return float(usual.distance_m[peak]), float(usual.median[peak])


def places_along(line: list[tuple[float, float]], points: PointsIn) -> Along:
    """Return each point's distance along the line and offset from it, m, in a projection centred on the line."""
    middle = LineString(line).interpolate(0.5, normalized=True)
    onto = transformer(4326, local_system(middle.x, middle.y))
    corners = np.column_stack(onto.transform(*np.array(line, dtype=np.float64).T))
    x, y = onto.transform(points.longitude, points.latitude)
    return positions_along_line(np.asarray(x), np.asarray(y), corners)


def _epochs(
    pairs: list[tuple[PointsIn, Reference]], distance_m: Float64, length_m: float, n_bins: int
) -> list[dict[str, Any]]:
    """Return date and displacement_mm of a few days: medians in bins along the line since the first common date, mm."""
    if not all(part.product.has_series for part, _reference in pairs):
        return []
    dated = [part.product.dates for part, _reference in pairs]
    first, last = max(dates[0] for dates in dated), min(dates[-1] for dates in dated)
    if (last - first).days < EPOCHS:
        return []
    days = [first + timedelta(days=round((last - first).days * i / EPOCHS)) for i in range(EPOCHS + 1)]
    series = np.concatenate([_on_days(part, reference, days) for part, reference in pairs])
    since = series - series[:, :1]
    return [
        {
            "date": day.isoformat(),
            "displacement_mm": numbers(bin_values(distance_m, since[:, i], length_m, n_bins).median),
        }
        for i, day in enumerate(days)
        if i
    ]


def _on_days(points: PointsIn, reference: Reference, days: list[date]) -> Float64:
    """Return displacement on each day, (n, days), mm: mean of the nearest dates; interpolated if dates are few."""
    series = points.series_mm.astype(np.float64) - reference.series_mm
    dates = points.product.dates
    if len(dates) < 3 * EPOCHS:
        return interpolate_dates(series.astype(np.float32), dates, days).astype(np.float64)
    ordinals = np.array([day.toordinal() for day in dates])
    near = [np.argsort(np.abs(ordinals - day.toordinal()))[:AVERAGED] for day in days]
    return np.stack([mean_known(series[:, one], axis=1) for one in near], axis=1)


def _rows(parts: list[PointsIn], places: list[Along], velocity: Float64) -> list[dict[str, Any]]:
    rows, at = [], 0
    for part, place in zip(parts, places, strict=True):
        for i, pid in enumerate(part.pids):
            rows.append(
                {
                    "data_set": data_set_name(part.product.name),
                    "component": part.product.component,
                    "direction": part.product.direction,
                    "point": pid,
                    "distance_m": number(place.distance_m[i], 1),
                    "offset_m": number(place.offset_m[i], 1),
                    "velocity_mm_yr": number(velocity[at + i]),
                    "attribution": part.product.attribution,
                    "simulated": part.product.simulated,
                    "geometry": Point(part.longitude[i], part.latitude[i], srid=4326),
                }
            )
        at += len(part.pids)
    return sorted(rows, key=lambda row: row["distance_m"])

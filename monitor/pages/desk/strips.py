"""Sheet of a profile: velocity along a line, and displacement along it through time."""

from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from ground_motion.statistics.profile import Bins, bin_values, piece_of
from ingest.foundation.geos import geos
from ingest.models import Product
from monitor.maps.charts.selectors import Line, PointsIn, line_query, points_in
from monitor.maps.charts.traces import AVERAGED, bins_of, highest_of, over_points, places_along
from monitor.maps.charts.words import profile_sentence
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.query import BY_NAME, View
from monitor.pages.desk.samples import Marks
from monitor.wording.figures import signed
from monitor.wording.regions import around_line

MAPPED = (
    "longitude",
    "latitude",
    "velocity_mm_yr",
)  # attributes of the points beside the line and of the sample around it
MAX_SHOWN = 2000
MAX_MARKS = 5000  # points on the map beside the line
MAX_DAYS = 150  # rows of the picture of distance and time
DAYS_IN_TABLE = 6
HALF_DEGREES = 2000 / 111_320  # half the length of the first line: 2000 m in degrees of latitude
FAST_SHARE = 0.995  # of points that move more slowly than the point in the middle of the first line


def profile(view: View, product: Product) -> list[Component]:
    """Return the sheet of a line. Raises Refusal if too many points stand beside it."""
    marks = samples.marks_of(product=product, ground=view.ground, most=MAX_MARKS)
    if not marks.pid:
        empty = _("No measurement point of this data set stands on this ground.")
        return [parts.fault(empty, _("Choose another data set or another area."))]
    line = view.drawn_line or _first_line(marks, view.width)
    found = points_in(product=product, area=geos(around_line(line.corners, line.width_m).outline), most=MAX_SHOWN)
    both = [np.concatenate([getattr(one, name) for one in (marks, found)]) for name in MAPPED]
    shown = parts.positions(*both, unit=str(BY_NAME["velocity"].unit)) | {"line": line.corners}
    ground = parts.ground_map(
        "ground-of-line", _("Where the line runs"), _("Draw another line, or write its corners into the field above.")
    )
    stored = parts.map_data({"ground-of-line": shown})
    if not len(found.pids):
        none = _("No measurement point of this data set stands beside the line.")
        return [parts.fault(none, _("Draw it elsewhere, or give a larger width.")), parts.columns(ground), stored]
    distance = places_along(line.corners, found).distance_m
    n_bins = bins_of(line.length_m, distance.size)
    usual = bin_values(distance, found.velocity_mm_yr, line.length_m, n_bins)
    charts = [_speeds(found, distance, usual, line), *_times(found, distance, usual, line)]
    said = profile_sentence(product.component, line.length_m, line.width_m, found.n_points, highest_of(usual))
    first = "" if view.line else _("Drawn first: a line from west to east through one of the fastest points.")
    return [
        html.P(said, className="verdict"),
        parts.extent(len(found.pids), found.n_points, words.sides(product), first),
        html.Div([ground, *charts], className="desk-strip"),
        stored,
    ]


def _first_line(marks: Marks, width: str) -> Line:
    order = np.argsort(np.abs(marks.velocity_mm_yr))
    at = order[int(FAST_SHARE * (order.size - 1))]
    x, y = float(marks.longitude[at]), float(marks.latitude[at])
    half = HALF_DEGREES / max(np.cos(np.radians(y)), 0.01)
    return line_query(f"{x - half:.5f},{y:.5f};{x + half:.5f},{y:.5f}", width)


def _speeds(found: PointsIn, distance_m: NDArray[Any], usual: Bins, line: Line) -> Component:
    unit, speed = str(BY_NAME["velocity"].unit), found.velocity_mm_yr
    edges = np.append(usual.distance_m - usual.distance_m[0], 2 * usual.distance_m[-1] - usual.distance_m[-2]) / 1000
    rows = [
        [
            _("%(low)s to %(high)s") % {"low": words.number(edges[i], 2), "high": words.number(edges[i + 1], 2)},
            words.number(usual.n_points[i], 0),
            *(signed(float(values[i]), 1) for values in (usual.low, usual.median, usual.high)),
        ]
        for i in range(usual.median.size)
    ]
    head = [_("Distance, km"), _("Points"), _("16 % are below"), _("Median"), _("84 % are below")]
    return parts.chart(
        "along",
        _("How fast it moves along the line"),
        parts.sentences(
            _("Line: median of each piece; shaded: the middle two thirds. Dots: single points."),
            words.beyond_the_axis(speed, *drawings.along_ends(speed, usual)),
        ),
        drawings.along(distance_m, speed, usual, unit, line.length_m / 1000),
        parts.table(_("Velocity along the line, %(unit)s") % {"unit": unit}, head, rows),
    )


def _times(found: PointsIn, distance_m: NDArray[Any], usual: Bins, line: Line) -> list[Component]:
    """Return the chart of displacement by distance and date; no chart for a data set without series."""
    dates, n_bins = found.product.dates, usual.median.size
    if not found.series_mm.size or len(dates) < AVERAGED:
        return []
    days = np.unique(np.linspace(0, len(dates) - 1, min(len(dates), MAX_DAYS)).astype(int))
    moved, piece = np.full((n_bins, len(dates)), np.nan), piece_of(distance_m, line.length_m, n_bins)
    for one in np.flatnonzero(np.isfinite(usual.median)):
        moved[one] = over_points(found.series_mm[piece == one], 50)
        first = moved[one][np.isfinite(moved[one])][:AVERAGED]
        moved[one] -= first.mean() if first.size else np.nan
    at = [int(day) for day in np.linspace(0, len(dates) - 1, DAYS_IN_TABLE)]
    rows = [
        [words.number(usual.distance_m[one] / 1000, 2), *(signed(float(moved[one, day]), 1) for day in at)]
        for one in range(n_bins)
    ]
    head = [_("Distance, km"), *(date_format(dates[day], "SHORT_DATE_FORMAT") for day in at)]
    return [
        parts.chart(
            "times",
            _("How it moved along the line, through time"),
            _("Each column is a piece of the line, each row a date; colour: millimetres since the first dates."),
            drawings.strip(usual, [dates[day] for day in days], moved[:, days].T, line.length_m / 1000),
            parts.table(_("Displacement along the line, mm"), head, rows),
        )
    ]

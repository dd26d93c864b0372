"""Sheet of the workbench: the charts, sentences and tables for an address."""

import json
import math
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from plotly.io.json import to_json_plotly

from ground_motion.readers.records import Float32, Float64
from ground_motion.statistics.relations import relation
from ingest.foundation.places import Busy
from ingest.models import Product
from monitor.maps.charts.traces import over_points
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.callbacks import Choice
from monitor.pages.desk.query import BY_NAME, View, address, map_address, view_of
from monitor.wording.figures import signed, whole
from monitor.wording.refusals import Refusal

VELOCITY = BY_NAME["velocity"]  # The map always gets velocities, so that the chart beside it does not send them again.
MAX_LINES = 6  # More series are drawn as their median and a band.
MAX_EXTREMES = 3000  # Extreme points are found among this many.
BUSY = gettext_lazy("Another sheet is being computed. Reload the page in a few seconds.")


def sheet(search: str, theme: str) -> list[Any]:
    """Return the components of the sheet, or a message. search: query string of the page's address."""
    try:
        view = view_of(QueryDict(search.removeprefix("?")))
        product = samples.chosen_product(view)
        if product is None:
            none = _("No data set is loaded for this ground.")
            return parts.fault(none, _("Choose another data set or another area."))
        return samples.kept(product, [address(view)], theme, lambda: _points(view, product))
    except Refusal as refusal:
        return parts.fault(refusal.error, refusal.remedy)
    except Busy:
        return parts.fault(str(BUSY))


def _points(view: View, product: Product) -> list[Component]:
    across, up = BY_NAME[view.x], BY_NAME[view.y]
    marks = samples.marks_of(product=product, ground=view.ground, attributes=(across, up))
    if not marks.pid:
        return parts.fault(
            _("No measurement point of this data set stands on this ground."),
            _("That does not mean that the ground is stable there. Choose another data set or another area."),
        )
    speed, unit = marks.velocity_mm_yr, str(BY_NAME["velocity"].unit)
    low, high = drawings.ends(speed)
    first, third = (signed(float(one), 1) for one in np.percentile(speed, [25, 75]))
    half = _("Half of the points move at %(low)s to %(high)s mm a year.") % {"low": first, "high": third}
    found, cross = relation(*marks.others.T), list[Component]()
    shown = parts.positions(marks.longitude, marks.latitude, speed, unit=unit)
    linked: dict[str, Any] = {
        "pids": marks.pid,
        "bars": [low, high, drawings.BARS],
        "address": address(view, product=product.pk, area=""),
    }
    if found:
        linked["edges"] = [edges[end] for edges in (found.density.x_edges, found.density.y_edges) for end in (0, -1)]
        axes = (("x", across), ("y", up))
        linked |= {axis: parts.packed(marks.others[:, i]) for i, (axis, one) in enumerate(axes) if one is not VELOCITY}
        said = parts.sentences(words.related(found), words.at_the_edge(found))
        titles = words.titled(across), words.titled(up)
        heading = _("%(y)s against %(x)s") % {"y": up.label, "x": across.label}
        cross = [parts.relation_chart("cross", heading, said, found, titles, chosen=_("chosen"))]
    return [
        html.Div(
            [
                parts.extent(len(marks.pid), marks.n_points, words.sides(product)),
                html.P(_("Nothing chosen yet."), id="choice-words", role="status"),
            ],
            className="desk-said",
        ),
        html.Div(
            [
                parts.values_map(
                    (view, product),
                    "points",
                    _("Where they are"),
                    _("Points chosen here or in a chart are marked in all of them."),
                    (marks.longitude, marks.latitude, speed),
                    _("Velocities by part of the ground, %(unit)s"),
                ),
                html.Div(id="chosen", className="desk-part", **parts.attributes(aria_live="polite")),
                parts.chart(
                    "histogram",
                    _("How fast the points move"),
                    parts.sentences(half, words.outer_bars(speed, low, high)),
                    drawings.histogram(speed, unit, _("% of points"), chosen=_("chosen")),
                    _speeds_table(speed, unit),
                ),
                *cross,
            ],
            className="desk-linked",
        ),
        parts.points_listed(marks),
        dcc.Store(id="choice"),
        dcc.Store(id="ground", data={"maps": {"points": shown}, "linked": linked}),
    ]


def _speeds_table(speed: Float64, unit: str) -> Component:
    named = {
        0: _("Smallest"),
        16: _("16 % are below"),
        25: _("25 % are below"),
        50: _("Median"),
        75: _("75 % are below"),
        84: _("84 % are below"),
        100: _("Largest"),
    }
    return parts.table(
        _("Velocities of the points shown, %(unit)s") % {"unit": unit},
        [_("Part"), _("Velocity")],
        [[label, words.number(float(np.percentile(speed, share)), 1)] for share, label in named.items()],
    )


def chosen(choice: dict[str, Any] | None, search: str, theme: str) -> list[Any]:
    """Return a chart of the chosen points' series, and links to their ground.

    choice: members of `callbacks.Choice`; None until points are chosen. Raises Refusal.
    """
    view = view_of(QueryDict(search.removeprefix("?")))
    product = samples.chosen_product(view)
    if product is None:
        return []
    if choice and choice["pids"]:
        return [*json.loads(drawings.in_theme(to_json_plotly(_chosen(view, product, Choice(**choice))), theme))]
    try:
        return samples.kept(product, ["chosen", view.area], theme, lambda: _chosen(view, product, Choice()))
    except Busy:
        return parts.fault(str(BUSY))


def _chosen(view: View, product: Product, choice: Choice) -> list[Component]:
    """Draw the chosen series, or those of the extreme points; more than MAX_LINES as a median with a band."""
    taken = view._replace(product=product.pk, area=choice.area or view.area)
    links = [
        (_("Show on the map"), map_address(product, taken)),
        (_("Look at this ground only"), address(taken)),
    ]
    buttons = html.P(
        [html.A(label, href=url, className="button") for label, url in links if choice.area], className="buttons"
    )
    if not product.has_series:
        return [html.P(_("This data set has velocities only, and no series to compare.")), buttons]
    shown = choice.pids
    if not shown:
        marks = samples.marks_of(product=product, ground=view.ground, most=MAX_EXTREMES)
        order = np.argsort(marks.velocity_mm_yr)
        shown = [marks.pid[order[at]] for at in (0, order.size // 2, -1) if order.size]
    named = samples.chosen_series(product=product, pids=shown)
    said = _("The most negative, the middle and the most positive point of a sample, until you choose others.")
    if choice.pids:
        said = _("%(shown)s of the %(all)s points chosen.") % {"shown": whole(len(named)), "all": whole(choice.n)}
    moved = [(pid, _moved(series)) for pid, series in named]
    rows = [[pid, *(signed(one, 1) for one in figures)] for pid, figures in moved]
    bands = []
    if len(named) > MAX_LINES:
        middle = _("Median of %(number)s points") % {"number": whole(len(named))}
        low, median, high = over_points(np.array([series for _pid, series in named]), 16, 50, 84)
        named, bands = [(middle, median)], [(low, high)]
        said = parts.sentences(said, _("Shaded: the middle two thirds."))
    head = [_("Point"), _("From the first to the last date, mm"), _("Smallest, mm"), _("Largest, mm")]
    return [
        parts.chart(
            "series",
            _("How the chosen points moved"),
            parts.sentences(said, words.moved_most([(pid, figures[0]) for pid, figures in moved])),
            drawings.lines(product.dates, named, "mm", bands, height=drawings.HEIGHT - 30),
            html.Div(
                [parts.table(_("The chosen points"), head, rows), parts.series_table(product.dates, named)],
                className="desk-tables",
            ),
        ),
        buttons,
    ]


def _moved(series: Float32) -> tuple[float, float, float]:
    """Return the change from first to last known date, the smallest and the largest value, mm; NaN if unknown."""
    known = series[np.isfinite(series)]
    return (float(known[-1] - known[0]), float(known.min()), float(known.max())) if known.size else (math.nan,) * 3

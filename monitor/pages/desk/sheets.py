"""Sheets of the workbench: the charts, sentences and tables for an address."""

import math
from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ingest.models import Product
from ingest.readers.records import Float32
from ml.statistics.relations import ninths
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.attributes import BY_NAME
from monitor.pages.desk.benchmarks import SPEED, Result, benchmarks
from monitor.pages.desk.compared import compare, cross, groups, second_product
from monitor.pages.desk.query import View, address, map_address, view_of
from monitor.web.places import Busy
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal

MOST_CHOSEN = 12  # series on one chart
MOST_LASSO = 30  # corners kept of a lasso, about
BUSY = gettext_lazy("Another sheet is being computed. Reload the page in a few seconds.")


def sheet(search: str) -> list[Any]:
    """Return the components of a sheet, or a message. search: query string of the page's address."""
    try:
        view = view_of(QueryDict(search.removeprefix("?")))
        if view.tab == "benchmarks":
            return _benchmarks(view)
        product = samples.chosen_product(view)
        if product is None:
            return [
                parts.fault(_("No data set is loaded for this ground."), _("Choose another data set or another area."))
            ]
        about: list[object] = [address(view)]
        if view.tab == "compare":
            other = second_product(view, product)
            if other is None:
                alone = _("No other data set covers this ground.")
                return [parts.fault(alone, _("A second release or another track is needed."))]
            view = view._replace(other=other.pk)
            about += [other.pk, other.loaded_at]
        return samples.kept(product, about, lambda: SHEETS[view.tab](view, product))
    except Refusal as refusal:
        return [parts.fault(refusal.error, refusal.remedy)]
    except Busy:
        return [parts.fault(str(BUSY))]


def _points(view: View, product: Product) -> list[Component]:
    ground = view.ground
    marks = samples.marks_of(product=product, ground=ground)
    if not marks.pid:
        return [
            parts.fault(
                _("No measurement point of this data set stands on this ground."),
                _("That does not mean that the ground is still there. Choose another data set or another area."),
            )
        ]
    speed, unit = marks.velocity_mm_yr, str(BY_NAME["velocity"].unit)
    named = {
        0: _("Smallest"),
        16: _("16 % are below"),
        25: _("25 % are below"),
        50: _("Median"),
        75: _("75 % are below"),
        84: _("84 % are below"),
        100: _("Largest"),
    }
    numbers = parts.table(
        _("Velocities of the points shown, %(unit)s") % {"unit": unit},
        [_("Part"), _("Velocity")],
        [[label, words.number(float(np.percentile(speed, share)), 1)] for share, label in named.items()],
    )
    ground_parts = ninths(marks.longitude, marks.latitude)
    head = [_("Points"), _("Smallest"), _("Median"), _("Largest")]
    caption = _("Velocities by part of the ground, %(unit)s")
    return [
        parts.extent(len(marks.pid), marks.n_points, words.sides(product)),
        parts.columns(
            parts.chart(
                "histogram",
                _("How fast the points move"),
                parts.sentences(
                    _("Share of points by their speed. Line: no motion. The outer bars hold all beyond."),
                    words.middle_half(speed),
                ),
                drawings.histogram(speed, unit, _("% of points")),
                numbers,
            ),
            parts.chart(
                "points",
                _("Where they are"),
                parts.sentences(
                    _(
                        "Draw a box or, with the lasso, any shape around points to see their series and to take "
                        "that ground to the map."
                    ),
                    _("Without a mouse, choose points from the list, or a part of the ground from the table."),
                    words.where(parts.PARTS, ground_parts.medians(speed)),
                ),
                drawings.point_map(marks, unit),
                parts.values_table((view, product), caption, ground_parts, speed, head, [0, 50, 100]),
                scrollZoom=True,
            ),
        ),
        parts.points_listed(marks),
        html.Div(id="chosen", className="desk-part", **{"aria-live": "polite"}),
    ]


def _benchmarks(view: View) -> list[Component]:
    known = benchmarks()
    if not known:
        return [parts.fault(_("This installation carries no published figures."))]
    benchmark = known.get(view.benchmark) or next(iter(known.values()))
    metric = view.metric if view.metric in benchmark.metrics else next(iter(benchmark.metrics))
    if benchmark.name.startswith(SPEED):
        named = list(benchmark.results[0].values.items())
        what = _(
            "Each dot: our figure in parts of the control's, which was measured in the same run; the dotted line marks "
            "equal."
        )
        title, marked = _("ratio to the control"), 1.0
    else:
        named = [(one.method, one.values[metric]) for one in benchmark.results if metric in one.values]
        what = _("Each dot is one method; the bar is the interval that the benchmark states.")
        title, marked = benchmark.metrics[metric], None
    rows = [
        [name, *("–" if value is None else words.number(value, 4) for value in (one.value, one.low, one.high))]
        for name, one in named
    ]
    return [
        parts.chart(
            "figures",
            _("%(benchmark)s: %(metric)s") % {"benchmark": benchmark.name, "metric": title},
            parts.sentences(what, words.ends([(name, one.value) for name, one in named])),
            drawings.intervals(named, title, marked),
            parts.table(title, [_("Method"), _("Value"), _("From"), _("To")], rows, is_open=True),
        ),
        html.Section([html.H2(_("How it was measured")), *_origins(benchmark.results)], className="desk-part"),
    ]


def _origins(results: list[Result]) -> list[Component]:
    """Return the commands behind results, each with a table of its methods' weights and commits."""
    listed: list[Component] = []
    for command in dict.fromkeys(one.command for one in results):
        of_command = [one for one in results if one.command == command]
        rows = [[one.method, html.Code(one.weights[:8] or "–"), html.Code(one.commit or "–")] for one in of_command]
        note = of_command[0].note
        listed += [html.P(html.Code(command, className="breaks"))] + ([html.P(note, className="soft")] if note else [])
        listed.append(
            parts.table(_("Weights and commit of each method"), [_("Method"), _("Weights"), _("Commit")], rows)
        )
    return listed


def chosen(pids: list[str], shape: dict | None, search: str) -> list[Any]:
    """Return a chart of the chosen points' series, and links to their ground. shape: selection as Plotly reports it."""
    view = view_of(QueryDict(search.removeprefix("?")))
    product = samples.chosen_product(view)
    if product is None:
        return []
    if pids:
        return _chosen(view, product, pids, area_text(shape))
    try:
        return samples.kept(product, ["chosen", view.area], lambda: _chosen(view, product, [], ""))
    except Busy:
        return [parts.fault(str(BUSY))]


def _chosen(view: View, product: Product, pids: list[str], area: str) -> list[Component]:
    """Draw the series of pids; if empty, of the extreme points. area: outline of the choice, as in the address."""
    taken = view._replace(product=product.pk, area=area or view.area)
    links = [(_("Show on the map"), map_address(product, taken))]
    if area:
        links.append((_("Look at this ground only"), address(taken)))
        links.append((_("Group the series of this ground"), address(taken, tab="groups")))
    buttons = html.P([html.A(label, href=url, className="button") for label, url in links], className="buttons")
    if not product.has_series:
        return [buttons, html.P(_("This data set has velocities only, and no series to compare."))]
    shown = pids or samples.marks_of(product=product, ground=view.ground).extreme_pids()
    named = samples.chosen_series(product=product, pids=shown[:MOST_CHOSEN])
    said = _("The most negative, the middle and the most positive point, until you choose others.")
    if pids:
        said = _("%(shown)s of the %(all)s points chosen.") % {"shown": whole(len(named)), "all": whole(len(pids))}
    moved = [(pid, _moved(series)) for pid, series in named]
    rows = [[pid, *map(words.signed, figures)] for pid, figures in moved]
    head = [_("Point"), _("From the first to the last date, mm"), _("Smallest, mm"), _("Largest, mm")]
    return [
        buttons,
        parts.chart(
            "series",
            _("How the chosen points moved"),
            parts.sentences(
                said, words.moved_most([(pid, figures[0]) for pid, figures in moved]), words.sides(product)
            ),
            drawings.lines(product.dates, named, "mm"),
            html.Div([parts.table(_("The chosen points"), head, rows), parts.series_table(product.dates, named)]),
        ),
    ]


def _moved(series: Float32) -> tuple[float, float, float]:
    """Return the change from first to last known date, the smallest and the largest value, mm; NaN if unknown."""
    known = series[np.isfinite(series)]
    return (float(known[-1] - known[0]), float(known.min()), float(known.max())) if known.size else (math.nan,) * 3


def area_text(shape: dict | None) -> str:
    """Return a box or a lasso in the format of the address, or ''. shape: range and lassoPoints, degrees."""
    box, lasso = (shape or {}).get("range"), (shape or {}).get("lassoPoints")
    if box and len(box["x"]) == len(box["y"]) == 2:
        (west, east), (south, north) = sorted(box["x"]), sorted(box["y"])
        return ",".join(f"{edge:.5f}" for edge in (west, south, east, north))
    if lasso and 3 <= len(lasso["x"]) == len(lasso["y"]):
        step = -(-len(lasso["x"]) // MOST_LASSO)
        return ";".join(f"{x:.5f},{y:.5f}" for x, y in zip(lasso["x"][::step], lasso["y"][::step], strict=True))
    return ""


SHEETS = {"points": _points, "cross": cross, "compare": compare, "groups": groups}

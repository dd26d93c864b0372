"""Sheets of the workbench: the charts, sentences and tables for an address."""

import json
import math
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component
from django.http import QueryDict
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from plotly.io.json import to_json_plotly

from ground_motion.readers.records import Float32, Float64
from ground_motion.statistics.relations import Relation, relation
from ingest.foundation.places import Busy
from ingest.models import Product
from monitor.maps.charts.traces import over_points
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.benchmarks import SPEED, Result, benchmarks
from monitor.pages.desk.callbacks import Choice
from monitor.pages.desk.compared import compare, cross, groups, up_and_east
from monitor.pages.desk.query import BY_NAME, USUAL, Attribute, View, address, map_address, view_of
from monitor.pages.desk.samples import Marks
from monitor.pages.desk.strips import profile
from monitor.wording.figures import signed, whole
from monitor.wording.refusals import Refusal

VELOCITY = BY_NAME["velocity"]  # always sent for the map, so that the cross-plot does not send it again
MAX_LINES = 6  # series drawn one by one; of more, their median and a band
MAX_EXTREMES = 3000  # points among which the extreme ones are looked for
# Ids are left out because Dash's sheet has them too, and tab stops because the elements are soon replaced.
ATTRIBUTES = {"className": "class", "href": "href", "scope": "scope", "role": "role", "aria-label": "aria-label"}
BUSY = gettext_lazy("Another sheet is being computed. Reload the page in a few seconds.")
SECOND = {
    "compare": (
        gettext_lazy("No other data set covers this ground."),
        gettext_lazy("A second release or another track is needed."),
    ),
    "upeast": (
        gettext_lazy("No data set sees this ground from the other side."),
        gettext_lazy("Choose a data set along the line of sight whose ground ascending and descending tracks see."),
    ),
}


def sheet(search: str, theme: str, *, only_cached: bool = False) -> list[Any]:
    """Return the components of a sheet, or a message. search: query string of the page's address.

    only_cached: return nothing if the sheet of a data set is not cached, instead of computing it.
    """
    try:
        view = view_of(QueryDict(search.removeprefix("?")))
        if view.tab == "benchmarks":
            return [*json.loads(drawings.in_theme(to_json_plotly(_benchmarks(view)), theme))]
        product = samples.chosen_product(view)
        if product is None:
            return [
                parts.fault(_("No data set is loaded for this ground."), _("Choose another data set or another area."))
            ]
        about: list[object] = [address(view)]
        if view.tab in SECOND:
            alone, needed = SECOND[view.tab]
            _others, other = samples.others_of(view, product)
            if other is None:
                return [parts.fault(str(alone), str(needed))]
            view = view._replace(other=other.pk)
            about += [other.pk, other.loaded_at]
        make = None if only_cached else lambda: SHEETS[view.tab](view, product)
        return samples.kept(product, about, theme, make)
    except Refusal as refusal:
        return [parts.fault(refusal.error, refusal.remedy)]
    except Busy:
        return [parts.fault(str(BUSY))]


def _points(view: View, product: Product) -> list[Component]:
    across, up = (
        BY_NAME[name if BY_NAME[name].sql else usual] for name, usual in ((view.x, USUAL[0]), (view.y, USUAL[1]))
    )
    marks = samples.marks_of(product=product, ground=view.ground, attributes=(across, up))
    if not marks.pid:
        return [
            parts.fault(
                _("No measurement point of this data set stands on this ground."),
                _("That does not mean that the ground is still there. Choose another data set or another area."),
            )
        ]
    speed, unit = marks.velocity_mm_yr, str(BY_NAME["velocity"].unit)
    low, high = drawings.ends(speed)
    first, third = (signed(float(one), 1) for one in np.percentile(speed, [25, 75]))
    half = _("Half of the points move at %(low)s to %(high)s mm a year.") % {"low": first, "high": third}
    found = relation(*marks.others.T)
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
                _ground_part(view, product, marks),
                html.Div(id="chosen", className="desk-part", **parts.attributes(aria_live="polite")),
                parts.chart(
                    "histogram",
                    _("How fast the points move"),
                    parts.sentences(half, words.outer_bars(speed, low, high)),
                    drawings.histogram(speed, unit, _("% of points"), chosen=_("chosen")),
                    _speeds_table(speed, unit),
                ),
                *([_cross_part(found, across, up)] if found else []),
            ],
            className="desk-linked",
        ),
        parts.points_listed(marks),
        dcc.Store(id="choice"),
        parts.map_data({"points": shown}, linked=linked),
    ]


def _ground_part(view: View, product: Product, marks: Marks) -> Component:
    heading, said = _("Where they are"), _("Points chosen here or in a chart are marked in all of them.")
    places, caption = marks[2:5], _("Velocities by part of the ground, %(unit)s")  # longitude, latitude, velocity
    return parts.values_map((view, product), "points", heading, said, places, caption, of_cells=False)


def _cross_part(found: Relation, across: Attribute, up: Attribute) -> Component:
    said = parts.sentences(words.related(found), words.at_the_edge(found))
    titles = words.titled(across), words.titled(up)
    heading, chosen_words = words.against(across, up), _("chosen")
    return parts.relation_chart("cross", heading, said, found, titles, chosen=chosen_words, height=drawings.HEIGHT)


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
        named = [(result.method, result.values[metric]) for result in benchmark.results if metric in result.values]
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
    for command in dict.fromkeys(result.command for result in results):
        of_command = [result for result in results if result.command == command]
        rows = [[one.method, html.Code(one.weights[:8] or "–"), html.Code(one.commit or "–")] for one in of_command]
        note = of_command[0].note
        listed += [html.P(html.Code(command, className="breaks"))] + ([html.P(note, className="soft")] if note else [])
        listed.append(
            parts.table(_("Weights and commit of each method"), [_("Method"), _("Weights"), _("Commit")], rows)
        )
    return listed


def chosen(choice: dict[str, Any] | None, search: str, theme: str, *, only_cached: bool = False) -> list[Any]:
    """Return a chart of the chosen points' series, and links to their ground.

    choice: members of `callbacks.Choice`; None until points are chosen. only_cached: as in `sheet`.
    Raises Refusal.
    """
    view = view_of(QueryDict(search.removeprefix("?")))
    product = samples.chosen_product(view)
    if product is None:
        return []
    if choice and choice["pids"]:
        return [*json.loads(drawings.in_theme(to_json_plotly(_chosen(view, product, Choice(**choice))), theme))]
    try:
        make = None if only_cached else lambda: _chosen(view, product, Choice())
        return samples.kept(product, ["chosen", view.area], theme, make)
    except Busy:
        return [parts.fault(str(BUSY))]


def _chosen(view: View, product: Product, choice: Choice) -> list[Component]:
    """Draw the chosen series, or those of the extreme points; more than MAX_LINES as a median with a band."""
    taken = view._replace(product=product.pk, area=choice.area or view.area)
    links = [
        (_("Show on the map"), map_address(product, taken)),
        (_("Look at this ground only"), address(taken)),
        (_("Group the series of this ground"), address(taken, tab="groups")),
        (_("Up and east of this ground"), address(taken, tab="upeast")),
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


def first_sheet(search: str) -> SafeString:
    """Return the sheet of an address as HTML, with room for its charts and maps; empty if it has to be computed.

    search: query string of the page's address. Computing a sheet would delay the page.
    """
    shown = sheet(search, "light", only_cached=True)
    if not any(_named(one, "chosen") for one in shown):
        return _html(shown, "")
    series = chosen(None, search, "light", only_cached=True)
    return _html(shown, _html(series, "")) if series else SafeString()


def _named(node: Any, name: str) -> bool:
    """Return whether a component, given as such or as JSON, or one of its descendants has an id."""
    if isinstance(node, Component):
        node = node.to_plotly_json()
    if isinstance(node, list):
        return any(_named(one, name) for one in node)
    return isinstance(node, dict) and (node["props"].get("id") == name or _named(node["props"].get("children"), name))


def _html(node: Any, series: str) -> SafeString:
    """Return components, or their JSON, as HTML. series: content of the part with the series of the chosen points."""
    if isinstance(node, Component):
        node = node.to_plotly_json()
    if isinstance(node, list):
        return format_html_join("", "{}", ((_html(one, series),) for one in node))
    if not isinstance(node, dict):
        return conditional_escape("" if node is None else node)
    kind, props = node["type"], node["props"]
    if kind == "Store":
        return SafeString()
    if kind == "Graph":
        return format_html('<div style="height: {}px"></div>', props["figure"]["layout"]["height"])
    if kind == "Checklist":
        return format_html_join("", "<p>{}</p>", ((option["label"],) for option in props["options"]))
    content = series if props.get("id") == "chosen" else _html(props.get("children"), series)
    pairs = ((ATTRIBUTES[name], value) for name, value in props.items() if value and name in ATTRIBUTES)
    opened = mark_safe(" open") if props.get("open") else ""
    tag = mark_safe(kind.lower())  # noqa: S308
    return format_html("<{}{}{}>{}</{}>", tag, format_html_join("", ' {}="{}"', pairs), opened, content, tag)


SHEETS = {
    "points": _points,
    "cross": cross,
    "profile": profile,
    "upeast": up_and_east,
    "compare": compare,
    "groups": groups,
}

"""The sheets of the workbench: what an address shows, as charts with their sentences and tables."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.http import QueryDict
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from ingest.models import Product
from ingest.readers.records import Float32
from monitor.pages.desk import drawings, samples, words
from monitor.pages.desk.attributes import ATTRIBUTES, BY_NAME, Attribute
from monitor.pages.desk.benchmarks import SPEED, Result, benchmarks
from monitor.pages.desk.differences import Difference, Picture, difference, picture
from monitor.pages.desk.parts import (
    PARTS,
    bands_table,
    cells_table,
    chart,
    fault,
    members_table,
    points_listed,
    points_table,
    series_table,
    side_by_side,
    table,
    verdict,
)
from monitor.pages.desk.query import View, address, map_address, view_of
from monitor.pages.desk.relations import Ninths, Relation, ninths, relation
from monitor.pages.desk.series import Groups, fitted, group
from monitor.web.places import Busy
from monitor.wording.figures import percent, whole
from monitor.wording.refusals import Refusal

PLACE = ("longitude", "latitude")
MOST_CHOSEN = 12  # series on one chart
MOST_LASSO = 30  # corners that are kept


def sheet(search: str) -> list[Any]:
    """What the address of the page shows. search: its part from the question mark on."""
    try:
        view = view_of(QueryDict(search.removeprefix("?")))
        if view.tab == "benchmarks":
            return _benchmarks(view)
        product = samples.chosen_product(view)
        if product is None:
            return [fault(_("No data set is loaded for this ground."), _("Choose another data set or another area."))]
        about: list[object] = [address(view)]
        if view.tab == "compare":
            other = second_product(view, product)
            if other is None:
                return [
                    fault(_("No other data set covers this ground."), _("A second release or another track is needed."))
                ]
            view = view._replace(other=other.pk)
            about += [other.pk, other.loaded_at]
        return samples.kept(product, about, lambda: SHEETS[view.tab](view, product))
    except Refusal as refusal:
        return [fault(refusal.error, refusal.remedy)]
    except Busy:
        return [_busy()]


def _busy() -> Component:
    return fault(_("Another sheet is being computed. Reload the page in a few seconds."))


def _points(view: View, product: Product) -> list[Component]:
    ground = view.ground
    marks = samples.marks_of(product=product, ground=ground)
    if not marks.pid:
        return [_nothing()]
    speed, unit = marks.velocity_mm_yr, str(BY_NAME["velocity"].unit)
    low, below, middle, above, high = np.percentile(speed, [16, 25, 50, 75, 84])
    numbers = table(
        _("Velocities of the points shown, %(unit)s") % {"unit": unit},
        [_("Part"), _("Velocity")],
        [
            [label, words.number(float(value), 1)]
            for label, value in (
                (_("Smallest"), speed.min()),
                (_("16 % are below"), low),
                (_("25 % are below"), below),
                (_("Median"), middle),
                (_("75 % are below"), above),
                (_("84 % are below"), high),
                (_("Largest"), speed.max()),
            )
        ],
    )
    shown = words.extent(len(marks.pid), marks.n_points)
    ground_parts = ninths(marks.longitude, marks.latitude)
    return [
        html.P(f"{shown} {words.sides(product)}", id="extent", className="soft"),
        side_by_side(
            chart(
                "histogram",
                _("How fast the points move"),
                _joined_words(
                    _("Each bar: the share of points that move at about this speed. The line marks no motion."),
                    words.middle_half(speed),
                ),
                drawings.histogram(speed, unit, _("% of points")),
                numbers,
            ),
            chart(
                "points",
                _("Where they are"),
                _joined_words(
                    _(
                        "Draw a box or, with the lasso, any shape around points to see their series and to take "
                        "that ground to the map."
                    ),
                    _("Without a mouse, choose points from the list, or a part of the ground from the table."),
                    words.where(PARTS, _medians(ground_parts, speed)),
                ),
                drawings.point_map(marks, unit, *_place_titles()),
                points_table(view, product, ground_parts, speed),
                scrollZoom=True,
            ),
        ),
        points_listed(marks),
        html.Div(id="chosen", className="desk-part", **{"aria-live": "polite"}),
    ]


def _joined_words(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _medians(ground: Ninths, values: NDArray[Any]) -> dict[int, float]:
    """By part of the ground, of those with values."""
    return {int(part): float(np.median(values[ground.place == part])) for part in np.unique(ground.place)}


def _place_titles() -> tuple[str, str]:
    return str(BY_NAME["longitude"].label), str(BY_NAME["latitude"].label)


def _nothing() -> Component:
    return fault(
        _("No measurement point of this data set stands on this ground."),
        _("That does not mean that the ground is still there. Choose another data set or another area."),
    )


def _cross(view: View, product: Product) -> list[Component]:
    x, y = BY_NAME[view.x], BY_NAME[view.y]
    n_points, n_read, found = _related(view, product, x, y)
    if found is None:
        missing = _("This data set does not state both for any point here, or too few points stand here.")
        return [fault(missing, _("Choose another attribute, data set or area."))]
    title_x, title_y = words.titled(x), words.titled(y)
    line = _("robust line: %(slope)s per unit") % {"slope": words.number(found.slope, 3)}
    if found.x.size:
        drawn = _("Each dot is one point. The dashed line follows most of them and is not moved by outliers.")
    else:
        drawn = _(
            "The stronger the colour, the more points stand there. The dashed line follows most of them and is "
            "not moved by outliers."
        )
    return [
        verdict(words.related(found)),
        html.P(
            words.extent(min(n_read, found.n), n_points if n_read < n_points else found.n),
            id="extent",
            className="soft",
        ),
        chart(
            "relation",
            _("%(y)s against %(x)s") % {"y": y.label, "x": x.label},
            drawn,
            drawings.density(found, title_x, title_y, line, _("points")),
            bands_table(found, title_x, title_y, _("Points")),
        ),
        table(
            _("How the two go together"),
            [_("Figure"), _("Value")],
            [
                [_("Points with both"), whole(found.n)],
                [_("Correlation (Pearson)"), words.number(found.pearson)],
                [_("Rank correlation (Spearman)"), words.number(found.spearman)],
                [_("Slope of the robust line (Theil–Sen)"), words.number(found.slope, 4)],
                [_("Scatter around it, %(unit)s") % {"unit": y.unit}, words.number(found.scatter)],
            ],
            is_open=True,
        ),
    ]


def _related(view: View, product: Product, x: Attribute, y: Attribute) -> tuple[int, int, Relation | None]:
    """How many points stand there, of how many the attributes were read, and how they go together."""
    if x.sql and y.sql:
        columns = samples.columns_of(product=product, ground=view.ground, attributes=(x, y))
        return columns.n_points, len(columns.values), relation(*columns.values.T)
    stored = [one for one in (x, y) if one.sql]
    sampled = samples.series_of(product=product, ground=view.ground, attributes=stored)
    made = fitted(product.dates, sampled.series_mm) if len(sampled.series_mm) else None
    if made is None:
        return sampled.n_points, 0, None
    known = {"acceleration": made.acceleration_mm_yr2, "season": made.season_mm}
    known |= {one.name: sampled.columns[:, place] for place, one in enumerate(stored)}
    return sampled.n_points, len(sampled.series_mm), relation(known[x.name], known[y.name])


def _compare(view: View, product: Product) -> list[Component]:
    other = Product.objects.get(pk=view.other)
    found, drawn, zoom = _differences(view, product, other)
    if found is None or drawn is None:
        return [
            fault(_("The two data sets have no cell in common here."), _("Choose another data set or another area."))
        ]
    unit, change = str(BY_NAME["velocity"].unit), found.change_mm_yr
    reach = max(1.0, float(np.percentile(np.abs(change), 98)))
    rows, columns = np.nonzero(np.isfinite(drawn.change_mm_yr))
    shown = drawn.change_mm_yr[rows, columns]
    ground_parts = ninths(drawn.longitude[columns], drawn.latitude[rows])
    related = relation(found.first_mm_yr, found.second_mm_yr)
    side_m = 40_075_017 / (samples.CELLS * 2**zoom) * math.cos(math.radians(float(drawn.latitude.mean())))
    cells = _("Cells of about %(side)s m.") % {"side": whole(round(side_m, -1))}
    parts = [
        chart(
            "differences",
            _("Where they differ"),
            _joined_words(
                _("Second minus first. Blue: the second is more positive; brown: more negative."),
                cells,
                words.where(PARTS, _medians(ground_parts, shown)),
            ),
            drawings.cell_map(drawn, reach, unit, *_place_titles()),
            cells_table(view, product, ground_parts, shown),
        ),
        chart(
            "difference-histogram",
            _("How much they differ"),
            _("Each bar: the share of cells with about this difference. The line marks the median."),
            drawings.histogram(change, unit, _("% of cells"), found.median_mm_yr),
        ),
    ]
    if related:
        titles = [_("First (mm/year)"), _("Second (mm/year)")]
        line = _("robust line: %(slope)s per unit") % {"slope": words.number(related.slope, 3)}
        parts.append(
            chart(
                "agreement",
                _("One against the other"),
                _("Cells that both see. If both saw the same, all would lie on a line that rises by one per unit."),
                drawings.density(related, *titles, line, _("cells")),
                bands_table(related, *titles, _("Cells")),
            )
        )
    return [
        verdict(words.compared(found)),
        html.P(words.beyond(found)),
        html.P(words.views(product, other), className="soft"),
        _differences_table(found),
        side_by_side(*parts),
    ]


def second_product(view: View, product: Product) -> Product | None:
    """What a view compares with: the data set it names, else the most alike one."""
    partners = samples.partners_of(product)
    return next((one for one in partners if one.pk == view.other), partners[0] if partners else None)


def _differences(view: View, product: Product, other: Product) -> tuple[Difference | None, Picture | None, int]:
    ground = product.footprint.envelope.intersection(other.footprint.envelope)
    if view.ground:
        ground = ground.intersection(view.ground)
    if ground.empty or not ground.area:
        return None, None, 0
    zoom = samples.cells_zoom(ground)
    wanted = [BY_NAME[name] for name in (*PLACE, "velocity", "uncertainty")]
    first, second = (
        samples.cells_of(product=one, ground=ground, zoom=zoom, attributes=wanted) for one in (product, other)
    )
    found = difference(first, second)
    return found, picture(found.column, found.row, found.change_mm_yr, zoom) if found else None, zoom


def _differences_table(found: Difference) -> Component:
    change = found.change_mm_yr
    low, high = np.percentile(change, [5, 95])
    rows = [
        [_("Cells that both see"), whole(change.size)],
        [_("Cells of the first alone"), whole(found.n_only_first)],
        [_("Cells of the second alone"), whole(found.n_only_second)],
        [_("Median difference, mm/year"), words.signed(found.median_mm_yr, 2)],
        [_("Scatter around it, %(unit)s") % {"unit": BY_NAME["velocity"].unit}, words.number(found.spread_mm_yr)],
        [_("5 % of the differences are below, mm/year"), words.signed(float(low), 2)],
        [_("5 % of the differences are above, mm/year"), words.signed(float(high), 2)],
        [
            _("Beyond two standard deviations"),
            percent(found.share_beyond, 1) if math.isfinite(found.share_beyond) else "–",
        ],
        [_("Correlation (Pearson)"), words.number(found.correlation)],
    ]
    return table(_("Second minus first"), [_("Figure"), _("Value")], rows, is_open=True)


def _groups(view: View, product: Product) -> list[Component]:
    if not product.has_series:
        return [fault(_("This data set has velocities only, and no series to compare."), _("Choose another data set."))]
    n_points, places, found = _grouped(view, product)
    if found is None:
        return [fault(_("Too few points with series stand here to form groups."), _("Choose a larger area."))]
    names = [_("Group %(number)s") % {"number": place + 1} for place in range(len(found.groups))]
    medians = [(name, one.median_mm) for name, one in zip(names, found.groups, strict=True)]
    n_used = sum(one.members.size for one in found.groups)
    text = _("The %(groups)s groups explain %(share)s of how the series differ from each other.")
    left_out = _("%(count)s more were left out because they miss too many dates.") % {"count": whole(found.n_left_out)}
    rows = [
        [
            name,
            whole(one.members.size),
            percent(one.members.size / n_used),
            words.signed(float(np.median(places[one.members, 2]))),
            words.signed(float(one.median_mm[-1] - one.median_mm[0])),
        ]
        for name, one in zip(names, found.groups, strict=True)
    ]
    head = [
        _("Group"),
        _("Points"),
        _("Share"),
        _("Median velocity, mm/year"),
        _("From the first to the last date, mm"),
    ]
    return [
        verdict(text % {"groups": len(names), "share": percent(found.explained)}),
        html.P(
            " ".join(
                [
                    words.extent(n_used, max(n_points - found.n_left_out, n_used)),
                    *([left_out] if found.n_left_out else []),
                ]
            ),
            id="extent",
            className="soft",
        ),
        table(_("The groups"), head, rows, is_open=True),
        side_by_side(
            chart(
                "shapes",
                _("How the groups moved"),
                _("Lines: the median series of each group, relative to its own mean; shaded: the middle two thirds.")
                + " "
                + words.sides(product),
                drawings.lines(product.dates, medians, "mm", [(one.low_mm, one.high_mm) for one in found.groups]),
                series_table(product.dates, medians),
            ),
            chart(
                "members",
                _("Where they are"),
                _("Every group has its colour and its mark. The table counts the points of each by part of ground."),
                drawings.member_map(
                    [(name, *places[one.members, :2].T) for name, one in zip(names, found.groups, strict=True)],
                    *_place_titles(),
                ),
                members_table(view, product, places, found, names),
                scrollZoom=True,
            ),
        ),
    ]


def _grouped(view: View, product: Product) -> tuple[int, np.ndarray, Groups | None]:
    """How many points stand there; longitude, latitude and velocity of those read; the groups of these."""
    wanted = [BY_NAME[name] for name in (*PLACE, "velocity")]
    sampled = samples.series_of(product=product, ground=view.ground, attributes=wanted)
    found = group(sampled.series_mm, view.groups, by_shape=view.way == "shape")
    return sampled.n_points, sampled.columns, found


def _benchmarks(view: View) -> list[Component]:
    known = benchmarks()
    if not known:
        return [fault(_("This installation carries no published figures."))]
    benchmark = known.get(view.benchmark) or next(iter(known.values()))
    metric = view.metric if view.metric in benchmark.metrics else next(iter(benchmark.metrics))
    if benchmark.name.startswith(SPEED):
        named = list(benchmark.results[0].values.items())
        what = _(
            "Each dot: our figure in parts of the control's, which was measured in the same run; the "
            "dotted line marks equal."
        )
        title, marked = _("ratio to the control"), 1.0
    else:
        named = [(one.method, one.values[metric]) for one in benchmark.results if metric in one.values]
        what = _("Each dot is one method; the bar is the interval that the benchmark states.")
        title, marked = benchmark.metrics[metric], None
    rows = [
        [
            name,
            words.number(one.value, 4),
            *("–" if end is None else words.number(end, 4) for end in (one.low, one.high)),
        ]
        for name, one in named
    ]
    return [
        chart(
            "figures",
            _("%(benchmark)s: %(metric)s") % {"benchmark": benchmark.name, "metric": title},
            _joined_words(what, words.ends([(name, one.value) for name, one in named])),
            drawings.intervals(named, title, marked),
            table(title, [_("Method"), _("Value"), _("From"), _("To")], rows, is_open=True),
        ),
        html.Section([html.H2(_("How it was measured")), *_origins(benchmark.results)], className="desk-part"),
    ]


def _origins(results: Sequence[Result]) -> list[Component]:
    """Command, weights and commit behind the figures; methods of one file share a command."""
    parts: list[Component] = []
    for command in dict.fromkeys(one.command for one in results):
        of_command = [one for one in results if one.command == command]
        rows = [[one.method, html.Code(one.weights[:8] or "–"), html.Code(one.commit or "–")] for one in of_command]
        note = of_command[0].note
        parts += [html.P(html.Code(command, className="breaks"))] + ([html.P(note, className="soft")] if note else [])
        parts.append(table(_("Weights and commit of each method"), [_("Method"), _("Weights"), _("Commit")], rows))
    return parts


def chosen(pids: list[str], shape: dict | None, search: str) -> list[Any]:
    """The series of chosen points, and where their ground can be taken. shape: as Plotly reports a selection."""
    view = view_of(QueryDict(search.removeprefix("?")))
    product = samples.chosen_product(view)
    if product is None:
        return []
    if pids:
        return _chosen(view, product, pids, area_text(shape))
    try:
        return samples.kept(product, ["chosen", view.area], lambda: _chosen(view, product, [], ""))
    except Busy:
        return [_busy()]


def _chosen(view: View, product: Product, pids: list[str], area: str) -> list[Component]:
    """Of the extremes where no point is chosen. area: of the choice, as the address has it."""
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
        chart(
            "series",
            _("How the chosen points moved"),
            _joined_words(said, words.moved_most([(pid, figures[0]) for pid, figures in moved]), words.sides(product)),
            drawings.lines(product.dates, named, "mm"),
            html.Div([table(_("The chosen points"), head, rows), series_table(product.dates, named)]),
        ),
    ]


def _moved(series: Float32) -> tuple[float, float, float]:
    """From the first to the last known date, the smallest and the largest value; mm, NaN where nothing is known."""
    known = series[np.isfinite(series)]
    return (float(known[-1] - known[0]), float(known.min()), float(known.max())) if known.size else (math.nan,) * 3


def area_text(shape: dict | None) -> str:
    """A box or a lasso as the address has it; empty for nothing. shape: range and lassoPoints, x and y in degrees."""
    box, lasso = (shape or {}).get("range"), (shape or {}).get("lassoPoints")
    if box and len(box["x"]) == len(box["y"]) == 2:
        (west, east), (south, north) = sorted(box["x"]), sorted(box["y"])
        return ",".join(f"{edge:.5f}" for edge in (west, south, east, north))
    if lasso and 3 <= len(lasso["x"]) == len(lasso["y"]):
        step = -(-len(lasso["x"]) // MOST_LASSO)
        return ";".join(f"{x:.5f},{y:.5f}" for x, y in zip(lasso["x"][::step], lasso["y"][::step], strict=True))
    return ""


SHEETS = {"points": _points, "cross": _cross, "compare": _compare, "groups": _groups}
ATTRIBUTE_CHOICES = [(one.name, one.label) for one in ATTRIBUTES]

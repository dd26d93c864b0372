"""Sheets of the workbench that compare two attributes or two data sets."""

import math

import numpy as np
from dash import html
from dash.development.base_component import Component
from django.utils.translation import gettext as _

from ground_motion.statistics.many_series import fit_parabolas
from ground_motion.statistics.relations import Relation, ninths, relation
from ingest.models import Product
from monitor.pages.desk import drawings, parts, samples, words
from monitor.pages.desk.differences import Difference, Picture, cell_side_m, difference, picture
from monitor.pages.desk.query import BY_NAME, PLACE, Attribute, View
from monitor.wording.figures import percent, signed, whole


def cross(view: View, product: Product) -> list[Component]:
    """Return the sheet that plots one attribute of the points against another."""
    x, y = BY_NAME[view.x], BY_NAME[view.y]
    n_points, n_read, found = _related(view, product, x, y)
    if found is None:
        missing = _("This data set does not state both for any point here, or too few points stand here.")
        return parts.fault(missing, _("Choose another attribute, data set or area."))
    if found.x.size:
        drawn = _("Each dot is one point. The dashed line follows most of them and is not moved by outliers.")
    else:
        drawn = _(
            "The stronger the colour, the more points stand there. The dashed line follows most of them and is "
            "not moved by outliers."
        )
    return [
        html.P(words.related(found), className="verdict"),
        parts.extent(min(n_read, found.n), n_points if n_read < n_points else found.n),
        parts.relation_chart("relation", words.against(x, y), drawn, found, (words.titled(x), words.titled(y))),
        parts.figures_table(
            _("How the two go together"),
            [
                [_("Points with both"), whole(found.n)],
                [_("Correlation (Pearson)"), words.number(found.pearson)],
                [_("Rank correlation (Spearman)"), words.number(found.spearman)],
                [_("Slope of the robust line (Theil–Sen)"), words.number(found.slope, 4)],
                [_("Scatter around it, %(unit)s") % {"unit": y.unit}, words.number(found.scatter)],
            ],
        ),
    ]


def _related(view: View, product: Product, x: Attribute, y: Attribute) -> tuple[int, int, Relation | None]:
    """Return the number of points on the ground, the number read, and the relation of attributes x and y, or None."""
    if x.sql and y.sql:
        n_points, values = samples.columns_of(product=product, ground=view.ground, attributes=(x, y))
        return n_points, len(values), relation(*values.T)
    stored = [one for one in (x, y) if one.sql]
    n_points, columns, series_mm = samples.series_of(product=product, ground=view.ground, attributes=stored)
    made = fit_parabolas(product.dates, series_mm) if len(series_mm) else None
    if made is None:
        return n_points, 0, None
    known = {"acceleration": made.acceleration_mm_yr2, "season": made.season_mm}
    known |= {one.name: columns[:, place] for place, one in enumerate(stored)}
    return n_points, len(series_mm), relation(known[x.name], known[y.name])


def compare(view: View, product: Product) -> list[Component]:
    """Return the sheet that shows where two data sets differ, and by how much. view.other: id of the second one."""
    other = Product.objects.get(pk=view.other or 0)
    found, drawn, zoom = _differences(view, product, other)
    if found is None or drawn is None:
        apart = _("The two data sets have no cell in common here.")
        return parts.fault(apart, _("Choose another data set or another area."))
    unit, change = str(BY_NAME["velocity"].unit), found.change_mm_yr
    low, high = drawings.ends(change)
    related = relation(found.first_mm_yr, found.second_mm_yr)
    row, column = np.nonzero(np.isfinite(drawn.change_mm_yr))
    cells = drawn.longitude[column], drawn.latitude[row], drawn.change_mm_yr[row, column]
    _west, south, _east, north = ninths(*cells[:2]).boxes[0]
    side = _("Cells of about %(side)s m.") % {"side": whole(round(cell_side_m(zoom, (south + north) / 2), -1))}
    charts = [
        parts.values_map(
            (view, product),
            "differences",
            _("Where they differ"),
            parts.sentences(_("Second minus first. Blue: the second is more positive; brown: more negative."), side),
            cells,
            _("Second minus first by part of the ground, %(unit)s"),
        ),
        parts.chart(
            "difference-histogram",
            _("How much they differ"),
            parts.sentences(
                _("Share of cells by their difference. Line: the median."), words.outer_bars(change, low, high)
            ),
            drawings.histogram(change, unit, _("% of cells"), found.median_mm_yr),
        ),
    ]
    if related:
        titles = _("First (mm/year)"), _("Second (mm/year)")
        said = _("Cells covered by both data sets, with the 1:1 line.")
        heading = _("One against the other")
        charts.append(parts.relation_chart("agreement", heading, said, related, titles, of_cells=True, height=360))
    return [
        html.P(words.compared(found), className="verdict"),
        html.P(words.beyond(found)),
        html.P(words.views(product, other), className="soft"),
        html.Div(charts, className="desk-columns"),
        _differences_table(found),
        parts.map_data({"differences": parts.positions(*cells, unit=unit, side_m=drawn.side_m)}),
    ]


def _differences(view: View, product: Product, other: Product) -> tuple[Difference | None, Picture | None, int]:
    ground = product.footprint.intersection(other.footprint)
    if view.ground:
        ground = ground.intersection(view.ground)
    if ground.empty or not ground.area:
        return None, None, 0
    zoom = samples.cells_zoom(ground)
    wanted = [BY_NAME[name] for name in (*PLACE, "uncertainty")]
    first, second = (
        samples.cells_of(product=one, ground=ground, zoom=zoom, attributes=wanted) for one in (product, other)
    )
    found = difference(first, second)
    return found, picture(found.column, found.row, found.change_mm_yr, zoom) if found else None, zoom


def _differences_table(found: Difference) -> Component:
    change = found.change_mm_yr
    low, high = np.percentile(change, [5, 95])
    beyond = percent(found.share_beyond, 1) if math.isfinite(found.share_beyond) else "–"
    rows = [
        [_("Cells covered by both"), whole(change.size)],
        [_("Cells of the first alone"), whole(found.n_only_first)],
        [_("Cells of the second alone"), whole(found.n_only_second)],
        [_("Median difference, mm/year"), signed(found.median_mm_yr, 2)],
        [_("Scatter around it, %(unit)s") % {"unit": BY_NAME["velocity"].unit}, words.number(found.spread_mm_yr)],
        [_("5 % of the differences are below, mm/year"), signed(float(low), 2)],
        [_("5 % of the differences are above, mm/year"), signed(float(high), 2)],
        [_("Beyond two standard deviations"), beyond],
        [_("Correlation (Pearson)"), words.number(found.correlation)],
    ]
    return parts.figures_table(_("Second minus first"), rows)

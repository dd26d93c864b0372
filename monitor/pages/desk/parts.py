"""What every sheet of the workbench is made of: a heading, words, a chart with a name, and its numbers as a table."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from numpy.typing import NDArray

from ingest.models import Product
from monitor.pages.desk import words
from monitor.pages.desk.attributes import BY_NAME
from monitor.pages.desk.query import View, address
from monitor.pages.desk.relations import Ninths, Relation, ninths
from monitor.pages.desk.samples import Marks
from monitor.pages.desk.series import Groups
from monitor.wording.figures import whole
from monitor.wording.places import COMPASS

MOST_DATES = 60  # rows of a table of series
MOST_LISTED = 20  # points at each end of a list
NORTH, NORTH_EAST, EAST, SOUTH_EAST, SOUTH, SOUTH_WEST, WEST, NORTH_WEST = COMPASS
PARTS = (
    *(NORTH_WEST, NORTH, NORTH_EAST),
    *(WEST, gettext_lazy("in the middle"), EAST),
    *(SOUTH_WEST, SOUTH, SOUTH_EAST),
)
GRAPH = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["sendDataToCloud"]}


def chart(
    name: str, heading: str, said: str, figure: go.Figure, numbers: Component | None = None, **config: object
) -> Component:
    """A chart with a heading of its own (a title inside would be cut off on a phone), sentences and tables."""
    described = f"{name}-words"
    drawn = html.Div(
        dcc.Graph(
            id=name, figure=figure, config=GRAPH | config, responsive=True, style={"height": figure.layout.height}
        ),
        role="group",
        className="desk-chart",
        **{"aria-label": heading, "aria-describedby": described},
    )
    parts = [html.H2(heading), html.P(said, id=described), drawn]
    return html.Section(parts + ([numbers] if numbers else []), className="desk-part")


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[object]], *, is_open: bool = False) -> Component:
    """Numbers beside a chart; the first of every row names it."""
    body = [
        html.Tr([html.Th(row[0], scope="row"), *(html.Td(cell, className="number") for cell in row[1:])])
        for row in rows
    ]
    made = html.Table(
        [
            html.Caption(caption, className="visually-hidden"),
            html.Thead(
                html.Tr([html.Th(text, scope="col", className="number" if i else "") for i, text in enumerate(head)])
            ),
            html.Tbody(body),
        ]
    )
    scrolled = html.Div(made, className="table-scroll", tabIndex=0, role="region", **{"aria-label": caption})
    return html.Details([html.Summary(caption), scrolled], open=is_open)


def series_table(dates: Sequence[date], named: Sequence[tuple[str, NDArray[Any]]]) -> Component:
    """What a chart of series draws: a column for each, a row for each date or, where they are many, for some. mm."""
    step = -(-len(dates) // MOST_DATES)
    shown = sorted({*range(0, len(dates), step), len(dates) - 1})
    rows = [
        [date_format(dates[at], "SHORT_DATE_FORMAT"), *(words.signed(float(values[at])) for _name, values in named)]
        for at in shown
    ]
    caption = ngettext("The series, mm", "The series, mm: one row for %(step)s dates", step) % {"step": whole(step)}
    return table(caption, [_("Date"), *(name for name, _values in named)], rows)


def ground_table(
    caption: str,
    ground: Ninths,
    link: Callable[[str], str],
    head: Sequence[str],
    cells: Callable[[NDArray[np.bool_]], list[str]],
) -> Component:
    """What a map draws, for nine parts of the ground, each a link to a closer look.

    link: the address of a box as text; cells: the figures, under head, of the points for which the array is true.
    """
    rows: list[Sequence[object]] = []
    for index, (part, box) in enumerate(zip(PARTS, ground.boxes, strict=True)):
        inside = ground.place == index
        if inside.any():
            west, south, east, north = (words.number(edge, 3) for edge in box)
            named = html.A(str(part), href=link(",".join(f"{edge:.5f}" for edge in box)))
            sides = [
                _("%(low)s to %(high)s") % {"low": low, "high": high} for low, high in ((west, east), (south, north))
            ]
            rows.append([named, *sides, *cells(inside)])
    return table(caption, [_("Part of the ground"), _("Longitude"), _("Latitude"), *head], rows)


def points_table(view: View, product: Product, ground: Ninths, speed: NDArray[Any]) -> Component:
    def cells(inside: NDArray[np.bool_]) -> list[str]:
        own = speed[inside]
        return [whole(own.size), *(words.signed(float(one)) for one in (own.min(), np.median(own), own.max()))]

    head = [_("Points"), _("Smallest"), _("Median"), _("Largest")]
    caption = _("Velocities by part of the ground, %(unit)s") % {"unit": BY_NAME["velocity"].unit}
    return ground_table(caption, ground, lambda area: address(view, product=product.pk, area=area), head, cells)


def points_listed(marks: Marks) -> Component:
    """Points to choose by keyboard: all where they are few, else the most negative and the most positive."""
    order = np.argsort(marks.velocity_mm_yr)
    is_all = order.size <= 2 * MOST_LISTED
    text = _("%(point)s: %(velocity)s mm a year (%(latitude)s, %(longitude)s)")
    options = [
        {
            "value": marks.pid[at],
            "label": text
            % {
                "point": marks.pid[at],
                "velocity": words.signed(float(marks.velocity_mm_yr[at])),
                "latitude": words.number(float(marks.latitude[at]), 4),
                "longitude": words.number(float(marks.longitude[at]), 4),
            },
        }
        for at in (order if is_all else [*order[:MOST_LISTED], *order[-MOST_LISTED:]])
    ]
    heading = _("Choose points from a list")
    said = _("All points shown, by their velocity.") if is_all else _("The most negative and the most positive points.")
    chosen_here = dcc.Checklist(id="listed", options=options, value=[], className="desk-listed")
    boxes = html.Div(chosen_here, role="group", **{"aria-label": heading})
    return html.Details([html.Summary(heading), html.P(said, className="soft"), boxes])


def cells_table(view: View, product: Product, ground: Ninths, change: NDArray[Any]) -> Component:
    def cells(inside: NDArray[np.bool_]) -> list[str]:
        low, middle, high = np.percentile(change[inside], [16, 50, 84])
        return [whole(int(inside.sum())), *(words.signed(float(one)) for one in (low, middle, high))]

    head = [_("Cells drawn"), _("16 % are below"), _("Median"), _("84 % are below")]
    caption = _("Second minus first by part of the ground, %(unit)s") % {"unit": BY_NAME["velocity"].unit}
    return ground_table(caption, ground, lambda area: address(view, product=product.pk, area=area), head, cells)


def members_table(view: View, product: Product, places: NDArray[Any], found: Groups, names: Sequence[str]) -> Component:
    members = [one.members for one in found.groups]
    of_group = np.concatenate([np.full(one.size, place) for place, one in enumerate(members)])
    ground = ninths(*places[np.concatenate(members), :2].T)

    def cells(inside: NDArray[np.bool_]) -> list[str]:
        return [whole(int(count)) for count in np.bincount(of_group[inside], minlength=len(names))]

    caption = _("Points of each group by part of the ground")
    return ground_table(caption, ground, lambda area: address(view, product=product.pk, area=area), names, cells)


def bands_table(found: Relation, x: str, y: str, counted: str) -> Component:
    head = [x, counted, _("%(name)s: 16 %% are below") % {"name": y}, _("Median"), _("84 % are below")]
    rows = [
        [
            _("%(low)s to %(high)s") % {"low": words.number(one.x_low), "high": words.number(one.x_high)},
            whole(one.n),
            *(words.number(value) for value in (one.y_16, one.y_50, one.y_84)),
        ]
        for one in found.bands
    ]
    return table(_("%(y)s in parts of %(x)s") % {"y": y, "x": x}, head, rows)


def verdict(text: str) -> Component:
    return html.P(text, className="verdict")


def fault(text: str, remedy: str = "") -> Component:
    """What is wrong and what to do."""
    return html.Div(
        [html.P(html.Strong(text)), html.P(remedy)] if remedy else html.P(html.Strong(text)),
        className="empty",
        role="status",
    )


def side_by_side(*parts: Component) -> Component:
    return html.Div(list(parts), className="desk-columns")

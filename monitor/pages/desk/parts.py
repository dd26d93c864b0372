"""Parts of the workbench's sheets: charts and maps with heading and sentences, and their numbers as tables."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np
from dash import dcc, html
from dash.development.base_component import Component
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy
from numpy.typing import NDArray

from ground_motion.statistics.relations import Ninths, Relation, ninths
from ingest.models import Product
from monitor.pages.desk import drawings, words
from monitor.pages.desk.query import BY_NAME, View, address
from monitor.pages.desk.samples import Marks
from monitor.wording.figures import signed, whole

MAX_DATES = 60  # A table of series has about this many rows.
MAX_LISTED = 20  # points at each end of a list
UNKNOWN = 2**16 - 1  # Code of an unknown value.
KEYS_READ = gettext_lazy("Arrow keys read the values.")
KEYS = dict.fromkeys(
    ("histogram", "cross"), gettext_lazy("Arrow keys choose a band, with Shift a wider one; Escape clears.")
)
PARTS = (
    pgettext_lazy("point of the compass", "north-west"),
    pgettext_lazy("point of the compass", "north"),
    pgettext_lazy("point of the compass", "north-east"),
    pgettext_lazy("point of the compass", "west"),
    gettext_lazy("in the middle"),
    pgettext_lazy("point of the compass", "east"),
    pgettext_lazy("point of the compass", "south-west"),
    pgettext_lazy("point of the compass", "south"),
    pgettext_lazy("point of the compass", "south-east"),
)
GRAPH: Any = {
    "displaylogo": False,
    "responsive": True,
    "displayModeBar": "hover",
    "modeBarButtonsToRemove": ["sendDataToCloud", "lasso2d", "autoScale2d"],
}


def attributes(**values: str) -> dict[str, Any]:
    """Return attributes of HTML by their own names: aria_label becomes aria-label."""
    return {name.replace("_", "-"): value for name, value in values.items()}


def chart(name: str, heading: str, said: str, figure: dict[str, Any], numbers: Component | None = None) -> Component:
    """Return a section of heading, sentences, chart and tables; a title within the chart is cut off on phones."""
    drawn = html.Div(
        dcc.Graph(id=name, figure=figure, config=GRAPH, responsive=True, style={"height": figure["layout"]["height"]}),
        role="group",
        className="desk-chart",
        tabIndex=0,
        **attributes(aria_label=heading, aria_describedby=f"{name}-words", data_keys=str(KEYS.get(name, KEYS_READ))),
    )
    return _section(name, heading, said, drawn, numbers)


def _section(name: str, heading: str, said: str, drawn: Component, numbers: Component | None) -> Component:
    parts = [html.H2(heading), html.P(said, id=f"{name}-words"), drawn]
    return html.Section(parts + ([numbers] if numbers else []), className="desk-part", id=f"{name}-part")


def values_map(
    sheet: tuple[View, Product],
    name: str,
    heading: str,
    said: str,
    places: Sequence[NDArray[Any]],
    caption: str,
) -> Component:
    """Return the section of a map of values, which the page draws, with percentiles in nine parts of the ground.

    Args:
        sheet: Options of the page, and the product.
        name: Identifier of the map.
        heading: Heading of the section.
        said: Sentence above the map.
        places: Longitude, latitude and value, mm/yr, of each point.
        caption: Caption of the table.
    """
    *position, values = places
    ground = ninths(*position)
    shares, head = [0, 50, 100], [_("Points"), _("Smallest"), _("Median"), _("Largest")]

    def cells(inside: NDArray[np.bool_]) -> list[str]:
        own = values[inside]
        return [whole(own.size), *(signed(float(one), 1) for one in np.percentile(own, shares))]

    numbers = ground_table(sheet, caption % {"unit": BY_NAME["velocity"].unit}, ground, head, cells)
    drawn = html.Div(id=name, className="desk-map", role="region", **attributes(aria_label=heading))
    return _section(name, heading, sentences(said, words.where(PARTS, ground.medians(values))), drawn, numbers)


def positions(longitude: NDArray[Any], latitude: NDArray[Any], values: NDArray[Any], *, unit: str) -> dict[str, Any]:
    """Return the data of one map. values: (n,), shown as colours, mm/yr."""
    made = {"longitude": packed(longitude), "latitude": packed(latitude), "value": packed(values)}
    reach = max(2.0, float(np.percentile(np.abs(values), 98))) if values.size else 2.0
    return made | {"unit": unit, "reach": round(reach, 1)}


def packed(values: NDArray[Any]) -> dict[str, Any]:
    """Return values, (n,), as codes of 16 bits, little-endian, in base64: value = low + step * code, or UNKNOWN.

    Integers up to 65,534 apart stay exact. Others are rounded to range / 65,534: 2 m on ground two degrees wide.
    """
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    step = 1.0 if values.dtype.kind in "iu" else (high - low) / (UNKNOWN - 1) or 1.0
    codes = np.where(known, np.round((np.where(known, values, low) - low) / step), UNKNOWN)
    return {"low": low, "step": step, "codes": b64encode(codes.astype("<u2").tobytes()).decode()}


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Component:
    """Return a table that can be unfolded. rows: the first cell of each row is its heading."""
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
    scrolled = html.Div(made, className="table-scroll", tabIndex=0, role="region", **attributes(aria_label=caption))
    return html.Details([html.Summary(caption), scrolled])


def series_table(dates: Sequence[date], named: Sequence[tuple[str, NDArray[Any]]]) -> Component:
    """Return a table of series, mm: one column for each series, one row per date, about MAX_DATES dates at most."""
    step = -(-len(dates) // MAX_DATES)
    shown = sorted({*range(0, len(dates), step), len(dates) - 1})
    rows = [
        [date_format(dates[at], "SHORT_DATE_FORMAT"), *(signed(float(values[at]), 1) for _name, values in named)]
        for at in shown
    ]
    caption = ngettext("The series, mm", "The series, mm: one row for %(step)s dates", step) % {"step": whole(step)}
    return table(caption, [_("Date"), *(name for name, _values in named)], rows)


def ground_table(
    sheet: tuple[View, Product],
    caption: str,
    ground: Ninths,
    head: Sequence[str],
    cells: Callable[[NDArray[np.bool_]], list[str]],
) -> Component:
    """Return a table with a row per ninth of the ground, linked to a sheet of that part. sheet: view and product."""
    # cells: returns a row's figures, in the order of head, for the points at which its argument is true.
    rows: list[Sequence[object]] = []
    view, product = sheet
    for index, (part, box) in enumerate(zip(PARTS, ground.boxes, strict=True)):
        inside = ground.place == index
        if inside.any():
            west, south, east, north = (words.number(edge, 3) for edge in box)
            area = ",".join(f"{edge:.5f}" for edge in box)
            named = html.A(str(part), href=address(view, product=product.pk, area=area))
            sides = [
                _("%(low)s to %(high)s") % {"low": low, "high": high} for low, high in ((west, east), (south, north))
            ]
            rows.append([named, *sides, *cells(inside)])
    return table(caption, [_("Part of the ground"), _("Longitude"), _("Latitude"), *head], rows)


def points_listed(marks: Marks) -> Component:
    """Return a list of points to tick: all if they are few, else the most negative and the most positive."""
    order = np.argsort(marks.velocity_mm_yr)
    is_all = order.size <= 2 * MAX_LISTED
    text = _("%(point)s: %(velocity)s mm a year (%(latitude)s, %(longitude)s)")
    options = [
        {
            "value": marks.pid[at],
            "label": text
            % {
                "point": marks.pid[at],
                "velocity": signed(float(marks.velocity_mm_yr[at]), 1),
                "latitude": words.number(float(marks.latitude[at]), 4),
                "longitude": words.number(float(marks.longitude[at]), 4),
            },
        }
        for at in (order if is_all else [*order[:MAX_LISTED], *order[-MAX_LISTED:]])
    ]
    heading = _("Choose points from a list")
    said = _("All points shown, by their velocity.") if is_all else _("The most negative and the most positive points.")
    chosen_here = dcc.Checklist(id="listed", options=options, value=[], className="desk-listed")
    boxes = html.Div(chosen_here, role="group", **attributes(aria_label=heading))
    return html.Details([html.Summary(heading), html.P(said, className="soft"), boxes])


def relation_chart(
    name: str, heading: str, said: str, found: Relation, titles: tuple[str, str], chosen: str
) -> Component:
    """Return the chart of one figure against another, with a table of the percentiles of y in each band of x.

    titles: titles of x and y; chosen: as in `drawings.density`.
    """
    x, y = titles
    line = _("robust line: %(slope)s per unit") % {"slope": words.number(found.slope, 3)}
    head = [x, _("Points"), _("%(name)s: 16 %% are below") % {"name": y}, _("Median"), _("84 % are below")]
    rows = [
        [
            _("%(low)s to %(high)s") % {"low": words.number(band.x_low), "high": words.number(band.x_high)},
            whole(band.n),
            *(words.number(value) for value in (band.y_16, band.y_50, band.y_84)),
        ]
        for band in found.bands
    ]
    bands = table(_("%(y)s in parts of %(x)s") % {"y": y, "x": x}, head, rows)
    return chart(name, heading, said, drawings.density(found, x, y, line, _("points"), chosen), bands)


def fault(text: str, remedy: str = "") -> list[Component]:
    """Return a sheet with nothing but a message that states a fault and its remedy."""
    said = [html.P(html.Strong(text)), *([html.P(remedy)] if remedy else [])]
    return [html.Div(said, className="empty", role="status")]


def sentences(*parts: str) -> str:
    """Join the sentences that are not empty."""
    return " ".join(filter(None, parts))


def extent(n_drawn: int, n_points: int, *more: str) -> Component:
    """Return a paragraph that states how many of the points a sheet shows."""
    return html.P(sentences(words.extent(n_drawn, n_points), *more), id="extent", className="soft")

"""What every sheet of the workbench is made of: a heading, words, a chart with a name, and its numbers as a table."""

from collections.abc import Sequence

import plotly.graph_objects as go
from dash import dcc, html
from dash.development.base_component import Component

GRAPH = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["sendDataToCloud"]}


def chart(
    name: str, heading: str, words: str, figure: go.Figure, numbers: Component | None = None, **config: object
) -> Component:
    """A chart with a heading of its own (a title inside would be cut off on a phone), a sentence and a table."""
    described = f"{name}-words"
    drawn = html.Div(
        dcc.Graph(
            id=name, figure=figure, config=GRAPH | config, responsive=True, style={"height": figure.layout.height}
        ),
        role="group",
        className="desk-chart",
        **{"aria-label": heading, "aria-describedby": described},
    )
    parts = [html.H2(heading), html.P(words, id=described), drawn]
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

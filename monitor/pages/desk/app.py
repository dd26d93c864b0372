"""Dash application of the workbench: draws an address's sheet (charts and tables) and points chosen on its map."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dash import Dash, Input, Output, State, dcc, html
from django.http import QueryDict
from django.utils import translation
from flask import Response

from monitor.pages.desk import sheets
from monitor.web.languages import asked_language

BASE = "/workbench/"
PARTS = "{%app_entry%}{%config%}{%scripts%}{%renderer%}"  # parts of Dash's page that our page contains

app = Dash(
    __name__,
    url_base_pathname=BASE,
    index_string=PARTS,
    suppress_callback_exceptions=True,
    include_assets_files=False,
    add_log_handler=False,
    use_async=False,  # callbacks run in the thread of the request, with its language and database connection
)
app.layout = html.Div([dcc.Location(id="address", refresh=False), html.Div(id="sheet", **{"aria-live": "polite"})])


@app.callback(Output("sheet", "children"), Input("address", "search"))
def draw_sheet(search: str | None) -> list[Any]:
    """Draw the sheet that the page's address names. search: query string of the address."""
    with _language_of(search or ""):
        return sheets.sheet(search or "")


@app.callback(
    Output("chosen", "children"),
    Input("points", "clickData"),
    Input("points", "selectedData"),
    Input("listed", "value"),
    State("address", "search"),
)
def draw_chosen(clicked: dict | None, selected: dict | None, listed: list[str] | None, search: str | None) -> list[Any]:
    """Draw the series of the points chosen on the map or ticked in the list."""
    marks = (selected or {}).get("points") or (clicked or {}).get("points") or []
    pids = [*(listed or []), *(mark["customdata"] for mark in marks if mark.get("customdata"))]
    with _language_of(search or ""):
        return sheets.chosen(list(dict.fromkeys(pids)), selected, search or "")


def dash_answer(path: str = "", body: dict[str, Any] | None = None) -> Response:
    """Return Dash's response to a GET of BASE + path, or to a POST if there is a body. Callback errors are raised."""
    with app.server.test_request_context(BASE + path, method="POST" if body else "GET", json=body):
        return app.server.full_dispatch_request()


def _language_of(search: str) -> AbstractContextManager[None]:
    """Activate the language that the page's address names; without one, keep the request's language."""
    asked = asked_language(QueryDict(search.removeprefix("?")))
    return translation.override(asked) if asked else nullcontext()

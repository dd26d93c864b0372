"""Dash application of the workbench: draws an address's sheet (charts and tables) and points chosen on its map."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
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
app.layout = html.Div(
    [dcc.Location(id="address", refresh=False), dcc.Store(id="theme"), dcc.Store(id="drawn"), html.Div(id="sheet")]
)
# The page's scripts report the theme, draw the maps, and mark what is chosen.
app.clientside_callback(ClientsideFunction("desk", "theme"), Output("theme", "data"), Input("theme", "id"))
app.clientside_callback(ClientsideFunction("desk", "show"), Output("drawn", "data"), Input("ground", "data"))
app.clientside_callback(ClientsideFunction("desk", "list"), Input("listed", "value"), prevent_initial_call=True)


@app.callback(Output("sheet", "children"), Input("address", "search"), Input("theme", "data"))
def draw_sheet(search: str | None, theme: str | None) -> list[Any]:
    """Draw the sheet that the page's address names. search: query string of the address; theme: light or dark."""
    with _language_of(search or ""):
        return sheets.sheet(search or "", theme or "light")


@app.callback(Output("chosen", "children"), Input("choice", "data"), Input("theme", "data"), State("address", "search"))
def draw_chosen(choice: dict | None, theme: str | None, search: str | None) -> list[Any]:
    """Draw the series of the points that are chosen on the map, in a chart or in the list."""
    with _language_of(search or ""):
        return sheets.chosen(choice, search or "", theme or "light")


def dash_answer(path: str = "", body: dict[str, Any] | None = None) -> Response:
    """Return Dash's response to a GET of BASE + path, or to a POST if there is a body. Callback errors are raised."""
    with app.server.test_request_context(BASE + path, method="POST" if body else "GET", json=body):
        return app.server.full_dispatch_request()


def _language_of(search: str) -> AbstractContextManager[None]:
    """Activate the language that the page's address names; without one, keep the request's language."""
    asked = asked_language(QueryDict(search.removeprefix("?")))
    return translation.override(asked) if asked else nullcontext()

"""The Dash application of the workbench: one sheet that follows the address, and what is chosen on its map."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from dash import Input, Output, State, dcc, html
from django.contrib import admin
from django.http import QueryDict
from django.utils import translation
from django_plotly_dash import DjangoDash
from django_plotly_dash.models import DashApp, StatelessApp

from monitor.pages.desk import sheets
from monitor.web.languages.choice import asked_language

for model in (DashApp, StatelessApp):  # of the package, which could store applications; ours are code
    if admin.site.is_registered(model):
        admin.site.unregister(model)

app = DjangoDash("Desk", serve_locally=True, add_bootstrap_links=False, suppress_callback_exceptions=True)
app.layout = html.Div([dcc.Location(id="address", refresh=False), html.Div(id="sheet", **{"aria-live": "polite"})])


@app.callback(Output("sheet", "children"), Input("address", "search"))
def draw_sheet(search: str | None) -> list[Any]:
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
    marks = (selected or {}).get("points") or (clicked or {}).get("points") or []
    pids = [*(listed or []), *(mark["customdata"] for mark in marks if mark.get("customdata"))]
    with _language_of(search or ""):
        return sheets.chosen(list(dict.fromkeys(pids)), selected, search or "")


def _language_of(search: str) -> AbstractContextManager[None]:
    """The language that the page's address names, if it names one; else that of the request."""
    asked = asked_language(QueryDict(search.removeprefix("?")))
    return translation.override(asked) if asked else nullcontext()

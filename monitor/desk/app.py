"""The Dash application of the workbench: one sheet that follows the address, and what is chosen on its map."""

from dash import Input, Output, State, dcc, html
from dash.development.base_component import Component
from django.contrib import admin
from django_plotly_dash import DjangoDash
from django_plotly_dash.models import DashApp, StatelessApp

from monitor.desk import sheets

for model in (DashApp, StatelessApp):  # of the package, which could store applications; ours are code
    if admin.site.is_registered(model):
        admin.site.unregister(model)

app = DjangoDash("Desk", serve_locally=True, add_bootstrap_links=False, suppress_callback_exceptions=True)
app.layout = html.Div([dcc.Location(id="address", refresh=False), html.Div(id="sheet", **{"aria-live": "polite"})])


@app.callback(Output("sheet", "children"), Input("address", "search"))
def draw_sheet(search: str | None) -> list[Component]:
    return sheets.sheet(search or "")


@app.callback(
    Output("chosen", "children"),
    Input("points", "clickData"),
    Input("points", "selectedData"),
    State("address", "search"),
)
def draw_chosen(clicked: dict | None, selected: dict | None, search: str | None) -> list[Component]:
    marks = (selected or {}).get("points") or (clicked or {}).get("points")
    return sheets.chosen(marks, selected, search or "")

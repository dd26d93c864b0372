"""The workbench of one product: how its velocities are spread, where its points are, and the series of chosen ones."""

import numpy as np
import plotly.graph_objects as go
from dash import Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate
from django.contrib import admin
from django_plotly_dash import DjangoDash
from django_plotly_dash.models import DashApp, StatelessApp

from ingest.models import Product
from monitor.products.dash.data import Busy, MapSample, chosen_series, sample_points
from monitor.wording.components import COMPONENT_LABELS, WORDS

GREY = "#6b7280"
SCALE = [[0.0, "#7a2f14"], [0.25, "#d08a5b"], [0.5, "#c8c8c8"], [0.75, "#6da5d1"], [1.0, "#174f8a"]]
MOST_CHOSEN = 12
LAYOUT = {
    "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "template": "plotly_white",
}
BUSY = "Another data set is being drawn. Reload the page in a few seconds."
GRAPH = {"displaylogo": False}
HEADING = {"fontSize": "1.1rem", "margin": "12px 8px 0"}
COLUMNS = {"display": "grid", "gridTemplateColumns": "repeat(auto-fit, minmax(min(100%, 320px), 1fr))", "gap": "8px"}


def _part(name: str, heading: str, **config: object) -> html.Section:
    """A heading of its own (a chart's title would be cut off on a phone), a line in words, and the chart."""
    words = html.P(id=f"{name}-words", style={"margin": "4px 8px", "color": GREY})
    return html.Section([html.H2(heading, style=HEADING), words, dcc.Graph(id=name, config=GRAPH | config)])


for model in (DashApp, StatelessApp):  # of the package, which could store applications; ours are code
    if admin.site.is_registered(model):
        admin.site.unregister(model)

app = DjangoDash("ProductAnalysis", serve_locally=True, add_bootstrap_links=False)
app.layout = html.Div(
    [
        dcc.Store(id="product-id", data=0),
        html.Div(
            [
                _part("histogram", "How fast the points move"),
                _part("points", "Where they are: click one, or choose several with the lasso", scrollZoom=True),
            ],
            style=COLUMNS,
        ),
        _part("series", "How the chosen points moved"),
    ],
    style={"fontFamily": "system-ui, sans-serif"},
)


@app.callback(
    Output("histogram", "figure"),
    Output("points", "figure"),
    Output("histogram-words", "children"),
    Output("series-words", "children"),
    Input("product-id", "data"),
)
def draw_product(product_id: int) -> tuple[go.Figure, go.Figure, str, str]:
    product = _product(product_id)
    try:
        sample = sample_points(product=product)
    except Busy:
        return go.Figure(layout=LAYOUT), go.Figure(layout=LAYOUT), BUSY, BUSY
    negative, positive = WORDS[product.component]
    shown = f"{_extent(product, len(sample.pid))} Left of the line: {negative}; right: {positive}."
    moved = f"Displacement {COMPONENT_LABELS[product.component]}. Down: {negative}; up: {positive}."
    return histogram(sample), point_map(sample), shown, moved


@app.callback(
    Output("series", "figure"),
    Input("points", "clickData"),
    Input("points", "selectedData"),
    State("product-id", "data"),
)
def draw_series(clicked: dict | None, selected: dict | None, product_id: int) -> go.Figure:
    product = _product(product_id)
    marks = (selected or {}).get("points") or (clicked or {}).get("points") or []
    pids = [mark["customdata"] for mark in marks if "customdata" in mark][:MOST_CHOSEN]
    try:
        return series_chart(product, pids or sample_points(product=product).extreme_pids())
    except Busy as fault:
        raise PreventUpdate from fault


def _extent(product: Product, n_sampled: int) -> str:
    if n_sampled == product.n_points:
        return f"All {n_sampled:,} points."
    return f"An even sample of {n_sampled:,} of {product.n_points:,} points, for both charts."


def _product(product_id: int) -> Product:
    """The product; nothing is drawn where it has just been deleted."""
    product = Product.objects.filter(pk=product_id, points_deleted_at=None).first()
    if product is None:
        raise PreventUpdate
    return product


def histogram(sample: MapSample) -> go.Figure:
    figure = go.Figure(go.Histogram(x=sample.velocity_mm_yr, nbinsx=80, histnorm="percent", marker_color=GREY))
    figure.add_vline(x=0, line_width=1, line_color="#111827")
    figure.update_layout(**LAYOUT, xaxis_title="mm/year", yaxis_title="% of points", height=340)
    return figure


def point_map(sample: MapSample) -> go.Figure:
    reach = max(2.0, float(np.percentile(np.abs(sample.velocity_mm_yr), 98)))
    figure = go.Figure(
        go.Scatter(  # Plotly draws with WebGL only where a page may use eval; ours may not
            x=sample.longitude,
            y=sample.latitude,
            mode="markers",
            customdata=sample.pid,
            marker={
                "size": 5,
                "color": sample.velocity_mm_yr,
                "colorscale": SCALE,
                "cmin": -reach,
                "cmax": reach,
                "colorbar": {"title": "mm/year"},
            },
            hovertemplate="%{x:.4f}, %{y:.4f}<br>%{marker.color:.1f} mm/year<extra></extra>",
        )
    )
    stretch = 1 / np.cos(np.radians(float(np.mean(sample.latitude))))
    figure.update_layout(
        **LAYOUT,
        xaxis_title="longitude",
        yaxis={"title": "latitude", "scaleanchor": "x", "scaleratio": stretch},
        height=340,
        clickmode="event+select",
    )
    return figure


def series_chart(product: Product, pids: list[str]) -> go.Figure:
    figure = go.Figure()
    for pid, displacement_mm in chosen_series(product=product, pids=pids):
        figure.add_trace(
            go.Scatter(x=product.dates, y=displacement_mm, mode="lines+markers", name=pid, marker={"size": 4})
        )
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(LAYOUT | {"margin": LAYOUT["margin"] | {"t": 60}}, yaxis_title="mm", height=440, legend=legend)
    return figure

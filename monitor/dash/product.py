"""The workbench of one product: how its velocities are spread, where its points are, and the series of chosen ones."""

import numpy as np
import plotly.graph_objects as go
from dash import Input, Output, State, dcc, html
from dash.exceptions import PreventUpdate
from django_plotly_dash import DjangoDash

from ingest.models import Product
from monitor.dash.data import MapSample, chosen_series, sample_points
from monitor.sentences import COMPONENT_LABELS, component_words

BLUE, BROWN, GREY = "#2166ac", "#8c3b1a", "#6b7280"
SCALE = [[0.0, "#7a2f14"], [0.25, "#d08a5b"], [0.5, "#e7e7e7"], [0.75, "#6da5d1"], [1.0, "#174f8a"]]
MOST_CHOSEN = 12
LAYOUT = {
    "margin": {"l": 60, "r": 16, "t": 44, "b": 48},
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "plot_bgcolor": "#ffffff",
}

app = DjangoDash("ProductAnalysis", serve_locally=True, add_bootstrap_links=False)
app.layout = html.Div(
    [
        dcc.Store(id="product-id", data=0),
        html.Div(
            [
                dcc.Graph(id="histogram", config={"displaylogo": False}),
                dcc.Graph(id="points", config={"displaylogo": False, "scrollZoom": True}),
            ],
            style={"display": "grid", "gridTemplateColumns": "repeat(auto-fit, minmax(320px, 1fr))", "gap": "8px"},
        ),
        dcc.Graph(id="series", config={"displaylogo": False}),
    ],
    style={"fontFamily": "system-ui, sans-serif"},
)


@app.callback(Output("histogram", "figure"), Output("points", "figure"), Input("product-id", "data"))
def draw_product(product_id: int) -> tuple[go.Figure, go.Figure]:
    product = _product(product_id)
    sample = sample_points(product=product)
    return histogram(product, sample), point_map(product, sample)


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
    return series_chart(product, pids or sample_points(product=product).extreme_pids())


def _product(product_id: int) -> Product:
    """The product; nothing is drawn where there is none (the address of a callback is public)."""
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise PreventUpdate
    return product


def histogram(product: Product, sample: MapSample) -> go.Figure:
    negative, positive = component_words(product.component)
    figure = go.Figure(go.Histogram(x=sample.velocity_mm_yr, nbinsx=80, marker_color=GREY))
    figure.add_vline(x=0, line_width=1, line_color="#111827")
    figure.update_layout(
        **LAYOUT,
        title=f"How fast the points move ({len(sample.velocity_mm_yr):,} of {product.n_points:,})",
        xaxis_title=f"mm/year   (left: {negative}, right: {positive})",
        yaxis_title="points",
        height=380,
    )
    return figure


def point_map(product: Product, sample: MapSample) -> go.Figure:
    reach = max(2.0, float(np.percentile(np.abs(sample.velocity_mm_yr), 98)))
    figure = go.Figure(
        go.Scattergl(
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
        title="Click a point, or choose several with the lasso",
        xaxis_title="longitude",
        yaxis={"title": "latitude", "scaleanchor": "x", "scaleratio": stretch},
        height=380,
        clickmode="event+select",
    )
    return figure


def series_chart(product: Product, pids: list[str]) -> go.Figure:
    figure = go.Figure()
    for pid, displacement_mm in chosen_series(product=product, pids=pids):
        figure.add_trace(
            go.Scatter(x=product.dates, y=displacement_mm, mode="lines+markers", name=pid, marker={"size": 4})
        )
    negative, positive = component_words(product.component)
    figure.update_layout(
        **LAYOUT,
        title=f"Displacement {COMPONENT_LABELS[product.component]}   (down: {negative}, up: {positive})",
        yaxis_title="mm",
        height=420,
        legend_title="point",
    )
    return figure

"""Plotly charts of the workbench; the sentences beside them are in `words`."""

from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from django.utils.formats import get_format

from ml.statistics.relations import Relation
from monitor.pages.desk.attributes import BY_NAME
from monitor.pages.desk.benchmarks import Value
from monitor.pages.desk.differences import Picture
from monitor.pages.desk.samples import Marks

SOFT, STRONG, ACCENT = "#6b7280", "#111827", "#0b5f73"
RAMP = [[0.0, "#762100"], [0.25, "#b07563"], [0.5, "#d2d1ce"], [0.75, "#678aae"], [1.0, "#014478"]]
MANY = [[0.0, "rgba(255,255,255,0)"], [0.001, "#dbe9ef"], [0.35, "#6fa8bd"], [0.7, "#0b5f73"], [1.0, "#05303a"]]
TRACES = ("#0072b2", "#c25500", "#00724f", "#9a3d74", "#8a6d00", "#1c2326", "#2b7fb8", "#7a4a3a")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
HEIGHT = 380
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}


def layout(**changes: Any) -> dict[str, Any]:
    """Return the layout that all charts share, with number separators of the active language, updated by `changes`."""
    separators = f"{get_format('DECIMAL_SEPARATOR')}{get_format('THOUSAND_SEPARATOR')}"
    return {
        "margin": {"l": 56, "r": 12, "t": 12, "b": 48},
        "font": {"family": "system-ui, sans-serif", "size": 13},
        "template": "plotly_white",
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": HEIGHT,
        "separators": separators,
    } | changes


def histogram(values: np.ndarray, unit: str, share: str, marked: float = 0.0) -> go.Figure:
    """Draw the distribution of values in 80 bars, in %, with a line at `marked`; the outer bars hold the rest."""
    low, high = np.percentile(values, [1, 99])
    room = 0.5 if high - low < 1e-3 else 0.0
    low, high = low - room, high + room
    counts, edges = np.histogram(np.clip(values, low, high), bins=80, range=(low, high))
    percent, colours = 100 * counts / values.size, [ACCENT, *[SOFT] * 78, ACCENT]
    figure = go.Figure(go.Bar(x=(edges[:-1] + edges[1:]) / 2, y=percent, marker_color=colours))
    figure.update_traces(hovertemplate="%{x:.1f}: %{y:.1f} %<extra></extra>")
    figure.add_vline(x=marked, line_width=1, line_color=STRONG)
    return figure.update_layout(**layout(bargap=0, xaxis_title=unit, yaxis_title=share))


def point_map(marks: Marks, unit: str) -> go.Figure:
    """Draw a map of points, coloured by velocity."""
    reach = max(2.0, float(np.percentile(np.abs(marks.velocity_mm_yr), 98))) if marks.pid else 2.0
    figure = go.Figure(
        go.Scatter(  # not WebGL, for which Plotly needs eval, which our pages forbid
            x=marks.longitude,
            y=marks.latitude,
            mode="markers",
            customdata=marks.pid,
            marker={
                "size": 5,
                "color": marks.velocity_mm_yr,
                "colorscale": RAMP,
                "cmin": -reach,
                "cmax": reach,
                "colorbar": _bar(unit),
            },
            hovertemplate="%{x:.4f}, %{y:.4f}<br>%{marker.color:.1f}<extra></extra>",
        )
    )
    return _as_map(figure, marks.latitude).update_layout(clickmode="event+select", dragmode="select")


def _bar(unit: str) -> dict[str, Any]:
    return {"title": {"text": unit, "side": "right"}, "thickness": 12, "outlinewidth": 0}


def _as_map(figure: go.Figure, latitudes: np.ndarray) -> go.Figure:
    stretch = 1 / np.cos(np.radians(float(np.mean(latitudes)) if len(latitudes) else 0.0))
    return figure.update_layout(
        **layout(
            xaxis={"title": str(BY_NAME["longitude"].label), "nticks": 6},
            yaxis={"title": str(BY_NAME["latitude"].label), "scaleanchor": "x", "scaleratio": stretch},
        )
    )


def lines(
    dates: Sequence[date], named: Sequence[tuple[str, np.ndarray]], unit: str, bands: Sequence[Any] = ()
) -> go.Figure:
    """Draw named series over time, each with its own colour and dash. bands: (low, high) around each series."""
    figure = go.Figure()
    for place, (low, high) in enumerate(bands):
        figure.add_scatter(
            x=[*dates, *reversed(dates)],
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            fillcolor=TRACES[place % len(TRACES)],
            opacity=0.15,
            line_width=0,
            hoverinfo="skip",
            showlegend=False,
        )
    for place, (name, values) in enumerate(named):
        figure.add_scatter(
            x=dates,
            y=values,
            name=escape(name),
            mode="lines" if bands else "lines+markers",
            line={"color": TRACES[place % len(TRACES)], "dash": DASHES[place % len(DASHES)]},
            marker={"size": 4},
            hovertemplate="%{x|%Y-%m-%d}: %{y:.1f}",
        )
    return figure.update_layout(
        **layout(
            margin={"l": 56, "r": 12, "t": 60, "b": 40},
            legend=LEGEND,
            yaxis_title=unit,
            xaxis={
                "tickformat": "%Y-%m",
                "tickformatstops": [{"dtickrange": ["M12", None], "value": "%Y"}],
                "hoverformat": "%Y-%m-%d",
            },
        )
    )


def density(found: Relation, x_title: str, y_title: str, line: str, count: str) -> go.Figure:
    """Draw the density of points on a logarithmic scale, or single points if they are few, with the robust line."""
    figure = go.Figure()
    edges, counts = found.density, found.density.counts
    if found.x.size:
        figure.add_scatter(x=found.x, y=found.y, mode="markers", marker={"size": 5, "color": ACCENT, "opacity": 0.55})
        figure.update_traces(hovertemplate="%{x:.2f}, %{y:.2f}<extra></extra>", showlegend=False)
    else:
        most = max(int(counts.max()), 1)
        steps = [10**step for step in range(int(np.log10(most)) + 1)]
        figure.add_heatmap(
            x=edges.x_edges,
            y=edges.y_edges,
            z=np.log10(np.maximum(counts, 0.5)),
            zmin=-0.3,
            customdata=counts,
            colorscale=MANY,
            colorbar=_bar(count) | {"tickvals": np.log10(steps), "ticktext": [f"{step:,}" for step in steps]},
            hovertemplate="%{x:.2f}, %{y:.2f}: %{customdata}<extra></extra>",
        )
    if np.isfinite(found.slope):
        ends = np.array([edges.x_edges[0], edges.x_edges[-1]])
        drawn = {"color": "#c25500", "width": 2.5, "dash": "dash"}
        figure.add_scatter(x=ends, y=found.intercept + found.slope * ends, mode="lines", line=drawn, name=line)
    figure.update_layout(
        **layout(
            height=480,
            xaxis={"title": x_title, "range": [edges.x_edges[0], edges.x_edges[-1]]},
            yaxis={"title": y_title, "range": [edges.y_edges[0], edges.y_edges[-1]]},
            legend=LEGEND,
            margin={"l": 64, "r": 12, "t": 40, "b": 48},
        )
    )
    return figure


def cell_map(picture: Picture, reach: float, unit: str) -> go.Figure:
    """Draw a map of differences, coloured from -reach to reach."""
    figure = go.Figure(
        go.Heatmap(
            x=picture.longitude,
            y=picture.latitude,
            z=np.where(np.isfinite(picture.change_mm_yr), np.round(picture.change_mm_yr, 2), None),
            colorscale=RAMP,
            zmin=-reach,
            zmax=reach,
            colorbar=_bar(unit),
            hovertemplate="%{x:.4f}, %{y:.4f}: %{z:.1f}<extra></extra>",
        )
    )
    return _as_map(figure, picture.latitude)


def member_map(groups: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> go.Figure:
    """Draw a map of groups of points (name, longitudes, latitudes), each with its own colour and symbol."""
    figure = go.Figure()
    for place, (name, x, y) in enumerate(groups):
        mark = {"size": 7, "color": TRACES[place % len(TRACES)], "symbol": SYMBOLS[place % len(SYMBOLS)]}
        figure.add_scatter(x=x, y=y, mode="markers", name=escape(name), marker=mark)
    figure.update_traces(hovertemplate="%{x:.4f}, %{y:.4f}")
    latitudes = np.concatenate([y for _, _, y in groups])
    return _as_map(figure, latitudes).update_layout(legend=LEGEND, margin={"l": 64, "r": 12, "t": 60, "b": 48})


def intervals(named: Sequence[tuple[str, Value]], title: str, marked: float | None = None) -> go.Figure:
    """Draw a dot with its stated interval for each name. marked: position of a line, such as parity with a control."""
    names = [escape(name if len(name) < 60 else f"{name[:57]}…") for name, _ in named]
    values = [one.value for _, one in named]
    high = [0.0 if one.high is None else max(0.0, one.high - one.value) for _, one in named]
    low = [0.0 if one.low is None else max(0.0, one.value - one.low) for _, one in named]
    figure = go.Figure(
        go.Scatter(
            x=values,
            y=names,
            mode="markers",
            marker={"size": 10, "color": ACCENT},
            error_x={"type": "data", "array": high, "arrayminus": low, "color": SOFT},
            hovertemplate="%{y}: %{x:.4g}<extra></extra>",
        )
    )
    if marked is not None:
        figure.add_vline(x=marked, line_width=1, line_dash="dot", line_color=STRONG)
    return figure.update_layout(
        **layout(
            height=max(220, 110 + 34 * len(names)),
            xaxis_title=title,
            yaxis={"autorange": "reversed", "automargin": True, "type": "category"},
        )
    )

"""Plotly charts of the workbench in the colours of the light theme; their sentences are in `words`."""

import re
from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Any

import numpy as np
from django.utils.formats import get_format

from ground_motion.statistics.relations import Density, Relation
from monitor.maps.imaging.plan_pictures import theme_colours

BARS = 120
_RAMP = ("ramp-n4", "ramp-n2", "ramp-0", "ramp-p2", "ramp-p4")
_TIMES = tuple(f"time-{i}" for i in range(1, 7))
_TRACES = tuple(f"trace-{i}" for i in range(1, 9))
_TOKENS = {"surface", "text", "text-soft", "line", "line-strong", "accent", *_RAMP, *_TIMES, *_TRACES}
LIGHT, DARK = (theme_colours(theme, _TOKENS) for theme in ("light", "dark"))
SURFACE, TEXT, SOFT, LINE, ACCENT = (LIGHT[one] for one in ("surface", "text", "text-soft", "line", "accent"))
GREY = LIGHT["line-strong"]
RAMP = [[place / 4, LIGHT[one]] for place, one in enumerate(_RAMP)]
MANY = [[0.0, "rgba(0,0,0,0)"], [0.001, LIGHT["time-1"]], *([i / 5, LIGHT[f"time-{i + 1}"]] for i in range(1, 6))]
TRACES = [LIGHT[trace] for trace in _TRACES]
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
HEIGHT = 230
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom"}
CHOSEN = LIGHT["trace-2"]  # The colour of chosen points; linked.js fills these traces.


DOTS, LINES = ({"type": "scatter", "mode": mode} for mode in ("markers", "lines"))


def in_theme(drawn: str, theme: str) -> str:
    """Return the JSON of drawn figures in a theme: light or dark, with "-touch" where a swipe scrolls the page."""
    colours, _, touch = theme.partition("-")
    if touch:
        drawn = re.sub('"dragmode": ?"[a-z]+"', '"dragmode":false', drawn)
    if colours == "light":
        return drawn
    pairs = {code: DARK[name] for name, code in LIGHT.items()}
    return re.sub("#[0-9a-f]{6}", lambda found: pairs.get(found[0], found[0]), drawn)


def figure(traces: Sequence[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return a figure of traces with the layout that all charts share, updated by `changes`.

    The figure is plain data, because Plotly's classes validate every key, which would take most of a sheet's time.
    """
    axis = {"gridcolor": LINE, "linecolor": LINE, "zerolinecolor": GREY, "zerolinewidth": 1, "title": {"standoff": 6}}
    template = {
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": SOFT},
        "xaxis": axis | {"showgrid": False, "ticks": "outside", "tickcolor": LINE},
        "yaxis": axis,
        "hoverlabel": {"bgcolor": SURFACE, "bordercolor": GREY, "font": {"color": TEXT}},
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": SOFT, "activecolor": ACCENT},
        "newselection": {"line": {"color": CHOSEN, "width": 2}},
        "activeselection": {"fillcolor": GREY, "opacity": 0.1},
    }
    layout = {
        "margin": {"l": 56, "r": 12, "t": 8, "b": 36},
        "template": {"layout": template},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": HEIGHT,
        "showlegend": False,
        "dragmode": "zoom",
        "separators": f"{get_format('DECIMAL_SEPARATOR')}{get_format('THOUSAND_SEPARATOR')}",
    }
    return {"data": list(traces), "layout": layout | changes}


def _axis(title: str, **changes: Any) -> dict[str, Any]:
    return {"title": {"text": title}} | changes


def _rounded(values: Any, digits: int = 3) -> list[Any]:
    """Return rounded numbers, (n,) or (n, m), as JSON holds them, with None for those that are not finite."""
    rounded = np.round(np.asarray(values, dtype=np.float64), digits)
    shown = rounded.astype(object)
    shown[~np.isfinite(rounded)] = None
    return [*shown.tolist()]


def ends(values: np.ndarray) -> tuple[float, float]:
    """Return the limits of a robust axis: the 1st and the 99th percentile, moved apart if they are equal."""
    low, high = np.percentile(values, [1, 99])
    room = 0.5 if high - low < 1e-3 else 0.0
    return float(low - room), float(high + room)


def histogram(values: np.ndarray, unit: str, share: str, chosen: str) -> dict[str, Any]:
    """Draw the distribution of values, in %, with a line at 0; the outer bars hold what lies beyond the axis.

    chosen: name of a second distribution, to its own scale, which the page's script fills.
    """
    low, high = ends(values)
    counts, edges = np.histogram(np.clip(values, low, high), bins=BARS, range=(low, high))
    common = {"type": "bar", "x": _rounded((edges[:-1] + edges[1:]) / 2), "width": (high - low) / BARS}
    common |= {"unselected": {"marker": {"opacity": 1}}}
    bars = common | {
        "y": _rounded(100 * counts / values.size),
        "marker": {"color": [ACCENT, *[GREY] * (BARS - 2), ACCENT], "line": {"width": 0}},
        "hovertemplate": "%{x:.1f}: %{y:.1f} %<extra></extra>",
    }
    upright = {"color": TEXT, "width": 1, "dash": "solid"}
    marks = common | {
        "y": [None] * BARS,
        "yaxis": "y2",
        "name": chosen,
        "opacity": 0.75,
        "marker": {"color": CHOSEN},
        "hovertemplate": "%{x:.1f}: %{customdata}",
    }
    return figure(
        [bars, marks],
        bargap=0,
        barmode="overlay",
        xaxis=_axis(unit),
        yaxis=_axis(share),
        yaxis2={"overlaying": "y", "visible": False, "rangemode": "tozero"},
        shapes=[{"type": "line", "x0": 0.0, "x1": 0.0, "yref": "paper", "y0": 0, "y1": 1, "line": upright}],
        selectdirection="h",
        hovermode="x",
        dragmode="select",
    )


def lines(
    dates: Sequence[date],
    named: Sequence[tuple[str, np.ndarray]],
    unit: str,
    bands: Sequence[tuple[np.ndarray, np.ndarray]] = (),
    height: int = HEIGHT + 50,
) -> dict[str, Any]:
    """Draw named series over time, each with its own colour and dash. bands: (low, high) around each series."""
    traces = [_band(dates, *band, TRACES[place % len(TRACES)]) for place, band in enumerate(bands)]
    for place, (name, values) in enumerate(named):
        traces.append(
            {
                "type": "scatter",
                "x": dates,
                "y": _rounded(values, 2),
                "name": escape(name),
                "mode": "lines" if bands else "lines+markers",
                "line": {"color": TRACES[place % len(TRACES)], "dash": DASHES[place % len(DASHES)]},
                "marker": {"size": 4},
                "hovertemplate": "%{x|%Y-%m-%d}: %{y:.1f}",
                "showlegend": True,
            }
        )
    years = [{"dtickrange": ["M12", None], "value": "%Y"}]
    return figure(
        traces,
        height=height,
        margin={"l": 56, "r": 12, "t": 30, "b": 28},
        showlegend=True,
        legend=LEGEND,
        yaxis=_axis(unit),
        xaxis={"tickformat": "%Y-%m", "tickformatstops": years, "hoverformat": "%Y-%m-%d"},
    )


def _band(x: Sequence[Any], low: np.ndarray, high: np.ndarray, colour: str) -> dict[str, Any]:
    """Draw the band between two lines, (n,), NaN where unknown."""
    known = np.flatnonzero(np.isfinite(low))
    return LINES | {
        "x": [x[at] for at in (*known, *known[::-1])],
        "y": _rounded(np.concatenate([high[known], low[known[::-1]]]), 2),
        "fill": "toself",
        "fillcolor": colour,
        "opacity": 0.2,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def density(found: Relation, x_title: str, y_title: str, line: str, count: str, chosen: str) -> dict[str, Any]:
    """Draw the density of points on a logarithmic scale, or single points if they are few, with the robust line.

    Points beyond the axes are drawn at their ends. chosen: name of a trace that the page's script fills.
    """
    x_ends, y_ends = (edges[[0, -1]] for edges in (found.density.x_edges, found.density.y_edges))
    dots = DOTS | {"showlegend": False}
    if found.x.size:
        x, y = (_rounded(np.clip(one, *limits), 4) for one, limits in ((found.x, x_ends), (found.y, y_ends)))
        mark = {"size": 5, "color": ACCENT, "opacity": 0.55}
        shown = {"x": x, "y": y, "marker": mark, "hovertemplate": "%{x:.2f}, %{y:.2f}<extra></extra>"}
        traces: list[dict[str, Any]] = [dots | shown]
    else:
        traces = [_cells(found.density, count)]
    if np.isfinite(found.slope):
        along_line = {"x": _rounded(x_ends, 6), "y": _rounded(found.intercept + found.slope * x_ends, 6)}
        style = {"color": TEXT, "width": 2, "dash": "dash"}
        traces.append(LINES | {"line": style, "name": line, "showlegend": True} | along_line)
    mark = {"size": 5, "color": CHOSEN, "opacity": 0.8}
    traces.append(dots | {"x": [None], "y": [None], "marker": mark, "name": chosen, "hoverinfo": "skip"})
    return figure(
        traces,
        height=HEIGHT,
        xaxis=_axis(x_title, range=x_ends.tolist()),
        yaxis=_axis(y_title, range=y_ends.tolist()),
        showlegend=True,
        legend=LEGEND,
        margin={"l": 64, "r": 12, "t": 32, "b": 40},
        dragmode="select",
    )


def _cells(counted: Density, count: str) -> dict[str, Any]:
    most = max(int(counted.counts.max()), 1)
    steps = [10**step for step in range(int(np.log10(most)) + 1)]
    bar = {"title": {"text": count, "side": "right"}, "thickness": 12, "outlinewidth": 0}
    return {
        "type": "heatmap",
        "x": _rounded(counted.x_edges, 6),
        "y": _rounded(counted.y_edges, 6),
        "z": _rounded(np.log10(np.maximum(counted.counts, 0.5)), 2),
        "zmin": -0.3,
        "customdata": counted.counts.tolist(),
        "colorscale": MANY,
        "colorbar": bar | {"tickvals": np.log10(steps).tolist(), "ticktext": [f"{step:,}" for step in steps]},
        "hovertemplate": "%{x:.2f}, %{y:.2f}: %{customdata}<extra></extra>",
        "showlegend": False,
    }

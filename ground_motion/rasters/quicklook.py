"""Pictures of results for a quick look: PNG, drawn by matplotlib without a screen."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ground_motion.rasters.imagery import Float32

MAX_PX = 1200  # Larger rasters are thinned to this many pixels along each axis of a panel.
EXTREMES = (2, 98)  # Values beyond these percentiles get the last colour.
DPI = 120
PANEL_INCHES = (5.2, 4.6)  # Width and height of a panel.
UNKNOWN = "0.85"  # grey


class Style(NamedTuple):
    """How values are coloured. label: with its unit; limits: of the colours, None for percentiles of the values.

    signed: the colours are symmetrical around zero, red below and blue above it.
    """

    label: str
    colours: str = "viridis"
    limits: tuple[float, float] | None = None
    signed: bool = False


STYLES = {  # If one of these bands exists, only these are drawn.
    "rate_mm_yr": Style("rate, mm/yr (blue: toward the satellite, up or east)", "RdBu", signed=True),
    "probability": Style("probability of motion", limits=(0, 1)),
    "coherence": Style("coherence", limits=(0, 1)),
    "coherence_sigma": Style("coherence: standard deviation", "magma"),
    "dx_px": Style("offset to the right, px", "RdBu", signed=True),
    "dy_px": Style("offset downward, px", "RdBu", signed=True),
    "sigma_dx_px": Style("offset to the right: standard deviation, px", "magma"),
    "sigma_dy_px": Style("offset downward: standard deviation, px", "magma"),
    "reference_db": Style("reference, dB", "gray"),
    "secondary_db": Style("secondary, dB", "gray"),
}
VELOCITY = Style("velocity, mm/yr (blue: toward the satellite, up or east)", "RdBu", signed=True)


def draw(path: Path, bands: Mapping[str, Float32], transform: Affine, epsg: int | None, title: str) -> None:
    """Draw bands, (rows, cols), NaN unknown, side by side; write a PNG. Bands without a style only if none has one."""
    names = [name for name in bands if name in STYLES] or list(bands)
    wide = min(2, len(names))
    high = -(-len(names) // wide)
    figure = Figure((wide * PANEL_INCHES[0], high * PANEL_INCHES[1]), layout="constrained")
    for name, axes in zip(names, figure.subplots(high, wide, squeeze=False).flat, strict=False):
        values = bands[name]
        rows, cols = values.shape
        step = -(-max(rows, cols) // MAX_PX)
        (west, north), (east, south) = transform @ (0, 0), transform @ (cols, rows)
        thinned, style = values[::step, ::step], STYLES.get(name, Style(name))
        low, high_value = _limits(thinned, style)
        image = axes.imshow(
            thinned,
            cmap=style.colours,
            vmin=low,
            vmax=high_value,
            extent=(west, east, south, north),
            interpolation="nearest",
        )
        figure.colorbar(image, ax=axes, label=style.label, shrink=0.85)
        _label(axes, epsg)
    _save(figure, path, title)


def draw_points(path: Path, x: Float32, y: Float32, velocity_mm_yr: Float32, title: str) -> None:
    """Draw points, (n,), degrees, coloured by their velocity, mm/yr; write a PNG."""
    figure = Figure(PANEL_INCHES, layout="constrained")
    axes = figure.subplots()
    low, high = _limits(velocity_mm_yr, VELOCITY)
    dots = axes.scatter(x, y, c=velocity_mm_yr, s=2, cmap=VELOCITY.colours, vmin=low, vmax=high, linewidths=0)
    axes.set_aspect(1 / max(0.05, float(np.cos(np.radians(np.mean(y))))))
    figure.colorbar(dots, ax=axes, label=VELOCITY.label, shrink=0.85)
    _label(axes, 4326)
    _save(figure, path, title)


def _limits(values: Float32, style: Style) -> tuple[float, float]:
    """Return the values of the first and the last colour."""
    known = values[np.isfinite(values)]
    if style.limits or not known.size:
        return style.limits or (0.0, 1.0)
    low, high = (float(value) for value in np.percentile(known, EXTREMES))
    return (-max(-low, high), max(-low, high)) if style.signed else (low, high)


def _label(axes: Axes, epsg: int | None) -> None:
    axes.set_facecolor(UNKNOWN)
    axes.set_xlabel(f"x, EPSG:{epsg}" if epsg else "x, px")
    axes.set_ylabel("y")
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(labelsize="small")
    axes.ticklabel_format(useOffset=False, style="plain")


def _save(figure: Figure, path: Path, title: str) -> None:
    figure.suptitle(title)
    figure.savefig(path, format="png", dpi=DPI)

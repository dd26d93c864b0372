"""Relation of two attributes of points (density, correlation, robust line), and the ground divided into nine parts."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ground_motion.readers.records import Float64
from ground_motion.statistics.robust import MAD_TO_SIGMA

BINS = 60
BANDS = 10  # Each band of x has the median of y.
MAX_SINGLE = 1500  # points that are plotted one by one
PAIRS = 20_000  # Slopes of this many pairs of points are used.
TAIL = 1.0  # % at each end that lies beyond the axes and is counted in the outermost cells
SIDES = 3  # The ground has this many parts along each side.
ROOM_DEGREES = 1e-4  # The outermost points get this much room.


class Density(NamedTuple):
    """Numbers of points per cell of x and y. counts: (rows of y, columns of x); edges: one more than cells."""

    x_edges: Float64
    y_edges: Float64
    counts: NDArray[np.int64]


class Band(NamedTuple):
    """Points whose x lies in a certain interval: limits of x, number of points, percentiles of y."""

    x_low: float
    x_high: float
    n: int
    y_16: float
    y_50: float
    y_84: float


class Relation(NamedTuple):
    """Relation of two attributes: correlations, Theil-Sen line, density and bands."""

    n: int
    pearson: float  # -1 to 1, NaN where one does not vary
    spearman: float
    slope: float  # Theil-Sen
    intercept: float
    scatter: float  # MAD_TO_SIGMA times the median distance from the line, in units of y
    density: Density
    n_beyond: int  # points outside the density's limits
    bands: list[Band]
    x: Float64  # Few points are kept themselves; else it is empty.
    y: Float64


class Ninths(NamedTuple):
    """Ground divided into three by three boxes, numbered row by row from the north-west."""

    place: NDArray[np.int64]  # (n,), the box of each point
    boxes: list[tuple[float, float, float, float]]  # west, south, east, north of each, degrees

    def medians(self, values: NDArray[Any]) -> dict[int, float]:
        """Return box number -> median of the values of its points; boxes without points are left out."""
        return {int(part): float(np.median(values[self.place == part])) for part in np.unique(self.place)}


def ninths(longitude: Float64, latitude: Float64) -> Ninths:
    """Divide the ground around points, (n,), degrees, into nine boxes. There must be at least one point."""
    x, y = (
        np.linspace(values.min() - ROOM_DEGREES, values.max() + ROOM_DEGREES, SIDES + 1)
        for values in (longitude, latitude)
    )
    column, row = (
        np.clip(np.searchsorted(edges, values) - 1, 0, SIDES - 1) for edges, values in ((x, longitude), (y, latitude))
    )
    boxes = [
        (float(x[i]), float(y[j]), float(x[i + 1]), float(y[j + 1]))
        for j in reversed(range(SIDES))
        for i in range(SIDES)
    ]
    return Ninths((SIDES - 1 - row) * SIDES + column, boxes)


def relation(x: Float64, y: Float64) -> Relation | None:
    """Return the relation of two attributes, (n,), over points with both; None if these are fewer than three."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if x.size < 3:
        return None
    slope, intercept = robust_line(x, y)
    single = slice(None) if x.size <= MAX_SINGLE else slice(0)
    counted = density(x, y)
    return Relation(
        n=int(x.size),
        pearson=correlation(x, y),
        spearman=correlation(ranks(x), ranks(y)),
        slope=slope,
        intercept=intercept,
        scatter=MAD_TO_SIGMA * float(np.median(np.abs(y - intercept - slope * x))),
        density=counted,
        n_beyond=_n_beyond(x, counted.x_edges, y, counted.y_edges),
        bands=bands(x, y),
        x=x[single],
        y=y[single],
    )


def correlation(x: Float64, y: Float64) -> float:
    """Return Pearson's correlation; NaN if x or y does not vary."""
    x, y = x - x.mean(), y - y.mean()
    power = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / power if power > 0 else float("nan")


def ranks(values: Float64) -> Float64:
    """Return the rank of each value, 1 for the smallest; equal values share the mean of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count - 1) / 2)[place]


def robust_line(x: Float64, y: Float64, seed: int = 0) -> tuple[float, float]:
    """Return slope and intercept by Theil and Sen (1968, doi 10.1080/01621459.1968.10480934); NaN if x is constant."""
    # The median slope of pairs, at most this many drawn at random. Up to 29 % of outliers do not move it. NaN where x
    # does not vary.
    if x.size * (x.size - 1) // 2 <= PAIRS:
        first, second = np.triu_indices(x.size, 1)
    else:
        first, second = np.random.default_rng(seed).integers(0, x.size, (2, PAIRS))
    run, rise = x[second] - x[first], y[second] - y[first]
    apart = run != 0
    if not apart.any():
        return float("nan"), float("nan")
    slope = float(np.median(rise[apart] / run[apart]))
    return slope, float(np.median(y - slope * x))


def density(x: Float64, y: Float64, bins: int = BINS) -> Density:
    """Count the points in each cell of x and y; extreme values of both attributes count in the outermost cells."""
    edges = [_edges(values, bins) for values in (x, y)]
    x, y = (np.clip(values, *own[[0, -1]]) for values, own in zip((x, y), edges, strict=True))
    counts, _, _ = np.histogram2d(y, x, bins=[edges[1], edges[0]])
    return Density(edges[0], edges[1], counts.astype(np.int64))


def _n_beyond(x: Float64, x_edges: Float64, y: Float64, y_edges: Float64) -> int:
    """Return the number of points outside the first and last edge of x or y."""
    outside = [(values < edges[0]) | (values > edges[-1]) for values, edges in ((x, x_edges), (y, y_edges))]
    return int((outside[0] | outside[1]).sum())


def _edges(values: Float64, bins: int) -> Float64:
    """Return the edges of cells from the 1st to the 99th percentile; one cell per value if there are few values."""
    low, high = np.percentile(values, [TAIL, 100 - TAIL])
    distinct = np.unique(values[(values >= low) & (values <= high)].round(6))
    room = 0.02 * (high - low) or 0.5
    if 2 < distinct.size <= bins:
        step = float(np.diff(distinct).min())
        n_steps = round((distinct[-1] - distinct[0]) / step)
        if n_steps < bins:
            return np.linspace(distinct[0] - step / 2, distinct[-1] + step / 2, n_steps + 2)
    return np.linspace(low - room, high + room, bins + 1)


def bands(x: Float64, y: Float64) -> list[Band]:
    """Return bands of x with about equally many points each; equal values stay in one band."""
    edges = np.unique(np.percentile(x, np.linspace(0, 100, BANDS + 1)))
    if edges.size < 2:
        edges = np.array([x[0], x[0]])
    place = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, edges.size - 2)
    made = []
    for index in range(edges.size - 1):
        inside = y[place == index]
        if inside.size:
            low, middle, high = np.percentile(inside, [16, 50, 84])
            ends = float(edges[index]), float(edges[index + 1])
            made.append(Band(*ends, int(inside.size), float(low), float(middle), float(high)))
    return made

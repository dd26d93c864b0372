"""What a measured area resembles, core and rim apart: a small logistic regression on the network's shares and shape.

The network names cells; an area as a whole has what cells do not show: how its core differs from its rim, how large,
fast, sharp and long it is, how steep the ground under it, and whether two tracks see the same. Coefficients are fitted
by `python -m ml.lab.deformation.causes` to one set of weights and hold for these only.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from shapely import MultiPolygon, Polygon, contains_xy, get_coordinates
from shapely.geometry.base import BaseGeometry

from ml.deformation.points import Float32, Float64
from ml.rasters.areas import KINDS, Area, SortedPoints

WEIGHTS = Path(__file__).parents[2] / "weights"
NAME = "deformation-causes.json"
LEAST_SHARE = 0.02  # the network is surer of cells than it is right
FEWEST_HEIGHTS, NEAR_M = 10, 100.0
FEWEST_POINTS = 3
WITHOUT_HEIGHTS = " without heights"
FEATURES = (
    *(f"core {kind}" for kind in KINDS),
    *(f"rim {kind}" for kind in KINDS),
    "sign",
    "log size of the motion",
    "log size of the half outline",
    "log size of the core over the half outline",
    "log size of the half outline over the motion",
    "log peak",
    "log peak over median",
    "elongation",
    "slope",
    "slow rim of a fast core",
    "other track's rate over this one's",
)


class Causes(NamedTuple):
    """Fitted coefficients. mean, scale: (features,); coefficients: `table_name` -> (kinds, features + 1), last: bias.

    weights_sha256: of the network whose shares it was fitted to.
    """

    mean: Float64
    scale: Float64
    coefficients: Mapping[str, Float64]
    weights_sha256: str

    def shares(self, features: Float64, n_tracks: int, heights: bool = True) -> dict[str, float]:
        """Probability of each of KINDS. heights: whether those of the points are known: else a slope of 0 is no flat
        ground, and what was fitted without heights counts, where that was.
        """
        usual = self.coefficients[table_name(n_tracks, True)]
        table = self.coefficients.get(table_name(n_tracks, heights), usual)
        score = table[:, :-1] @ ((features - self.mean) / self.scale) + table[:, -1]
        odds = np.exp(score - score.max())
        return dict(zip(KINDS, (odds / odds.sum()).tolist(), strict=True))


def table_name(n_tracks: int, heights: bool) -> str:
    """Of the coefficients for so many tracks, with heights or without."""
    return f"{min(n_tracks, 2)}" + ("" if heights else WITHOUT_HEIGHTS)


@lru_cache(maxsize=4)
def fitted(folder: Path = WEIGHTS) -> Causes | None:
    """The coefficients of a folder; None where they were fitted to other weights than lie there, or not at all."""
    path, card = folder / NAME, folder / "deformation.json"
    if not path.exists() or not card.exists():
        return None
    held = json.loads(path.read_text())
    if held["weights_sha256"] != json.loads(card.read_text())["weights_sha256"] or held["features"] != list(FEATURES):
        return None
    tables = {label: np.array(table) for label, table in held["coefficients"].items()}
    return Causes(np.array(held["mean"]), np.array(held["scale"]), tables, held["weights_sha256"])


def causes_for(weights_sha256: str) -> Causes | None:
    """The shipped coefficients, where they were fitted to these weights."""
    causes = fitted()
    return causes if causes and causes.weights_sha256 == weights_sha256 else None


def named(
    area: Area, bands: Mapping[str, Float32], transform: Affine, tracks: Sequence[SortedPoints], causes: Causes | None
) -> Area:
    """The area with its likeliest kind and the share of each; as it is where none was fitted or nothing was measured.

    bands: KINDS among them, (rows, cols) on `transform`.
    """
    if causes is None or not area.places or not set(KINDS) <= set(bands):
        return area
    core, rim = core_and_rim(area, bands, transform)
    heights = knows_heights(tracks, area.places[0].half)
    shares = causes.shares(features_of(area, core, rim, tracks), len(tracks), heights)
    return area._replace(kinds=shares, kind=max(shares, key=lambda name: shares[name]), core_kinds=core, rim_kinds=rim)


def core_and_rim(
    area: Area, bands: Mapping[str, Float32], transform: Affine
) -> tuple[dict[str, float], dict[str, float]]:
    """The network's shares of KINDS inside the half outline of the strongest place, and in what else moves."""
    half = area.places[0].half
    core = shares_in(bands, transform, half)
    rim = shares_in(bands, transform, area.polygon, but=half)
    return core or rim, rim or core


def features_of(
    area: Area, core: Mapping[str, float], rim: Mapping[str, float], tracks: Sequence[SortedPoints]
) -> Float64:
    """FEATURES of a measured area, (features,). core, rim: see `core_and_rim`."""
    place = area.places[0]
    peak, size = abs(place.peak.value), area.polygon.area
    return np.array(
        [
            *(np.log(max(core.get(kind, 0.0), LEAST_SHARE)) for kind in KINDS),
            *(np.log(max(rim.get(kind, 0.0), LEAST_SHARE)) for kind in KINDS),
            float(np.sign(place.peak.value)),
            np.log(size),
            np.log(place.half.area),
            np.log(place.core.area / place.half.area),
            np.log(place.half.area / size),
            np.log(max(peak, 0.5)),
            np.log(max(peak, 0.5) / max(abs(area.rate_mm_yr), 0.25)),
            _elongation(place.half),
            _slope(tracks, place.half),
            np.log(max(peak, 0.5)) * np.log(place.half.area / size),
            _agreement(tracks, place.half),
        ]
    )


def shares_in(
    bands: Mapping[str, Float32], transform: Affine, where: BaseGeometry, but: BaseGeometry | None = None
) -> dict[str, float]:
    """The network's share of each kind in an outline, by the raster's cells in it; empty where it shows none there.

    but: an outline whose cells are left out. Cells are told apart, not outlines cut: those need not be valid for that.
    """
    if where.is_empty:
        return {}
    west, south, east, north = where.bounds
    rows, cols = bands[KINDS[0]].shape
    (left, top), (right, bottom) = ~transform @ (west, north), ~transform @ (east, south)
    row = slice(max(0, int(np.floor(top))), min(rows, int(np.ceil(bottom)) + 1))
    col = slice(max(0, int(np.floor(left))), min(cols, int(np.ceil(right)) + 1))
    at_col, at_row = np.meshgrid(np.arange(col.start, col.stop) + 0.5, np.arange(row.start, row.stop) + 0.5)
    x, y = transform.c + at_col * transform.a, transform.f + at_row * transform.e
    inside = contains_xy(where, x, y)
    if but is not None:
        inside &= ~contains_xy(but, x, y)
    sums = {kind: float(np.nansum(bands[kind][row, col][inside])) for kind in KINDS}
    whole = sum(sums.values())
    return {kind: part / whole for kind, part in sums.items()} if whole > 0 else {}


def _elongation(outline: Polygon | MultiPolygon) -> float:
    """Logarithm of the longer over the shorter side of the smallest rectangle around it."""
    corners = get_coordinates(outline.minimum_rotated_rectangle)
    sides = np.hypot(*np.diff(corners, axis=0).T)[:2]
    return float(np.log(max(sides) / max(min(sides), 1.0)))


def _inside(points: SortedPoints, where: Polygon | MultiPolygon, wider_m: float) -> tuple[Float64, ...]:
    x, y, velocity = points.near(where, wider_m)
    heights = points.heights_near(where, wider_m)
    inside = contains_xy(where.buffer(wider_m, quad_segs=4), x, y)
    known = np.full(x.size, np.nan) if heights is None else heights.astype(np.float64)
    return x[inside], y[inside], velocity[inside].astype(np.float64), known[inside]


def knows_heights(tracks: Sequence[SortedPoints], where: Polygon | MultiPolygon) -> bool:
    """Whether enough points in and near an outline have heights for a slope to be known."""
    return bool(np.isfinite(_inside(tracks[0], where, NEAR_M)[3]).sum() >= FEWEST_HEIGHTS)


def _slope(tracks: Sequence[SortedPoints], where: Polygon | MultiPolygon) -> float:
    """Rise per metre of the plane through the points' heights in and near an outline; 0 where none are known."""
    x, y, _, height = _inside(tracks[0], where, NEAR_M)
    known = np.isfinite(height)
    if known.sum() < FEWEST_HEIGHTS:
        return 0.0
    x, y, height = x[known], y[known], height[known]
    plane = np.column_stack([x - x.mean(), y - y.mean(), np.ones(x.size)])
    rise, *_ = np.linalg.lstsq(plane, height, rcond=None)
    return float(np.hypot(rise[0], rise[1]))


def _agreement(tracks: Sequence[SortedPoints], where: Polygon | MultiPolygon) -> float:
    """The slower track's median rate over the faster one's, -1 to 1; 0 for one track: sideways motion differs."""
    rates = [velocity for _, _, velocity, _ in (_inside(points, where, 0.0) for points in tracks)]
    medians = sorted((float(np.median(rate)) for rate in rates if rate.size >= FEWEST_POINTS), key=abs)
    return medians[0] / medians[-1] if len(medians) > 1 and medians[-1] else 0.0

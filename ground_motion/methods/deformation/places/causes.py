"""Name the cause of a measured area by a small logistic regression on shape and network, for core and rim apart.

The network classifies cells; a whole area has further features: the difference of core and rim, size, rate, sharpness,
elongation, slope, and the agreement of two tracks. Coefficients are fitted by `python -m lab.deformation.causes` to one
set of weights and hold for these only. A kind that core, slope and shape of the core do not show is not sure. None is
named where an area differs from those of the fit, or on a volcano.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from affine import Affine
from scipy.special import softmax
from shapely import MultiPolygon, Polygon, contains_xy, get_coordinates
from shapely.geometry.base import BaseGeometry

from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.gridding.cells import CELL_M
from ground_motion.methods.deformation.gridding.points import Float32, Float64
from ground_motion.methods.deformation.places.context import DOUBT, GROUNDWATER, LANDSLIDE, MINING, capped
from ground_motion.methods.deformation.places.sideways import (
    Sideways,
    edge_width,
    flatness,
    radius_m,
    rates_of,
    sideways,
    slope_fit,
    slope_of,
)
from ground_motion.rasters.areas import CLASSES, KINDS, Area, SortedPoints
from ground_motion.readers.context.volcanoes import volcano_at

WEIGHTS = Path(__file__).parents[3] / "weights"
NAME = "deformation-causes.json"
MIN_SHARE = 0.05  # The network is overconfident about cells.
# From these values of `Sideways` on, motion is surely toward the middle, and along the ground.
INWARD, ALONG = 0.06, 0.25
MIN_POINTS = 3
WITHOUT_HEIGHTS = " without heights"
SHARP_M2, SHARP_SHARE, SHARP_RATIO = 500_000.0, 0.1, 4.0  # half outline: size, share of the motion; peak over median
SHARP_ODDS = 0.05  # Factor of the odds of pumped ground, judged: small fast cores are rare there.
DOWN_THE_SLOPE = 0.7  # From here on, the slope itself speaks for a slide.
# An area is like those of the fit, on cells of CELL_M, if FITTED are within this many standard deviations of their
# means; 99 of 100 areas of the fit do.
FITTED_WITHIN, FITTED_CELL_M = 2.5, 2 * CELL_M
FITTED = ("log size of the motion", "log size of the half outline", "log peak")
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
    "down the slope",
    "share of the motion along the ground",
    "motion toward the middle",
    "log width of the edge over the radius",
    "log width of the edge",
    "flatness of the half",
    "motion along the ground is known",
    "straight up or down",
    "some motion toward the middle",
    "some motion along the ground",
    "straight up or down inside a sharp edge",
    "some motion toward the middle inside a sharp edge",
    "sharp edge",
)


class Causes(NamedTuple):
    """Fitted coefficients. mean, scale: (features,); coefficients: `table_name` -> (kinds, features + 1), last: bias.

    weights_sha256: of the network to whose shares they were fitted.
    """

    mean: Float64
    scale: Float64
    coefficients: Mapping[str, Float64]
    weights_sha256: str

    def shares(self, features: Float64, n_tracks: int, heights: bool = True) -> dict[str, float]:
        """Return the probability of each of KINDS from an area's features.

        heights: whether points have any; otherwise the slope is unknown, and coefficients fitted without it are used.
        """
        usual = self.coefficients[table_name(n_tracks, True)]
        table = self.coefficients.get(table_name(n_tracks, heights), usual)
        score = table[:, :-1] @ ((features - self.mean) / self.scale) + table[:, -1]
        return dict(zip(KINDS, softmax(score).tolist(), strict=True))

    def hold_for(self, features: Float64, cell_m: float) -> bool:
        """Return whether an area on cells of this size is like those of the fit."""
        columns = [FEATURES.index(name) for name in FITTED]
        off = np.abs(features - self.mean)[columns] / self.scale[columns]
        return bool(cell_m <= FITTED_CELL_M and (off <= FITTED_WITHIN).all())


def table_name(n_tracks: int, heights: bool) -> str:
    """Return the name of the coefficients for a number of tracks, with or without heights."""
    return f"{min(n_tracks, 2)}" + ("" if heights else WITHOUT_HEIGHTS)


@lru_cache(maxsize=4)
def load_causes(folder: Path = WEIGHTS) -> Causes | None:
    """Read the coefficients of a folder; None if they are missing or were fitted to other weights or features."""
    path, card = folder / NAME, folder / "deformation.json"
    if not path.exists() or not card.exists():
        return None
    held, network = json.loads(path.read_text()), json.loads(card.read_text())
    if held["weights_sha256"] != network["weights_sha256"] or held["features"] != list(FEATURES):
        return None
    tables = {label: np.array(table) for label, table in held["coefficients"].items()}
    return Causes(np.array(held["mean"]), np.array(held["scale"]), tables, held["weights_sha256"])


def causes_for(weights_sha256: str) -> Causes | None:
    """Return the shipped coefficients if they were fitted to these weights."""
    causes = load_causes()
    return causes if causes and causes.weights_sha256 == weights_sha256 else None


def name_cause(
    area: Area,
    bands: Mapping[str, Float32],
    transform: Affine,
    tracks: Sequence[SortedPoints],
    causes: Causes | None,
    epsg: int,
) -> Area:
    """Set an area's likeliest kind and the probability of each, or only its sign where no kind can be known.

    The area is unchanged if nothing was fitted or measured. bands: KINDS among them, (rows, cols) on `transform`, which
    is in the system `epsg`.
    """
    if causes is None or not area.places or not set(KINDS) <= set(bands):
        return area
    core, rim = core_and_rim(area, bands, transform)
    heights = slope_of(tracks, area.places[0].half) is not None
    features = features_of(area, core, rim, tracks)
    middle = area.places[0].half.centroid
    on_volcano = volcano_at(*transformer(epsg, 4326).transform(middle.x, middle.y))
    if on_volcano or not causes.hold_for(features, transform.a):
        return area._replace(kinds={}, kind=CLASSES[int(area.places[0].peak.value > 0)])
    shares = causes.shares(features, len(tracks), heights)
    seen = {max(core, key=lambda name: core[name])} if core else set()
    if features[FEATURES.index("down the slope")] >= DOWN_THE_SLOPE:
        seen.add(LANDSLIDE)
    if _has_sharp_core(area):
        seen.add(MINING)
        shares[GROUNDWATER] *= SHARP_ODDS
    likeliest = max(shares, key=lambda name: shares[name])
    shares = capped(shares, 1.0 if likeliest in seen else DOUBT)  # Else shape and network contradict each other.
    return area._replace(kinds=shares, kind=max(shares, key=lambda name: shares[name]), core_kinds=core, rim_kinds=rim)


def _has_sharp_core(area: Area) -> bool:
    """Return whether ground sinks in a small core far faster than around it, as over a mine that is being worked."""
    place, moving = area.places[0], area.moving or area.polygon
    small = place.half.area <= min(SHARP_M2, SHARP_SHARE * moving.area)
    return bool(small and place.peak.value < 0 and abs(place.peak.value) >= SHARP_RATIO * abs(area.rate_mm_yr))


def core_and_rim(
    area: Area, bands: Mapping[str, Float32], transform: Affine
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the network's shares of KINDS inside the strongest place's half outline, and in the rest of the area."""
    half = area.places[0].half
    core = shares_in(bands, transform, half)
    rim = shares_in(bands, transform, area.moving or area.polygon, but=half)
    return core or rim, rim or core


def features_of(
    area: Area, core: Mapping[str, float], rim: Mapping[str, float], tracks: Sequence[SortedPoints]
) -> Float64:
    """Return FEATURES of a measured area, (features,). core, rim: see `core_and_rim`."""
    place = area.places[0]
    moving, half = area.moving or area.polygon, place.half
    peak, size = abs(place.peak.value), moving.area
    slope, rates = slope_of(tracks, half), rates_of(tracks, moving, half)
    along, edge = sideways(tracks, moving, half), edge_width(tracks[area.track], half)
    return np.array(
        [
            *(np.log(max(core.get(kind, 0.0), MIN_SHARE)) for kind in KINDS),
            *(np.log(max(rim.get(kind, 0.0), MIN_SHARE)) for kind in KINDS),
            float(np.sign(place.peak.value)),
            np.log(size),
            np.log(half.area),
            np.log(place.core.area / half.area),
            np.log(half.area / size),
            np.log(max(peak, 0.5)),
            np.log(max(peak, 0.5) / max(abs(area.rate_mm_yr), 0.25)),
            _elongation(half),
            float(np.hypot(*slope)) if slope else 0.0,
            np.log(max(peak, 0.5)) * np.log(half.area / size),
            _agreement(tracks, half),
            slope_fit(tracks, rates, slope),
            along.share,
            along.inward,
            np.log(edge),
            np.log(edge * radius_m(half)),
            flatness(tracks[area.track], half),
            *_direction_and_edge(along, float(np.log(edge))),
        ]
    )


def _direction_and_edge(along: Sideways, log_edge: float) -> list[float]:
    """Return the last seven features, each from 0 to about 1; unknown differs from a measured 0."""
    known, inward, share = float(along.known), along.inward / INWARD, along.share / ALONG
    straight, some = known * float(np.clip(1 - abs(inward), 0, 1)), known * float(np.clip(inward, 0, 1))
    sharp, bounded = float(np.clip(-log_edge - 0.2, 0, 1)), float(np.clip(0.3 - log_edge, 0, 1.3))
    return [known, straight, some, known * min(share, 1.0), straight * sharp, some * bounded, sharp]


def shares_in(
    bands: Mapping[str, Float32], transform: Affine, where: BaseGeometry, but: BaseGeometry | None = None
) -> dict[str, float]:
    """Return the network's share of each kind over the raster's cells in an outline; empty if it finds none there.

    but: an outline whose cells are left out. Cells are selected instead of cutting outlines, which may be invalid.
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
    """Return the logarithm of an outline's elongation: longer over shorter side of its smallest rectangle."""
    corners = get_coordinates(outline.minimum_rotated_rectangle)
    sides = np.hypot(*np.diff(corners, axis=0).T)[:2]
    return float(np.log(max(sides) / max(min(sides), 1.0)))


def _agreement(tracks: Sequence[SortedPoints], where: Polygon | MultiPolygon) -> float:
    """Return the ratio of the slower track's median rate to the faster's, -1 to 1; 0 for one track."""
    rates = [track.rates_within(where) for track in tracks]
    medians = sorted((float(np.median(rate)) for rate in rates if rate.size >= MIN_POINTS), key=abs)
    return medians[0] / medians[-1] if len(medians) > 1 and medians[-1] else 0.0

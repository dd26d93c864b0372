"""A probability raster becomes areas: enter at a high probability, leave at a low one."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from shapely import MultiPolygon, Polygon, contains_xy, get_parts, unary_union
from shapely import transform as transform_geometry
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ingest.projections import transformer

CLASSES = ("subsidence", "uplift")  # bands of a raster of a method that knows the sign only
KINDS = ("mining_subsidence", "uplift", "groundwater_subsidence", "landslide", "fill_or_quarry")  # and one that names
EIGHT = np.ones((3, 3), dtype=bool)
Float32 = NDArray[np.float32]


class Area(NamedTuple):
    """One area of one run, in the raster's projected system.

    kind: the class whose probability stands highest; score: highest probability, 0-1; rate_mm_yr: median of the rate
    inside; peak_rate_mm_yr: its 95th percentile, away from zero; kinds: share of each of KINDS in the probability
    inside, empty where the method knows the sign only.
    """

    polygon: Polygon | MultiPolygon
    kind: str
    score: float
    rate_mm_yr: float
    peak_rate_mm_yr: float
    area_m2: float
    kinds: Mapping[str, float] = {}


class AreaThresholds(NamedTuple):
    """fewest_points is for whoever has the points: `find_areas` sees the raster only."""

    enter: float = 0.5
    leave: float = 0.2
    smallest_m2: float = 30_000.0
    fewest_points: int = 5


DEFAULT_THRESHOLDS = AreaThresholds()


class Region(NamedTuple):
    """Cells that belong together: the smallest window around them, and which of its cells they are."""

    window: tuple[slice, slice]
    mask: NDArray[np.bool_]


def areas_in(
    bands: Mapping[str, Float32], transform: Affine, thresholds: AreaThresholds = DEFAULT_THRESHOLDS
) -> list[Area]:
    """Find the areas of a deformation raster, strongest first. bands: name -> (rows, cols), as the command writes them.

    A method that names kinds has its areas drawn by sign, and each is named afterwards by what is likeliest in it, so
    that two likely names do not cut one bowl in two.
    """
    rate = bands["rate_mm_yr"]
    if not set(KINDS) <= set(bands):
        return find_areas({name: bands[name] for name in CLASSES}, rate, transform, thresholds)
    signs = dict(zip(CLASSES, by_sign(bands["probability"], rate), strict=True))
    kinds = {name: bands[name] for name in KINDS}
    return find_areas(signs, rate, transform, thresholds, kinds)


def by_sign(probability: Float32, rate_mm_yr: Float32) -> tuple[Float32, Float32]:
    """The probability where the rate is below zero, and where it is above; NaN stays, 0 elsewhere."""
    zero = np.float32(0)
    away, toward = (np.where(moves, probability, zero) for moves in (rate_mm_yr < 0, rate_mm_yr > 0))
    unknown = np.isnan(probability)
    away[unknown] = toward[unknown] = np.nan
    return away, toward


def find_areas(
    classes: Mapping[str, Float32],
    rate_mm_yr: Float32,
    transform: Affine,
    thresholds: AreaThresholds = DEFAULT_THRESHOLDS,
    kinds: Mapping[str, Float32] | None = None,
) -> list[Area]:
    """Find connected areas, each class on its own, strongest first.

    classes: name -> probability (rows, cols), NaN unknown. Cells above `leave` that are connected (eight neighbours)
    to a cell above `enter` belong together; holes smaller than `smallest_m2` are filled. kinds: name -> probability, to
    name an area by in place of its class.
    """
    areas: list[Area] = []
    for kind, probability in classes.items():
        for region in regions(probability, thresholds.enter, thresholds.leave):
            area = _area(kind, region, probability, rate_mm_yr, transform, thresholds)
            if area.area_m2 >= thresholds.smallest_m2:
                areas.append(_named(area, region, kinds) if kinds else area)
    return sorted(areas, key=lambda area: (-abs(area.peak_rate_mm_yr), -area.area_m2))


def grow(score: Float32, enter: float, leave: float) -> list[NDArray[np.bool_]]:
    """Masks of the connected regions (eight neighbours) above `leave` that reach `enter`. score: (rows, cols)."""
    masks = []
    for region in regions(score, enter, leave):
        mask = np.zeros(score.shape, dtype=bool)
        mask[region.window] = region.mask
        masks.append(mask)
    return masks


def regions(score: Float32, enter: float, leave: float) -> Iterator[Region]:
    """The same, each in its own window: on a nation a mask of the whole for each would fill the memory."""
    labels, n = ndimage.label(score >= leave, structure=EIGHT)  # NaN is not above anything
    if not n:
        return
    highest = np.zeros(n + 1, dtype=np.float32)
    inside = labels > 0
    np.maximum.at(highest, labels[inside], score[inside])
    windows = ndimage.find_objects(labels)
    for label in np.flatnonzero(highest[1:] >= enter) + 1:
        window = windows[label - 1]
        yield Region(window, labels[window] == label)


def outline(mask: NDArray[np.bool_], transform: Affine, smallest_hole_m2: float) -> Polygon | MultiPolygon:
    """The edge of a mask's cells in the raster's system; smaller holes are filled."""
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=transform)
    return _without_small_holes(unary_union([shape(found) for found, _ in shapes]), smallest_hole_m2)


def _area(
    kind: str,
    region: Region,
    p: Float32,
    rate_mm_yr: Float32,
    transform: Affine,
    thresholds: AreaThresholds,
) -> Area:
    (rows, cols), mask = region.window, region.mask
    polygon = outline(mask, transform @ Affine.translation(cols.start, rows.start), thresholds.smallest_m2)
    rates = rate_mm_yr[region.window][mask]
    rates = rates[np.isfinite(rates)]
    median = float(np.median(rates))
    peak = float(np.percentile(rates, 95 if median >= 0 else 5))
    return Area(polygon, kind, float(p[region.window][mask].max()), median, peak, float(polygon.area))


def _named(area: Area, region: Region, kinds: Mapping[str, Float32]) -> Area:
    """The area under the name that is likeliest inside, with the share of every name."""
    sums = {name: float(np.nansum(band[region.window][region.mask])) for name, band in kinds.items()}
    whole = sum(sums.values())
    if whole <= 0:
        return area
    shares = {name: part / whole for name, part in sums.items()}
    return area._replace(kind=max(shares, key=lambda name: shares[name]), kinds=shares)


def _without_small_holes(geometry: BaseGeometry, smallest_m2: float) -> Polygon | MultiPolygon:
    def patch(polygon: Polygon) -> Polygon:
        return Polygon(polygon.exterior, [hole for hole in polygon.interiors if Polygon(hole).area >= smallest_m2])

    if isinstance(geometry, Polygon):
        return patch(geometry)
    return MultiPolygon([patch(part) for part in get_parts(geometry) if isinstance(part, Polygon)])


def to_geographic(polygon: Polygon | MultiPolygon, epsg: int) -> MultiPolygon:
    """The same area in degrees, EPSG:4326, always as a MultiPolygon."""
    project = transformer(epsg, 4326).transform
    geographic = transform_geometry(polygon, project, interleaved=False)  # type: ignore[arg-type]  # stubs lag
    return geographic if isinstance(geographic, MultiPolygon) else MultiPolygon([geographic])


class SortedPoints:
    """Points (n,) sorted by their easting once, so that looking near many areas does not mean looking at all points."""

    def __init__(self, x: NDArray[np.float64], y: NDArray[np.float64], velocity_mm_yr: Float32) -> None:
        order = np.argsort(x)
        self.x, self.y, self.velocity_mm_yr = x[order], y[order], velocity_mm_yr[order]

    def near(
        self, polygon: Polygon | MultiPolygon, reach_m: float = 0.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Float32]:
        """x, y and velocity of those within the box of a polygon, widened by reach_m."""
        west, south, east, north = polygon.bounds
        first, last = np.searchsorted(self.x, [west - reach_m, east + reach_m], side="left")
        strip = slice(first, last + 1)
        inside = (self.y[strip] >= south - reach_m) & (self.y[strip] <= north + reach_m)
        return self.x[strip][inside], self.y[strip][inside], self.velocity_mm_yr[strip][inside]


def count_within(polygon: Polygon | MultiPolygon, x: NDArray[np.float64], y: NDArray[np.float64]) -> int:
    """How many of the points (n,), in the polygon's system, stand inside."""
    return int(contains_xy(polygon, x, y).sum())

"""A probability raster becomes areas: enter at a high probability, leave at a low one."""

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

CLASSES = ("subsidence", "uplift")  # bands of a deformation raster that hold one class' probability each
EIGHT = np.ones((3, 3), dtype=bool)


class Area(NamedTuple):
    """One area of one run, in the raster's projected system.

    kind: the class whose probability stands highest; score: highest probability, 0-1; rate_mm_yr: median of the rate
    inside; peak_rate_mm_yr: its 95th percentile, away from zero.
    """

    polygon: Polygon | MultiPolygon
    kind: str
    score: float
    rate_mm_yr: float
    peak_rate_mm_yr: float
    area_m2: float


class AreaThresholds(NamedTuple):
    """fewest_points is for whoever has the points: `find_areas` sees the raster only."""

    enter: float = 0.5
    leave: float = 0.2
    smallest_m2: float = 30_000.0
    fewest_points: int = 5


DEFAULT_THRESHOLDS = AreaThresholds()


def find_areas(
    classes: dict[str, NDArray[np.float32]],
    rate_mm_yr: NDArray[np.float32],
    transform: Affine,
    thresholds: AreaThresholds = DEFAULT_THRESHOLDS,
) -> list[Area]:
    """Find connected areas, each class on its own, strongest first.

    classes: name -> probability (rows, cols), NaN unknown. Cells above `leave` that are connected (eight neighbours)
    to a cell above `enter` belong together; holes smaller than `smallest_m2` are filled.
    """
    areas: list[Area] = []
    for kind, probability in classes.items():
        for mask in grow(probability, thresholds.enter, thresholds.leave):
            area = _area(kind, mask, probability, rate_mm_yr, transform, thresholds)
            if area.area_m2 >= thresholds.smallest_m2:
                areas.append(area)
    return sorted(areas, key=lambda area: (-abs(area.peak_rate_mm_yr), -area.area_m2))


def grow(score: NDArray[np.float32], enter: float, leave: float) -> list[NDArray[np.bool_]]:
    """Masks of the connected regions (eight neighbours) above `leave` that reach `enter`. score: (rows, cols)."""
    known = np.nan_to_num(score, nan=-np.inf)
    labels, n = ndimage.label(known >= leave, structure=EIGHT)
    highest = np.asarray(ndimage.maximum(known, labels, index=np.arange(1, n + 1)))
    return [labels == label for label in np.flatnonzero(highest >= enter) + 1]


def outline(mask: NDArray[np.bool_], transform: Affine, smallest_hole_m2: float) -> Polygon | MultiPolygon:
    """The edge of a mask's cells in the raster's system; smaller holes are filled."""
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=transform)
    return _without_small_holes(unary_union([shape(found) for found, _ in shapes]), smallest_hole_m2)


def _area(
    kind: str,
    mask: NDArray[np.bool_],
    p: NDArray[np.float32],
    rate_mm_yr: NDArray[np.float32],
    transform: Affine,
    thresholds: AreaThresholds,
) -> Area:
    polygon = outline(mask, transform, thresholds.smallest_m2)
    rates = rate_mm_yr[mask & np.isfinite(rate_mm_yr)]
    median = float(np.median(rates))
    peak = float(np.percentile(rates, 95 if median >= 0 else 5))
    return Area(polygon, kind, float(p[mask].max()), median, peak, float(polygon.area))


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


def count_within(polygon: Polygon | MultiPolygon, x: NDArray[np.float64], y: NDArray[np.float64]) -> int:
    """How many of the points (n,), in the polygon's system, stand inside."""
    return int(contains_xy(polygon, x, y).sum())

"""Areas in a probability raster: each contains a high probability, and extends to where a low one is reached."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import rasterio.features
from affine import Affine
from numpy.typing import NDArray
from scipy import ndimage
from shapely import MultiPolygon, Polygon, contains_xy, get_parts, unary_union
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from ground_motion.core.geometry import to_degrees
from ground_motion.rasters.line_of_sight import LineOfSight
from ground_motion.rasters.regions import Region, regions

CLASSES = ("subsidence", "uplift")  # bands of a method that knows the sign only
# A method that knows kinds gives a share of each of these.
KINDS = ("mining_subsidence", "uplift", "groundwater_subsidence", "landslide", "fill_or_quarry")
SURE_SHARE = 0.7  # Nine in ten names are right from this share on (`lab.deformation.causes`); less names none.
Float32 = NDArray[np.float32]


class PeakRate(NamedTuple):
    """The fastest rate of a place, mm/yr with the product's sign; 90 % interval, of which low is closer to zero."""

    value: float
    low: float
    high: float


class Tilt(NamedTuple):
    """The steepest gradient of the rate on the ground, mm/yr per m, unsigned, with its 90 % interval."""

    value: float
    low: float
    high: float


class Place(NamedTuple):
    """One peak of motion, measured on the points. Outlines are in the area's system, each inside the one before.

    motion: of this peak alone; half, core: ground of at least 0.5 and 0.8 of the peak. tilt: at the edge, or None.
    """

    motion: Polygon | MultiPolygon
    half: Polygon | MultiPolygon
    core: Polygon | MultiPolygon
    peak: PeakRate
    tilt: Tilt | None = None


class Area(NamedTuple):
    """One area of one run, in the raster's projected system.

    kind: likeliest of KINDS, or the sign; score: highest probability, 0-1; rate_mm_yr: median rate inside;
    peak_rate_mm_yr: 95th percentile of its magnitude, signed; kinds: share of each of KINDS in the probability inside,
    empty if the method knows the sign only. places: the peaks inside, strongest first; empty until the area is measured
    on points (`deformation.places`), which then also give outline and rates. region: number of the flagged area that
    contains this one, 0 until numbered. core_kinds, rim_kinds: the network's own shares of KINDS inside and outside the
    outline of half the strongest peak. track: index of the track that gave outline and rates. rate_sigma_mm_yr:
    standard deviation of the median, None until measured. moving: all moving ground, None until
    measured; `rate_mm_yr` is its median. It includes the slow rim of fast peaks, which `polygon` leaves out.
    """

    polygon: Polygon | MultiPolygon
    kind: str
    score: float
    rate_mm_yr: float
    peak_rate_mm_yr: float
    area_m2: float
    kinds: Mapping[str, float] = {}
    places: tuple[Place, ...] = ()
    region: int = 0
    core_kinds: Mapping[str, float] = {}
    rim_kinds: Mapping[str, float] = {}
    track: int = 0
    rate_sigma_mm_yr: float | None = None
    moving: Polygon | MultiPolygon | None = None


class AreaThresholds(NamedTuple):
    """Thresholds by which areas are found.

    joined_m: patches this close to each other are one area, because ground without points does not divide an area.
    fewest_points is used by callers that have the points: `find_areas` uses the raster only.
    """

    enter: float = 0.5
    leave: float = 0.2
    smallest_m2: float = 30_000.0
    fewest_points: int = 5
    joined_m: float = 500.0


DEFAULT_THRESHOLDS = AreaThresholds()


class Motion(NamedTuple):
    """Cells that move together. main: those of the dominant sign; sign: of main; shares: of each of KINDS, or empty.

    A sliding slope, or the rim of a mine, may move toward the satellite in one part and away in another.
    """

    region: Region
    main: NDArray[np.bool_]
    sign: str
    shares: Mapping[str, float]

    @property
    def name(self) -> str:
        """The likeliest of KINDS; an empty string if the method knows only the sign of the motion."""
        return max(self.shares, key=lambda name: self.shares[name]) if self.shares else ""


def areas_in(
    bands: Mapping[str, Float32], transform: Affine, thresholds: AreaThresholds = DEFAULT_THRESHOLDS
) -> list[Area]:
    """Find the areas of a deformation raster, strongest first. bands: name -> (rows, cols), as the command writes them.

    Areas are outlined by sign and then named by the likeliest kind, lest two kinds divide one bowl.
    """
    classes, kinds = signs_and_names(bands)
    return find_areas(classes, bands["rate_mm_yr"], transform, thresholds, kinds)


def signs_and_names(bands: Mapping[str, Float32]) -> tuple[dict[str, Float32], dict[str, Float32]]:
    """Return probabilities by sign (CLASSES), and by kind (KINDS), empty for a method that knows the sign only."""
    if not set(KINDS) <= set(bands):
        return {name: bands[name] for name in CLASSES}, {}
    signs = split_by_sign(bands["probability"], bands["rate_mm_yr"])
    return dict(zip(CLASSES, signs, strict=True)), {name: bands[name] for name in KINDS}


def split_by_sign(probability: Float32, rate_mm_yr: Float32) -> tuple[Float32, Float32]:
    """Split the probability by the sign of the rate: (where below zero, where above); 0 elsewhere; NaN stays."""
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
    """Find moving areas by `motions`, strongest first; holes smaller than `smallest_m2` are filled."""
    candidates = [
        _area(motion, classes, rate_mm_yr, transform, thresholds)
        for motion in motions(classes, transform.a, thresholds, kinds)
    ]
    areas = [area for area in candidates if area.area_m2 >= thresholds.smallest_m2]
    return sorted(areas, key=lambda area: (-abs(area.peak_rate_mm_yr), -area.area_m2))


def motions(
    classes: Mapping[str, Float32],
    cell_m: float,
    thresholds: AreaThresholds = DEFAULT_THRESHOLDS,
    kinds: Mapping[str, Float32] | None = None,
) -> list[Motion]:
    """Group cells that move together. classes: sign -> probability (rows, cols), NaN unknown; kinds: name -> the same.

    Cells above `leave` that are connected (eight neighbours) to a cell above `enter` are a patch. Patches of one sign
    within `joined_m` of each other are one motion, and so are two of opposite signs whose likeliest kind is the same.
    """
    widened = max(0, round((thresholds.joined_m / cell_m - 1) / 2))
    candidates = [
        Motion(region, region.mask, sign, _shares(region, kinds or {}))
        for sign, probability in classes.items()
        for region in regions(probability, thresholds.enter, thresholds.leave, widened)
    ]
    together: list[Motion] = []
    of: dict[tuple[str, str], list[int]] = defaultdict(list)  # Positions of each name and sign.
    for motion in sorted(candidates, key=lambda motion: -int(motion.main.sum())):
        others = [at for sign in classes if sign != motion.sign for at in of[motion.name, sign]] if motion.name else []
        touched = next((at for at in others if _touch(motion.region, together[at].region, widened)), None)
        if touched is None:
            of[motion.name, motion.sign].append(len(together))
            together.append(motion)
        else:
            together[touched] = _merge(together[touched], motion, kinds or {})
    return together


def _touch(region: Region, other: Region, widened: int) -> bool:
    """Return whether two regions share cells after both are widened by a number of cells."""
    sides = zip(region.window, other.window, strict=True)
    if any(max(a.start, b.start) >= min(a.stop, b.stop) for a, b in sides):
        return False
    first, second = (ndimage.maximum_filter(mask, 2 * widened + 1) for mask in _common_window(region, other)[1:])
    return bool((first & second).any())


def _common_window(region: Region, other: Region) -> tuple[tuple[slice, slice], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the smallest window that contains both regions, and both masks in it."""
    pairs = zip(region.window, other.window, strict=True)
    rows, cols = (slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
    masks = np.zeros((2, rows.stop - rows.start, cols.stop - cols.start), dtype=bool)
    for mask, (window, own) in zip(masks, (region, other), strict=True):
        row, col = (part.start - whole.start for part, whole in zip(window, (rows, cols), strict=True))
        mask[row : row + own.shape[0], col : col + own.shape[1]] = own
    return (rows, cols), masks[0], masks[1]


def _merge(larger: Motion, smaller: Motion, kinds: Mapping[str, Float32]) -> Motion:
    window, mask, more = _common_window(larger.region, smaller.region)
    main = _common_window(Region(larger.region.window, larger.main), smaller.region)[1]
    region = Region(window, mask | more)
    return Motion(region, main, larger.sign, _shares(region, kinds))


def outline(mask: NDArray[np.bool_], transform: Affine, smallest_hole_m2: float) -> Polygon | MultiPolygon:
    """Return the edge of a mask's cells in the raster's system; smaller holes are filled."""
    shapes = rasterio.features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4, transform=transform)
    return _fill_small_holes(unary_union([shape(candidates) for candidates, _ in shapes]), smallest_hole_m2)


def _area(
    motion: Motion,
    classes: Mapping[str, Float32],
    rate_mm_yr: Float32,
    transform: Affine,
    thresholds: AreaThresholds,
) -> Area:
    """Describe a motion as an area; the rates are taken from its main cells only."""
    (rows, cols), mask = motion.region.window, motion.region.mask
    polygon = outline(mask, transform @ Affine.translation(cols.start, rows.start), thresholds.smallest_m2)
    rates = rate_mm_yr[rows, cols][motion.main]
    rates = rates[np.isfinite(rates)]
    median = float(np.median(rates))
    peak = float(np.percentile(rates, 95 if median >= 0 else 5))
    score = max(float(np.nanmax(probability[rows, cols][mask])) for probability in classes.values())
    return Area(polygon, motion.name or motion.sign, score, median, peak, float(polygon.area), motion.shares)


def _shares(region: Region, kinds: Mapping[str, Float32]) -> dict[str, float]:
    """Return the share of each kind in the probability inside a region; empty without kinds."""
    sums = {name: float(np.nansum(band[region.window][region.mask])) for name, band in kinds.items()}
    whole = sum(sums.values())
    return {name: part / whole for name, part in sums.items()} if whole > 0 else {}


def _fill_small_holes(geometry: BaseGeometry, smallest_m2: float) -> Polygon | MultiPolygon:
    def patch(polygon: Polygon) -> Polygon:
        return Polygon(polygon.exterior, [hole for hole in polygon.interiors if Polygon(hole).area >= smallest_m2])

    if isinstance(geometry, Polygon):
        return patch(geometry)
    whole = unary_union([patch(part) for part in get_parts(geometry) if isinstance(part, Polygon)])  # parts in holes
    return whole if isinstance(whole, Polygon) else MultiPolygon(get_parts(whole))


def to_geographic(polygon: Polygon | MultiPolygon, epsg: int) -> MultiPolygon:
    """Transform an area to degrees, EPSG:4326, split at 180, always as a MultiPolygon."""
    return MultiPolygon(get_parts(to_degrees(polygon, epsg)))


def place_as_dict(place: Place, epsg: int) -> dict[str, Any]:
    """Return a place for JSON: peak rate and tilt with 90 % intervals, and the outlines as GeoJSON in degrees."""
    rates = zip(("peak_rate_mm_yr", "peak_low_mm_yr", "peak_high_mm_yr"), place.peak, strict=True)
    outlines = {name: mapping(to_geographic(getattr(place, name), epsg)) for name in ("motion", "half", "core")}
    tilts = zip(("tilt_mm_m_yr", "tilt_low_mm_m_yr", "tilt_high_mm_m_yr"), place.tilt or (), strict=False)
    return {name: round(rate, 2) for name, rate in rates} | {name: round(tilt, 4) for name, tilt in tilts} | outlines


class SortedPoints:
    """Points (n,) sorted once by easting, so that a search near an area need not read all points.

    line_of_sight: of the points' track; None if it is unknown, or if the rates are not along a line of sight.
    """

    def __init__(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        velocity_mm_yr: Float32,
        height_m: Float32 | None = None,
        line_of_sight: LineOfSight | None = None,
    ) -> None:
        self.line_of_sight = line_of_sight
        order = np.argsort(x)
        self.x, self.y, self.velocity_mm_yr = x[order], y[order], velocity_mm_yr[order]
        self.height_m = None if height_m is None else height_m[order]

    def near(
        self, polygon: Polygon | MultiPolygon, reach_m: float = 0.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Float32]:
        """Return x, y and velocity of the points within the box of a polygon, widened by reach_m."""
        at = self._indices_near(polygon, reach_m)
        return self.x[at], self.y[at], self.velocity_mm_yr[at]

    def rates_within(self, polygon: Polygon | MultiPolygon) -> Float32:
        """Return velocities of the points inside a polygon, (m,)."""
        x, y, velocity = self.near(polygon)
        return velocity[contains_xy(polygon, x, y)]

    def heights_near(self, polygon: Polygon | MultiPolygon, reach_m: float = 0.0) -> Float32 | None:
        """Return the heights of the points that `near` returns; None if heights are not known."""
        return None if self.height_m is None else self.height_m[self._indices_near(polygon, reach_m)]

    def _indices_near(self, polygon: Polygon | MultiPolygon, reach_m: float) -> NDArray[np.intp]:
        west, south, east, north = polygon.bounds
        first, last = np.searchsorted(self.x, [west - reach_m, east + reach_m], side="left")
        strip = slice(first, last + 1)
        inside = (self.y[strip] >= south - reach_m) & (self.y[strip] <= north + reach_m)
        return int(first) + np.flatnonzero(inside)


def count_within(polygon: Polygon | MultiPolygon, tracks: Iterable[SortedPoints]) -> int:
    """Count the points of all tracks inside a polygon. tracks: in the polygon's system."""
    return sum(track.rates_within(polygon).size for track in tracks)
